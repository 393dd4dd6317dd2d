namespace NeuralPlugin;

/// <summary>
/// A loss of actions of several numbers: a choice in each discrete branch, from the softmax of its allowed logits, and continuous actions that are normally distributed with a mean μ and a deviation
/// σ = exp(s), both of them outputs. With x the action, log p(x) = Σ log p_branch(x) + Σ (−z² / 2 − s − ½ log 2π), z = (x − μ) / σ, and H the sum of the entropies, ½ + s + ½ log 2π each.
/// </summary>
/// <remarks>s is held within <see cref="LeastLogDeviation"/> and <see cref="MostLogDeviation"/>, and z within ±<see cref="MostDistance"/>, so that the loss is finite for any finite outputs.</remarks>
/// <param name="Shape">What the outputs are.</param>
/// <param name="EntropyBonus">How much H is rewarded.</param>
internal abstract record ComposedPolicyLoss(PolicyShape Shape, float EntropyBonus) : Loss
{
    /// <summary>Deviations are no smaller than exp of this.</summary>
    public const float LeastLogDeviation = -5;

    /// <summary>Deviations are no larger than exp of this.</summary>
    public const float MostLogDeviation = 2;

    /// <summary>An action counts as no further from the mean than so many deviations.</summary>
    public const float MostDistance = 1e4f;

    /// <summary>½ log 2π.</summary>
    public const float HalfLogTwoPi = 0.918938533f;

    internal override string Include => "composed_policy.glsl";

    internal override bool CountsCorrect => false;

    /// <summary>Outputs, with the value where there is one.</summary>
    protected abstract int Outputs { get; }

    internal override IReadOnlyList<(string Name, int Value)> Constants => ComposedTargets.ConstantsOf(Shape);

    internal override TargetLayout TargetsFor(int outputs) => outputs == Outputs ? new ComposedTargets(Shape, outputs)
        : throw new ArgumentException($"Expected {Outputs} outputs of such a policy, but got {outputs}.", nameof(outputs));

    /// <summary>What the include declares beside the scalars of the objective.</summary>
    internal override IReadOnlyList<KernelArguments<float>> Scalars =>
        [new(("entropyBonus", EntropyBonus), ("leastLogDeviation", LeastLogDeviation), ("mostLogDeviation", MostLogDeviation), ("mostDistance", MostDistance))];

    /// <summary>A deviation's logarithm as it counts.</summary>
    public static float Held(float logDeviation) => Math.Clamp(logDeviation, LeastLogDeviation, MostLogDeviation);

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients)
    {
        float logP = 0, entropy = 0;
        for (int branch = 0; branch < Shape.Branches; branch++)
        {
            Branch found = BranchOf(outputs, target, branch);
            logP += Math.Max(outputs[ComposedTargets.Chosen(target, branch)] - found.Maximum, float.MinValue) - found.LogSum;
            entropy += found.Entropy;
        }

        for (int action = 0; action < Shape.Continuous; action++)
        {
            float s = Held(outputs[Shape.DiscreteOutputs + Shape.Continuous + action]), z = DistanceOf(outputs, target, action, s);
            logP += (-0.5f * z * z) - (s + HalfLogTwoPi);
            entropy += s + 0.5f + HalfLogTwoPi;
        }

        (RowLoss result, float slope, float valueGradient) = Objective(Math.Max(logP, float.MinValue), entropy, outputs, target);
        if (!gradients.IsEmpty) WriteGradients(outputs, target, slope, valueGradient, rows, gradients);
        return result;
    }

    /// <summary>What a row comes to: its loss, −dL / d log p, and dL / dv.</summary>
    protected abstract (RowLoss Result, float Slope, float ValueGradient) Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target);

    private Branch BranchOf(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int branch)
    {
        (int first, int end) = (Shape.FirstOf(branch), Shape.EndOf(branch));
        float maximum = float.MinValue, sum = 0, weighted = 0;
        for (int j = first; j < end; j++)
        {
            if (ComposedTargets.IsAllowed(target, Shape, j)) maximum = Math.Max(maximum, outputs[j]);
        }

        for (int j = first; j < end; j++)
        {
            if (!ComposedTargets.IsAllowed(target, Shape, j)) continue;
            float shifted = Math.Max(outputs[j] - maximum, float.MinValue), term = MathF.Exp(shifted);
            sum += term;
            weighted += term * shifted;
        }

        float logSum = MathF.Log(sum);
        return new Branch(maximum, sum, logSum, logSum - (weighted / sum));
    }

    private float DistanceOf(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int action, float logDeviation) => Math.Clamp(
        (ComposedTargets.Number(target, Shape, action) - outputs[Shape.DiscreteOutputs + action]) * MathF.Exp(-logDeviation), -MostDistance, MostDistance);

    private void WriteGradients(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, float slope, float valueGradient, int rows, Span<float> gradients)
    {
        gradients.Clear();
        for (int branch = 0; branch < Shape.Branches; branch++)
        {
            Branch found = BranchOf(outputs, target, branch);
            for (int j = Shape.FirstOf(branch); j < Shape.EndOf(branch); j++)
            {
                if (!ComposedTargets.IsAllowed(target, Shape, j)) continue;
                float shifted = Math.Max(outputs[j] - found.Maximum, float.MinValue), p = MathF.Exp(shifted) / found.Sum;
                float change = p - (j == ComposedTargets.Chosen(target, branch) ? 1 : 0);
                gradients[j] = ((slope * change) + (EntropyBonus * p * (shifted - found.LogSum + found.Entropy))) / rows;
            }
        }

        for (int action = 0; action < Shape.Continuous; action++)
        {
            int mean = Shape.DiscreteOutputs + action, deviation = mean + Shape.Continuous;
            float s = Held(outputs[deviation]), z = DistanceOf(outputs, target, action, s);
            gradients[mean] = -slope * z * MathF.Exp(-s) / rows;
            float ofDeviation = (-slope * ((z * z) - 1)) - EntropyBonus;
            bool leavesBounds = ofDeviation > 0 ? outputs[deviation] <= LeastLogDeviation : outputs[deviation] >= MostLogDeviation;
            gradients[deviation] = leavesBounds ? 0 : ofDeviation / rows;
        }

        if (Outputs > Shape.Outputs) gradients[Shape.Outputs] = valueGradient / rows;
    }

    /// <summary>The softmax of a branch.</summary>
    private readonly record struct Branch(float Maximum, float Sum, float LogSum, float Entropy);
}

