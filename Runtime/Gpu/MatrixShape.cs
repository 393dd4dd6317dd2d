namespace NeuralPlugin;

/// <summary>
/// The layout of a matrix [rows × columns] in a buffer of texels: four columns per texel, ⌈columns / 4⌉ texels per row; rows are
/// contiguous. Shaders/Include/matrix.glsl computes the same address.
/// </summary>
internal readonly record struct MatrixShape(int Rows, int Columns)
{
    /// <summary>Columns, and values, per texel.</summary>
    public const int ColumnsPerTexel = 4;

    /// <summary>For 32-bit values.</summary>
    public const int BytesPerTexel = 16;

    public int TexelsPerRow => Texels(Columns);

    /// <summary>The total number of texels.</summary>
    public long TexelCount => (long)Rows * TexelsPerRow;

    public long Bytes => BytesOf(TexelFormat.Float);

    /// <summary>Bytes of its rows with values of this format, including the padding of each row.</summary>
    public long BytesOf(TexelFormat format) => TexelCount * BytesPerTexelOf(format);

    public static int BytesPerTexelOf(TexelFormat format) => format == TexelFormat.Byte ? ColumnsPerTexel : BytesPerTexel;

    public long Elements => (long)Rows * Columns;

    /// <summary>The texels for this many columns.</summary>
    public static int Texels(int columns) => CeilingDivide(columns, ColumnsPerTexel);

    public static int CeilingDivide(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    public override string ToString() => $"[{Rows} × {Columns}]";
}
