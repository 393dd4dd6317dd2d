using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// The sums of a group of a population's members by vectors. The members of a group share a row of the matrix, their texels by turns, so that one
/// texel of all of them is 32 neighboring values: a lane for each unit of each member. A sample's value is broadcast over the four lanes of
/// its member beforehand, and no sum goes across lanes.
/// </summary>
internal static unsafe class PopulationLanes<TVector, TSimd>
    where TVector : unmanaged
    where TSimd : struct, ISimd<TVector>
{
    /// <summary>Values of one texel of all members of a group.</summary>
    private const int Lanes = PopulationLayout.GroupSize * MatrixShape.ColumnsPerTexel;

    /// <summary>y[row] = start + Σ over k of x[row][k] · w[k], for at most eight rows.</summary>
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

    /// <summary>z[row][k] += relu(h[row]) · w[k].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddOuter(int rows, float* h, nint hStride, float* w, int count, float* z)
    {
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            for (int row = 0; row < rows; row++)
            {
                TVector v = TSimd.Rectify(TSimd.Load(h + (row * hStride) + lane));
                float* to = z + ((nint)row * count * Lanes) + lane;
                for (nint k = 0; k < (nint)count * Lanes; k += Lanes) TSimd.Store(TSimd.MultiplyAdd(v, TSimd.Load(w + lane + k), TSimd.Load(to + k)), to + k);
            }
        }
    }

    /// <summary>d[row] where h[row] is above zero, else 0; then h[row] becomes relu(h[row]). Their sum over the rows is the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(int rows, float* d, float* h, nint hStride, float* sums)
    {
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            TVector one = One(), sum = default;
            for (int row = 0; row < rows; row++)
            {
                float* hidden = h + (row * hStride) + lane, gradient = d + (row * Lanes) + lane;
                TVector y = TSimd.Load(hidden), g = TSimd.WherePositive(TSimd.Load(gradient), y);
                TSimd.Store(g, gradient);
                TSimd.Store(TSimd.Rectify(y), hidden);
                sum = TSimd.MultiplyAdd(g, one, sum);
            }

            TSimd.Store(sum, sums + lane);
        }
    }

    /// <summary>The updates of parameters by the gradients Σ over rows of x[row][k] · d[row].</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="x">[rows × count], each broadcast.</param>
    /// <param name="count">Parameters of each unit.</param>
    /// <param name="d">[rows], dStride values apart.</param>
    /// <param name="dStride">From one row of it to the next.</param>
    /// <param name="update">How.</param>
    /// <param name="at">The first parameter.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UpdateOuter(int rows, float* x, int count, float* d, nint dStride, in PopulationUpdate update, nint at)
    {
        nint stride = (nint)count * Lanes;
        for (int lane = 0; lane < Lanes; lane += TSimd.Width)
        {
            for (nint k = lane; k < stride; k += Lanes)
            {
                TVector g = default;
                for (int row = 0; row < rows; row++) g = TSimd.MultiplyAdd(TSimd.Load(x + (row * stride) + k), TSimd.Load(d + (row * dStride) + lane), g);
                Update(g, update, at + k);
            }
        }
    }

    /// <summary>The updates of parameters by gradients that are there.</summary>
    public static void UpdateBy(float* gradients, in PopulationUpdate update, nint at)
    {
        for (int lane = 0; lane < Lanes; lane += TSimd.Width) Update(TSimd.Load(gradients + lane), update, at + lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Update(TVector g, in PopulationUpdate update, nint at)
    {
        float minusRate = -update.LearningRate, momentum = update.Momentum, decay = update.WeightDecay;
        TVector w;
        if (update.IsMore)
        {
            w = TSimd.Load(update.NewWeights + at);
            if (update.NewVelocities != null) TSimd.Store(TSimd.MultiplyAdd(g, One(), TSimd.Load(update.NewVelocities + at)), update.NewVelocities + at);
        }
        else
        {
            w = TSimd.Load(update.Weights + at);
            g = TSimd.MultiplyAdd(TSimd.Broadcast(&decay), w, g);
            if (update.NewVelocities != null)
            {
                g = TSimd.MultiplyAdd(TSimd.Broadcast(&momentum), TSimd.Load(update.Velocities + at), g);
                TSimd.Store(g, update.NewVelocities + at);
            }
        }

        TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(&minusRate), g, w), update.NewWeights + at);
    }

    private static TVector One()
    {
        float one = 1;
        return TSimd.Broadcast(&one);
    }
}

/// <summary>
/// How a step of a population updates: committed weights and velocities into pending ones, or, for further rows of the same batch, pending ones by what
/// those add. Velocities are null without momentum.
/// </summary>
internal readonly unsafe struct PopulationUpdate
{
    public float* Weights { get; init; }

    public float* NewWeights { get; init; }

    public float* Velocities { get; init; }

    public float* NewVelocities { get; init; }

    public float LearningRate { get; init; }

    public float Momentum { get; init; }

    public float WeightDecay { get; init; }

    public bool IsMore { get; init; }
}
