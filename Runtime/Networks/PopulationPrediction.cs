namespace NeuralPlugin;

/// <summary>A prediction of a population that is enqueued without a wait, again and again; its result stays on the GPU until the next one.</summary>
internal sealed class PopulationPrediction(NetworkPopulation population, MatrixTexture features, MatrixTexture probabilities, Plan plan) : IDisposable
{
    /// <summary>[members × inputs].</summary>
    public MatrixTexture Features => features;

    /// <summary>[members × classes].</summary>
    public MatrixTexture Probabilities => probabilities;

    /// <summary>Uploads a sample a member, checked, and enqueues their forward pass.</summary>
    public void Enqueue(ReadOnlySpan<float> values) => population.Enqueue(this, values);

    /// <summary>The same on what was written into <see cref="Features"/> on the GPU.</summary>
    public void EnqueueWritten() => population.EnqueueWritten(this);

    /// <summary>Runs it, within a call of its population.</summary>
    public void Run() => plan.Run(1);

    public void Dispose()
    {
        features.Dispose();
        probabilities.Dispose();
    }
}
