namespace NeuralPlugin;

/// <summary>Kernels that are the same in all families: they have no sums, or sums in a fixed order.</summary>
internal static class CommonKernels
{
    private const int GroupSize = 32;
    private const int RowsPerInvocation = 4;

    /// <summary>One row per invocation.</summary>
    /// <param name="fileName">The shader.</param>
    /// <param name="method">The equivalent method, taking the given number of rows per line.</param>
    public static KernelChoice RowByRow(string fileName, Func<Dispatch, int, ProcessorKernel> method) => new(
        new KernelSource(fileName, ("GROUP_SIZE", GroupSize)) { Method = dispatch => method(dispatch, GroupSize) }, new DispatchGrid(1, RowsPerGroupX: GroupSize));

    /// <summary>One texel of several rows per invocation.</summary>
    /// <param name="fileName">The shader.</param>
    /// <param name="shape">The shape of the matrices.</param>
    /// <param name="method">The equivalent method, taking the given number of rows per line.</param>
    public static KernelChoice ElementByElement(string fileName, MatrixShape shape, Func<Dispatch, int, ProcessorKernel> method) => new(
        new KernelSource(fileName, ("GROUP_SIZE", GroupSize), ("ROWS_PER_INVOCATION", RowsPerInvocation)) { Method = dispatch => method(dispatch, RowsPerInvocation) },
        new DispatchGrid(MatrixShape.CeilingDivide(shape.TexelsPerRow, GroupSize), RowsPerGroupY: RowsPerInvocation));
}

/// <summary>Y = f(X), element by element.</summary>
internal sealed record ActivationForward(Activation Activation, Operand Input, Operand Output) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices => [MatrixBinding.Read("inputs", Input), MatrixBinding.Write("outputs", Output)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("texelsPerRow", Input.Shape.TexelsPerRow)];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Activation.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Activation, Activation.Include)];

    public override KernelChoice? KernelOf(FamilyKernels kernels)
    {
        Activation activation = Activation;
        return CommonKernels.ElementByElement(
            "activation_forward.comp", Input.Shape, (dispatch, rowsPerLine) => new ActivationForwardKernel(dispatch, activation, rowsPerLine));
    }
}

/// <summary>dX = g(dY, Y), element by element.</summary>
internal sealed record ActivationBackward(Activation Activation, Operand Output, Operand OutputGradients, Operand InputGradients) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("outputs", Output), MatrixBinding.Read("outputGradients", OutputGradients),
        MatrixBinding.Write("inputGradients", InputGradients),
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("texelsPerRow", Output.Shape.TexelsPerRow)];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Activation.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Activation, Activation.Include)];

    public override KernelChoice? KernelOf(FamilyKernels kernels)
    {
        Activation activation = Activation;
        return CommonKernels.ElementByElement(
            "activation_backward.comp", Output.Shape, (dispatch, rowsPerLine) => new ActivationBackwardKernel(dispatch, activation, rowsPerLine));
    }
}

/// <summary>Probabilities from logits, for predictions: p_j = exp(z_j − max z) / Σ exp(z − max z), row by row.</summary>
internal sealed record SoftmaxForward(Operand Logits, Operand Probabilities) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices => [MatrixBinding.Read("logits", Logits), MatrixBinding.Write("probabilities", Probabilities)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("classTexels", Logits.Shape.TexelsPerRow), ("classes", Logits.Shape.Columns)];

    public override KernelChoice? KernelOf(FamilyKernels kernels) => CommonKernels.RowByRow(
        "softmax_forward.comp", (dispatch, rowsPerLine) => new SoftmaxForwardKernel(dispatch, rowsPerLine));
}
