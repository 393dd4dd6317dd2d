using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// C = start + A · B in plain code, for .NET Standard, which has no vectors of the machine: the same sums in the same order as those of the vectors, and of
/// the same rows, wherever they lie. A product is rounded before it is added, since .NET Standard has no multiply-add.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>Rows of a tile, which is how many columns of A are packed beside each other.</summary>
    public const int TileRows = 6;

    /// <summary>Multiplications and additions of a line of a kernel, at most: a tenth of a millisecond.</summary>
    public const int PieceOperations = 300_000;

    /// <summary>The widest panel.</summary>
    public const int MostColumns = 32;

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
        for (int row = 0; row < rows; row++, c += cStride)
        {
            float* from = goesOn ? c : start;
            for (int column = 0; column < columns; column += MatrixShape.ColumnsPerTexel)
            {
                float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
                if (from != null) (sum0, sum1, sum2, sum3) = (from[column], from[column + 1], from[column + 2], from[column + 3]);
                float* x = a[row], y = b + column;
                for (int k = 0; k < depth; k++, x += aStep, y += bStride)
                {
                    float value = *x;
                    sum0 += value * y[0];
                    sum1 += value * y[1];
                    sum2 += value * y[2];
                    sum3 += value * y[3];
                }

                (c[column], c[column + 1], c[column + 2], c[column + 3]) = (sum0, sum1, sum2, sum3);
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
}
