using System.Runtime.InteropServices;

namespace NeuralPlugin;

internal enum ReadbackStatus
{
    Idle,
    Pending,
    Ready,
    Failed,
}

/// <summary>
/// Matrices in transfer from the GPU, without a wait. They are copied into a buffer as they are at the start, whatever changes
/// them later; once the device's Update finds that the fence after the copy was reached, they can be read. It can be started
/// repeatedly. All calls except Dispose come from the device's thread.
/// </summary>
internal sealed class Readback : IFenced, IDisposable
{
    private readonly NeuralDevice device;
    private readonly BackendResource buffer;
    private readonly MatrixShape[] shapes;
    private readonly Action<Readback>? ended;
    private volatile bool disposed;

    /// <summary>Makes the buffer.</summary>
    /// <param name="device">The matrices' device.</param>
    /// <param name="shapes">The shapes of the matrices that each start copies.</param>
    /// <param name="ended">Called by the device's Update when ready, and by the device's Dispose; null for none.</param>
    /// <exception cref="DeviceLimitException">The driver has no memory for it.</exception>
    public Readback(NeuralDevice device, IEnumerable<MatrixShape> shapes, Action<Readback>? ended = null)
    {
        this.device = device;
        this.shapes = [.. shapes];
        this.ended = ended;
        using NeuralDevice.Scope scope = device.Enter(savesHostState: false);
        buffer = device.Backend.CreateReadBuffer(this.shapes.Sum(shape => shape.Bytes));
    }

    ~Readback()
    {
        buffer?.Retire();   // null if the constructor threw
    }

    public ReadbackStatus Status { get; private set; }

    /// <summary>The cause of the failure.</summary>
    public Exception? Failure { get; private set; }

    /// <inheritdoc/>
    public nint Fence { get; private set; }

    /// <summary>Enqueues the copy of all rows, or the first rows, of each matrix. Not while pending. Allocates nothing.</summary>
    public void Start(IReadOnlyList<MatrixTexture> textures, int rows = int.MaxValue)
    {
        if (Status == ReadbackStatus.Pending) throw new InvalidOperationException("The last copy is still pending.");
        nint offset = 0;
        for (int i = 0; i < textures.Count; i++)
        {
            MatrixTexture matrix = textures[i];
            device.Backend.CopyToBuffer(matrix.Storage, matrix.OffsetOf(Math.Min(rows, matrix.Shape.Rows)), buffer, offset);
            offset += matrix.OffsetOf(matrix.Shape.Rows);
        }

        Fence = device.Backend.InsertFence();
        Status = ReadbackStatus.Pending;
        device.Readbacks.Add(this);
    }

    /// <summary>
    /// Reads rows of one matrix, once ready, into a row-major span without padding: the span's length gives their number. Does not wait.
    /// </summary>
    public void Read(int matrix, Span<float> values, int firstRow = 0)
    {
        ObjectDisposedException.ThrowIf(disposed, this);   // the buffer may be gone, and its memory with it
        if (Status != ReadbackStatus.Ready) throw new InvalidOperationException($"There is nothing to read: {Status}.", Failure);
        MatrixShape shape = shapes[matrix];
        int rows = values.Length / shape.Columns;
        int padded = shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        nint offset = (nint)firstRow * padded * sizeof(float);
        for (int i = 0; i < matrix; i++) offset += (nint)shapes[i].Bytes;
        if (padded == shape.Columns)
        {
            device.Backend.ReadBuffer(buffer, offset, MemoryMarshal.AsBytes(values[..(rows * padded)]));
            return;
        }

        Span<float> staging = device.Staging<float>(rows * padded);
        device.Backend.ReadBuffer(buffer, offset, MemoryMarshal.AsBytes(staging));
        for (int row = 0; row < rows; row++) staging.Slice(row * padded, shape.Columns).CopyTo(values[(row * shape.Columns)..]);
    }

    /// <summary>Disposes it; a pending readback ends as failed.</summary>
    public void Dispose()
    {
        disposed = true;
        buffer.Retire();
        GC.SuppressFinalize(this);
    }

    /// <summary>The copy has arrived, or is no longer wanted.</summary>
    public void Complete()
    {
        if (disposed)   // so the buffer is gone
        {
            Fail(new ObjectDisposedException(nameof(Readback)));
            return;
        }

        Status = ReadbackStatus.Ready;
        ended?.Invoke(this);
    }

    /// <summary>The copy will not arrive.</summary>
    public void Fail(Exception why)
    {
        Failure = why;
        Status = ReadbackStatus.Failed;
        ended?.Invoke(this);
    }
}
