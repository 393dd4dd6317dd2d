namespace NeuralPlugin.Samples;

/// <summary>All results of a run, for the report and the picture. Predictions are the classes predicted for the test images, in their order.</summary>
internal sealed record DigitsResult(
    DigitsOptions Options,
    ImageData Data,
    IReadOnlyList<EpochResult> Epochs,
    ConfusionMatrix Confusion,
    IReadOnlyList<int> Predictions,
    ClassifierParameters Parameters);
