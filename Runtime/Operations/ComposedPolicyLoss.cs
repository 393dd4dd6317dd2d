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

        RowObjective objective = Objective(Math.Max(logP, float.MinValue), entropy, outputs, target);
        if (!gradients.IsEmpty) WriteGradients(outputs, target, objective, rows, gradients);
        return objective.Result;
    }

    /// <summary>What a row comes to.</summary>
    protected abstract RowObjective Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target);

    /// <summary>The outputs of the reference that the row is pulled back to.</summary>
    protected virtual ReadOnlySpan<float> ReferenceOf(ReadOnlySpan<uint> target) => [];

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

    private void WriteGradients(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, in RowObjective objective, int rows, Span<float> gradients)
    {
        gradients.Clear();
        (float slope, float bonus, float pull) = (objective.Slope, objective.EntropyBonus, objective.Pull);
        ReadOnlySpan<float> reference = pull > 0 ? ReferenceOf(target) : [];
        for (int branch = 0; branch < Shape.Branches; branch++)
        {
            Branch found = BranchOf(outputs, target, branch), before = pull > 0 ? BranchOf(reference, target, branch) : default;
            float drift = pull > 0 ? PolicyDrift.OfBranch(Shape, branch, outputs, reference, new AllowedOutputs(Shape, target)) : 0;
            for (int j = Shape.FirstOf(branch); j < Shape.EndOf(branch); j++)
            {
                if (!ComposedTargets.IsAllowed(target, Shape, j)) continue;
                float shifted = Math.Max(outputs[j] - found.Maximum, float.MinValue), p = MathF.Exp(shifted) / found.Sum;
                float change = p - (j == ComposedTargets.Chosen(target, branch) ? 1 : 0);
                float gradient = (slope * change) + (bonus * p * (shifted - found.LogSum + found.Entropy));
                if (pull > 0) gradient += pull * p * (PolicyDrift.Difference(outputs[j], found.Maximum, found.LogSum, reference[j], before.Maximum, before.LogSum) - drift);
                gradients[j] = gradient * objective.Weight / rows;
            }
        }

        for (int action = 0; action < Shape.Continuous; action++)
        {
            int mean = Shape.DiscreteOutputs + action, deviation = mean + Shape.Continuous;
            float s = Held(outputs[deviation]), z = DistanceOf(outputs, target, action, s);
            float ofMean = -slope * z * MathF.Exp(-s), ofDeviation = (-slope * ((z * z) - 1)) - bonus;
            if (pull > 0)
            {
                NormalDrift drift = PolicyDrift.OfNumber(Shape, action, outputs, reference);
                ofMean += pull * drift.ByMean;
                ofDeviation += pull * drift.ByLogDeviation;
            }

            gradients[mean] = ofMean * objective.Weight / rows;
            bool leavesBounds = ofDeviation > 0 ? outputs[deviation] <= LeastLogDeviation : outputs[deviation] >= MostLogDeviation;
            gradients[deviation] = leavesBounds ? 0 : ofDeviation * objective.Weight / rows;
        }

        if (Outputs > Shape.Outputs) gradients[Shape.Outputs] = objective.ValueGradient * objective.Weight / rows;
    }

    /// <summary>What the loss of a row comes to, and what its gradients are made of.</summary>
    /// <param name="Result">The loss, with the diagnostics of a step.</param>
    /// <param name="Slope">−dL / d log p.</param>
    /// <param name="ValueGradient">dL / dv.</param>
    /// <param name="EntropyBonus">−dL / dH.</param>
    /// <param name="Pull">dL / d drift.</param>
    /// <param name="Weight">The factor of all gradients.</param>
    protected readonly record struct RowObjective(RowLoss Result, float Slope, float ValueGradient, float EntropyBonus, float Pull = 0, float Weight = 1);

    /// <summary>The softmax of a branch.</summary>
    private readonly record struct Branch(float Maximum, float Sum, float LogSum, float Entropy);
}

