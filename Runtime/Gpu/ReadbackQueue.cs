namespace NeuralPlugin;

/// <summary>The readbacks that are under way on a device, in the order of their starts.</summary>
internal sealed class ReadbackQueue(IComputeBackend backend)
{
    private readonly List<Readback> pending = new(64);   // of some frames, so that none allocates when more of them are late than ever before

    public void Add(Readback readback) => pending.Add(readback);

    /// <summary>Completes those whose fence was reached. Never waits.</summary>
    public void Complete()
    {
        for (int i = 0; i < pending.Count; i++)
        {
            Readback readback = pending[i];
            if (!backend.TryPass(readback.Fence)) continue;
            pending.RemoveAt(i--);
            readback.Complete();
        }
    }

    /// <summary>Tells everyone who waits for a readback; they may start no other one.</summary>
    public void Fail(Exception why)
    {
        foreach (Readback readback in pending) readback.Fail(why);
        pending.Clear();
    }
}
