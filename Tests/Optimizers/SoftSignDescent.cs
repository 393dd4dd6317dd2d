namespace NeuralPlugin.Tests;

/// <summary>
/// w' = w − LearningRate · g / (|g| + Softness): an optimizer of the tests, whose include is in this assembly. Like plain SGD it has no
/// state, and its steps have nearly the same length whatever the gradient. It does not use the sign itself, which depends on rounding close to zero.
/// </summary>
internal sealed record SoftSignDescent(float LearningRate, float Softness = 0.01f) : Optimizer(LearningRate)
{
    internal override string Name => "soft_sign_descent";

    internal override string Include => "soft_sign_descent.glsl";

    internal override IReadOnlyList<OptimizerStateMatrix> State => [];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("softness", Softness)];

    internal override KernelArguments<float> MakeScalars() => new(("learningRate", LearningRate), ("softness", Softness));

    internal override void WriteScalars(KernelArguments<float> scalars, float learningRate, long step) => scalars["learningRate"] = learningRate;

    internal override void Update(ParameterSpan parameters, KernelArguments<float> scalars)
    {
        ReadOnlySpan<float> weights = parameters.Weights, gradients = parameters.Gradients;
        for (int i = 0; i < weights.Length; i++)
            parameters.NewWeights[i] = weights[i] - (parameters.StepRate * gradients[i] / (MathF.Abs(gradients[i]) + Softness));
    }
}
