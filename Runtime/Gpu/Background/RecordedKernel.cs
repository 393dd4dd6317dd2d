using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// A kernel whose runs another thread carries out later. A dispatch is asked for its operands when it runs (pairs of matrices swap, learning rates change),
/// so a run records them at the moment of the call, and the other thread runs a copy of the dispatch that is set to the record.
/// </summary>
internal sealed class RecordedKernel : CompiledKernel
{
    /// <summary>How long a piece of it runs before the thread checks whether another one waits.</summary>
    private const double PieceMilliseconds = 0.2;

    /// <summary>The weight of a measurement that is faster than the estimate; a slower one replaces it at once.</summary>
    private const double FollowDown = 0.25;

    private static readonly double PieceTicks = PieceMilliseconds / 1000 * Stopwatch.Frequency;

    private readonly SetOperand[] operands;
    private readonly int wordCount;
    private double ticksOfALine = PieceTicks / 4;   // a guess, until it has run

    /// <param name="source">The dispatch that is called.</param>
    public RecordedKernel(Dispatch source)
    {
        Source = source;
        operands = [.. source.Matrices.Select(matrix => new SetOperand(matrix.Operand)), .. source.Textures.Select(texture => new SetOperand(texture.Operand))];
        Copy = new Dispatch(
            source.Source,
            [.. source.Matrices.Select((matrix, i) => matrix with { Operand = operands[i] })],
            [.. source.Sizes.Select(sizes => sizes.Copy())],
            source.Grid,
            [.. source.Scalars.Select(scalars => scalars.Copy())],
            [.. source.Textures.Select((texture, i) => texture with { Operand = operands[source.Matrices.Length + i] })]);
        wordCount = Copy.Sizes.Sum(sizes => sizes.Names.Count) + Copy.Scalars.Sum(scalars => scalars.Names.Count);
    }

    /// <summary>The dispatch that is called.</summary>
    public Dispatch Source { get; }

    /// <summary>The dispatch that the other thread runs.</summary>
    public Dispatch Copy { get; }

    /// <summary>The number of storages in a record.</summary>
    public int StorageCount => operands.Length;

    /// <summary>The number of bytes in a record.</summary>
    public int ByteCount => wordCount * sizeof(int);

    /// <summary>Records the dispatch's current operands. Allocates nothing.</summary>
    public void Record(Span<MatrixStorage?> storages, Span<byte> bytes)
    {
        int at = 0;
        foreach (MatrixBinding matrix in Source.Matrices) storages[at++] = matrix.Operand.Storage;
        foreach (TextureBinding texture in Source.Textures) storages[at++] = texture.Operand.Storage;
        foreach (KernelArguments<int> sizes in Source.Sizes) bytes = Append(sizes.Values, bytes);
        foreach (KernelArguments<float> scalars in Source.Scalars) bytes = Append(scalars.Values, bytes);
        Copy.NeedsBarrier = Source.NeedsBarrier;   // a plan places it once, before it first runs
    }

    /// <summary>Gets the kernel of the copy ready, on the thread that runs it.</summary>
    public void Resolve(IComputeBackend backend) => Copy.Kernel ??= backend.GetKernel(Copy);

    /// <summary>Sets the copy to a record, on the thread that runs it.</summary>
    public void Set(ReadOnlySpan<MatrixStorage?> storages, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < operands.Length; i++) operands[i].Set(((BackgroundMatrix)storages[i]!).Inner);
        foreach (KernelArguments<int> sizes in Copy.Sizes) bytes = Take(sizes, bytes);
        foreach (KernelArguments<float> scalars in Copy.Scalars) bytes = Take(scalars, bytes);
    }

    /// <summary>The number of lines to run in a piece, of those that are left.</summary>
    public int LinesOfPiece(int left) => Math.Min(left, Math.Max(1, (int)(PieceTicks / ticksOfALine)));

    /// <summary>Updates the estimate of the time per line.</summary>
    public void Observe(int lines, long ticks)
    {
        double now = Math.Max(1, (double)ticks / Math.Max(1, lines));
        ticksOfALine = now > ticksOfALine ? now : ticksOfALine + ((now - ticksOfALine) * FollowDown);
    }

    private static Span<byte> Append<T>(ReadOnlySpan<T> values, Span<byte> bytes) where T : unmanaged
    {
        ReadOnlySpan<byte> from = MemoryMarshal.AsBytes(values);
        from.CopyTo(bytes);
        return bytes[from.Length..];
    }

    private static ReadOnlySpan<byte> Take<T>(KernelArguments<T> arguments, ReadOnlySpan<byte> bytes) where T : unmanaged
    {
        int length = arguments.Names.Count * sizeof(int);
        arguments.Set(MemoryMarshal.Cast<byte, T>(bytes[..length]));
        return bytes[length..];
    }

    /// <summary>Any storage: the one to which it was last set.</summary>
    private sealed class SetOperand(Operand source) : Operand
    {
        private MatrixStorage? storage;

        public override MatrixShape Shape { get; } = source.Shape;

        public override TexelFormat Format { get; } = source.Format;

        public override MatrixStorage Storage => storage!;

        public override bool IsUsable => storage is { IsRetired: false };

        public void Set(MatrixStorage value) => storage = value;
    }
}
