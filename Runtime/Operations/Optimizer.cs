namespace NeuralPlugin;

/// <summary>
/// A rule that turns gradients into new weights, on the GPU. It is an immutable description: its state (velocities, moments)
/// lives in the trainer.
/// </summary>
/// <param name="LearningRate">The factor of each step; the trainer may change it between steps.</param>
public abstract record Optimizer(float LearningRate)
{
    internal const string UpdateFile = "optimizer_update.comp";

    /// <summary>What a kernel has that ends with an update.</summary>
    internal const string UpdateConstant = "UPDATE";

    private const int GroupSize = 32;
    private const int TexelsPerLine = 1024 * GroupSize;   // of workgroups: drivers run up to 65,535 of them in one direction

    /// <summary>The factor of each step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; init => field = RequireLearningRate(value); } = RequireLearningRate(LearningRate);

    /// <summary>Matrices of state that it keeps for each parameter.</summary>
    internal abstract int StateMatrices { get; }

    internal abstract int ScalarCount { get; }

    /// <summary>Which of the updates of Shaders/Include/update.glsl it is.</summary>
    private protected abstract UpdateKind Kind { get; }

    /// <summary>
    /// The product that gives a gradient and the update that takes it, as one: the update's matrices follow the product's inputs,
    /// and take the place of the gradient.
    /// </summary>
    internal static Dispatch FuseInto(Dispatch product, Dispatch update)
    {
        (string, int)[] constants = [.. update.Source.Constants.Where(c => c.Name.StartsWith(UpdateConstant, StringComparison.Ordinal))];
        return new Dispatch(
            product.Source.With(constants), [.. product.Matrices[..^1], .. update.Matrices[1..]], product.Sizes, product.Grid, update.Scalars)
        {
            FloatingPointOperations = product.FloatingPointOperations,
        };
    }

    /// <summary>What update.glsl must be told: which update it is.</summary>
    private static IEnumerable<(string Name, int Value)> UpdateConstants(UpdateKind kind)
    {
        return [.. Enum.GetValues<UpdateKind>().Select(k => ($"{UpdateConstant}_{k.ToString().ToUpperInvariant()}", (int)k)), (UpdateConstant, (int)kind)];
    }

    /// <summary>Checks a learning rate as the optimizers do.</summary>
    internal static float RequireLearningRate(float value, string name = nameof(LearningRate)) => Requirements.Number(value, "learning rate", name: name);

    /// <summary>Fills the scalars of a step, in the order of the kernel's locations. Steps count from 1.</summary>
    internal abstract void WriteScalars(Span<float> scalars, float learningRate, long step);

    /// <summary>
    /// The update of one parameter: from the committed weights, their gradient and the committed state into the pending ones.
    /// </summary>
    internal Dispatch Update(
        (Operand Committed, Operand Pending) weights, Operand gradient, IReadOnlyList<(Operand Committed, Operand Pending)> state, float[] scalars)
    {
        int texels = (int)gradient.Shape.TexelCount, lines = MatrixShape.CeilingDivide(texels, TexelsPerLine);
        List<MatrixBinding> matrices =
        [
            MatrixBinding.Read("GRADIENTS", gradient),
            MatrixBinding.Read("WEIGHTS", weights.Committed), MatrixBinding.Write("PENDING_WEIGHTS", weights.Pending),
        ];
        for (int i = 0; i < state.Count; i++)
        {
            matrices.Add(MatrixBinding.Read($"STATE_{i}", state[i].Committed));
            matrices.Add(MatrixBinding.Write($"PENDING_STATE_{i}", state[i].Pending));
        }

        return new Dispatch(
            new KernelSource(UpdateFile, [("GROUP_SIZE", GroupSize), .. UpdateConstants(Kind)]),
            [.. matrices], [texels, TexelsPerLine], new DispatchGrid(MatrixShape.CeilingDivide(Math.Min(texels, TexelsPerLine), GroupSize), lines), scalars);
    }
}

/// <summary>The updates of Shaders/Include/update.glsl.</summary>
internal enum UpdateKind
{
    Sgd = 1,
    Momentum,
    Adam,
}

