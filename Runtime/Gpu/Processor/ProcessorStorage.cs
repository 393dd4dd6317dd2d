namespace NeuralPlugin;

/// <summary>
/// The values of a matrix in the processor's memory, laid out by <see cref="MatrixShape"/>, on a cache line of its own and with room after the last
/// row, so that a vector may be loaded past the end of any row. The array is pinned and garbage-collected: anything that still points into it keeps it alive.
/// </summary>
internal sealed unsafe class ProcessorMatrix : MatrixStorage
{
    private const int Alignment = 64;

    /// <summary>The width of the widest panel of columns, in values.</summary>
    private const int Margin = 64;

    private readonly ProcessorMemory memory;
    private readonly PinnedFloats values;
    private int retired;

    public ProcessorMatrix(ProcessorMemory memory, long bytes)
    {
        this.memory = memory;
        Bytes = bytes;
        values = new PinnedFloats(checked((int)((bytes + sizeof(float) - 1) / sizeof(float)) + Margin + (Alignment / sizeof(float))), isZeroed: true);
        Floats = (float*)(((nint)values.First + Alignment - 1) & ~(nint)(Alignment - 1));
    }

    /// <summary>The requested size.</summary>
    public long Bytes { get; }

    /// <summary>The first value.</summary>
    public float* Floats { get; }

    /// <summary>A part of it.</summary>
    public Span<byte> Part(nint offset, int bytes) => new((byte*)Floats + offset, bytes);

    public override void Retire()
    {
        if (Interlocked.Exchange(ref retired, 1) == 0) memory.Retire(this);
    }
}

/// <summary>The memory of a device on the processor, counted like a driver's objects: until the next call after their owner is gone.</summary>
internal sealed class ProcessorMemory
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<ProcessorMatrix> retired = new();
    private int buffers;
    private long bytes;

    public DeviceMemory Count(int kernels) => new(0, buffers, kernels, bytes);

    /// <exception cref="DeviceLimitException">There is not enough memory for it.</exception>
    public ProcessorMatrix Allocate(long size, string what)
    {
        try
        {
            ProcessorMatrix matrix = new(this, size);
            buffers++;
            bytes += size;
            return matrix;
        }
        catch (Exception exception) when (exception is OutOfMemoryException or OverflowException)
        {
            throw new DeviceLimitException($"There is no memory for {what} of {size} bytes. Use fewer rows or columns, or dispose objects that are no longer needed.");
        }
    }

    /// <summary>From any thread.</summary>
    public void Retire(ProcessorMatrix matrix) => retired.Enqueue(matrix);

    /// <summary>Stops counting retired matrices.</summary>
    public void Collect()
    {
        while (retired.TryDequeue(out ProcessorMatrix? matrix))
        {
            buffers--;
            bytes -= matrix.Bytes;
        }
    }

    /// <summary>The device is disposed, and no longer owns anything.</summary>
    public void Forget()
    {
        retired.Clear();
        buffers = 0;
        bytes = 0;
    }
}

/// <summary>A point in time; a command is done when its call returns.</summary>
internal sealed class ProcessorTimestamp : BackendResource
{
    public long Nanoseconds { get; set; }

    public override void Retire()
    {
    }
}
