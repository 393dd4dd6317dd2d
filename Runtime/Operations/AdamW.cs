using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// Adam with decoupled weight decay: m' = Beta1·m + (1 − Beta1)·g; v' = Beta2·v + (1 − Beta2)·g²;
/// w' = w − LearningRate · ((m' / (1 − Beta1ᵗ)) / (√(v' / (1 − Beta2ᵗ)) + Epsilon) + WeightDecay·w), with t the step from 1, m and v from 0.
/// The decay is not part of the gradient, so the moments do not scale it. It acts on every parameter, including the biases.
/// </summary>
/// <remarks>
/// Source: Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization", algorithm 2, in the form of PyTorch's AdamW: the
/// learning rate also multiplies the decay. The paper's λ is LearningRate·WeightDecay when its schedule multiplier is 1.
/// </remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Beta1">The share of the gradients' running mean that each step keeps, in [0, 1).</param>
/// <param name="Beta2">The share of the squared gradients' running mean that each step keeps, in [0, 1).</param>
/// <param name="Epsilon">Keeps the quotient finite; at least 1.1754944E-38.</param>
/// <param name="WeightDecay">The share of the weights that a step removes, times the learning rate.</param>
public sealed record AdamW(
    float LearningRate = 0.001f, float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f, float WeightDecay = 0.01f) : Optimizer(LearningRate)
{
    /// <summary>The share of the gradients' running mean that each step keeps, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Beta1 { get; init => field = RequireBeta(value, nameof(Beta1)); } = RequireBeta(Beta1, nameof(Beta1));

    /// <summary>The share of the squared gradients' running mean that each step keeps, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Beta2 { get; init => field = RequireBeta(value, nameof(Beta2)); } = RequireBeta(Beta2, nameof(Beta2));

    /// <summary>Keeps the quotient finite; at least 1.1754944E-38.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below the smallest normal number, NaN or infinite.</exception>
    public float Epsilon { get; init => field = RequireEpsilon(value); } = RequireEpsilon(Epsilon);

    /// <summary>The share of the weights that a step removes, times the learning rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float WeightDecay { get; init => field = RequireWeightDecay(value); } = RequireWeightDecay(WeightDecay);

    internal static OptimizerFormat Format { get; } = new(
        "adamw", ["beta1", "beta2", "epsilon", "weight_decay"], [new("first_moment"), new("second_moment", IsNonNegative: true)],
        (learningRate, number) => new AdamW(learningRate, number("beta1"), number("beta2"), number("epsilon"), number("weight_decay")));

    internal override string Name => Format.Name;

    internal override string Include => "adamw.glsl";

    internal override IReadOnlyList<OptimizerStateMatrix> State => Format.State;

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters =>
        [("beta1", Beta1), ("beta2", Beta2), ("epsilon", Epsilon), ("weight_decay", WeightDecay)];

    internal override KernelArguments<float> MakeScalars() => new(
        ("learningRate", LearningRate), ("beta1", Beta1), ("beta2", Beta2), ("epsilon", Epsilon), ("weightDecay", WeightDecay),
        ("meanCorrection", 1), ("varianceCorrection", 1));

    internal override void WriteScalars(KernelArguments<float> scalars, float learningRate, long step)
    {
        scalars["learningRate"] = learningRate;
        scalars["meanCorrection"] = BiasCorrection(Beta1, step);
        scalars["varianceCorrection"] = BiasCorrection(Beta2, step);
    }

    internal override bool HasStepScalars => true;

    internal override void WriteStepScalars(Span<float> scalars, long step)
    {
        scalars[0] = BiasCorrection(Beta1, step);
        scalars[1] = BiasCorrection(Beta2, step);
    }

    internal override void Update(ParameterSpan parameters, KernelArguments<float> scalars)
    {
        (float rate, float meanCorrection, float varianceCorrection) = (parameters.StepRate, scalars["meanCorrection"], scalars["varianceCorrection"]);
        ReadOnlySpan<float> weights = parameters.Weights, gradients = parameters.Gradients, mean = parameters.State(0), variance = parameters.State(1);
        Span<float> newWeights = parameters.NewWeights, newMean = parameters.NewState(0), newVariance = parameters.NewState(1);
        Vector<float> epsilon = new(Epsilon);
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> g = Vector.Create(gradients[i..]);
            Vector<float> m = (Beta1 * Vector.Create(mean[i..])) + ((1 - Beta1) * g);
            Vector<float> v = (Beta2 * Vector.Create(variance[i..])) + ((1 - Beta2) * g * g);
            m.CopyTo(newMean[i..]);
            v.CopyTo(newVariance[i..]);
            Vector<float> w = Vector.Create(weights[i..]);
            (w - (rate * ((m * meanCorrection / (Vector.SquareRoot(v * varianceCorrection) + epsilon)) + (WeightDecay * w)))).CopyTo(newWeights[i..]);
        }

        for (; i < weights.Length; i++)
        {
            newMean[i] = (Beta1 * mean[i]) + ((1 - Beta1) * gradients[i]);
            newVariance[i] = (Beta2 * variance[i]) + ((1 - Beta2) * gradients[i] * gradients[i]);
            float adaptive = newMean[i] * meanCorrection / (MathF.Sqrt(newVariance[i] * varianceCorrection) + Epsilon);
            newWeights[i] = weights[i] - (rate * (adaptive + (WeightDecay * weights[i])));
        }
    }

    private static float RequireBeta(float value, string name) => Requirements.Number(value, "decay rate of a moment", limit: 1, name: name);

    private static float RequireWeightDecay(float value) => Requirements.Number(value, "weight decay", name: nameof(WeightDecay));
}
