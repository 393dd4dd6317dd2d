using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NeuralPlugin;

/// <summary>
/// C = start + A · B, of rows of A that lie anywhere, by the widest vectors that the machine has. What all products of dense layers are made of, so
/// that an element has the same bits whichever kernel computes it.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 6;

    /// <summary>The widest panel that any machine's tile has.</summary>
    public const int MostColumns = 32;

    /// <summary>Terms of a sum that a tile walks along at a time, so that its panel stays in the first cache.</summary>
    private const int Depth = 256;

    private static readonly float* Zeros = (float*)NativeMemory.AllocZeroed(MostColumns, sizeof(float));   // for as long as the program runs

    /// <summary>Columns of a tile on this machine.</summary>
    public static int Columns =>
        Vector512.IsHardwareAccelerated ? 32 : Vector256.IsHardwareAccelerated ? 16 : Vector128.IsHardwareAccelerated ? 8 : 2;

    /// <summary>How wide a panel of B is to be for so many columns: a tile of one vector computes what fits into it.</summary>
    public static int PanelWidth(int columns) => MatrixShape.CeilingDivide(columns, Columns / 2) * (Columns / 2);

    /// <summary>A product of any size.</summary>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">Where each row of A is.</param>
    /// <param name="aStep">From one element of it to the next.</param>
    /// <param name="b">B [depth × columns], of which a vector past the last column may be loaded.</param>
    /// <param name="bStride">From one row of B to the next.</param>
    /// <param name="depth">Columns of A and rows of B.</param>
    /// <param name="start">A row that each row of the result starts from; null for zeros.</param>
    /// <param name="c">The result.</param>
    /// <param name="cStride">From one row of it to the next.</param>
    /// <param name="columns">Those that are stored.</param>
    public static void Multiply(int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, nint cStride, int columns)
    {
        if (Vector512.IsHardwareAccelerated) Multiply<Vector512<float>, Simd512>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns);
        else if (Vector256.IsHardwareAccelerated) Multiply<Vector256<float>, Simd256>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns);
        else if (Vector128.IsHardwareAccelerated) Multiply<Vector128<float>, Simd128>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns);
        else Multiply<float, SimdNone>(rows, a, aStep, b, bStride, depth, start, c, cStride, columns);
    }

    /// <summary>The same by vectors of one width.</summary>
    public static void Multiply<TVector, TSimd>(
        int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, nint cStride, int columns)
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
                    rows, a, aStep, k, b + (k * bStride) + column, bStride, Math.Min(Depth, depth - k), k > 0,
                    start == null ? Zeros : start + column, c + column, cStride, width);
            }
        }
    }

    private static void Panel<TVector, TSimd>(
        int rows, float** a, nint aStep, int firstTerm, float* b, nint bStride, int depth, bool goesOn, float* start, float* c, nint cStride, int width)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        bool isNarrow = width <= TSimd.Width;
        bool isWhole = width == (isNarrow ? TSimd.Width : 2 * TSimd.Width);
        float* part = stackalloc float[TileRows * MostColumns];
        float** tile = stackalloc float*[TileRows];
        for (int row = 0; row < rows; row += TileRows)
        {
            int count = Math.Min(TileRows, rows - row);
            for (int i = 0; i < TileRows; i++) tile[i] = a[row + Math.Min(i, count - 1)] + (firstTerm * aStep);
            float* to = c + (row * cStride);
            float* from = goesOn ? to : start;
            nint fromStride = goesOn ? cStride : 0;
            float* result = isWhole ? to : part;
            nint resultStride = isWhole ? cStride : MostColumns;
            if (isNarrow) MatrixTile<TVector, TSimd>.Narrow(tile, aStep, b, bStride, depth, from, fromStride, result, resultStride, count);
            else MatrixTile<TVector, TSimd>.Wide(tile, aStep, b, bStride, depth, from, fromStride, result, resultStride, count);
            if (isWhole) continue;
            for (int i = 0; i < count; i++)
            {
                for (int column = 0; column < width; column++) to[(i * cStride) + column] = part[(i * MostColumns) + column];
            }
        }
    }
}
