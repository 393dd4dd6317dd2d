namespace NeuralPlugin;

/// <summary>
/// The state of a trainer: with the weights, everything the next step depends on. <paramref name="Moments"/> are the matrices of
/// the optimizer's state, [matrix of state][parameter of the network], row-major; <paramref name="Family"/> and <paramref name="Tuning"/> are those of the network.
/// </summary>
internal sealed record TrainingState(
    Optimizer Optimizer, Loss Loss, float LearningRate, long Steps, KernelFamily Family, KernelTuning Tuning, float[][][] Moments);
