namespace NeuralPlugin;

/// <summary>
/// The texture layout of a matrix [rows × columns]: four columns a texel, ⌈columns / 4⌉ texels a row. Row r lies in
/// column block r / FoldHeight at texture row r mod FoldHeight. Shaders/Include/matrix.glsl holds the same address.
/// </summary>
internal readonly record struct MatrixShape(int Rows, int Columns, int FoldHeight = MatrixShape.DefaultFoldHeight)
{
    /// <summary>Columns in a texel, and values.</summary>
    public const int ColumnsPerTexel = 4;

    /// <summary>The texture size that every OpenGL 4.3 driver has.</summary>
    public const int DefaultFoldHeight = 16_384;

    /// <summary>Of 32-bit values.</summary>
    public const int BytesPerTexel = 16;

    public int TexelsPerRow => Texels(Columns);

    public int Blocks => CeilingDivide(Rows, FoldHeight);

    public int Width => Blocks * TexelsPerRow;

    public int Height => Math.Min(Rows, FoldHeight);

    public long Bytes => BytesOf(TexelFormat.Float);

    /// <summary>Bytes of its rows one behind the other, each with its padding and without that of the last fold.</summary>
    public long PackedBytes => (long)Rows * TexelsPerRow * BytesPerTexel;

    /// <summary>Bytes of its texture when it holds values of this kind.</summary>
    public long BytesOf(TexelFormat format) => (long)Blocks * TexelsPerRow * Height * BytesPerTexelOf(format);

    public static int BytesPerTexelOf(TexelFormat format) => format == TexelFormat.Byte ? ColumnsPerTexel : BytesPerTexel;

    public long Elements => (long)Rows * Columns;

    /// <summary>Texels that so many columns take.</summary>
    public static int Texels(int columns) => CeilingDivide(columns, ColumnsPerTexel);

    public static int CeilingDivide(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    public override string ToString() => $"[{Rows} × {Columns}]";
}
