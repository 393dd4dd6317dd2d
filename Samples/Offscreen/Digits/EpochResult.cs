namespace NeuralPlugin.Samples;

/// <summary>
/// One epoch. Training loss and accuracy are the means over its batches, each
/// measured just before the batch was learned; the test accuracy was measured at the end of the epoch.
/// </summary>
internal readonly record struct EpochResult(int Epoch, double TrainingLoss, double TrainingAccuracy, double TestAccuracy);
