namespace NeuralPlugin;

/// <summary>
/// The queue of open requests, at most one per frame. They are answered in order: exactly <see cref="AgentPopulationOptions.Latency"/> frames later
/// or, if that is null, as soon as the answer has arrived.
/// </summary>
internal sealed class DecisionRequests : IDisposable
{
    private readonly NeuralDevice device;
    private readonly int? latency;
    private readonly DecisionRequest[] requests;
    private int asked;      // requests made and not yet answered
    private int oldest;

    public DecisionRequests(NeuralDevice device, IDecidingNetwork network, SpanClock clock, AgentPopulationOptions options, ReferencePolicy? reference = null)
    {
        this.device = device;
        latency = options.Latency;
        requests = [.. Enumerable.Range(0, options.RequestCount).Select(_ => new DecisionRequest(device, network, clock, options, reference))];
    }

    /// <summary>Returns an empty request for the questions of this frame; null if too many are open.</summary>
    public DecisionRequest? Begin()
    {
        if (asked == requests.Length) return null;
        DecisionRequest request = requests[(oldest + asked) % requests.Length];
        request.Clear();
        return request;
    }

    /// <summary>Enqueues the request that was begun.</summary>
    /// <param name="request">The request from <see cref="Begin"/>.</param>
    /// <param name="frame">This frame.</param>
    /// <param name="rows">Its rows in use.</param>
    public void Enqueue(DecisionRequest request, long frame, int rows)
    {
        using NeuralDevice.Scope scope = device.Enter();
        request.Enqueue(frame, rows);
        asked++;
    }

    /// <summary>Returns the oldest request whose answer has arrived, or is due in this frame: then it waits for it. Null if there is none.</summary>
    /// <param name="frame">This frame.</param>
    /// <exception cref="InvalidOperationException">The driver lost the answer.</exception>
    public DecisionRequest? TakeAnswered(long frame)
    {
        if (asked == 0) return null;
        DecisionRequest request = requests[oldest];
        if (latency is { } frames)
        {
            if (request.Frame + frames > frame) return null;
            if (request.IsPending) WaitForAnswers();
        }

        if (request.IsPending) return null;
        oldest = (oldest + 1) % requests.Length;
        asked--;
        request.Read();
        return request;
    }

    public void Dispose()
    {
        foreach (DecisionRequest request in requests) request.Dispose();
    }

    private void WaitForAnswers()
    {
        device.Finish();
        device.Update();
    }
}
