namespace NeuralPlugin;

/// <summary>The status of a <see cref="PredictionRequest"/>.</summary>
public enum PredictionStatus
{
    /// <summary>The GPU has not finished it, or no Update or Tick has noticed yet.</summary>
    Pending,

    /// <summary>The answer can be read.</summary>
    Ready,

    /// <summary>Its slot was given to a later request, the network was disposed, or it was never requested (default).</summary>
    Expired,

    /// <summary>
    /// The driver lost it: the context was reset, the device disposed, or its dispatches skipped, as drivers do while a conditional render of
    /// the host (glBeginConditionalRender) is open. Request it again outside of that render.
    /// </summary>
    Failed,
}

/// <summary>
/// A requested prediction (<see cref="Network.RequestPrediction"/>, <see cref="Network.RequestOutputs"/>) that arrives some frames later. A small
/// value: keep it, copy it, drop it. It can be queried in any frame, but only on the device's thread; it neither waits nor calls OpenGL.
/// </summary>
public readonly record struct PredictionRequest
{
    /// <summary>Requests kept per network: of probabilities, and as many of outputs.</summary>
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

    /// <summary>The current status.</summary>
    public PredictionStatus Status => requests?.StatusOf(slot, generation) ?? PredictionStatus.Expired;

    /// <summary>Reads the probabilities or the outputs, if ready. They stay until the request expires, so they can be read again.</summary>
    /// <param name="results">[batch × outputs], written if the result is true, otherwise unchanged.</param>
    /// <returns>Whether the request is <see cref="PredictionStatus.Ready"/>.</returns>
    /// <exception cref="ArgumentException">The length does not match the requested batch.</exception>
    public bool TryGet(Span<float> results) => requests is not null && requests.TryGet(slot, generation, results);
}
