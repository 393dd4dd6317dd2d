using System.Numerics;

namespace NeuralPlugin;

/// <summary>The batch of a step: its samples in use and its start in the order; empty while there are no samples.</summary>
internal readonly record struct DrawnBatch(int Rows, int FirstSample, long Epoch, bool BeginsEpoch);

/// <summary>
/// The state of an order: its next batch begins at <paramref name="Position"/> of an epoch over <paramref name="Count"/> samples.
/// </summary>
internal readonly record struct SampleOrderState(int Seed, long Epoch, int Count, int Position);

/// <summary>
/// The order in which one trainer draws the samples of a set: each epoch is a permutation of the rows present when it
/// began. It depends only on the seed, the epoch and their number and is computed by integer arithmetic, so that it is the
/// same on every machine. The GPU computes some thousand positions ahead, so that no step uploads its row numbers, except
/// in a host's context (see the remarks); <see cref="RowAt"/> is its CPU counterpart.
/// </summary>
/// <remarks>
/// Each batch begins at a whole texel of the order, so that kernels look up four row numbers at once. A step draws between
/// <see cref="BeginBatch"/>, followed by <see cref="Filling"/> if needed, and <see cref="EndBatch"/> or <see cref="AbandonBatch"/>; meanwhile the set keeps its rows.
/// In a host's context the driver may skip a filling without any sign, and later steps would draw the samples of an older order. Steps of the same call are skipped with it; for those of
/// later calls, <see cref="Confirm"/> has the processor compute and upload it, a part at a time, because uploads are never skipped.
/// </remarks>
internal sealed class SampleOrder : IDisposable
{
    private const string RowsFile = "sample_order_rows.comp";
    private const int GroupSize = 32;

    /// <summary>As few as eight rounds show in the statistics of orders of five to eight samples; 16 do not.</summary>
    private const int Rounds = 16;

    private const uint Golden = 0x9E3779B9;

    /// <summary>Positions computed ahead, or one batch if that is larger.</summary>
    private const int PositionsAhead = 2_048;

    /// <summary>The processor computes so many positions at once, or one batch if that is larger: few uploads, and a short time in each frame.</summary>
    private const int ConfirmedAtOnce = 256;

    /// <summary>Kernel tiles look up past the batch.</summary>
    private const int Margin = 16;

    private readonly TrainingSet samples;
    private readonly int batchSize;
    private readonly int stride;
    private readonly int batchesAhead;
    private readonly MatrixTexture order;
    private readonly uint[] confirmed;     // the same on the processor; empty if nothing skips dispatches
    private readonly KernelArguments<int> sizes;   // of the filling
    private int generation;
    private long epoch;
    private int count;
    private int position;
    private long chunkEpoch;
    private int chunkCount;
    private int chunkBatch;
    private bool isUncertain;   // the GPU's order may be missing
    private int usable;         // the batches before this one of the chunk are not distrusted
    private volatile bool isDisposed;

    /// <param name="samples">The set to draw from.</param>
    /// <param name="seed">Chooses the orders.</param>
    /// <param name="batchSize">Samples per batch; an epoch's last batch has the remainder.</param>
    public SampleOrder(TrainingSet samples, int seed, int batchSize)
    {
        this.samples = samples;
        this.batchSize = batchSize;
        Seed = seed;
        stride = MatrixShape.Texels(batchSize) * MatrixShape.ColumnsPerTexel;
        batchesAhead = Math.Max(1, PositionsAhead / stride);
        NeuralDevice device = samples.Device;
        int texels = MatrixShape.Texels(batchesAhead * stride);
        MatrixShape shape = device.Shape(texels + Margin, MatrixShape.ColumnsPerTexel, "The order of samples");
        order = new MatrixTexture(device, shape, TexelFormat.UnsignedInteger);
        confirmed = new uint[device.Limits.MaySkipDispatches ? batchesAhead * stride : 0];
        sizes = new KernelArguments<int>(
            ("texels", texels), ("count", 0), ("batchSize", batchSize), ("stride", stride), ("firstBatch", 0), ("seed", seed), ("epochLow", 0), ("epochHigh", 0));
        Filling = new Dispatch(
            new KernelSource(RowsFile, ("GROUP_SIZE", GroupSize), ("ROUNDS", Rounds)) { Method = dispatch => new SampleOrderKernel(dispatch, GroupSize) },
            [MatrixBinding.Write("order", order)], [sizes], new DispatchGrid(MatrixShape.CeilingDivide(texels, GroupSize)))
        {
            NeedsBarrier = true,   // after pending reads of the previous order
        };
        Source = new BatchSource(new DrawnRows(samples.Features, batchSize), new DrawnRows(samples.Targets, batchSize), order);
        generation = samples.Generation;
        samples.Orders.Add(this);
    }

