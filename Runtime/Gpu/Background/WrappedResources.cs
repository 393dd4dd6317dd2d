using System.Collections.Concurrent;

namespace NeuralPlugin;

/// <summary>
/// A resource of the inner backend, as the calls of a <see cref="BackgroundBackend"/> know it. It may be retired from any thread; the next call enqueues that,
/// after the commands that may still name it.
/// </summary>
internal interface IWrappedResource
{
    /// <summary>Retires the inner resource. On the device's thread.</summary>
    void RetireInner();
}

/// <summary>The resources that were retired and for which no command is enqueued yet.</summary>
internal sealed class RetiredResources
{
    private readonly ConcurrentQueue<IWrappedResource> resources = new();

    public void Add(IWrappedResource resource) => resources.Enqueue(resource);

    public bool TryTake(out IWrappedResource? resource) => resources.TryDequeue(out resource);
}

/// <summary>A matrix.</summary>
internal sealed class BackgroundMatrix(MatrixStorage inner, RetiredResources retired) : MatrixStorage, IWrappedResource
{
    public MatrixStorage Inner => inner;

    public override void Retire() => retired.Add(this);

    public void RetireInner() => inner.Retire();
}

/// <summary>A buffer of a readback, and the memory into which the thread copies it, so that reading it involves no driver.</summary>
internal sealed class BackgroundReadBuffer(BackendResource inner, long bytes, RetiredResources retired) : BackendResource, IWrappedResource
{
    private readonly byte[] copy = new byte[bytes];
    private nint end;   // of the data copied to it since the last fence
    private bool isFilling;
    private bool isGone;

    public BackendResource Inner => inner;

    /// <summary>The data as of the last fence passed.</summary>
    public ReadOnlySpan<byte> Copy => copy;

    /// <summary>Notes that a part of it is being filled; true for the first one.</summary>
    public bool Extend(nint to)
    {
        bool isFirst = !isFilling;
        isFilling = true;
        if (to > end) end = to;
        return isFirst;
    }

    /// <summary>The fence after its filling was passed. Nobody reads it until that is known, and nobody waits for a retired one.</summary>
    public void Fetch(IComputeBackend backend)
    {
        if (!isGone) backend.ReadBuffer(inner, 0, copy.AsSpan(0, (int)end));
        (end, isFilling) = (0, false);
    }

    public override void Retire() => retired.Add(this);

    public void RetireInner()
    {
        isGone = true;
        inner.Retire();
    }
}

/// <summary>A timestamp, which the thread reads when it is available.</summary>
internal sealed class BackgroundTimestamp(BackendResource inner, RetiredResources retired) : BackendResource, IWrappedResource
{
    private long nanoseconds;
    private long readCommand;

    public BackendResource Inner => inner;

    /// <summary>The command that marks it.</summary>
    public long Command { get; set; }

    /// <summary>Whether it was retired.</summary>
    public bool IsGone { get; private set; }

    /// <summary>Sets the time at which a command marked it.</summary>
    public void Set(long command, long time)
    {
        nanoseconds = time;
        Volatile.Write(ref readCommand, command);
    }

    public bool TryRead(out long time)
    {
        bool isThere = Volatile.Read(ref readCommand) >= Command;
        time = isThere ? nanoseconds : 0;
        return isThere;
    }

    public override void Retire() => retired.Add(this);

    public void RetireInner()
    {
        IsGone = true;
        inner.Retire();
    }
}
