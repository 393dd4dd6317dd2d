namespace NeuralPlugin;

/// <summary>
/// The queue of requests under way, at most one a frame. They are answered in order: exactly
/// <see cref="AgentPopulationOptions.Latency"/> frames later or, where that is null, as soon as the answer is there.
/// </summary>
internal sealed class DecisionRequests : IDisposable
{
    private readonly NeuralDevice device;
    private readonly int? latency;
    private readonly DecisionRequest[] requests;
    private int asked;      // requests that were made and not yet answered
    private int oldest;

    public DecisionRequests(NeuralDevice device, Brains brains, AgentPopulationOptions options)
    {
        this.device = device;
        latency = options.Latency;
        requests = [.. Enumerable.Range(0, options.RequestCount).Select(_ => new DecisionRequest(device, brains, options))];
    }

    /// <summary>An empty request for the questions of this frame; null where too many are under way.</summary>
    public DecisionRequest? Begin()
    {
        if (asked == requests.Length) return null;
        DecisionRequest request = requests[(oldest + asked) % requests.Length];
        request.Clear();
        return request;
    }

    /// <summary>Enqueues the request that was begun.</summary>
    /// <param name="request">Of <see cref="Begin"/>.</param>
    /// <param name="frame">This frame.</param>
    /// <param name="rows">Its rows in use.</param>
    public void Enqueue(DecisionRequest request, long frame, int rows)
    {
        using NeuralDevice.Scope scope = device.Enter();
        request.Enqueue(frame, rows);
        asked++;
    }

    /// <summary>The oldest request whose answer is there, or due in this frame: then it waits for it. Null where there is none.</summary>
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
