using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// RMSProp: v' = Rho·v + (1 − Rho)·g², with v from 0; w' = w − LearningRate · g / (√v' + Epsilon). Each weight's step is its gradient in
/// units of the gradient's recent root mean square.
/// </summary>
/// <remarks>
/// Source: Tieleman and Hinton, 2012, lecture 6.5 of "Neural Networks for Machine Learning", in the form and with the defaults of PyTorch's RMSprop
/// (its alpha is Rho): without momentum, not centered, epsilon outside the root.
/// </remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Rho">The share of the squared gradients' running mean that each step keeps, in [0, 1).</param>
/// <param name="Epsilon">Keeps the quotient finite; at least 1.1754944E-38.</param>
public sealed record RmsProp(float LearningRate = 0.01f, float Rho = 0.99f, float Epsilon = 1e-8f) : Optimizer(LearningRate)
{
    /// <summary>The share of the squared gradients' running mean that each step keeps, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Rho { get; init => field = RequireRho(value); } = RequireRho(Rho);

    /// <summary>Keeps the quotient finite; at least 1.1754944E-38.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below the smallest normal number, NaN or infinite.</exception>
    public float Epsilon { get; init => field = RequireEpsilon(value); } = RequireEpsilon(Epsilon);

    internal static OptimizerFormat Format { get; } = new(
        "rmsprop", ["rho", "epsilon"], [new("mean_square", IsNonNegative: true)],
        (learningRate, number) => new RmsProp(learningRate, number("rho"), number("epsilon")));

    internal override string Name => Format.Name;

    internal override string Include => "rmsprop.glsl";

    internal override IReadOnlyList<OptimizerStateMatrix> State => Format.State;

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("rho", Rho), ("epsilon", Epsilon)];

    internal override KernelArguments<float> MakeScalars() => new(("learningRate", LearningRate), ("rho", Rho), ("epsilon", Epsilon));

    internal override void WriteScalars(KernelArguments<float> scalars, float learningRate, long step) => scalars["learningRate"] = learningRate;

    internal override void Update(ParameterSpan parameters, KernelArguments<float> scalars)
    {
        float rate = parameters.StepRate;
        ReadOnlySpan<float> weights = parameters.Weights, gradients = parameters.Gradients, square = parameters.State(0);
        Span<float> newWeights = parameters.NewWeights, newSquare = parameters.NewState(0);
        Vector<float> epsilon = new(Epsilon);
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> g = Vector.Create(gradients[i..]);
            Vector<float> v = (Rho * Vector.Create(square[i..])) + ((1 - Rho) * g * g);
            v.CopyTo(newSquare[i..]);
            (Vector.Create(weights[i..]) - (rate * g / (Vector.SquareRoot(v) + epsilon))).CopyTo(newWeights[i..]);
        }

        for (; i < weights.Length; i++)
        {
            newSquare[i] = (Rho * square[i]) + ((1 - Rho) * gradients[i] * gradients[i]);
            newWeights[i] = weights[i] - (rate * gradients[i] / (MathF.Sqrt(newSquare[i]) + Epsilon));
        }
    }

    private static float RequireRho(float value) => Requirements.Number(value, "decay rate of the mean square", limit: 1, name: nameof(Rho));
}
