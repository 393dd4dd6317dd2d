using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// Adam: m' = Beta1·m + (1 − Beta1)·g; v' = Beta2·v + (1 − Beta2)·g²;
/// w' = w − LearningRate · (m' / (1 − Beta1ᵗ)) / (√(v' / (1 − Beta2ᵗ)) + Epsilon), with t the step from 1, m and v from 0.
/// </summary>
/// <remarks>Source: Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.</remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Beta1">The share of the gradients' running mean that each step keeps, in [0, 1).</param>
/// <param name="Beta2">The share of the squared gradients' running mean that each step keeps, in [0, 1).</param>
/// <param name="Epsilon">Keeps the quotient finite; at least 1.1754944E-38.</param>
public sealed record Adam(float LearningRate = 0.001f, float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f) : Optimizer(LearningRate)
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

    internal static OptimizerFormat Format { get; } = new(
        "adam", ["beta1", "beta2", "epsilon"], [FirstMoment, SecondMoment],
        (learningRate, number) => new Adam(learningRate, number("beta1"), number("beta2"), number("epsilon")));

    internal override string Name => Format.Name;

    internal override string Include => "adam.glsl";

    internal override IReadOnlyList<OptimizerStateMatrix> State => Format.State;

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("beta1", Beta1), ("beta2", Beta2), ("epsilon", Epsilon)];

    private static OptimizerStateMatrix FirstMoment => new("first_moment");

    private static OptimizerStateMatrix SecondMoment => new("second_moment", IsNonNegative: true);

    internal override KernelArguments<float> MakeScalars() => new(
        ("learningRate", LearningRate), ("beta1", Beta1), ("beta2", Beta2), ("epsilon", Epsilon), ("meanCorrection", 1), ("varianceCorrection", 1));

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
            (Vector.Create(weights[i..]) - (rate * (m * meanCorrection) / (Vector.SquareRoot(v * varianceCorrection) + epsilon))).CopyTo(newWeights[i..]);
        }

        for (; i < weights.Length; i++)
        {
            newMean[i] = (Beta1 * mean[i]) + ((1 - Beta1) * gradients[i]);
            newVariance[i] = (Beta2 * variance[i]) + ((1 - Beta2) * gradients[i] * gradients[i]);
            newWeights[i] = weights[i] - (rate * (newMean[i] * meanCorrection) / (MathF.Sqrt(newVariance[i] * varianceCorrection) + Epsilon));
        }
    }

    private static float RequireBeta(float value, string name) => Requirements.Number(value, "decay rate of a moment", limit: 1, name: name);
}
