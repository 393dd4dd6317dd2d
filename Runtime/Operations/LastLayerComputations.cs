namespace NeuralPlugin;

/// <summary>
/// The last dense layer of a row, Z = H·W + b, with few enough outputs to stay in registers, or those of a prediction in shared memory, for the rest of the kernel.
/// H is read, or computed in the same dispatch by the layer before.
/// </summary>
/// <param name="Before">The layer before, with its activation, if it was fused; its output is H.</param>
/// <param name="Hidden">H.</param>
/// <param name="OutputParameters">W and, below it, b.</param>
internal abstract record LastLayer(DenseForward? Before, Operand Hidden, Operand OutputParameters) : Computation
{
    /// <summary>The parts of the sums of the layer before, if they were computed by <see cref="DenseForwardParts"/>: the rest of that layer is computed here.</summary>
    public Operand? PartSums { get; init; }

    /// <summary>Columns of Z.</summary>
    public int Outputs => OutputParameters.Shape.Columns;

    public override long FloatingPointOperations => (2 * Hidden.Shape.Elements * Outputs) + (PartSums is null ? Before?.FloatingPointOperations ?? 0 : 0);

    public override IReadOnlyList<(string Name, int Value)> Sizes =>
    [
        ("hiddenTexels", Hidden.Shape.TexelsPerRow), ("hiddenColumns", Hidden.Shape.Columns),
        .. Before is null ? Array.Empty<(string, int)>() : [("inputTexels", Before.Input.Shape.TexelsPerRow), ("inputColumns", Before.Input.Shape.Columns)],
    ];

    public override IReadOnlyList<(string Name, int Value)> Constants => [("OUTPUT_TEXELS", OutputParameters.Shape.TexelsPerRow)];

    /// <summary>H and the parameters, then a kernel's own bindings, then those that the layer before reads.</summary>
    protected IReadOnlyList<MatrixBinding> MatricesAround(params IEnumerable<MatrixBinding> own) =>
    [
        .. HiddenMatrices, MatrixBinding.Read("outputParameters", OutputParameters),
        .. own,
        .. Before is null ? Array.Empty<MatrixBinding>()
            : [PartSums is null ? MatrixBinding.Read("inputs", Before.Input) : MatrixBinding.Read("partSums", PartSums), MatrixBinding.Read("parameters", Before.Parameters)],
    ];

    /// <summary>H, unless it is made of parts and nobody else reads it.</summary>
    private protected virtual IEnumerable<MatrixBinding> HiddenMatrices =>
        [new("hidden", Hidden, Before is null ? MatrixAccess.Read : PartSums is null ? MatrixAccess.ReadWrite : MatrixAccess.Write)];
}

/// <summary>P = softmax(Z): a prediction.</summary>
internal sealed record LastLayerSoftmax(DenseForward? Before, Operand Hidden, Operand OutputParameters, Operand Probabilities)
    : LastLayer(Before, Hidden, OutputParameters)
{
    public override IReadOnlyList<MatrixBinding> Matrices => MatricesAround(MatrixBinding.Write("probabilities", Probabilities));

    public override IReadOnlyList<(string Name, int Value)> Sizes => [.. base.Sizes, ("classes", Outputs)];

    private protected override IEnumerable<MatrixBinding> HiddenMatrices => PartSums is null ? base.HiddenMatrices : [];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Before?.Scalars ?? [];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Before?.Includes ?? [];

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.LastLayerSoftmax(this);
}

/// <summary>Z itself, where the sums of the layer before come in parts, or its own would: a prediction of raw outputs.</summary>
internal sealed record LastLayerOutputs(DenseForward? Before, Operand Hidden, Operand OutputParameters, Operand NetworkOutputs)
    : LastLayer(Before, Hidden, OutputParameters)
{
    public override IReadOnlyList<MatrixBinding> Matrices => MatricesAround(MatrixBinding.Write("outputs", NetworkOutputs));

    private protected override IEnumerable<MatrixBinding> HiddenMatrices => PartSums is null ? base.HiddenMatrices : [];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Before?.Scalars ?? [];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Before?.Includes ?? [];

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.LastLayerOutputs(this);
}

