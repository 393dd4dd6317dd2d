namespace NeuralPlugin;

/// <summary>
/// The sum over the inputs of Y = X·W in parts, each by workgroups of its own, so that a small batch occupies a large chip. Whoever reads the parts adds them, in
/// order, and then b: <see cref="DensePartsSum"/> or a <see cref="LastLayer"/>.
/// </summary>
/// <param name="Layer">The layer; its output is not written.</param>
/// <param name="PartSums">[rows × parts · outputs]: part after part, each padded to whole texels.</param>
/// <param name="PartLength">Inputs of a part; the last one may have fewer.</param>
internal sealed record DenseForwardParts(DenseForward Layer, Operand PartSums, int PartLength) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("inputs", Layer.Input), MatrixBinding.Read("parameters", Layer.Parameters), MatrixBinding.Write("partSums", PartSums)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => Layer.Sizes;

    public override long FloatingPointOperations => Layer.FloatingPointOperations;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.ForwardParts(this);
}

/// <summary>Y from the parts of its sums: their sum, b, and the following activation if it was fused.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="PartSums">What <see cref="DenseForwardParts"/> wrote.</param>
internal sealed record DensePartsSum(DenseForward Layer, Operand PartSums) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("partSums", PartSums), MatrixBinding.Read("parameters", Layer.Parameters), MatrixBinding.Write("outputs", Layer.Output)];

    public override IReadOnlyList<(string Name, int Value)> Sizes =>
        [("outputTexels", Layer.Output.Shape.TexelsPerRow), ("inputColumns", Layer.Input.Shape.Columns)];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Layer.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Layer.Includes;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.PartsSum(this);
}

/// <summary>The updates of two layers, one after the other in the stack, by the gradients of their parameters: one dispatch in place of two.</summary>
/// <param name="First">The first one's.</param>
/// <param name="Second">The second one's, with the sum of the losses if it was fused into it.</param>
internal sealed record TwoLayerUpdate(DenseBackwardWeights First, DenseBackwardWeights Second) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("inputs", First.Input), MatrixBinding.Read("hidden", Second.Input),
        MatrixBinding.Read("hiddenGradients", First.OutputGradients), MatrixBinding.Read("outputGradients", Second.OutputGradients),
        .. MatricesOf(First.Update!, Second.Update!), .. Second.Sum?.Matrices ?? [],
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes =>
    [
        ("inputTexels", First.Input.Shape.TexelsPerRow), ("inputColumns", First.Input.Shape.Columns), ("hiddenTexels", Second.Input.Shape.TexelsPerRow),
        ("hiddenColumns", Second.Input.Shape.Columns), ("outputTexels", Second.OutputGradients.Shape.TexelsPerRow),
    ];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Second.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Second.Includes;

    public override IReadOnlyList<(string Name, int Value)> Constants => Second.Constants;

    public override IReadOnlyList<UnrolledMacro> Macros => Second.Macros;

    public override long FloatingPointOperations => First.FloatingPointOperations + Second.FloatingPointOperations;

    public override bool Updates => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.TwoLayerUpdate(this);

    /// <summary>The parameters and the optimizer's state of two layers, under the names of Shaders/Include/two_layer_update.glsl.</summary>
    public static IReadOnlyList<MatrixBinding> MatricesOf(ParameterUpdate hidden, ParameterUpdate output) =>
    [
        MatrixBinding.Read("hiddenParameters", hidden.Weights.Committed), MatrixBinding.Write("pendingHiddenParameters", hidden.Weights.Pending),
        MatrixBinding.Read("outputParameters", output.Weights.Committed), MatrixBinding.Write("pendingOutputParameters", output.Weights.Pending),
        .. StateOf(hidden, "Hidden"), .. StateOf(output, "Output"),
    ];

    private static IEnumerable<MatrixBinding> StateOf(ParameterUpdate update, string layer) => update.State.SelectMany((state, i) => new[]
    {
        MatrixBinding.Read($"state{layer}{i}", state.Committed), MatrixBinding.Write($"pendingState{layer}{i}", state.Pending),
    });
}
