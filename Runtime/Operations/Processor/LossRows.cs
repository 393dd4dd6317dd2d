namespace NeuralPlugin;

/// <summary>Some rows of a batch whose losses are computed together, on the processor.</summary>
internal readonly unsafe ref struct LossRows
{
    /// <summary>The outputs of the network, [rows × stride], the padding included.</summary>
    public float* Outputs { get; init; }

    /// <summary>The distance between rows of the outputs, and of the gradients.</summary>
    public int Stride { get; init; }

    /// <summary>The address of each row's target.</summary>
    public uint** Targets { get; init; }

    /// <summary>Words of a target, its padding included.</summary>
    public int TargetStride { get; init; }

    /// <summary>The number of outputs without padding.</summary>
    public int OutputCount { get; init; }

    /// <summary>The number of rows.</summary>
    public int Count { get; init; }

    /// <summary>Rows of the complete batch, over which the loss is the mean.</summary>
    public int BatchRows { get; init; }

    /// <summary>[rows × stride], written, with zeros as padding; null for none.</summary>
    public float* Gradients { get; init; }

    /// <summary>[rows], written.</summary>
    public RowLoss* Results { get; init; }

    public ref RowLoss Result(int row) => ref Results[row];

    public ReadOnlySpan<float> OutputsOf(int row) => new(Outputs + ((nint)row * Stride), Stride);

    public ReadOnlySpan<uint> TargetOf(int row) => new(Targets[row], TargetStride);

    public Span<float> GradientsOf(int row) => Gradients == null ? default : new Span<float>(Gradients + ((nint)row * Stride), Stride);
}
