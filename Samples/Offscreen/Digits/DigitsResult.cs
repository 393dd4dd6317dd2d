namespace NeuralPlugin.Samples;

/// <summary>All that a run has learned: what the report tells and the picture shows. Predictions are the classes given to the test images, in their order.</summary>
internal sealed record DigitsResult(
    DigitsOptions Options,
    ImageData Data,
    IReadOnlyList<EpochResult> Epochs,
    ConfusionMatrix Confusion,
    IReadOnlyList<int> Predictions,
    ClassifierParameters Parameters);
