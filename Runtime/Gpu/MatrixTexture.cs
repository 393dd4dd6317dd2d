using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>What the four values of a texel are.</summary>
internal enum TexelFormat
{
    Float,
    UnsignedInteger,

    /// <summary>Eight bits each, which shaders see as value / 255.</summary>
    Byte,
}

/// <summary>
/// A matrix in a texture, laid out by <see cref="MatrixShape"/>. It starts as zeros, so its padding is zero; uploads write
/// zeros into the padding again. Dispose may come from any thread; dropping it without is fine too.
/// </summary>
internal sealed class MatrixTexture : Operand, IDisposable
{
    private readonly GpuResource resource;
    private readonly NeuralDevice device;

    public MatrixTexture(NeuralDevice device, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        this.device = device;
        Shape = shape;
        Format = format;
        resource = device.CreateTexture(shape, format);
    }

    ~MatrixTexture()
    {
        if (resource is not null) device.Retire(resource);   // null where the constructor threw
    }

    public override MatrixShape Shape { get; }

    public override TexelFormat Format { get; }

    public override uint TextureName => resource.Name;

    public void Dispose()
    {
        device.Retire(resource);
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes rows from a row-major span without padding: its length gives their number.</summary>
    public void Upload<T>(ReadOnlySpan<T> values, int firstRow = 0) where T : unmanaged
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            device.Upload(this, firstRow, rows, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<T> staging = device.Staging<T>(rows * padded);
        for (int row = 0; row < rows; row++)
        {
            values.Slice(row * Shape.Columns, Shape.Columns).CopyTo(staging[(row * padded)..]);
            staging.Slice((row * padded) + Shape.Columns, padded - Shape.Columns).Clear();
        }

        device.Upload(this, firstRow, rows, MemoryMarshal.AsBytes(staging));
    }

    /// <summary>Reads rows into a row-major span without padding: its length gives their number. Waits.</summary>
    public void Read(Span<float> values, int firstRow = 0)
    {
        int rows = values.Length / Shape.Columns;
        int padded = Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (padded == Shape.Columns)
        {
            device.Read(this, firstRow, rows, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<float> staging = device.Staging<float>(rows * padded);
        device.Read(this, firstRow, rows, MemoryMarshal.AsBytes(staging));
        for (int row = 0; row < rows; row++) staging.Slice(row * padded, Shape.Columns).CopyTo(values[(row * Shape.Columns)..]);
    }
}
