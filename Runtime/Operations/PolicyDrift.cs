namespace NeuralPlugin;

/// <summary>How far a policy may drift from a reference: its Kullback–Leibler divergence D from it, of what is observed in each decision.</summary>
/// <param name="Most">The bound on D, in nats.</param>
internal sealed record DriftBound(float Most)
{
    /// <summary>The weight of what D exceeds the bound by. Large, since the slope of D is small near the reference: about √(2·Most).</summary>
    public const float Pull = 4;
}

/// <summary>Which outputs of discrete actions are allowed: one flag each, or one bit each of a packed target.</summary>
internal readonly ref struct AllowedOutputs
{
    private readonly ReadOnlySpan<bool> flags;
    private readonly ReadOnlySpan<uint> target;
    private readonly PolicyShape? shape;

    public AllowedOutputs(ReadOnlySpan<bool> flags) => this.flags = flags;

    public AllowedOutputs(PolicyShape shape, ReadOnlySpan<uint> target)
    {
        this.shape = shape;
        this.target = target;
    }

    public bool this[int output] => shape is null ? flags[output] : ComposedTargets.IsAllowed(target, shape, output);
}

/// <summary>
/// The divergence of a policy p from a reference q, for one observation: D = KL(p ‖ q) = Σ_branches Σ p·(log p − log q) + Σ_actions (s_q − s + (σ² + (μ − μ_q)²) / (2·σ_q²) − ½). Shaders/Include/composed_policy.glsl
/// computes the same.
/// </summary>
internal static class PolicyDrift
{
    private const float MostDistance = ComposedPolicyLoss.MostDistance;

    public static float Of(PolicyShape shape, ReadOnlySpan<float> outputs, ReadOnlySpan<float> reference, AllowedOutputs allowed)
    {
        float drift = 0;
        for (int branch = 0; branch < shape.Branches; branch++) drift += OfBranch(shape, branch, outputs, reference, allowed);
        for (int action = 0; action < shape.Continuous; action++) drift += OfNumber(shape, action, outputs, reference).Drift;
        return drift;
    }

    public static float OfBranch(PolicyShape shape, int branch, ReadOnlySpan<float> outputs, ReadOnlySpan<float> reference, AllowedOutputs allowed)
    {
        (int first, int end) = (shape.FirstOf(branch), shape.EndOf(branch));
        (float maximum, float logSum) = LogSum(outputs, first, end, allowed);
        (float referenceMaximum, float referenceLogSum) = LogSum(reference, first, end, allowed);
        float drift = 0;
        for (int j = first; j < end; j++)
        {
            if (!allowed[j]) continue;
            float p = MathF.Exp(Math.Max(outputs[j] - maximum, float.MinValue) - logSum);
            drift += p * Difference(outputs[j], maximum, logSum, reference[j], referenceMaximum, referenceLogSum);
        }

        return drift;
    }

    /// <summary>The part of a continuous action, and its gradients.</summary>
    public static NormalDrift OfNumber(PolicyShape shape, int action, ReadOnlySpan<float> outputs, ReadOnlySpan<float> reference)
    {
        int mean = shape.DiscreteOutputs + action, deviation = mean + shape.Continuous;
        float s = ComposedPolicyLoss.Held(outputs[deviation]), before = ComposedPolicyLoss.Held(reference[deviation]), scale = MathF.Exp(-before);
        float distance = Math.Clamp((outputs[mean] - reference[mean]) * scale, -MostDistance, MostDistance), ratio = MathF.Exp(2 * (s - before));
        return new NormalDrift(before - s + (0.5f * (ratio + (distance * distance))) - 0.5f, distance * scale, ratio - 1);
    }

    /// <summary>log p − log q of an output, kept within what sums can hold.</summary>
    public static float Difference(float output, float maximum, float logSum, float reference, float referenceMaximum, float referenceLogSum)
    {
        float logP = Math.Max(output - maximum, float.MinValue) - logSum, logQ = Math.Max(reference - referenceMaximum, float.MinValue) - referenceLogSum;
        return Math.Clamp(logP - logQ, -MostDistance, MostDistance);
    }

    private static (float Maximum, float LogSum) LogSum(ReadOnlySpan<float> outputs, int first, int end, AllowedOutputs allowed)
    {
        float maximum = float.MinValue, sum = 0;
        for (int j = first; j < end; j++)
        {
            if (allowed[j]) maximum = Math.Max(maximum, outputs[j]);
        }

        for (int j = first; j < end; j++)
        {
            if (allowed[j]) sum += MathF.Exp(outputs[j] - maximum);
        }

        return (maximum, MathF.Log(sum));
    }
}

/// <summary>The drift of a normal distribution, and its gradients by the mean and by the logarithm of the deviation.</summary>
internal readonly record struct NormalDrift(float Drift, float ByMean, float ByLogDeviation);
