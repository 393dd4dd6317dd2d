namespace NeuralPlugin;

/// <summary>The kinds of commands: the calls of <see cref="IComputeBackend"/> that are enqueued.</summary>
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
/// A command and its arguments: its objects, its numbers, and the places of its storages and bytes in the rings.
/// </summary>
internal struct QueuedCommand
{
    public CommandKind Kind;

    /// <summary>The object that it concerns: a matrix, a kernel, a timestamp.</summary>
    public object? Subject;

    /// <summary>The destination of a copy; bytes for which the ring has no room.</summary>
    public object? Target;

    public nint First;
    public nint Second;
    public nint Third;
    public RingPart<MatrixStorage?> Storages;
    public RingPart<byte> Bytes;
}

/// <summary>A part of a ring, and the position up to which the ring is free again after it.</summary>
internal readonly record struct RingPart<T>(int Start, int Count, long End);

/// <summary>
/// Room for the data of commands, handed out in order by one thread and freed in the same order by another. Allocates nothing once created.
/// </summary>
internal sealed class Ring<T>(int capacity)
{
    private readonly T[] items = new T[capacity];
    private long taken;
    private long freed;

    /// <summary>Takes adjacent items; false while there is no room for them.</summary>
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

    /// <summary>Frees a part. An empty one, which was never taken, frees nothing.</summary>
    public void Free(RingPart<T> part)
    {
        if (part.End > 0) Volatile.Write(ref freed, part.End);
    }
}
