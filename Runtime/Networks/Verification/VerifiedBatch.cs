namespace NeuralPlugin;

/// <summary>
/// A verified case's batch, or the batches of its steps: handed over, or drawn by the kernels from more samples than it has; its features floats, or bytes that stand for value / 255. Whichever it
/// is, the twin gets the same numbers.
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
    private readonly int[][] rowsOf;   // the sample of each row of each batch
    private readonly float[] made;
    private readonly float[] features;
    private readonly int[] labels;
    private readonly float[] values;
    private readonly TargetLayout layout;
    private readonly PlannedMatrix? sampleFeatures;
    private readonly PlannedMatrix? sampleTargets;
    private readonly PlannedMatrix? order;

    public VerifiedBatch(VerifiedCase verified, SeededRandom random)
    {
        this.verified = verified;
        Epoch = new EpochBatches((verified.Steps * verified.Rows) - (verified.Steps > 1 ? verified.Rows / 2 : 0), verified.Rows, Batch: 0);
        int samples = verified.IsDrawn ? SamplesByRow * Epoch.Samples : verified.Rows;
        rowsOf = [.. Enumerable.Range(0, Epoch.Samples).Select(i => verified.IsDrawn ? samples - 1 - i : i).ToArray().Chunk(verified.Rows)];
        labels = [.. Enumerable.Range(0, samples).Select(_ => random.NextInt32(verified.Outputs))];
        layout = verified.Loss.TargetsFor(verified.Outputs);
        values = layout is LabelTargets ? [] : [.. Enumerable.Range(0, samples * verified.Outputs).Select(_ => random.NextSingle() - 0.5f)];
        made = [.. Enumerable.Range(0, samples * verified.Inputs).Select(_ => verified.IsOfBytes ? random.NextInt32(256) : random.NextSingle() - 0.5f)];
        features = [.. made];
        if (!verified.IsDrawn) return;
        sampleFeatures = new PlannedMatrix(new MatrixShape(samples, verified.Inputs), "Samples", Format);
        sampleTargets = new PlannedMatrix(new MatrixShape(samples, layout.WordsPerRow), "Targets", TexelFormat.UnsignedInteger);
        order = new PlannedMatrix(
            new MatrixShape(MatrixShape.Texels(FirstSampleOf(rowsOf.Length)) + Margin, MatrixShape.ColumnsPerTexel), "The order of samples", TexelFormat.UnsignedInteger);
        Source = new BatchSource(new DrawnRows(sampleFeatures, verified.Rows), new DrawnRows(sampleTargets, verified.Rows), order);
        Source.BeginBatch(FirstSample);
    }

    /// <summary>The batches of consecutive steps, the last of which is smaller than the others; a single one for a case of one step.</summary>
    public EpochBatches Epoch { get; }

    /// <summary>The source of a drawn batch; null for one that is handed over.</summary>
    public BatchSource? Source { get; }

    /// <summary>The format of a batch's features.</summary>
    public TexelFormat Format => verified.IsOfBytes ? TexelFormat.Byte : TexelFormat.Float;

    /// <summary>The features of a step's batch as the twin sees them.</summary>
    public IEnumerable<double> InputsOf(int step) =>
        rowsOf[step].SelectMany(row => features.Skip(row * verified.Inputs).Take(verified.Inputs)).Select(value => verified.IsOfBytes ? value / 255.0 : value);

    /// <summary>The label of each row of a step's batch.</summary>
    public int[] LabelsOf(int step) => [.. rowsOf[step].Select(row => labels[row])];

    /// <summary>The target values of a step's batch; none of a loss of labels.</summary>
    public float[] ValuesOf(int step) => values.Length == 0 ? [] : [.. rowsOf[step].SelectMany(row => values.Skip(row * verified.Outputs).Take(verified.Outputs))];

    /// <summary>Uploads the batch, or the samples and the order that it is drawn in. The graph's matrices exist.</summary>
    public void Upload(NeuralDevice device, ComputationGraph graph)
    {
        foreach (PlannedMatrix matrix in new[] { sampleFeatures, sampleTargets, order }.OfType<PlannedMatrix>().Where(matrix => !matrix.IsRealized)) matrix.Realize(device);   // once, however often it is uploaded
        UploadFeatures((sampleFeatures ?? (PlannedMatrix)graph.Input).Texture);
        if ((sampleTargets ?? graph.Targets) is PlannedMatrix { IsRealized: true } targets)
            new TargetStaging(layout).Upload(layout is LabelTargets ? BatchTargets.OfLabels(labels) : BatchTargets.OfValues(values), labels.Length, targets.Texture);
        if (order is null) return;
        uint[] rows = new uint[order.Shape.Elements];
        for (int step = 0; step < rowsOf.Length; step++)
        {
            for (int i = 0; i < rowsOf[step].Length; i++) rows[FirstSampleOf(step) + i] = (uint)rowsOf[step][i];
        }

        order.Texture.Upload<uint>(rows);
    }

    /// <summary>Makes the first feature of all samples 0, but this value in the first row of a step's batch. The graph's matrices exist.</summary>
    public void Spoil(ComputationGraph graph, float value, int step = 0)
    {
        made.CopyTo(features, 0);
        for (int i = 0; i < features.Length; i += verified.Inputs) features[i] = 0;
        features[rowsOf[step][0] * verified.Inputs] = value;
        UploadFeatures((sampleFeatures ?? (PlannedMatrix)graph.Input).Texture);
    }

    public void Dispose()
    {
        foreach (PlannedMatrix? matrix in new[] { sampleFeatures, sampleTargets, order }) matrix?.Dispose();
    }

    private int FirstSampleOf(int step) => FirstSample + (step * MatrixShape.Texels(verified.Rows) * MatrixShape.ColumnsPerTexel);

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
/// <param name="Hidden">Units of the first layer; 0 for a network of one layer.</param>
/// <param name="Outputs">Classes.</param>
/// <param name="Optimizer">The optimizer of a step; null for a prediction.</param>
/// <param name="IsFused">Whether it runs in as few dispatches as the family can.</param>
internal sealed record VerifiedCase(string Name, int Rows, int Inputs, int Hidden, int Outputs, Optimizer? Optimizer, bool IsFused)
{
    /// <summary>The activation after the first layer.</summary>
    public Activation Activation { get; init; } = new Relu();