    public int Seed { get; private set; }

    /// <summary>The source from which a step's kernels draw their batch.</summary>
    public BatchSource Source { get; }

    /// <summary>Writes the order of the open batch and some batches after it, if it is missing.</summary>
    public Dispatch Filling { get; }

    /// <summary>Whether <see cref="Filling"/> must run before the open batch can be drawn.</summary>
    public bool NeedsFilling { get; private set; }

    /// <summary>Whether its trainer has ended, so that nothing draws from it any more.</summary>
    public bool IsDisposed => isDisposed;

    /// <summary>Rows of the open batch; 0 if none is open.</summary>
    public int OpenRows { get; private set; }

    /// <summary>
    /// The batches, beginning with the open one, that kernels can draw without another <see cref="Filling"/>: those that are computed ahead, past the end of an epoch only if the next one has
    /// as many samples. Only the open one if the set was cleared since.
    /// </summary>
    public int BatchesReady
    {
        get
        {
            if (generation != samples.Generation) return 1;
            int batch = position / batchSize, ahead = batchesAhead - BatchesAfterChunkStart(batch);
            return samples.Uploaded == count ? ahead : Math.Min(ahead, BatchesPerEpoch - batch);
        }
    }

    /// <summary>The open batch among those of its epoch.</summary>
    public EpochBatches OpenBatch => new(count, batchSize, position / batchSize);

    /// <summary>Completed epochs, plus the completed fraction of the current one.</summary>
    public double Epochs => epoch + (count == 0 ? 0 : (double)position / count);

    /// <summary>The current state. A batch that is still open will be drawn again.</summary>
    public SampleOrderState State => new(Seed, epoch, count, position);

    /// <summary>The row at a position of an epoch's order: a permutation of [0, count).</summary>
    public static int RowAt(int seed, long epoch, int count, int position)
    {
        Span<uint> roundKeys = stackalloc uint[Rounds];
        FindRoundKeys(seed, epoch, roundKeys);
        return Permute(roundKeys, count, position);
    }

    private static void FindRoundKeys(int seed, long epoch, Span<uint> roundKeys)
    {
        uint low = unchecked((uint)epoch), high = unchecked((uint)(epoch >> 32));
        uint key = MixBits(unchecked((uint)seed) ^ MixBits(high ^ MixBits(unchecked(low + Golden))));
        for (int i = 0; i < Rounds; i++) roundKeys[i] = MixBits(unchecked(key + ((uint)(i + 1) * Golden)));
    }

    private static int Permute(ReadOnlySpan<uint> roundKeys, int count, int position)
    {
        int bits = 32 - BitOperations.LeadingZeroCount((uint)(count - 1));
        int lowBits = bits - (bits / 2);
        uint lowMask = (1u << lowBits) - 1, highMask = (1u << (bits / 2)) - 1;
        uint value = (uint)position;
        do
        {
            (uint lowHalf, uint highHalf) = (value & lowMask, value >> lowBits);
            for (int i = 0; i < Rounds; i += 2)
            {
                highHalf ^= MixBits(unchecked(lowHalf + roundKeys[i])) & highMask;
                lowHalf ^= MixBits(unchecked(highHalf + roundKeys[i + 1])) & lowMask;
            }

            value = (highHalf << lowBits) | lowHalf;
        }
        while (value >= (uint)count);
        return (int)value;
    }

    /// <summary>
    /// The batch of the next step, which needs <see cref="Filling"/> if its order is missing. An epoch covers the samples
    /// that were uploaded when it began, and its last batch may be smaller.
    /// </summary>
    public DrawnBatch BeginBatch()
    {
        if (generation != samples.Generation)   // cleared: the epoch's samples are gone
        {
            generation = samples.Generation;
            epoch += position > 0 ? 1 : 0;
            (count, position) = (0, 0);
        }

        if (position == count)
        {
            if (count > 0) epoch++;
            (count, position) = (samples.Uploaded, 0);
        }

        if (count == 0) return default;
        int batch = position / batchSize;
        int ahead = BatchesAfterChunkStart(batch);
        if (ahead < 0)
        {
            BeginFilling(batch);
            ahead = 0;
        }

        ConfirmNext(1);
        bool beginsEpoch = position == 0;
        OpenRows = Math.Min(batchSize, count - position);
        return new DrawnBatch(OpenRows, ahead * stride, epoch, beginsEpoch);
    }

    /// <summary>Records that some lines of the filling have been enqueued.</summary>
    public void NoteFilling() => isUncertain = confirmed.Length > 0;

