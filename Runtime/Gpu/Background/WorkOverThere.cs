namespace NeuralPlugin;

/// <summary>
/// The pending work of the inner backend of a <see cref="BackgroundBackend"/>: fences with the readbacks that wait for them, timestamps, kernels that its driver
/// compiles. Its thread alone polls them, without waiting, and keeps the results where the calls find them. Allocates only for kernels.
/// </summary>
internal sealed class WorkOverThere
{
    private readonly Queue<(long Number, nint Fence)> fences = new(ReadbackQueue.Usual);
    private readonly Queue<(long Fence, BackgroundReadBuffer Buffer)> readings = new(ReadbackQueue.Usual);
    private readonly Queue<(long Command, BackgroundTimestamp Timestamp)> timestamps = new(ReadbackQueue.Usual);
    private readonly List<CompileRequest> compiling = [];
    private long lastFence;
    private long passedFences;

    /// <summary>The last fence that was passed, along with all before it. From any thread.</summary>
    public long PassedFences => Volatile.Read(ref passedFences);

    private bool IsEmpty => fences.Count == 0 && timestamps.Count == 0 && compiling.Count == 0;

    public void AddFence(long number, nint fence)
    {
        fences.Enqueue((number, fence));
        lastFence = number;
    }

    /// <summary>Adds a buffer that is filled once the next fence to be inserted is passed.</summary>
    public void AddReading(BackgroundReadBuffer buffer) => readings.Enqueue((lastFence + 1, buffer));

    public void AddTimestamp(long command, BackgroundTimestamp timestamp) => timestamps.Enqueue((command, timestamp));

    public void AddCompiling(CompileRequest request) => compiling.Add(request);

    /// <summary>Polls the pending work.</summary>
    /// <returns>Whether something is still pending.</returns>
    public bool Look(IComputeBackend backend)
    {
        if (IsEmpty) return false;
        backend.Enter(savesHostState: false);   // during commands it is nested in another call, so CheckFences queries the reset status
        try
        {
            if (fences.Count > 0) backend.CheckFences();
            TakeFences(backend);
            TakeTimestamps(backend);
            TakeCompiled(backend);
        }
        finally
        {
            backend.Leave();
        }

        return !IsEmpty;
    }

    private void TakeFences(IComputeBackend backend)
    {
        while (fences.TryPeek(out (long Number, nint Fence) oldest) && backend.TryPass(oldest.Fence))
        {
            fences.Dequeue();
            while (readings.TryPeek(out (long Fence, BackgroundReadBuffer Buffer) reading) && reading.Fence <= oldest.Number) readings.Dequeue().Buffer.Fetch(backend);
            Volatile.Write(ref passedFences, oldest.Number);
        }
    }

    private void TakeTimestamps(IComputeBackend backend)
    {
        while (timestamps.TryPeek(out (long Command, BackgroundTimestamp Timestamp) oldest))
        {
            long time = 0;
            if (!oldest.Timestamp.IsGone && !backend.TryReadTime(oldest.Timestamp.Inner, out time)) return;
            oldest.Timestamp.Set(oldest.Command, time);
            timestamps.Dequeue();
        }
    }

    private void TakeCompiled(IComputeBackend backend)
    {
        for (int i = 0; i < compiling.Count; i++)
        {
            if (!backend.IsCompiled(compiling[i].Program)) continue;
            compiling[i].Finish(backend);
            compiling.RemoveAt(i--);
        }
    }
}
