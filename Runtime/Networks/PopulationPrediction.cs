namespace NeuralPlugin;

/// <summary>A population's forward pass that is enqueued repeatedly without a wait; its result stays on the GPU until the next one.</summary>
internal sealed class PopulationPrediction(NetworkPopulation population, MatrixTexture features, MatrixTexture outputs, Plan plan) : IDisposable
{
    /// <summary>[members × inputs].</summary>
    public MatrixTexture Features => features;

    /// <summary>[members × classes], before a softmax.</summary>
    public MatrixTexture Outputs => outputs;

    /// <summary>Uploads one checked sample per member and enqueues the forward pass.</summary>
    public void Enqueue(ReadOnlySpan<float> values) => population.Enqueue(this, values);

    /// <summary>As above, on features already written into <see cref="Features"/> on the GPU.</summary>
    public void EnqueueWritten() => population.EnqueueWritten(this);

    /// <summary>Runs the pass, within a call of its population.</summary>
    public void Run() => plan.Run(1);

    public void Dispose()
    {
        features.Dispose();
        outputs.Dispose();
    }
}
