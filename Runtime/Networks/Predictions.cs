namespace NeuralPlugin;

/// <summary>A network's predictions in one form, waited for or not: probabilities, or raw outputs.</summary>
/// <param name="network">The network.</param>
/// <param name="softmax">Whether they are probabilities.</param>
internal sealed class Predictions(Network network, bool softmax) : IDisposable
{
    private PredictionWorkspace? workspace;
    private PredictionRequests? requests;

    /// <summary>The predictions for a batch. Waits; allocates only when the batch is larger than any before.</summary>
    /// <param name="features">[batch × inputs].</param>
    /// <param name="results">[batch × outputs], written.</param>
    /// <param name="columns">The name of the outputs, for use in a sentence.</param>
    /// <param name="name">The name of <paramref name="results"/> in the public call.</param>
    public void Compute(ReadOnlySpan<float> features, Span<float> results, string columns, string name)
    {
        int rows = TrainingBatch.CheckFeatures(features, network.Inputs);
        Requirements.Length(results.Length, (long)rows * network.Outputs, $"{rows} samples × {network.Outputs} {columns}", name);
        using NeuralDevice.Scope scope = network.Enter();
        if (workspace is null || workspace.Capacity < rows)
        {
            PredictionWorkspace larger = new(network, rows, softmax);
            workspace?.Dispose();
            workspace = larger;
        }

        if (!workspace.TryRun(features, rows, results)) throw DispatchesSkippedException.OfCall();
    }

    /// <summary>Requests the predictions for a batch, without waiting.</summary>
    public PredictionRequest Request(ReadOnlySpan<float> features)
    {
        int rows = TrainingBatch.CheckFeatures(features, network.Inputs);
        using NeuralDevice.Scope scope = network.Enter();
        requests ??= new PredictionRequests(network, softmax);
        return requests.Add(features, rows);
    }

    public void Dispose()
    {
        workspace?.Dispose();
        requests?.Dispose();
    }
}