/// <summary>The losses of Z, their gradient dZ and, if wanted, dH = dZ·Wᵀ, or the gradient before the activation that gave H.</summary>
/// <param name="Before">The layer before, if it was fused.</param>
/// <param name="Hidden">H.</param>
/// <param name="OutputParameters">W and, below it, b.</param>
/// <param name="Loss">The loss.</param>
/// <param name="Targets">The targets of the batch.</param>
/// <param name="OutputGradients">dZ.</param>
/// <param name="RowLosses">The loss of each row, and whether its prediction is correct.</param>
/// <param name="HiddenGradients">dH; null if not wanted.</param>
/// <param name="Activation">The activation that gave H, if its derivative is applied; else null.</param>
internal sealed record LastLayerLoss(
    DenseForward? Before, Operand Hidden, Operand OutputParameters, Loss Loss, Operand Targets, Operand OutputGradients, Operand RowLosses,
    Operand? HiddenGradients, Activation? Activation) : LastLayer(Before, Hidden, OutputParameters)
{
    public override IReadOnlyList<MatrixBinding> Matrices => MatricesAround(
        [
            MatrixBinding.Read("targets", Targets), MatrixBinding.Write("networkGradients", OutputGradients), MatrixBinding.Write("rowLosses", RowLosses),
            .. HiddenGradients is null ? Array.Empty<MatrixBinding>() : [MatrixBinding.Write("hiddenGradients", HiddenGradients)],
        ]);

    public override IReadOnlyList<(string Name, int Value)> Sizes => [.. Loss.TargetsFor(Outputs).Sizes, .. base.Sizes];

    public override IReadOnlyList<KernelArguments<float>> Scalars => [.. Loss.Scalars, .. (Activation ?? Before?.Activation)?.Scalars ?? []];

    public override IReadOnlyList<(string Slot, string FileName)> Includes =>
        Slots((KernelSlot.Loss, Loss.Include), (KernelSlot.Activation, (Activation ?? Before?.Activation)?.Include));

    public override IReadOnlyList<(string Name, int Value)> Constants =>
        [.. base.Constants, .. Loss.Constants, .. HiddenGradients is null ? Array.Empty<(string, int)>() : [("INPUT_GRADIENTS", 1)]];

    public override long FloatingPointOperations => base.FloatingPointOperations + (HiddenGradients is null ? 0 : 2 * Hidden.Shape.Elements * Outputs);

    public override bool FindsLosses => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.LastLayerLoss(this);
}

/// <summary>
/// A complete step of a small network, dense - activation - dense under a loss and an optimizer: one dispatch in place of five that
/// would each have little to do.
/// </summary>
/// <param name="Hidden">The first layer, with its activation.</param>
/// <param name="Last">The last layer with the loss, which computes the gradient of the first one's output.</param>
/// <param name="Sum">The sum of the losses.</param>
/// <param name="OutputUpdate">The update of the last layer.</param>
/// <param name="HiddenUpdate">The update of the first layer.</param>
/// <param name="Scratch">The results that the phases of the step exchange, one row per sample; null for a family whose phases need no such matrix.</param>
internal sealed record SmallStep(
    DenseForward Hidden, LastLayerLoss Last, LossSum Sum, ParameterUpdate OutputUpdate, ParameterUpdate HiddenUpdate, Operand? Scratch) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("inputs", Hidden.Input), MatrixBinding.Read("targets", Last.Targets),
        .. TwoLayerUpdate.MatricesOf(HiddenUpdate, OutputUpdate),
        .. Scratch is null ? Array.Empty<MatrixBinding>() : [MatrixBinding.ReadWrite("scratch", Scratch)], MatrixBinding.Write("batchLoss", Sum.BatchLoss),
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes =>
    [
        .. Last.Loss.TargetsFor(Last.Outputs).Sizes, ("inputTexels", Hidden.Input.Shape.TexelsPerRow), ("inputColumns", Hidden.Input.Shape.Columns),
        ("hiddenTexels", Last.Hidden.Shape.TexelsPerRow), ("hiddenColumns", Last.Hidden.Shape.Columns),
    ];

    public override IReadOnlyList<KernelArguments<float>> Scalars => [.. Last.Scalars, .. HiddenUpdate.Scalars];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [.. Last.Includes, .. HiddenUpdate.Includes];

    public override IReadOnlyList<(string Name, int Value)> Constants => [.. Last.Constants.Where(constant => constant.Name != "INPUT_GRADIENTS"), .. HiddenUpdate.Constants];

    public override IReadOnlyList<UnrolledMacro> Macros => HiddenUpdate.Macros;

    public override long FloatingPointOperations =>
        Hidden.FloatingPointOperations + Last.FloatingPointOperations + OutputUpdate.GradientOperations(Last.Hidden) + HiddenUpdate.GradientOperations(Hidden.Input);

    public override bool FindsLosses => true;

    public override bool Updates => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.SmallStep(this);
}