    /// <summary>The loss of a step.</summary>
    public Loss Loss { get; init; } = Loss.OfLabels;

    /// <summary>Whether its kernels draw the batch.</summary>
    public bool IsDrawn { get; init; }

    /// <summary>Whether its features are bytes.</summary>
    public bool IsOfBytes { get; init; }

    /// <summary>Whether it is one of a log, as steps are that nobody waits for.</summary>
    public bool IsLogged { get; init; }

    /// <summary>The consecutive steps that it has where a family runs several in a dispatch.</summary>
    public int Steps { get; init; } = 1;

    /// <summary>Whether no matrix has room for the parts of a layer's sums, so that one dispatch adds them, as for a batch that is large enough to fill a card.</summary>
    public bool KeepsPartsTogether { get; init; }

    /// <summary>Whether a prediction is of raw outputs in place of probabilities.</summary>
    public bool IsOfOutputs { get; init; }

    /// <summary>Whether it is one of the few that a quick verification has.</summary>
    public bool IsQuick { get; init; }

    /// <summary>A family's kernels for it.</summary>
    public FamilyKernels KernelsOf(KernelFamily family, DeviceLimits limits) => family.For(KeepsPartsTogether ? limits with { MostStorageBytes = 0 } : limits);

    /// <summary>Its dispatches, with nothing made.</summary>
    public IEnumerable<Dispatch> Plan(FamilyKernels kernels)
    {
        using VerifiedStep step = new(this, kernels, new SeededRandom(seed: 0));
        return step.Dispatches;
    }

    public override string ToString() => $"{Name}, {Rows} × {Inputs}-{(Hidden == 0 ? "" : $"{Hidden}-")}{Outputs}";
}
