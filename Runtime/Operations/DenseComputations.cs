namespace NeuralPlugin;

/// <summary>Y = X·W + b, and the following activation if it was fused.</summary>
/// <param name="Input">X.</param>
/// <param name="Parameters">W and, below it, b.</param>
/// <param name="Output">Y.</param>
/// <param name="Activation">The activation applied to Y; null for none.</param>
internal sealed record DenseForward(Operand Input, Operand Parameters, Operand Output, Activation? Activation = null) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("inputs", Input), MatrixBinding.Read("parameters", Parameters), MatrixBinding.Write("outputs", Output)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => SizesOf(Input.Shape, Output.Shape);

    public override IReadOnlyList<KernelArguments<float>> Scalars => Activation?.Scalars ?? [];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Slots((KernelSlot.Activation, Activation?.Include));

    public override long FloatingPointOperations => 2 * Input.Shape.Elements * Output.Shape.Columns;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.Forward(this);

    /// <summary>The sizes passed to all three products of a dense layer.</summary>
    public static IReadOnlyList<(string Name, int Value)> SizesOf(MatrixShape input, MatrixShape output) =>
        [("inputTexels", input.TexelsPerRow), ("outputTexels", output.TexelsPerRow), ("inputColumns", input.Columns)];
}

/// <summary>dX = dY·Wᵀ, and the derivative of the activation before the layer if it was fused.</summary>
/// <param name="OutputGradients">dY.</param>
/// <param name="Parameters">W and, below it, the biases.</param>
/// <param name="InputGradients">dX, or the gradient before the activation.</param>
/// <param name="Activation">The activation whose output X is; null if it was not fused.</param>
/// <param name="Activations">X, if there is an activation.</param>
internal sealed record DenseBackwardInput(
    Operand OutputGradients, Operand Parameters, Operand InputGradients, Activation? Activation = null, Operand? Activations = null) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("outputGradients", OutputGradients), MatrixBinding.Read("parameters", Parameters),
        MatrixBinding.Write("inputGradients", InputGradients),
        .. Activations is null ? Array.Empty<MatrixBinding>() : [MatrixBinding.Read("activations", Activations)],
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes => DenseForward.SizesOf(InputGradients.Shape, OutputGradients.Shape);

    public override IReadOnlyList<KernelArguments<float>> Scalars => Activation?.Scalars ?? [];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Slots((KernelSlot.Activation, Activation?.Include));

    public override long FloatingPointOperations => 2 * InputGradients.Shape.Elements * OutputGradients.Shape.Columns;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.BackwardInput(this);
}

/// <summary>
/// dW = Xᵀ·dY and db. With an update, the gradients go into it and are never stored; with a sum, an extra row of workgroups adds up the
/// losses of the batch.
/// </summary>
/// <param name="Input">X.</param>
/// <param name="OutputGradients">dY.</param>
/// <param name="Gradients">dW and, below it, db; not written if there is an update.</param>
/// <param name="Update">The update fused into it, if any.</param>
/// <param name="Sum">The sum of the losses fused into it, if any.</param>
internal sealed record DenseBackwardWeights(
    Operand Input, Operand OutputGradients, Operand Gradients, ParameterUpdate? Update = null, LossSum? Sum = null) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("inputs", Input), MatrixBinding.Read("outputGradients", OutputGradients),
        .. Update?.MatricesWithoutGradients ?? [MatrixBinding.Write("parameterGradients", Gradients)],
        .. Sum?.Matrices ?? [],
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes => DenseForward.SizesOf(Input.Shape, OutputGradients.Shape);

    public override IReadOnlyList<KernelArguments<float>> Scalars => Update?.Scalars ?? [];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Update?.Includes ?? [];

    public override IReadOnlyList<(string Name, int Value)> Constants =>
        [.. Update is null ? Array.Empty<(string, int)>() : [("UPDATE", 1), .. Update.Constants], .. Sum?.Constants ?? []];

    public override IReadOnlyList<UnrolledMacro> Macros => Update?.Macros ?? [];

    public override long FloatingPointOperations => 2 * Input.Shape.Elements * OutputGradients.Shape.Columns;

    public override bool Updates => Update is not null;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.BackwardWeights(this);
}
