using System.Numerics;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// C = start + A · B for .NET Standard, which knows the vectors of a machine by no name but <see cref="Vector{T}"/>, and many of its runtimes not even that:
/// the same sums in the same order as those of <c>MatrixProduct.cs</c>, of rows wherever they lie. A product is rounded before it is added, since
/// .NET Standard has no multiply-add; so the bits are the same with vectors and without.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>Rows of a tile, which is how many columns of A are packed beside each other.</summary>
    public const int TileRows = 6;

    /// <summary>What a line of a kernel takes at most, in the tests' shapes and where there are vectors.</summary>
    public const double MostMilliseconds = 1;

    /// <summary>The widest panel.</summary>
    public const int MostColumns = 32;

    /// <summary>Rows whose sums run at once.</summary>
    private const int Rows = 4;

    /// <summary>Multiplications and additions of a line of a kernel, at most: some tenths of a millisecond.</summary>
    public static int PieceOperations => Vector.IsHardwareAccelerated ? 4_000_000 : 300_000;

    /// <summary>Columns of a panel.</summary>
    public static int Columns => MostColumns;

    /// <summary>How wide a panel of B is to be for so many columns.</summary>
    public static int PanelWidth(int columns) => MatrixShape.CeilingDivide(columns, MatrixShape.ColumnsPerTexel) * MatrixShape.ColumnsPerTexel;

    /// <summary>A product of any size.</summary>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">Where each row of A is.</param>
    /// <param name="aStep">From one element of it to the next.</param>
    /// <param name="b">B [depth × columns].</param>
    /// <param name="bStride">From one row of B to the next.</param>
    /// <param name="depth">Columns of A and rows of B.</param>
    /// <param name="start">A row that each row of the result starts from; null for zeros.</param>
    /// <param name="c">The result.</param>
    /// <param name="cStride">From one row of it to the next.</param>
    /// <param name="columns">Those that are stored, in whole texels.</param>
    /// <param name="goesOn">Whether the sums start from what the result holds, in place of that row.</param>
    public static void Multiply(int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, nint cStride, int columns, bool goesOn = false)
    {
        int width = Vector<float>.Count, column = 0;
        for (; Vector.IsHardwareAccelerated && column + width <= columns; column += width)
        {
            for (int row = 0; row < rows; row += Rows)
            {
                float* to = c + (row * cStride) + column;
                MultiplyByVectors(Math.Min(Rows, rows - row), a + row, aStep, b + column, bStride, depth, goesOn ? to : start == null ? null : start + column, goesOn ? cStride : 0, to, cStride);
            }
        }

        for (; column < columns; column += MatrixShape.ColumnsPerTexel)
        {
            for (int row = 0; row < rows; row++)
            {
                float* to = c + (row * cStride) + column;
                MultiplyTexel(a[row], aStep, b + column, bStride, depth, goesOn ? to : start == null ? null : start + column, to);
            }
        }
    }

    /// <summary>Packs columns of a matrix, a row behind the other: <see cref="PanelWidth"/> of them.</summary>
    /// <param name="from">The first column.</param>
    /// <param name="stride">From row to row.</param>
    /// <param name="depth">Rows.</param>
    /// <param name="width">Columns of the panel.</param>
    /// <param name="to">[depth × width].</param>
    public static void Pack(float* from, nint stride, int depth, int width, float* to)
    {
        for (int k = 0; k < depth; k++, from += stride, to += width) Unsafe.CopyBlockUnaligned(to, from, (uint)width * sizeof(float));
    }

    /// <summary>Up to four rows by a vector of columns. Where there are fewer, the last one is computed again and not stored.</summary>
    private static void MultiplyByVectors(int rows, float** a, nint aStep, float* b, nint bStride, int depth, float* start, nint startStride, float* c, nint cStride)
    {
        int last = rows - 1, second = Math.Min(1, last), third = Math.Min(2, last);
        Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        if (start != null)
        {
            (sum0, sum1) = (Vector.Load(start), Vector.Load(start + (second * startStride)));
            (sum2, sum3) = (Vector.Load(start + (third * startStride)), Vector.Load(start + (last * startStride)));
        }

        float* x0 = a[0], x1 = a[second], x2 = a[third], x3 = a[last];
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aStep, b += bStride)
        {
            Vector<float> y = Vector.Load(b);
            sum0 += new Vector<float>(x0[at]) * y;
            sum1 += new Vector<float>(x1[at]) * y;
            sum2 += new Vector<float>(x2[at]) * y;
            sum3 += new Vector<float>(x3[at]) * y;
        }

        Vector.Store(sum0, c);
        if (rows > 1) Vector.Store(sum1, c + cStride);
        if (rows > 2) Vector.Store(sum2, c + (2 * cStride));
        if (rows > 3) Vector.Store(sum3, c + (3 * cStride));
    }

    private static void MultiplyTexel(float* x, nint aStep, float* b, nint bStride, int depth, float* start, float* c)
    {
        float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        if (start != null) (sum0, sum1, sum2, sum3) = (start[0], start[1], start[2], start[3]);
        for (int k = 0; k < depth; k++, x += aStep, b += bStride)
        {
            float value = *x;
            sum0 += value * b[0];
            sum1 += value * b[1];
            sum2 += value * b[2];
            sum3 += value * b[3];
        }

        (c[0], c[1], c[2], c[3]) = (sum0, sum1, sum2, sum3);
    }
}