/// <summary>
/// The clipped objective of <see cref="ProximalPolicyLoss"/> for actions of several numbers: the ratio is that of the whole action, r = exp(log p − log p then), and the outputs end with the value.
/// </summary>
/// <remarks>
/// With rows that are weighed the loss of a row is w times that or, where w is negative, −|w|·log p of an action that was demonstrated, which reports no divergence, entropy or value loss.
/// With a bound on the drift, a row whose policy is further from the reference than the bound, D > <see cref="DriftBound.Most"/>, has only <see cref="DriftBound.Pull"/>·(D − Most) and the value's loss:
/// beyond the bound nothing is learned of the policy but the way back.
/// </remarks>
/// <param name="Shape">What the outputs are, without the value.</param>
/// <param name="ClipRange">How far the ratio may move from 1 before the objective has no slope.</param>
/// <param name="EntropyBonus">How much the entropy of the policy is rewarded.</param>
/// <param name="ValueWeight">The share of the value's loss.</param>
/// <param name="Guide">How the learning rate follows the divergence.</param>
/// <param name="WeighsRows">Whether rows have weights.</param>
/// <param name="Bound">How far the policy may drift from a reference; null for any distance.</param>
internal sealed record ComposedProximalLoss(
    PolicyShape Shape, float ClipRange, float EntropyBonus, float ValueWeight, RateGuide Guide, bool WeighsRows = false, DriftBound? Bound = null) : ComposedPolicyLoss(Shape, EntropyBonus)
{
    private const float MostLogRatio = ProximalPolicyLoss.MostLogRatio;

    private readonly ComposedTargets layout = new(Shape, Shape.Outputs + 1, WeighsRows, Bound is not null);

    internal override string Name => "composed_proximal_policy";

    internal override IReadOnlyList<(string Name, int Value)> Constants =>
    [
        .. base.Constants, ("VALUE_OUTPUT", Shape.Outputs), ("PROXIMAL", 1), .. WeighsRows ? [("WEIGHS_ROWS", 1)] : (ReadOnlySpan<(string, int)>)[],
        .. Bound is null ? [] : (ReadOnlySpan<(string, int)>)[("REFERENCE_WORD", layout.ReferenceWord)],
    ];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters =>
        [("clip_range", ClipRange), ("entropy_bonus", EntropyBonus), ("value_weight", ValueWeight)];

    internal override IReadOnlyList<KernelArguments<float>> Scalars =>
    [
        .. base.Scalars, new(("clipRange", ClipRange), ("valueWeight", ValueWeight), ("mostLogRatio", MostLogRatio)),
        .. Bound is null ? [] : (ReadOnlySpan<KernelArguments<float>>)[new(("mostDrift", Bound.Most), ("driftPull", DriftBound.Pull))],
    ];

    internal override RateGuide? RateGuide => Guide;

    internal override float PolicyLossOf(RowLoss means) => means.Loss + (EntropyBonus * means.Third) - (ValueWeight * means.Fourth);

    protected override int Outputs => Shape.Outputs + 1;

    internal override TargetLayout TargetsFor(int outputs) => outputs == Outputs ? layout : base.TargetsFor(outputs);

    protected override ReadOnlySpan<float> ReferenceOf(ReadOnlySpan<uint> target) => layout.ReferenceOf(target);

    protected override RowObjective Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target)
    {
        float weight = WeighsRows ? ComposedTargets.RowWeight(target) : 1;
        if (weight < 0) return new RowObjective(new RowLoss(weight * logP, 0), 1, 0, 0, Weight: -weight);
        float advantage = BitConverter.UInt32BitsToSingle(target[0]), before = BitConverter.UInt32BitsToSingle(target[1]);
        float logRatio = Math.Clamp(logP - before, -MostLogRatio, MostLogRatio), ratio = MathF.Exp(logRatio);
        float valueError = outputs[Shape.Outputs] - BitConverter.UInt32BitsToSingle(target[2]), valueLoss = 0.5f * valueError * valueError;
        float objective = Math.Min(ratio * advantage, Math.Clamp(ratio, 1 - ClipRange, 1 + ClipRange) * advantage);
        bool isClipped = advantage >= 0 ? ratio >= 1 + ClipRange : ratio <= 1 - ClipRange;
        float ofPolicy = -objective - (EntropyBonus * entropy), slope = isClipped ? 0 : advantage * ratio, bonus = EntropyBonus, pull = 0;
        float drift = Bound is null ? 0 : PolicyDrift.Of(Shape, outputs, layout.ReferenceOf(target), new AllowedOutputs(Shape, target));
        if (Bound is not null && (float.IsNaN(drift) || drift > Bound.Most)) (ofPolicy, slope, bonus, pull) = (DriftBound.Pull * (drift - Bound.Most), 0, 0, DriftBound.Pull);
        RowLoss result = new(weight * (ofPolicy + (ValueWeight * valueLoss)), weight * (ratio - 1 - logRatio), weight * entropy, weight * valueLoss);
        return new RowObjective(result, slope, ValueWeight * valueError, bonus, pull, weight);
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

    protected override RowObjective Objective(float logP, float entropy, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target)
    {
        float weight = BitConverter.UInt32BitsToSingle(target[0]);
        return new RowObjective(new RowLoss((-weight * logP) - (EntropyBonus * entropy), 0), weight, 0, EntropyBonus);
    }
}
