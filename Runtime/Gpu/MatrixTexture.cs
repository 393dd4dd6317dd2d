using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>What the four values of a texel are.</summary>
internal enum TexelFormat
{
    Float,
    UnsignedInteger,

    /// <summary>Eight bits each, which stand for value / 255.</summary>
    Byte,
}

/// <summary>
/// A matrix in a buffer texture, laid out by <see cref="MatrixShape"/>: kernels read it as a texture, and write its buffer. It starts as
/// zeros, so its padding is zero; uploads write zeros into the padding again. Dispose may come from any thread; dropping it without is fine too.
/// </summary>
internal sealed class MatrixTexture : Operand, IDisposable
{
    private readonly GpuResource buffer;
    private readonly GpuResource texture;
    private readonly NeuralDevice device;

    public MatrixTexture(NeuralDevice device, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        this.device = device;
        Shape = shape;
        Format = format;
        (buffer, texture) = device.CreateMatrix(shape, format);
    }

    ~MatrixTexture()
    {
        if (texture is not null) Retire();   // null where the constructor threw
    }

    public override MatrixShape Shape { get; }

    public override TexelFormat Format { get; }

    public override uint TextureName => texture.Name;

    public override uint BufferName => buffer.Name;

    /// <summary>Where a row begins in the buffer, in bytes.</summary>
    public nint OffsetOf(int row) => (nint)row * Shape.TexelsPerRow * MatrixShape.BytesPerTexelOf(Format);

    public void Dispose()
    {
        Retire();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes rows from a row-major span without padding: its length gives their number.</summary>
    public void Upload<T>(ReadOnlySpan<T> values, int firstRow = 0) where T : unmanaged
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            device.Upload(this, firstRow, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<T> staging = device.Staging<T>(rows * padded);
        for (int row = 0; row < rows; row++)
        {
            values.Slice(row * Shape.Columns, Shape.Columns).CopyTo(staging[(row * padded)..]);
            staging.Slice((row * padded) + Shape.Columns, padded - Shape.Columns).Clear();
        }

        device.Upload(this, firstRow, MemoryMarshal.AsBytes(staging));
    }

    /// <summary>Reads rows into a row-major span without padding: its length gives their number. Waits.</summary>
    public void Read(Span<float> values, int firstRow = 0)
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            device.Read(this, firstRow, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<float> staging = device.Staging<float>(rows * padded);
        device.Read(this, firstRow, MemoryMarshal.AsBytes(staging));
        for (int row = 0; row < rows; row++) staging.Slice(row * padded, Shape.Columns).CopyTo(values[(row * Shape.Columns)..]);
    }

    private void Retire()
    {
        device.Retire(texture);
        device.Retire(buffer);
    }
}
