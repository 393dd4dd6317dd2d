namespace NeuralPlugin;

/// <summary>What waits for a fence.</summary>
internal interface IFenced
{
    /// <summary>The backend's fence while it is under way.</summary>
    nint Fence { get; }

    /// <summary>The fence was reached, and is gone.</summary>
    void Complete();

    /// <summary>The device was lost or disposed.</summary>
    void Fail(Exception why);
}

/// <summary>The readbacks and fences that are under way on a device, in the order of their starts.</summary>
internal sealed class ReadbackQueue(IComputeBackend backend)
{
    /// <summary>What some trainers have under way on a GPU that is behind: a list that grows in a frame allocates.</summary>
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
        int place = 0;   // not List.Remove, whose comparer is allocated when it is first used: in some frame in which the GPU is behind
        while (!ReferenceEquals(pending[place], started)) place++;
        pending.RemoveAt(place);
        started.Complete();
    }

    /// <summary>Tells everyone who waits; they may start no other one.</summary>
    public void Fail(Exception why)
    {
        foreach (IFenced started in pending) started.Fail(why);
        pending.Clear();
    }
}
