namespace NeuralPlugin;

/// <summary>
/// A verified case's batch: handed over, or drawn by the kernels from more samples than it has; its features floats, or bytes that stand for value / 255. Whichever it is, the twin
/// gets the same numbers.
/// </summary>
internal sealed class VerifiedBatch : IDisposable
{
    /// <summary>Samples of a set by those of a batch.</summary>
    private const int SamplesByRow = 2;

    /// <summary>Where the batch begins in the order: at a whole texel, and not the first.</summary>
    private const int FirstSample = MatrixShape.ColumnsPerTexel;

    /// <summary>Texels that kernels look up past the batch.</summary>
    private const int Margin = 16;

    private readonly VerifiedCase verified;
    private readonly int[] rowOf;
    private readonly float[] features;
    private readonly int[] labels;
    private readonly PlannedMatrix? sampleFeatures;
    private readonly PlannedMatrix? sampleTargets;
    private readonly PlannedMatrix? order;

    public VerifiedBatch(VerifiedCase verified, SeededRandom random)
    {
        this.verified = verified;
        int samples = verified.IsDrawn ? SamplesByRow * verified.Rows : verified.Rows;
        rowOf = [.. Enumerable.Range(0, verified.Rows).Select(i => verified.IsDrawn ? (samples - 1 - i) : i)];
        labels = [.. Enumerable.Range(0, samples).Select(_ => random.NextInt32(verified.Outputs))];
        features = [.. Enumerable.Range(0, samples * verified.Inputs).Select(_ => verified.IsOfBytes ? random.NextInt32(256) : random.NextSingle() - 0.5f)];
        if (!verified.IsDrawn) return;
        sampleFeatures = new PlannedMatrix(new MatrixShape(samples, verified.Inputs), "Samples", Format);
        sampleTargets = new PlannedMatrix(new MatrixShape(samples, new LabelTargets(verified.Outputs).WordsPerRow), "Targets", TexelFormat.UnsignedInteger);
        order = new PlannedMatrix(
            new MatrixShape(MatrixShape.Texels(FirstSample + verified.Rows) + Margin, MatrixShape.ColumnsPerTexel), "The order of samples", TexelFormat.UnsignedInteger);
        Source = new BatchSource(new DrawnRows(sampleFeatures, verified.Rows), new DrawnRows(sampleTargets, verified.Rows), order);
        Source.BeginBatch(FirstSample);
    }

    /// <summary>The source of a drawn batch; null for one that is handed over.</summary>
    public BatchSource? Source { get; }

    /// <summary>The format of a batch's features.</summary>
    public TexelFormat Format => verified.IsOfBytes ? TexelFormat.Byte : TexelFormat.Float;

    /// <summary>The features as the twin sees them.</summary>
    public IEnumerable<double> Inputs => rowOf.SelectMany(row => features.Skip(row * verified.Inputs).Take(verified.Inputs)).Select(value => verified.IsOfBytes ? value / 255.0 : value);

    /// <summary>The label of each row.</summary>
    public int[] Labels => [.. rowOf.Select(row => labels[row])];

    /// <summary>Uploads the batch, or the samples and the order that it is drawn in. The graph's matrices exist.</summary>
    public void Upload(NeuralDevice device, ComputationGraph graph)
    {
        foreach (PlannedMatrix? matrix in new[] { sampleFeatures, sampleTargets, order }) matrix?.Realize(device);
        UploadFeatures((sampleFeatures ?? (PlannedMatrix)graph.Input).Texture);
        if ((sampleTargets ?? graph.Targets) is PlannedMatrix { IsRealized: true } targets)
            new TargetStaging(new LabelTargets(verified.Outputs)).Upload(BatchTargets.OfLabels(labels), labels.Length, targets.Texture);
        if (order is null) return;
        uint[] rows = new uint[order.Shape.Elements];
        for (int i = 0; i < rowOf.Length; i++) rows[FirstSample + i] = (uint)rowOf[i];
        order.Texture.Upload<uint>(rows);
    }

    /// <summary>Makes a feature of the first row a NaN.</summary>
    public void Spoil(ComputationGraph graph)
    {
        features[rowOf[0] * verified.Inputs] = float.NaN;
        UploadFeatures((sampleFeatures ?? (PlannedMatrix)graph.Input).Texture);
    }

    public void Dispose()
    {
        foreach (PlannedMatrix? matrix in new[] { sampleFeatures, sampleTargets, order }) matrix?.Dispose();
    }

    private void UploadFeatures(MatrixTexture matrix)
    {
        if (verified.IsOfBytes) matrix.Upload<byte>([.. features.Select(value => (byte)value)]);
        else matrix.Upload<float>(features);
    }
}

/// <summary>A step or a prediction that reaches some kernels.</summary>
/// <param name="Name">What it is, in words.</param>
/// <param name="Rows">Rows of the batch.</param>
/// <param name="Inputs">Features.</param>
/// <param name="Hidden">Units of the first layer.</param>
/// <param name="Outputs">Classes.</param>
/// <param name="Optimizer">The optimizer of a step; null for a prediction.</param>
/// <param name="IsFused">Whether it runs in as few dispatches as the family can.</param>
internal sealed record VerifiedCase(string Name, int Rows, int Inputs, int Hidden, int Outputs, Optimizer? Optimizer, bool IsFused)
{
    /// <summary>Whether its kernels draw the batch.</summary>
    public bool IsDrawn { get; init; }

    /// <summary>Whether its features are bytes.</summary>
    public bool IsOfBytes { get; init; }

    /// <summary>Whether it is one of a log, as steps are that nobody waits for.</summary>
    public bool IsLogged { get; init; }

    /// <summary>Whether a prediction is of raw outputs in place of probabilities.</summary>
    public bool IsOfOutputs { get; init; }

    public override string ToString() => $"{Name}, {Rows} × {Inputs}-{Hidden}-{Outputs}";
}
