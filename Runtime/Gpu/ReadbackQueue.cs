namespace NeuralPlugin;

/// <summary>An operation that waits for a fence.</summary>
internal interface IFenced
{
    /// <summary>The backend's fence while pending.</summary>
    nint Fence { get; }

    /// <summary>The fence was reached, and is deleted.</summary>
    void Complete();

    /// <summary>The device was lost or disposed.</summary>
    void Fail(Exception why);
}

/// <summary>The pending readbacks and fences of a device, in start order.</summary>
internal sealed class ReadbackQueue(IComputeBackend backend)
{
    /// <summary>Enough for several trainers on a GPU that is behind: a list that grows in a frame allocates.</summary>
    public const int Usual = 256;

    private readonly List<IFenced> pending = new(Usual);

    public void Add(IFenced started) => pending.Add(started);

    /// <summary>Completes those whose fence was reached. Never waits.</summary>
    public void Complete()
    {
        for (int i = 0; i < pending.Count; i++)
        {
            IFenced started = pending[i];
            if (!backend.TryPass(started.Fence)) continue;
            pending.RemoveAt(i--);
            started.Complete();
        }
    }

    /// <summary>Completes one, if its fence was reached. Never waits. Called within a call.</summary>
    public void Ask(IFenced started)
    {
        if (!backend.TryPass(started.Fence)) return;
        int place = 0;   // not List.Remove, whose comparer is allocated at its first use: in some frame in which the GPU is behind
        while (!ReferenceEquals(pending[place], started)) place++;
        pending.RemoveAt(place);
        started.Complete();
    }

    /// <summary>Fails all that wait; they must not start another one.</summary>
    public void Fail(Exception why)
    {
        foreach (IFenced started in pending) started.Fail(why);
        pending.Clear();
    }
}