/// <summary>
/// The clipped objective of <see cref="ProximalPolicyLoss"/> for actions of several numbers: the ratio is that of the whole action, r = exp(log p − log p then), and the outputs end with the value.
/// </summary>
/// <param name="Shape">What the outputs are, without the value.</param>
/// <param name="ClipRange">How far the ratio may move from 1 before the objective has no slope.</param>
/// <param name="EntropyBonus">How much the entropy of the policy is rewarded.</param>
/// <param name="ValueWeight">The share of the value's loss.</param>
/// <param name="Guide">How the learning rate follows the divergence.</param>
internal sealed record ComposedProximalLoss(PolicyShape Shape, float ClipRange, float EntropyBonus, float ValueWeight, RateGuide Guide) : ComposedPolicyLoss(Shape, EntropyBonus)
{
    private const float MostLogRatio = ProximalPolicyLoss.MostLogRatio;

    internal override string Name => "composed_proximal_policy";

    internal override IReadOnlyList<(string Name, int Value)> Constants => [.. base.Constants, ("VALUE_OUTPUT", Shape.Outputs), ("PROXIMAL", 1)];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters =>
        [("clip_range", ClipRange), ("entropy_bonus", EntropyBonus), ("value_weight", ValueWeight)];

    internal override IReadOnlyList<KernelArguments<float>> Scalars =>
        [.. base.Scalars, new(("clipRange", ClipRange), ("valueWeight", ValueWeight), ("mostLogRatio", MostLogRatio))];

    internal override RateGuide? RateGuide => Guide;

    protected override int Outputs => Shape.Outputs + 1;

    protected override (RowLoss Result, float Slope, float ValueGradient) Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target)
    {
        float advantage = BitConverter.UInt32BitsToSingle(target[0]), before = BitConverter.UInt32BitsToSingle(target[1]);
        float logRatio = Math.Clamp(logP - before, -MostLogRatio, MostLogRatio), ratio = MathF.Exp(logRatio);
        float valueError = outputs[Shape.Outputs] - BitConverter.UInt32BitsToSingle(target[2]), valueLoss = 0.5f * valueError * valueError;
        float objective = Math.Min(ratio * advantage, Math.Clamp(ratio, 1 - ClipRange, 1 + ClipRange) * advantage);
        bool isClipped = advantage >= 0 ? ratio >= 1 + ClipRange : ratio <= 1 - ClipRange;
        return (
            new RowLoss(-objective - (EntropyBonus * entropy) + (ValueWeight * valueLoss), ratio - 1 - logRatio, entropy, valueLoss),
            isClipped ? 0 : advantage * ratio, ValueWeight * valueError);
    }
}

/// <summary>
/// What cross-entropy is for actions of several numbers: L = (1 / B) · Σ (−wᵢ · log p(x) − EntropyBonus · H), for cloning and for policy gradients, whose weights are advantages.
/// </summary>
/// <param name="Shape">What the outputs are.</param>
/// <param name="EntropyBonus">How much the entropy of the policy is rewarded.</param>
internal sealed record ComposedCrossEntropy(PolicyShape Shape, float EntropyBonus = 0) : ComposedPolicyLoss(Shape, EntropyBonus)
{
    internal override string Name => "composed_cross_entropy";

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters => [("entropy_bonus", EntropyBonus)];

    protected override int Outputs => Shape.Outputs;

    protected override (RowLoss Result, float Slope, float ValueGradient) Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target)
    {
        float weight = BitConverter.UInt32BitsToSingle(target[0]);
        return (new RowLoss((-weight * logP) - (EntropyBonus * entropy), 0), weight, 0);
    }
}
