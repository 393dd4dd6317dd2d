namespace NeuralPlugin.Tests;

/// <summary>
/// w' = w − LearningRate · g / (|g| + Softness): an optimizer that only the tests have, whose include lies in this assembly. It keeps no
/// state, as plain SGD, and its steps are nearly as long whatever the gradient. Not the sign itself, which rounding decides close to zero.
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
            parameters.NewWeights[i] = weights[i] - (scalars["learningRate"] * gradients[i] / (MathF.Abs(gradients[i]) + Softness));
    }
}
