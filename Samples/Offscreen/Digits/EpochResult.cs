namespace NeuralPlugin.Samples;

/// <summary>
/// One round through the training images. Loss and accuracy in training are the means over the round's batches, each
/// measured just before the batch was learned; the test accuracy was measured when the round was over.
/// </summary>
internal readonly record struct EpochResult(int Epoch, double TrainingLoss, double TrainingAccuracy, double TestAccuracy);