    /// <summary>Records that all of them have.</summary>
    public void EndFilling() => NeedsFilling = false;

    /// <summary>
    /// Call before anything else in a call draws from the order or fills it: distrusts a filling of an earlier call, complete or not. From the open or next batch on, the processor replaces it, a part at a time before it is drawn.
    /// Allocates nothing.
    /// </summary>
    /// <returns>Whether the order is replaced, and so needs no filling.</returns>
    public bool Confirm()
    {
        if (!isUncertain) return false;
        isUncertain = NeedsFilling = false;
        usable = Math.Max(0, BatchesAfterChunkStart(MatrixShape.CeilingDivide(position, batchSize)));   // after the last batch of an epoch: the first of the next one
        if (OpenRows > 0) ConfirmNext(1);
        return true;
    }

    /// <summary>Call before these batches, beginning with the open one, are drawn in one dispatch: writes those whose filling is distrusted. <see cref="BeginBatch"/> does it for the batch that it opens.</summary>
    public void ConfirmNext(int batches)
    {
        int ahead = BatchesAfterChunkStart(position / batchSize), begin = Math.Max(usable, ahead), end = ahead + batches;
        if (end <= begin) return;
        end = Math.Min(batchesAhead, Math.Max(end, begin + (ConfirmedAtOnce / stride)));
        Span<uint> roundKeys = stackalloc uint[Rounds];
        for (int batch = begin; batch < end; batch++)
        {
            int ofEpoch = (chunkBatch + batch) % BatchesPerEpoch;
            if (batch == begin || ofEpoch == 0) FindRoundKeys(Seed, chunkEpoch + ((chunkBatch + batch) / BatchesPerEpoch), roundKeys);
            for (int i = 0; i < stride; i++) confirmed[(batch * stride) + i] = (uint)Permute(roundKeys, count, Math.Min((ofEpoch * batchSize) + i, count - 1));
        }

        order.Upload<uint>(confirmed.AsSpan(begin * stride, (end - begin) * stride), begin * stride / MatrixShape.ColumnsPerTexel);
        usable = end;
    }

    /// <summary>The batch was trained, and its samples may be overwritten.</summary>
    public void EndBatch()
    {
        position += OpenRows;
        OpenRows = 0;
    }

    /// <summary>The batch was not trained: it will be drawn again.</summary>
    public void AbandonBatch() => OpenRows = 0;

    /// <summary>The number of consecutive rows, starting at the given one, that no open step draws.</summary>
    public int RowsBeforeOpenOnes(int firstRow, int rows)
    {
        if (firstRow >= count) return rows;
        for (int i = 0; i < OpenRows && rows > 0; i++)
        {
            int row = RowAt(Seed, epoch, count, position + i);
            if (row >= firstRow && row - firstRow < rows) rows = row - firstRow;
        }

        return rows;
    }

    /// <summary>Restores the state of an order over a set with the same samples.</summary>
    public void Restore(SampleOrderState state)
    {
        (Seed, epoch, count, position) = (state.Seed, state.Epoch, state.Count, state.Position);
        generation = samples.Generation;
        (chunkCount, isUncertain) = (0, false);
        AbandonBatch();
    }

    /// <summary>Any thread may call it: the set, whose own thread may be looking through its orders, finds out when it does so next.</summary>
    public void Dispose()
    {
        isDisposed = true;
        order.Dispose();
    }

    /// <summary>The finalizer of MurmurHash3 (Appleby).</summary>
    private static uint MixBits(uint x)
    {
        unchecked
        {
            x = (x ^ (x >> 16)) * 0x85EBCA6B;
            x = (x ^ (x >> 13)) * 0xC2B2AE35;
            return x ^ (x >> 16);
        }
    }

    /// <summary>The index of the epoch's batch among those computed ahead; negative if it is not among them.</summary>
    private int BatchesAfterChunkStart(int batch)
    {
        if (chunkCount != count) return -1;
        long ahead = ((epoch - chunkEpoch) * BatchesPerEpoch) + batch - chunkBatch;
        return ahead >= 0 && ahead < batchesAhead ? (int)ahead : -1;
    }

    private int BatchesPerEpoch => MatrixShape.CeilingDivide(count, batchSize);

    private void BeginFilling(int batch)
    {
        (chunkEpoch, chunkCount, chunkBatch) = (epoch, count, batch);
        (sizes["count"], sizes["firstBatch"], sizes["seed"]) = (count, batch, Seed);
        (sizes["epochLow"], sizes["epochHigh"]) = unchecked(((int)epoch, (int)(epoch >> 32)));
        NeedsFilling = true;
        usable = batchesAhead;
    }
}
