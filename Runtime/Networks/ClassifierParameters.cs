namespace NeuralPlugin;

/// <summary>
/// The parameters of a classifier, a regressor or an agent's brain, or their gradients, as row-major arrays. A linear classifier has no hidden
/// layer: its hidden arrays are empty, and its output weights are [inputs × classes]. For a regressor, read outputs for classes.
/// </summary>
/// <param name="HiddenWeights">[inputs × hidden].</param>
/// <param name="HiddenBiases">[hidden].</param>
/// <param name="OutputWeights">[hidden × classes].</param>
/// <param name="OutputBiases">[classes].</param>
public sealed record ClassifierParameters(float[] HiddenWeights, float[] HiddenBiases, float[] OutputWeights, float[] OutputBiases);
