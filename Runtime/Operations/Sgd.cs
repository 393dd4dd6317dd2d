using System.Numerics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Stochastic gradient descent: g' = g + WeightDecay·w; v' = Momentum·v + g' (v starts at 0); w' = w − LearningRate·v'.
/// Without momentum v' = g'. Weight decay acts on every parameter, including the biases.
/// </summary>
/// <remarks>Source: Sutskever et al., 2013, in the form of PyTorch's SGD.</remarks>
/// <param name="LearningRate">The factor of each step.</param>
/// <param name="Momentum">The share of the last velocity that each step keeps, in [0, 1).</param>
/// <param name="WeightDecay">The factor of the weights that is added to their gradient.</param>
public sealed record Sgd(float LearningRate, float Momentum = 0, float WeightDecay = 0) : Optimizer(LearningRate)
{
    /// <summary>The share of the last velocity that each step keeps, in [0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float Momentum { get; init => field = RequireMomentum(value); } = RequireMomentum(Momentum);

    /// <summary>The factor of the weights that is added to their gradient.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float WeightDecay { get; init => field = RequireWeightDecay(value); } = RequireWeightDecay(WeightDecay);

    internal static OptimizerFormat Format { get; } = new(
        "sgd", ["momentum", "weight_decay"], [Velocity],
        (learningRate, number) => new Sgd(learningRate, number("momentum"), number("weight_decay")));

    internal override string Name => Format.Name;

    /// <summary>Plain descent reads and writes less.</summary>
    internal override string Include => Momentum > 0 ? "sgd_momentum.glsl" : "sgd.glsl";

    internal override IReadOnlyList<OptimizerStateMatrix> State => Momentum > 0 ? [Velocity] : [];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("momentum", Momentum), ("weight_decay", WeightDecay)];

    private static OptimizerStateMatrix Velocity => new("velocity");

    internal override KernelArguments<float> MakeScalars() =>
        new([("learningRate", LearningRate), .. Momentum > 0 ? [("momentum", Momentum)] : Array.Empty<(string, float)>(), ("weightDecay", WeightDecay)]);

    internal override void WriteScalars(KernelArguments<float> scalars, float learningRate, long step) => scalars["learningRate"] = learningRate;

    internal override void Update(ParameterSpan parameters, KernelArguments<float> scalars)
    {
        (float rate, float decay) = (parameters.StepRate, scalars["weightDecay"]);
        ReadOnlySpan<float> weights = parameters.Weights, gradients = parameters.Gradients;
        Span<float> newWeights = parameters.NewWeights;
        if (Momentum > 0)
        {
            UpdateWithMomentum(parameters, rate, scalars["momentum"], decay);
            return;
        }

        ref float from = ref MemoryMarshal.GetReference(weights), gradient = ref MemoryMarshal.GetReference(gradients), to = ref MemoryMarshal.GetReference(newWeights);
        Vector<float> rates = new(rate), decays = new(decay);
        int i = 0;
#if NET
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<float> wideRates = Vector512.Create(rate), wideDecays = Vector512.Create(decay);
            for (; i <= weights.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                Vector512<float> w = Vector512.LoadUnsafe(ref from, (nuint)i);
                (w - (wideRates * (Vector512.LoadUnsafe(ref gradient, (nuint)i) + (wideDecays * w)))).StoreUnsafe(ref to, (nuint)i);
            }
        }
#endif

        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> w = Vector.LoadUnsafe(ref from, (nuint)i);
            (w - (rates * (Vector.LoadUnsafe(ref gradient, (nuint)i) + (decays * w)))).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < weights.Length; i++) newWeights[i] = weights[i] - (rate * (gradients[i] + (decay * weights[i])));
    }

    private static void UpdateWithMomentum(ParameterSpan parameters, float rate, float momentum, float decay)
    {
        ReadOnlySpan<float> weights = parameters.Weights, gradients = parameters.Gradients, velocity = parameters.State(0);
        Span<float> newWeights = parameters.NewWeights, newVelocity = parameters.NewState(0);
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> w = Vector.Create(weights[i..]);
            Vector<float> v = (momentum * Vector.Create(velocity[i..])) + (Vector.Create(gradients[i..]) + (decay * w));
            v.CopyTo(newVelocity[i..]);
            (w - (rate * v)).CopyTo(newWeights[i..]);
        }

        for (; i < weights.Length; i++)
        {
            float v = (momentum * velocity[i]) + (gradients[i] + (decay * weights[i]));
            newVelocity[i] = v;
            newWeights[i] = weights[i] - (rate * v);
        }
    }

    private static float RequireMomentum(float value) => Requirements.Number(value, "momentum", limit: 1, name: nameof(Momentum));

    private static float RequireWeightDecay(float value) => Requirements.Number(value, "weight decay", name: nameof(WeightDecay));
}
