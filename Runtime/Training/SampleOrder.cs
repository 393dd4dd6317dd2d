using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The order in which a trainer draws its samples: in each epoch a permutation of those that were there when it began, chosen by
/// the seed, the same on every machine. It lies on the GPU, some batches at a time, so that no step uploads anything.
/// </summary>
internal sealed class SampleOrder : IDisposable
{
    private const int GroupSize = 32;
    /// <summary>Positions that are made at once, so that few steps begin with a dispatch for it.</summary>
    private const int ChunkPositions = 4096;

    /// <summary>Tiles of kernels reach past the batch.</summary>
    private const int Margin = 16;

    private readonly TrainingSet samples;
    private readonly int seed;
    private readonly int batchSize;
    private readonly int chunkBatches;
    private readonly MatrixTexture texture;
    private readonly Dispatch fill;
    private EpochPermutation permutation;
    private int generation = -1;
    private int position;
    private int chunkBatch;
    private bool hasChunk;
    private long epoch = -1;

    public SampleOrder(TrainingSet samples, int seed, int batchSize)
    {
        this.samples = samples;
        this.seed = seed;
        this.batchSize = batchSize;
        int strideTexels = MatrixShape.Texels(batchSize);
        chunkBatches = Math.Max(1, ChunkPositions / (strideTexels * MatrixShape.ColumnsPerTexel));
        int texels = chunkBatches * strideTexels;
        texture = new MatrixTexture(
            samples.Device, samples.Device.Shape(texels + Margin, MatrixShape.ColumnsPerTexel, "The order of samples"), TexelFormat.UnsignedInteger);
        fill = new Dispatch(
            new KernelSource("sample_order_chunk.comp", ("GROUP_SIZE", GroupSize), ("ROUNDS", EpochPermutation.Rounds)), [new ImageBinding(texture, ImageAccess.Write)],
            [texels, strideTexels, batchSize, 0, 0, 0, 0, 0], new DispatchGrid(MatrixShape.CeilingDivide(texels, GroupSize)));
        fill.Kernel = samples.Device.GetKernel(fill.Source);
        Source = samples.Draw(texture, batchSize);
        samples.Register(this);
    }

    public BatchSource Source { get; }

    /// <summary>Rows of the batch that was begun; 0 where none is open.</summary>
    public int OpenRows { get; private set; }

    /// <summary>Epochs that are over, and the part of the one that is not.</summary>
    public double Epochs => epoch < 0 ? 0 : epoch + ((double)position / permutation.Count);

    /// <summary>The next batch. An epoch's last one has what is left of it.</summary>
    public DrawnBatch BeginBatch()
    {
        if (epoch < 0 || position >= permutation.Count || generation != samples.Generation) BeginEpoch();
        int batch = position / batchSize;
        if (!hasChunk || batch >= chunkBatch + chunkBatches) Fill(batch);
        OpenRows = Math.Min(batchSize, permutation.Count - position);
        return new DrawnBatch(OpenRows, (batch - chunkBatch) * texture.Shape.Columns * MatrixShape.Texels(batchSize));
    }

    /// <summary>The batch was trained.</summary>
    public void EndBatch()
    {
        position += OpenRows;
        OpenRows = 0;
    }

    /// <summary>The batch was not trained: it comes again.</summary>
    public void AbandonBatch() => OpenRows = 0;

    /// <summary>What was to lie on the GPU does not.</summary>
    public void Regenerate() => hasChunk = false;

    /// <summary>The row of a sample of the open batch.</summary>
    public int RowAt(int sample) => (int)permutation.RowAt((uint)(position + sample));

    public void Dispose()
    {
        samples.Unregister(this);
        texture.Dispose();
    }

    private void BeginEpoch()
    {
        epoch++;
        position = 0;
        generation = samples.Generation;
        permutation = new EpochPermutation(samples.UploadedCount, seed, epoch);
        hasChunk = false;
    }

    private void Fill(int batch)
    {
        chunkBatch = batch;
        hasChunk = true;
        fill.Sizes[3] = batch * batchSize;
        fill.Sizes[4] = permutation.Count;
        fill.Sizes[5] = permutation.LowBits;
        fill.Sizes[6] = permutation.HighBits;
        fill.Sizes[7] = (int)permutation.Key;
        samples.Device.Run(fill, 0, default, 0, fill.Grid.Lines(0));
        samples.Device.MakeWritesVisible();
    }
}

/// <summary>A batch that a step draws: its rows, and where it begins in the order.</summary>
internal readonly record struct DrawnBatch(int Rows, int FirstSample);

/// <summary>A permutation of [0, count), by integer arithmetic alone; Shaders/sample_order_chunk.comp says how, and does the same.</summary>
internal readonly record struct EpochPermutation
{
    public const int Rounds = 8;
    private const uint GoldenRatio = 0x9e3779b9;   // spreads consecutive seeds and epochs

    public EpochPermutation(int count, int seed, long epoch)
    {
        Count = count;
        int bits = Math.Max(2, BitOperations.Log2((uint)Math.Max(1, count - 1)) + 1);
        LowBits = bits / 2;
        HighBits = bits - LowBits;
        Key = Mixed(unchecked(((uint)seed * GoldenRatio) ^ Mixed((uint)epoch + GoldenRatio)));
    }

    public int Count { get; }

    public int LowBits { get; }

    public int HighBits { get; }

    public uint Key { get; }

    /// <summary>Which of the samples is drawn at a position of the epoch.</summary>
    public uint RowAt(uint position)
    {
        uint lowMask = (1u << LowBits) - 1, highMask = (1u << HighBits) - 1, value = position;
        do
        {
            uint low = value & lowMask, high = value >> LowBits;
            for (uint i = 0; i < Rounds; i += 2)
            {
                high ^= Mixed(low ^ Mixed(Key + i)) & highMask;
                low ^= Mixed(high ^ Mixed(Key + i + 1)) & lowMask;
            }

            value = (high << LowBits) | low;
        }
        while (value >= (uint)Count);
        return value;
    }

    private static uint Mixed(uint value)
    {
        value = unchecked((value ^ (value >> 16)) * 0x85ebca6b);
        value = unchecked((value ^ (value >> 13)) * 0xc2b2ae35);
        return value ^ (value >> 16);
    }
}
