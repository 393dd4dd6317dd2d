using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// C = start + A · B, with rows of A that may lie anywhere, using the machine's widest vectors. All products of dense layers are built on it, so
/// an element has the same bits whichever kernel computes it.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 6;

    /// <summary>Maximum multiplications and additions of a kernel's line: a tenth of a millisecond.</summary>
    public const int PieceOperations = 14_000_000;

    /// <summary>Maximum milliseconds of a kernel's line, in the tests' shapes.</summary>
    public const double MostMilliseconds = 0.2;

    /// <summary>The widest panel of any machine's tile.</summary>
    public const int MostColumns = 32;

    /// <summary>Terms of a sum that a tile processes at a time, so that its panel stays in the first-level cache.</summary>
    private const int Depth = 256;

    private static readonly float* Zeros = (float*)NativeMemory.AllocZeroed(MostColumns, sizeof(float));   // for the lifetime of the program

    /// <summary>Columns of a tile on this machine.</summary>
    public static int Columns =>
        Vector512.IsHardwareAccelerated ? 32 : Vector256.IsHardwareAccelerated ? 16 : Vector128.IsHardwareAccelerated ? 8 : 2;

    /// <summary>The panel width for a number of columns of B: a tile of one vector computes those that fit into it.</summary>
    public static int PanelWidth(int columns) => MatrixShape.CeilingDivide(columns, Columns / 2) * (Columns / 2);

    /// <summary>A product of any size.</summary>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">The address of each row of A.</param>
    /// <param name="aStep">The distance between elements of a row of A.</param>
    /// <param name="b">B [depth × columns]; one vector past the last column may be loaded.</param>
    /// <param name="bStride">The distance between rows of B.</param>
    /// <param name="depth">Columns of A and rows of B.</param>
    /// <param name="start">A row that each row of the result starts from; null for zeros.</param>
    /// <param name="c">The result.</param>
    /// <param name="cStride">The distance between rows of the result.</param>
    /// <param name="columns">Columns to store, in complete texels.</param>
    /// <param name="goesOn">Whether the sums start from the values in the result instead of from that row.</param>
    public static void Multiply(int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, nint cStride, int columns, bool goesOn = false)
    {
        if (columns <= Vector128<float>.Count && Vector128.IsHardwareAccelerated)
            Multiply<Vector128<float>, Simd128>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
        else if (columns <= Vector256<float>.Count && Vector256.IsHardwareAccelerated)
            Multiply<Vector256<float>, Simd256>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
        else if (Vector512.IsHardwareAccelerated) Multiply<Vector512<float>, Simd512>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
        else if (Vector256.IsHardwareAccelerated) Multiply<Vector256<float>, Simd256>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
        else if (Vector128.IsHardwareAccelerated) Multiply<Vector128<float>, Simd128>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
        else Multiply<float, SimdNone>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns, goesOn);
    }

    /// <summary>Packs <see cref="PanelWidth"/> columns of a matrix; rows are contiguous.</summary>
    /// <param name="from">The first column; each row is followed by room for one vector.</param>
    /// <param name="stride">The distance between rows.</param>
    /// <param name="depth">Rows.</param>
    /// <param name="width">Columns of the panel.</param>
    /// <param name="to">[depth × width].</param>
    public static void Pack(float* from, nint stride, int depth, int width, float* to)
    {
        if (Vector512.IsHardwareAccelerated && width == 32)
        {
            for (int k = 0; k < depth; k++, from += stride, to += width)
            {
                Vector512<float> second = Vector512.Load(from + 16);
                Vector512.Load(from).Store(to);
                second.Store(to + 16);
            }
        }
        else if (Vector256.IsHardwareAccelerated && width == 16)
        {
            for (int k = 0; k < depth; k++, from += stride, to += width)
            {
                Vector256<float> second = Vector256.Load(from + 8);
                Vector256.Load(from).Store(to);
                second.Store(to + 8);
            }
        }
        else
        {
            for (int k = 0; k < depth; k++, from += stride, to += width) new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));
        }
    }

    /// <summary>The same with vectors of one width.</summary>
    public static void Multiply<TVector, TSimd>(
        int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, nint cStride, int columns, bool goesOn = false)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        int wide = 2 * TSimd.Width;
        for (int column = 0; column < columns; column += wide)
        {
            int width = Math.Min(wide, columns - column);
            for (int k = 0; k == 0 || k < depth; k += Depth)
            {
                Panel<TVector, TSimd>(
                    rows, a, aStep, k, b + (k * bStride) + column, bStride, Math.Min(Depth, depth - k), goesOn || k > 0,
                    start == null ? Zeros : start + column, c + column, cStride, width);
            }
        }
    }

    [SkipLocalsInit]
    private static void Panel<TVector, TSimd>(
        int rows, float** a, nint aStep, int firstTerm, float* b, nint bStride, int depth, bool goesOn, float* start, float* c, nint cStride, int width)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        bool isNarrow = width <= TSimd.Width;
        bool isWhole = width == (isNarrow ? TSimd.Width : 2 * TSimd.Width);
        float* part = stackalloc float[2 * TileRows * MostColumns];
        float** tile = stackalloc float*[2 * TileRows];
        int row = 0;
        for (; isNarrow && row + MatrixTile<TVector, TSimd>.TallRows <= rows; row += MatrixTile<TVector, TSimd>.TallRows)
        {
            for (int i = 0; i < MatrixTile<TVector, TSimd>.TallRows; i++) tile[i] = a[row + i] + (firstTerm * aStep);
            float* to = c + (row * cStride);
            MatrixTile<TVector, TSimd>.Tall(
                tile, aStep, b, bStride, depth, goesOn ? to : start, goesOn ? cStride : 0, isWhole ? to : part, isWhole ? cStride : MostColumns);
            if (!isWhole) CopyPart(part, to, cStride, MatrixTile<TVector, TSimd>.TallRows, width);
        }

        for (; MatrixTile<TVector, TSimd>.HasLarge && !isNarrow && isWhole && row + MatrixTile<TVector, TSimd>.LargeRows <= rows; row += MatrixTile<TVector, TSimd>.LargeRows)
        {
            for (int i = 0; i < MatrixTile<TVector, TSimd>.LargeRows; i++) tile[i] = a[row + i] + (firstTerm * aStep);
            float* to = c + (row * cStride);
            MatrixTile<TVector, TSimd>.Large(tile, aStep, b, bStride, depth, goesOn ? to : start, goesOn ? cStride : 0, to, cStride);
        }

        for (; row < rows; row += TileRows)
        {
            int count = Math.Min(TileRows, rows - row);
            for (int i = 0; i < TileRows; i++) tile[i] = a[row + Math.Min(i, count - 1)] + (firstTerm * aStep);
            float* to = c + (row * cStride);
            float* from = goesOn ? to : start;
            nint fromStride = goesOn ? cStride : 0;
            float* result = isWhole ? to : part;
            nint resultStride = isWhole ? cStride : MostColumns;
            if (count == 1) MatrixTile<TVector, TSimd>.Single(tile[0], aStep, b, bStride, depth, from, result, isNarrow);
            else if (isNarrow) MatrixTile<TVector, TSimd>.Narrow(tile, aStep, b, bStride, depth, from, fromStride, result, resultStride, count);
            else MatrixTile<TVector, TSimd>.Wide(tile, aStep, b, bStride, depth, from, fromStride, result, resultStride, count);
            if (!isWhole) CopyPart(part, to, cStride, count, width);
        }
    }

    private static void CopyPart(float* part, float* to, nint stride, int rows, int width)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int column = 0; column < width; column += MatrixShape.ColumnsPerTexel)
                Vector128.Load(part + (i * MostColumns) + column).Store(to + (i * stride) + column);
        }
    }
}
