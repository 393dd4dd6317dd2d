namespace NeuralPlugin;

/// <summary>What a command of a queue does: the calls of <see cref="IComputeBackend"/> that are enqueued.</summary>
internal enum CommandKind
{
    Upload,
    Copy,
    Run,
    MakeWritesVisible,
    PrepareTiming,
    MarkTime,
    CopyToBuffer,
    InsertFence,
    Compile,
    Retire,
    Collect,
    Read,
    Finish,
}

/// <summary>
/// A command and what it was called with: its objects, its numbers, and where in the ring its storages and its bytes are.
/// </summary>
internal struct QueuedCommand
{
    public CommandKind Kind;

    /// <summary>What it is about: a matrix, a kernel, a timestamp.</summary>
    public object? Subject;

    /// <summary>Where a copy goes; bytes that the ring has no room for.</summary>
    public object? Target;

    public nint First;
    public nint Second;
    public nint Third;
    public RingPart<MatrixStorage?> Storages;
    public RingPart<byte> Bytes;
}

/// <summary>A part of a ring, and up to where the ring is free again behind it.</summary>
internal readonly record struct RingPart<T>(int Start, int Count, long End);

/// <summary>
/// Room for what commands bring along, handed out in order by one thread and given back in the same order by another one. Allocates nothing once made.
/// </summary>
internal sealed class Ring<T>(int capacity)
{
    private readonly T[] items = new T[capacity];
    private long taken;
    private long freed;

    /// <summary>Takes neighboring items; false while there is no room for them.</summary>
    public bool TryTake(int count, out RingPart<T> part)
    {
        long begin = taken;
        int start = (int)(begin % capacity);
        if (start + count > capacity)
        {
            begin += capacity - start;
            start = 0;
        }

        part = new RingPart<T>(start, count, begin + count);
        if (part.End - Volatile.Read(ref freed) > capacity) return false;
        taken = part.End;
        return true;
    }

    public Span<T> this[RingPart<T> part] => items.AsSpan(part.Start, part.Count);

    /// <summary>Gives a part back. One of no items, which was never taken, gives nothing back.</summary>
    public void Free(RingPart<T> part)
    {
        if (part.End > 0) Volatile.Write(ref freed, part.End);
    }
}