/// <summary>
/// Stochastic gradient descent: g' = g + WeightDecay·w; v' = Momentum·v + g' (v starts at 0); w' = w − LearningRate·v'.
/// Without momentum v' = g'. Weight decay acts on every parameter, the biases included.
/// </summary>
/// <remarks>Source: Sutskever et al., 2013, in the form that PyTorch's SGD has.</remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Momentum">The share of the last velocity that stays, in [0, 1).</param>
/// <param name="WeightDecay">The factor of the weights that is added to their gradient.</param>
public sealed record Sgd(float LearningRate, float Momentum = 0, float WeightDecay = 0) : Optimizer(LearningRate)
{
    /// <summary>The share of the last velocity that stays, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Momentum { get; init => field = RequireMomentum(value); } = RequireMomentum(Momentum);

    /// <summary>The factor of the weights that is added to their gradient.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float WeightDecay { get; init => field = RequireWeightDecay(value); } = RequireWeightDecay(WeightDecay);

    internal override int StateMatrices => Momentum > 0 ? 1 : 0;

    internal override int ScalarCount => 3;

    private protected override UpdateKind Kind => Momentum > 0 ? UpdateKind.Momentum : UpdateKind.Sgd;

    internal override void WriteScalars(Span<float> scalars, float learningRate, long step)
    {
        scalars[0] = learningRate;
        scalars[1] = Momentum;
        scalars[2] = WeightDecay;
    }

    private static float RequireMomentum(float value) => Requirements.Number(value, "momentum", limit: 1, name: nameof(Momentum));

    private static float RequireWeightDecay(float value) => Requirements.Number(value, "weight decay", name: nameof(WeightDecay));
}

/// <summary>
/// Adam: m' = Beta1·m + (1 − Beta1)·g; v' = Beta2·v + (1 − Beta2)·g²;
/// w' = w − LearningRate · (m' / (1 − Beta1ᵗ)) / (√(v' / (1 − Beta2ᵗ)) + Epsilon), with t the step from 1, m and v from 0.
/// </summary>
/// <remarks>Source: Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.</remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Beta1">The share of the gradients' running mean that stays, in [0, 1).</param>
/// <param name="Beta2">The share of the squared gradients' running mean that stays, in [0, 1).</param>
/// <param name="Epsilon">What keeps the quotient finite; above 0.</param>
public sealed record Adam(float LearningRate = 0.001f, float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f) : Optimizer(LearningRate)
{
    /// <summary>The share of the gradients' running mean that stays, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Beta1 { get; init => field = RequireBeta(value, nameof(Beta1)); } = RequireBeta(Beta1, nameof(Beta1));

    /// <summary>The share of the squared gradients' running mean that stays, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Beta2 { get; init => field = RequireBeta(value, nameof(Beta2)); } = RequireBeta(Beta2, nameof(Beta2));

    /// <summary>What keeps the quotient finite; above 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, NaN or infinite.</exception>
    public float Epsilon { get; init => field = RequireEpsilon(value); } = RequireEpsilon(Epsilon);

    internal override int StateMatrices => 2;

    internal override int ScalarCount => 6;

    private protected override UpdateKind Kind => UpdateKind.Adam;

    internal override void WriteScalars(Span<float> scalars, float learningRate, long step)
    {
        scalars[0] = learningRate;
        scalars[1] = Beta1;
        scalars[2] = Beta2;
        scalars[3] = Epsilon;
        scalars[4] = (float)(1 / (1 - Power(Beta1, step)));
        scalars[5] = (float)(1 / (1 - Power(Beta2, step)));
    }

    /// <summary>By squaring: Math.Pow may differ in its last bit from one system to another.</summary>
    private static double Power(double number, long exponent)
    {
        double power = 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0) power *= number;
            number *= number;
        }

        return power;
    }

    private static float RequireBeta(float value, string name) => Requirements.Number(value, "decay rate of a moment", limit: 1, name: name);

    private static float RequireEpsilon(float value) => Requirements.Number(value, "epsilon", least: float.Epsilon, name: nameof(Epsilon));
}
