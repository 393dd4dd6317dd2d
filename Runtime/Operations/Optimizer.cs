namespace NeuralPlugin;

/// <summary>
/// A rule that turns gradients into new weights, on the GPU. It is an immutable description: its state (velocities, moments)
/// lives in the trainer. It owns an include with <c>optimize</c> for the kernels that compute gradients. <c>optimize</c> must map zeros to
/// zeros, because the zero padding of a matrix passes through it and must stay zero.
/// </summary>
/// <param name="LearningRate">The factor of each step; the trainer may change it between steps.</param>
public abstract record Optimizer(float LearningRate)
{
    /// <summary>The factor of each step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; init => field = RequireLearningRate(value); } = RequireLearningRate(LearningRate);

    /// <summary>The optimizers that files can name.</summary>
    internal static IReadOnlyList<OptimizerFormat> Formats => [Sgd.Format, Adam.Format, AdamW.Format, RmsProp.Format];

    /// <summary>Its name in files.</summary>
    internal abstract string Name { get; }

    /// <summary>The include for a kernel's slot OPTIMIZER.</summary>
    internal abstract string Include { get; }

    /// <summary>The matrices of state that it keeps for each parameter, in the order of the include's <c>state</c>.</summary>
    internal abstract IReadOnlyList<OptimizerStateMatrix> State { get; }

    /// <summary>Its hyperparameters except the learning rate, by their names in files.</summary>
    internal abstract IReadOnlyList<(string Name, float Value)> Hyperparameters { get; }

    /// <summary>Checks a learning rate as the optimizers do.</summary>
    internal static float RequireLearningRate(float value, string name = nameof(LearningRate)) => Requirements.Number(value, "learning rate", name: name);

    /// <summary>The scalars that the include declares.</summary>
    internal abstract KernelArguments<float> MakeScalars();

    /// <summary>Sets the scalars that change from step to step. Steps count from 1.</summary>
    internal abstract void WriteScalars(KernelArguments<float> scalars, float learningRate, long step);

    /// <summary>Whether the include uses scalars that change from step to step, besides the learning rate.</summary>
    internal virtual bool HasStepScalars => false;

    /// <summary>
    /// The same scalars for a kernel that runs several steps, which finds them in a table, a texel for each step (STEP_SCALARS of Shaders/Include/consecutive_steps.glsl).
    /// </summary>
    /// <param name="scalars">Four numbers, zero before.</param>
    /// <param name="step">The step, from 1.</param>
    internal virtual void WriteStepScalars(Span<float> scalars, long step)
    {
    }

    /// <summary>The include's counterpart on the processor: the new values and the new state of neighboring parameters.</summary>
    internal abstract void Update(ParameterSpan parameters, KernelArguments<float> scalars);

    /// <summary>Not denormal, because GPUs may flush such numbers to zero, and 0 / (√0 + 0) is NaN.</summary>
    private protected static float RequireEpsilon(float value) => Requirements.Number(value, "epsilon", Requirements.LeastNormal, name: "Epsilon");

    /// <summary>1 / (1 − decayᵗ), by squaring in double: Math.Pow may differ in its last bit from one system to another.</summary>
    private protected static float BiasCorrection(double decay, long step)
    {
        double power = 1;
        for (long exponent = step; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0) power *= decay;
            decay *= decay;
        }

        return (float)(1 / (1 - power));
    }
}

/// <summary>A matrix of state that an optimizer keeps for each parameter.</summary>
/// <param name="Name">Its name in files.</param>
/// <param name="IsNonNegative">None of its values is ever below zero.</param>
internal sealed record OptimizerStateMatrix(string Name, bool IsNonNegative = false);

/// <summary>How an optimizer is read from a file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Hyperparameters">The names of its hyperparameters.</param>
/// <param name="State">All matrices of state that it may keep.</param>
/// <param name="Make">Makes it from the learning rate and the hyperparameters.</param>
internal sealed record OptimizerFormat(
    string Name, IReadOnlyList<string> Hyperparameters, IReadOnlyList<OptimizerStateMatrix> State, Func<float, Func<string, float>, Optimizer> Make);

/// <summary>The update of one matrix of parameters: reads the committed weights, their gradient and the committed state; writes the pending ones.</summary>
internal sealed record ParameterUpdate(
    Optimizer Optimizer, Operand Gradients, (Operand Committed, Operand Pending) Weights,
    IReadOnlyList<(Operand Committed, Operand Pending)> State, KernelArguments<float> OptimizerScalars) : Computation
{
    private const int GroupSize = 32;
    private const int TexelsPerLine = 1024 * GroupSize;   // of workgroups: drivers run up to 65,535 of them along one dimension

    /// <summary>All except the gradients, which a product that ends with the update never stores.</summary>
    public IReadOnlyList<MatrixBinding> MatricesWithoutGradients =>
    [
        MatrixBinding.Read("weights", Weights.Committed), MatrixBinding.Write("pendingWeights", Weights.Pending),
        .. State.SelectMany((state, i) => new[] { MatrixBinding.Read($"state{i}", state.Committed), MatrixBinding.Write($"pendingState{i}", state.Pending) }),
    ];

    public override IReadOnlyList<MatrixBinding> Matrices => [MatrixBinding.Read("gradients", Gradients), .. MatricesWithoutGradients];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("texels", Texels), ("lineTexels", TexelsPerLine)];

    public override IReadOnlyList<KernelArguments<float>> Scalars => [OptimizerScalars];

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Optimizer, Optimizer.Include)];

    public override IReadOnlyList<(string Name, int Value)> Constants => [("STATE_SLOTS", Math.Max(1, State.Count))];

    public override IReadOnlyList<UnrolledMacro> Macros => [new("EACH_STATE(F, from, to)", "F(#, from, to)", State.Count)];

    public override bool Updates => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels)
    {
        Optimizer optimizer = Optimizer;
        int lines = MatrixShape.CeilingDivide(Texels, TexelsPerLine);
        KernelSource source = new("optimizer_update.comp", ("GROUP_SIZE", GroupSize))
        {
            Method = dispatch => new ParameterUpdateKernel(dispatch, optimizer, lines == 1 ? GroupSize : TexelsPerLine),
        };
        return new KernelChoice(source, new DispatchGrid(MatrixShape.CeilingDivide(Math.Min(Texels, TexelsPerLine), GroupSize), lines));
    }

    /// <summary>The floating-point operations of the gradient Xᵀ·dY that it consumes.</summary>
    public long GradientOperations(Operand input) => 2 * input.Shape.Elements * Weights.Committed.Shape.Columns;

    private int Texels => (int)Gradients.Shape.TexelCount;
}
