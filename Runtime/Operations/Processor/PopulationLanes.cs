using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// The sums of a group of a population's members by vectors. The members of a group share a row of the matrix, their texels by turns, so that one
/// texel of all of them is <see cref="ProcessorPopulation.Lanes"/> neighboring values: a lane for each unit of each member. A sample's value is broadcast
/// over the lanes of its member beforehand, and no sum goes across lanes.
/// </summary>
internal static unsafe class PopulationLanes<TVector, TSimd>
    where TVector : unmanaged
    where TSimd : struct, ISimd<TVector>
{
    private const int Lanes = ProcessorPopulation.Lanes;

    /// <summary>y[row] = start + Σ over k of x[row][k] · w[k].</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="x">[rows × depth], each broadcast.</param>
    /// <param name="w">[depth].</param>
    /// <param name="depth">Terms.</param>
    /// <param name="start">One, or null for zeros.</param>
    /// <param name="y">[rows], yStride values apart.</param>
    /// <param name="yStride">From one row of y to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int rows, float* x, float* w, int depth, float* start, float* y, nint yStride)
    {
        nint stride = (nint)depth * Lanes;
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            int row = 0;
            for (; row + 4 <= rows; row += 4)
            {
                float* x0 = x + (row * stride) + lane, x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride, weight = w + lane;
                TVector y0 = start == null ? default : TSimd.Load(start + lane), y1 = y0, y2 = y0, y3 = y0;
                for (nint k = 0; k < stride; k += Lanes)
                {
                    TVector v = TSimd.Load(weight + k);
                    y0 = TSimd.MultiplyAdd(TSimd.Load(x0 + k), v, y0);
                    y1 = TSimd.MultiplyAdd(TSimd.Load(x1 + k), v, y1);
                    y2 = TSimd.MultiplyAdd(TSimd.Load(x2 + k), v, y2);
                    y3 = TSimd.MultiplyAdd(TSimd.Load(x3 + k), v, y3);
                }

                float* to = y + (row * yStride) + lane;
                TSimd.Store(y0, to);
                TSimd.Store(y1, to + yStride);
                TSimd.Store(y2, to + (2 * yStride));
                TSimd.Store(y3, to + (3 * yStride));
            }

            for (; row < rows; row++)
            {
                float* from = x + (row * stride) + lane;
                TVector sum = start == null ? default : TSimd.Load(start + lane);
                for (nint k = 0; k < stride; k += Lanes) sum = TSimd.MultiplyAdd(TSimd.Load(from + k), TSimd.Load(w + lane + k), sum);
                TSimd.Store(sum, y + (row * yStride) + lane);
            }
        }
    }

    /// <summary>z[row][k] = Σ over h of y[row][h] · w[h][k], the parts of a sum that a lane has of each output.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="y">[rows × depth].</param>
    /// <param name="depth">Terms.</param>
    /// <param name="w">[depth], wStride values apart, each [count].</param>
    /// <param name="wStride">From one h to the next.</param>
    /// <param name="count">Outputs.</param>
    /// <param name="z">[rows × count], written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyOutputs(int rows, float* y, int depth, float* w, nint wStride, int count, float* z)
    {
        nint stride = (nint)depth * Lanes;
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            for (int row = 0; row < rows; row++)
            {
                float* from = y + (row * stride) + lane, to = z + ((nint)row * count * Lanes) + lane;
                int k = 0;
                for (; k + 4 <= count; k += 4)
                {
                    float* weights = w + ((nint)k * Lanes) + lane;
                    TVector z0 = default, z1 = default, z2 = default, z3 = default;
                    for (nint h = 0; h < stride; h += Lanes, weights += wStride)
                    {
                        TVector v = TSimd.Load(from + h);
                        z0 = TSimd.MultiplyAdd(v, TSimd.Load(weights), z0);
                        z1 = TSimd.MultiplyAdd(v, TSimd.Load(weights + Lanes), z1);
                        z2 = TSimd.MultiplyAdd(v, TSimd.Load(weights + (2 * Lanes)), z2);
                        z3 = TSimd.MultiplyAdd(v, TSimd.Load(weights + (3 * Lanes)), z3);
                    }

                    TSimd.Store(z0, to + (k * Lanes));
                    TSimd.Store(z1, to + ((k + 1) * Lanes));
                    TSimd.Store(z2, to + ((k + 2) * Lanes));
                    TSimd.Store(z3, to + ((k + 3) * Lanes));
                }

                for (; k < count; k++)
                {
                    float* weights = w + ((nint)k * Lanes) + lane;
                    TVector sum = default;
                    for (nint h = 0; h < stride; h += Lanes, weights += wStride) sum = TSimd.MultiplyAdd(TSimd.Load(from + h), TSimd.Load(weights), sum);
                    TSimd.Store(sum, to + (k * Lanes));
                }
            }
        }
    }

    /// <summary>g[k] += Σ over rows of x[row][k] · d[row].</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="x">[rows × count], each broadcast.</param>
    /// <param name="count">Parameters of each unit.</param>
    /// <param name="d">[rows], dStride values apart.</param>
    /// <param name="dStride">From one row of it to the next.</param>
    /// <param name="g">[count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddOuter(int rows, float* x, int count, float* d, nint dStride, float* g)
    {
        nint stride = (nint)count * Lanes;
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            int row = 0;
            for (; row + 4 <= rows; row += 4)
            {
                float* x0 = x + (row * stride), x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride, from = d + (row * dStride) + lane;
                TVector d0 = TSimd.Load(from), d1 = TSimd.Load(from + dStride), d2 = TSimd.Load(from + (2 * dStride)), d3 = TSimd.Load(from + (3 * dStride));
                for (nint k = lane; k < stride; k += Lanes)
                {
                    TVector sum = TSimd.MultiplyAdd(TSimd.Load(x0 + k), d0, TSimd.Load(g + k));
                    sum = TSimd.MultiplyAdd(TSimd.Load(x1 + k), d1, sum);
                    sum = TSimd.MultiplyAdd(TSimd.Load(x2 + k), d2, sum);
                    TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(x3 + k), d3, sum), g + k);
                }
            }

            for (; row < rows; row++)
            {
                float* from = x + (row * stride);
                TVector gradient = TSimd.Load(d + (row * dStride) + lane);
                for (nint k = lane; k < stride; k += Lanes) TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(from + k), gradient, TSimd.Load(g + k)), g + k);
            }
        }
    }
}
