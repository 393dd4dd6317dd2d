using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>The format of a texel's four values.</summary>
internal enum TexelFormat
{
    Float,
    UnsignedInteger,

    /// <summary>Eight bits each, representing value / 255.</summary>
    Byte,
}

/// <summary>
/// A matrix on the device, laid out by <see cref="MatrixShape"/>. It starts as zeros, so its padding is zero; uploads rewrite the
/// padding with zeros. Any thread may call Dispose; dropping the matrix without it is fine too.
/// </summary>
internal sealed class MatrixTexture : Operand, IDisposable
{
    private readonly NeuralDevice device;
    private readonly MatrixStorage storage;

    public MatrixTexture(NeuralDevice device, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        this.device = device;
        Shape = shape;
        Format = format;
        using NeuralDevice.Scope scope = device.Enter(savesHostState: false);   // refuses a call beside another thread's
        storage = device.Backend.CreateMatrix(shape, format);
    }

    ~MatrixTexture()
    {
        storage?.Retire();   // null if the constructor threw
    }

    public override MatrixShape Shape { get; }

    public override TexelFormat Format { get; }

    public override MatrixStorage Storage => storage;

    /// <summary>The byte offset of a row.</summary>
    public nint OffsetOf(int row) => (nint)row * Shape.TexelsPerRow * MatrixShape.BytesPerTexelOf(Format);

    public void Dispose()
    {
        storage.Retire();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes rows from a row-major span without padding: its length gives their number.</summary>
    public void Upload<T>(ReadOnlySpan<T> values, int firstRow = 0) where T : unmanaged
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            UploadRows(firstRow, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<T> staging = device.Staging<T>(rows * padded);
        if (padded == MatrixShape.ColumnsPerTexel) PadTexels(values, Shape.Columns, staging);
        else PadRows(values, Shape.Columns, staging, padded);
        UploadRows(firstRow, MemoryMarshal.AsBytes(staging));
    }

    private static void PadRows<T>(ReadOnlySpan<T> values, int columns, Span<T> rows, int padded) where T : unmanaged
    {
        for (int row = 0, to = 0; to < rows.Length; row++, to += padded)
        {
            values.Slice(row * columns, columns).CopyTo(rows[to..]);
            rows.Slice(to + columns, padded - columns).Clear();
        }
    }

    /// <summary>Rows of one texel are often numerous, and too short to be worth a call each.</summary>
    private static void PadTexels<T>(ReadOnlySpan<T> values, int columns, Span<T> rows) where T : unmanaged
    {
        rows.Clear();
        for (int from = 0, to = 0; to < rows.Length; to += MatrixShape.ColumnsPerTexel)
        {
            for (int column = 0; column < columns; column++) rows[to + column] = values[from++];
        }
    }

    /// <summary>Reads rows into a row-major span without padding: its length gives their number. Waits.</summary>
    public void Read(Span<float> values, int firstRow = 0)
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            ReadRows(firstRow, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<float> staging = device.Staging<float>(rows * padded);
        ReadRows(firstRow, MemoryMarshal.AsBytes(staging));
        for (int row = 0; row < rows; row++) staging.Slice(row * padded, Shape.Columns).CopyTo(values[(row * Shape.Columns)..]);
    }

    /// <summary>Reads rows from the first one on, as <see cref="Read"/>; if a <see cref="SkipMark"/> is present, nothing is written. Waits.</summary>
    public bool TryRead(Span<float> values)
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        Span<float> staging = device.Staging<float>(rows * padded);
        ReadRows(0, MemoryMarshal.AsBytes(staging));
        if (SkipMark.Is(staging[0])) return false;
        for (int row = 0; row < rows; row++) staging.Slice(row * padded, Shape.Columns).CopyTo(values[(row * Shape.Columns)..]);
        return true;
    }

    /// <summary>Writes rows that already include their padding.</summary>
    public void UploadRows(int firstRow, ReadOnlySpan<byte> padded) => device.Backend.Upload(storage, OffsetOf(firstRow), padded);

    /// <summary>Reads rows with their padding. Waits.</summary>
    public void ReadRows(int firstRow, Span<byte> padded) => device.Backend.Read(storage, OffsetOf(firstRow), padded);

    /// <summary>Enqueues the copy of all rows into another matrix of the same shape.</summary>
    public void CopyTo(MatrixTexture destination) => device.Backend.Copy(storage, 0, destination.storage, 0, OffsetOf(Shape.Rows));

    /// <summary>Enqueues the copy of a row into a row of another matrix with the same number of columns.</summary>
    public void CopyRow(int row, MatrixTexture destination, int destinationRow) => CopyRows(row, destination, destinationRow, 1);

    /// <summary>Enqueues the copy of adjacent rows into rows of another matrix with the same number of columns.</summary>
    public void CopyRows(int firstRow, MatrixTexture destination, int destinationRow, int rows)
    {
        device.Backend.Copy(storage, OffsetOf(firstRow), destination.storage, destination.OffsetOf(destinationRow), OffsetOf(rows));
    }
}
