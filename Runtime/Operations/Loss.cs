namespace NeuralPlugin;

/// <summary>
/// The loss to minimize: the mean over a batch of a loss of each sample's outputs against its target. It owns the layout of the targets
/// and, on the GPU, an include with <c>beginLoss</c>, <c>rowLoss</c> and <c>outputGradient</c> (and <c>policyLoss</c>, if it has a <see cref="RateGuide"/>) for the kernels of the last layer.
/// For a row, <c>rowLoss</c> returns what the log of a step adds up: the loss, and 1 if the prediction is correct or, with a
/// <see cref="RateGuide"/>, the divergence. It is an immutable description.
/// </summary>
public abstract record Loss
{
    /// <summary>The interleaved parts of the sum over a batch.</summary>
    internal const int Parts = 64;

    private protected Loss()
    {
    }

    /// <summary>Its name in files and in a <see cref="NetworkCost"/>.</summary>
    internal abstract string Name { get; }

    /// <summary>The include for a kernel's slot LOSS.</summary>
    internal abstract string Include { get; }

    /// <summary>The include's constants.</summary>
    internal virtual IReadOnlyList<(string Name, int Value)> Constants => [];

    /// <summary>Its hyperparameters, by their names in files; the include declares scalars of the same names in camel case.</summary>
    internal virtual IReadOnlyList<(string Name, float Value)> Hyperparameters => [];

    /// <summary>The scalars that the include declares.</summary>
    internal virtual IReadOnlyList<KernelArguments<float>> Scalars => [];

    /// <summary>Whether a prediction is correct or not, so that correct ones can be counted.</summary>
    internal abstract bool CountsCorrect { get; }

    /// <summary>Whether the outputs are logits of classes, so that a prediction is their softmax.</summary>
    internal virtual bool OutputsAreLogits => false;

    /// <summary>How the divergence that it reports with each row's loss moves the learning rate; null for a loss that reports none.</summary>
    internal virtual RateGuide? RateGuide => null;

    /// <summary>The policy's share of a guided loss, from the means over a batch of what it gives for a row; NaN for a loss without a guide.</summary>
    internal virtual float PolicyLossOf(RowLoss means) => float.NaN;

    /// <summary>The layout of the targets of samples with the given number of outputs.</summary>
    internal abstract TargetLayout TargetsFor(int outputs);

    /// <summary>The include's counterpart on the processor: the loss of a row and, if wanted, the gradients of the mean loss by its outputs.</summary>
    /// <param name="outputs">A row of the network's outputs, with its padding.</param>
    /// <param name="target">Its target, as packed by <see cref="TargetLayout"/>.</param>
    /// <param name="count">The number of outputs without padding.</param>
    /// <param name="rows">Rows of the batch over which the loss is the mean.</param>
    /// <param name="gradients">As long as the outputs, written; empty for none.</param>
    internal abstract RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients);

    /// <summary>The same for several rows, all treated alike; kernels call this.</summary>
    internal virtual void ComputeRows(in LossRows rows)
    {
        for (int row = 0; row < rows.Count; row++)
            rows.Result(row) = ComputeRow(rows.OutputsOf(row), rows.TargetOf(row), rows.OutputCount, rows.BatchRows, rows.GradientsOf(row));
    }

    /// <summary>The losses of rows, then their sum over the batch.</summary>
    internal IEnumerable<Computation> Forward(Operand outputs, Operand targets, Operand rowLosses, Operand batchLoss)
    {
        yield return new LossForward(this, outputs, targets, rowLosses);
        yield return new LossSum(rowLosses, batchLoss);
    }

    internal IEnumerable<Computation> Backward(Operand outputs, Operand targets, Operand outputGradients)
    {
        yield return new LossBackward(this, outputs, targets, outputGradients);
    }

    /// <summary>The default loss of labels: plain cross-entropy.</summary>
    internal static Loss OfLabels { get; } = new SoftmaxCrossEntropy();

    /// <summary>The default loss of values: the mean squared error.</summary>
    internal static Loss OfValues { get; } = new MeanSquaredError();

    /// <summary>The losses that files can name.</summary>
    internal static IReadOnlyList<LossFormat> Formats => [SoftmaxCrossEntropy.Format, MeanSquaredError.Format, HuberLoss.Format];

    /// <summary>The loss of a file that names none, because it is older than the other losses.</summary>
    internal static LossFormat UnnamedFormat => SoftmaxCrossEntropy.Format;
}

/// <summary>How a loss is read from a file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Hyperparameters">Their names.</param>
/// <param name="Make">Makes it from them.</param>
internal sealed record LossFormat(string Name, IReadOnlyList<string> Hyperparameters, Func<Func<string, float>, Loss> Make);

/// <summary>The loss L_i of each row, and whether its prediction is correct.</summary>
internal sealed record LossForward(Loss Loss, Operand Outputs, Operand Targets, Operand RowLosses) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("networkOutputs", Outputs), MatrixBinding.Read("targets", Targets), MatrixBinding.Write("rowLosses", RowLosses)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => SizesOf(Loss, Outputs);

    public override IReadOnlyList<KernelArguments<float>> Scalars => Loss.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Loss, Loss.Include)];

    public override IReadOnlyList<(string Name, int Value)> Constants => Loss.Constants;

    public override bool FindsLosses => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels)
    {
        (Loss loss, int count) = (Loss, Outputs.Shape.Columns);
        return CommonKernels.RowByRow("loss_forward.comp", (dispatch, rowsPerLine) => new LossKernel(dispatch, loss, count, rowsPerLine));
    }

    public static IReadOnlyList<(string Name, int Value)> SizesOf(Loss loss, Operand outputs) =>
        [.. loss.TargetsFor(outputs.Shape.Columns).Sizes, ("networkTexels", outputs.Shape.TexelsPerRow)];
}

/// <summary>The mean loss of a batch, and the number of its correct predictions.</summary>
internal sealed record LossSum(Operand RowLosses, Operand BatchLoss) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices => [MatrixBinding.Read("rowLosses", RowLosses), MatrixBinding.Write("batchLoss", BatchLoss)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [];

    public override IReadOnlyList<(string Name, int Value)> Constants => [("LOSS_PARTS", Loss.Parts)];

    public override KernelChoice? KernelOf(FamilyKernels kernels) =>
        new(new KernelSource("loss_sum.comp", ("GROUP_SIZE", Loss.Parts)) { Method = dispatch => new LossSumKernel(dispatch) }, new DispatchGrid(1));
}

/// <summary>The gradient of the mean loss by the outputs.</summary>
internal sealed record LossBackward(Loss Loss, Operand Outputs, Operand Targets, Operand OutputGradients) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("networkOutputs", Outputs), MatrixBinding.Read("targets", Targets), MatrixBinding.Write("networkGradients", OutputGradients)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => LossForward.SizesOf(Loss, Outputs);

    public override IReadOnlyList<KernelArguments<float>> Scalars => Loss.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Loss, Loss.Include)];

    public override IReadOnlyList<(string Name, int Value)> Constants => Loss.Constants;

    public override KernelChoice? KernelOf(FamilyKernels kernels)
    {
        (Loss loss, int count) = (Loss, Outputs.Shape.Columns);
        return CommonKernels.RowByRow("loss_backward.comp", (dispatch, rowsPerLine) => new LossKernel(dispatch, loss, count, rowsPerLine));
    }
}
