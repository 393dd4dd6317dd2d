using System.Collections.Concurrent;

namespace NeuralPlugin;

/// <summary>
/// A resource of the inner backend, as the calls of a <see cref="BackgroundBackend"/> know it. What is given back, from any thread, goes behind the commands that
/// may still name it: the next call enqueues that.
/// </summary>
internal interface IWrappedResource
{
    /// <summary>Gives the inner resource back. On the thread of the device.</summary>
    void RetireInner();
}

/// <summary>The resources that were given back and that no command tells the thread of yet.</summary>
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

/// <summary>A buffer of a readback, and the memory that the thread copies it into, so that whoever reads it asks no driver.</summary>
internal sealed class BackgroundReadBuffer(BackendResource inner, long bytes, RetiredResources retired) : BackendResource, IWrappedResource
{
    private readonly byte[] copy = new byte[bytes];
    private nint end;   // of what was copied to it since the last fence
    private bool isFilling;
    private bool isGone;

    public BackendResource Inner => inner;

    /// <summary>What the fence that was passed last has brought.</summary>
    public ReadOnlySpan<byte> Copy => copy;

    /// <summary>A part of it is being filled; true where it is the first one.</summary>
    public bool Extend(nint to)
    {
        bool isFirst = !isFilling;
        isFilling = true;
        if (to > end) end = to;
        return isFirst;
    }

    /// <summary>The fence behind its filling was passed. Nobody reads it until that is known, and nobody waits for one that was given back.</summary>
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

/// <summary>A timestamp, which the thread reads when its time has come.</summary>
internal sealed class BackgroundTimestamp(BackendResource inner, RetiredResources retired) : BackendResource, IWrappedResource
{
    private long nanoseconds;
    private long readCommand;

    public BackendResource Inner => inner;

    /// <summary>The command that marks it.</summary>
    public long Command { get; set; }

    /// <summary>Whether it was given back.</summary>
    public bool IsGone { get; private set; }

    /// <summary>The time at which it was marked by a command is known.</summary>
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
