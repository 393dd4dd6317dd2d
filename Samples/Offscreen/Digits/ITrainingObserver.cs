namespace NeuralPlugin.Samples;

/// <summary>Receives the training's progress, on the training's thread.</summary>
internal interface ITrainingObserver
{
    /// <param name="epoch">The epoch that the step belongs to, from 1.</param>
    /// <param name="loss">Mean loss of the epoch so far.</param>
    /// <param name="accuracy">Mean accuracy of the epoch so far, 0 to 1.</param>
    void OnStep(int epoch, double loss, double accuracy);

    void OnEpoch(EpochResult result);
}
