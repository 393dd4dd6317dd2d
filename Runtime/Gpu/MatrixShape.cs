namespace NeuralPlugin;

/// <summary>
/// The layout of a matrix [rows × columns] in a buffer of texels: four columns a texel, ⌈columns / 4⌉ texels a row, one row behind
/// the other. Shaders/Include/matrix.glsl holds the same address.
/// </summary>
internal readonly record struct MatrixShape(int Rows, int Columns)
{
    /// <summary>Columns in a texel, and values.</summary>
    public const int ColumnsPerTexel = 4;

    /// <summary>Of 32-bit values.</summary>
    public const int BytesPerTexel = 16;

    public int TexelsPerRow => Texels(Columns);

    /// <summary>All of it in texels.</summary>
    public long TexelCount => (long)Rows * TexelsPerRow;

    public long Bytes => BytesOf(TexelFormat.Float);

    /// <summary>Bytes of its rows when they hold values of this kind, the padding of each row included.</summary>
    public long BytesOf(TexelFormat format) => TexelCount * BytesPerTexelOf(format);

    public static int BytesPerTexelOf(TexelFormat format) => format == TexelFormat.Byte ? ColumnsPerTexel : BytesPerTexel;

    public long Elements => (long)Rows * Columns;

    /// <summary>Texels that so many columns take.</summary>
    public static int Texels(int columns) => CeilingDivide(columns, ColumnsPerTexel);

    public static int CeilingDivide(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    public override string ToString() => $"[{Rows} × {Columns}]";
}
