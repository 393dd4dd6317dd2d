namespace NeuralPlugin;

/// <summary>What has become of a <see cref="PredictionRequest"/>.</summary>
public enum PredictionStatus
{
    /// <summary>The GPU has not finished it, or no Update or Tick has found that it has.</summary>
    Pending,

    /// <summary>The answer is there to be read.</summary>
    Ready,

    /// <summary>Its place was given to a later request, the network was disposed, or it was never asked (default).</summary>
    Expired,

    /// <summary>
    /// The driver lost it: the context was reset, the device disposed, or its dispatches skipped, as drivers do while a conditional render of
    /// the host (glBeginConditionalRender) is open. Ask again outside of it.
    /// </summary>
    Failed,
}

/// <summary>
/// A prediction that was asked for (<see cref="Network.RequestPrediction"/>, <see cref="Network.RequestOutputs"/>) and comes some frames later. A small value: keep it, copy it, drop it.
/// It answers from any frame on, but only on the device's thread, and neither waits nor makes an OpenGL call.
/// </summary>
public readonly record struct PredictionRequest
{
    /// <summary>Requests of one network that are kept: of probabilities, and as many of outputs.</summary>
    public const int Capacity = 64;

    private readonly PredictionRequests? requests;
    private readonly int slot;
    private readonly long generation;

    internal PredictionRequest(PredictionRequests requests, int slot, long generation)
    {
        this.requests = requests;
        this.slot = slot;
        this.generation = generation;
    }

    /// <summary>What has become of it.</summary>
    public PredictionStatus Status => requests?.StatusOf(slot, generation) ?? PredictionStatus.Expired;

    /// <summary>The probabilities or the outputs, if they are there. They stay until the request expires, so they may be read again.</summary>
    /// <param name="results">[batch × outputs], written where the answer is true, else left alone.</param>
    /// <returns>Whether the request is <see cref="PredictionStatus.Ready"/>.</returns>
    /// <exception cref="ArgumentException">The length does not fit the batch that was asked for.</exception>
    public bool TryGet(Span<float> results) => requests is not null && requests.TryGet(slot, generation, results);
}
