using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The clipped objective of proximal policy optimization with a value beside the logits: outputs [batch × actions + 1], of which the last
/// is the value v, against earlier decisions. With p = softmax of the allowed actions' logits, a the action, A its advantage, R the
/// return, and r = p_a / p_a at the time of the choice:
/// L = (1 / B) · Σ (−min(r·A, clamp(r, 1 ± ClipRange)·A) − EntropyBonus·H(p) + ValueWeight · (v − R)² / 2).
/// The logarithm of r is held within ±20, so that the loss is finite for any finite logits.
/// </summary>
/// <remarks>
/// Source: Schulman et al., 2017, "Proximal Policy Optimization Algorithms", equations 7 and 9. Besides L, each row gives r − 1 − log r, whose mean
/// estimates the KL divergence of the policy from the earlier one (Schulman, 2020, "Approximating KL Divergence"), H(p) and (v − R)² / 2.
/// </remarks>
/// <param name="Actions">Actions to choose from; the value is the output after them.</param>
/// <param name="ClipRange">How far the ratio may move from 1 before the objective has no slope.</param>
/// <param name="EntropyBonus">How much the entropy of the policy is rewarded.</param>
/// <param name="ValueWeight">The share of the value's loss.</param>
/// <param name="Guide">How the learning rate follows the divergence.</param>
internal sealed record ProximalPolicyLoss(int Actions, float ClipRange, float EntropyBonus, float ValueWeight, RateGuide Guide) : Loss
{
    /// <summary>Beyond, the ratio stays constant, so that it is finite.</summary>
    public const float MostLogRatio = 20;

    internal override string Name => "proximal_policy";

    internal override string Include => "proximal_policy.glsl";

    internal override IReadOnlyList<(string Name, int Value)> Constants => [DecisionTargets.MaskConstant, ("VALUE_OUTPUT", Actions)];

    internal override IReadOnlyList<(string Name, float Value)> Hyperparameters =>
        [("clip_range", ClipRange), ("entropy_bonus", EntropyBonus), ("value_weight", ValueWeight)];

    internal override IReadOnlyList<KernelArguments<float>> Scalars =>
        [new(("clipRange", ClipRange), ("entropyBonus", EntropyBonus), ("valueWeight", ValueWeight), ("mostLogRatio", MostLogRatio))];

    internal override bool CountsCorrect => false;

    internal override RateGuide? RateGuide => Guide;

    internal override float PolicyLossOf(RowLoss means) => means.Loss + (EntropyBonus * means.Third) - (ValueWeight * means.Fourth);

    internal override TargetLayout TargetsFor(int outputs) => outputs == Actions + 1 ? new DecisionTargets(outputs)
        : throw new ArgumentException($"Expected {Actions + 1} outputs, {Actions} actions and a value, but got {outputs}.", nameof(outputs));

    internal override RowLoss ComputeRow(ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int count, int rows, Span<float> gradients)
    {
        const int FewOutputs = 256;
        PackedDecision decision = DecisionTargets.Read(target);
        Span<float> terms = !gradients.IsEmpty ? gradients : outputs.Length <= FewOutputs ? stackalloc float[outputs.Length] : new float[outputs.Length];
        Softmax softmax = Softmax.Of(outputs, DecisionTargets.MaskOf(target), terms);
        float logP = Math.Max(outputs[decision.Action] - softmax.Maximum, float.MinValue) - softmax.LogSum;
        float logRatio = Math.Clamp(logP - decision.LogProbability, -MostLogRatio, MostLogRatio), ratio = MathF.Exp(logRatio);
        float valueError = outputs[Actions] - decision.Return, valueLoss = 0.5f * valueError * valueError;
        if (!gradients.IsEmpty)
        {
            bool isClipped = decision.Advantage >= 0 ? ratio >= 1 + ClipRange : ratio <= 1 - ClipRange;
            ToGradients(softmax, outputs, target, decision.Action, isClipped ? 0 : decision.Advantage * ratio, ValueWeight * valueError, rows, gradients);
        }

        float objective = Math.Min(ratio * decision.Advantage, Math.Clamp(ratio, 1 - ClipRange, 1 + ClipRange) * decision.Advantage);
        return new RowLoss(-objective - (EntropyBonus * softmax.Entropy) + (ValueWeight * valueLoss), ratio - 1 - logRatio, softmax.Entropy, valueLoss);
    }

    /// <summary>From exp(z − max z) to the gradients: slope · (p − [the action]) + EntropyBonus · p · (log p + H(p)), then that of the value.</summary>
    private void ToGradients(
        Softmax softmax, ReadOnlySpan<float> outputs, ReadOnlySpan<uint> target, int action, float slope, float valueGradient, int rows, Span<float> gradients)
    {
        ReadOnlySpan<Vector128<float>> z = MemoryMarshal.Cast<float, Vector128<float>>(outputs);
        Span<Vector128<float>> dz = MemoryMarshal.Cast<float, Vector128<float>>(gradients);
        ReadOnlySpan<uint> mask = DecisionTargets.MaskOf(target);
        Vector128<float> sum = Vector128.Create(softmax.Sum), count = Vector128.Create((float)rows);
        for (int t = 0; t < dz.Length; t++)
        {
            Vector128<float> p = dz[t] / sum;
            Vector128<float> logP = Softmax.Allowed(mask, t) & (Softmax.Shifted(z[t], softmax.Maximum) - Vector128.Create(softmax.LogSum));
            Vector128<float> ofPolicy = (slope * (p - At(action, t, 1))) + (EntropyBonus * p * (logP + Vector128.Create(softmax.Entropy)));
            dz[t] = (ofPolicy + At(Actions, t, valueGradient)) / count;
        }

        static Vector128<float> At(int column, int texel, float value) => Vector128.ConditionalSelect(
            Vector128.Equals(Vector128<int>.Indices, Vector128.Create(column - (texel * Vector128<float>.Count))).AsSingle(), Vector128.Create(value), default);
    }
}

/// <summary>
/// A learning rate that follows the divergence that a loss reports: if a step's batch has more than twice the target, the rate of the step is the
/// previous one divided by 1.5; if less than half of it, multiplied by 1.5. The rate stays on the GPU (Shaders/Include/rate_guide.glsl). Using the
/// previous batch's divergence would save the step a dispatch, but overshoots: a board game is learned half as fast.
/// </summary>
/// <remarks>Source: Schulman et al., 2017, section 4, there of the penalty's coefficient.</remarks>
/// <param name="First">The rate before the first step.</param>
/// <param name="Least">The rate falls no further.</param>
/// <param name="Most">The rate grows no further.</param>
/// <param name="TargetDivergence">The target divergence of a step; 0 leaves the rate unchanged.</param>
internal sealed record RateGuide(float First, float Least, float Most, float TargetDivergence)
{
    /// <summary>How far a step moves it.</summary>
    public const float Factor = 1.5f;

    /// <summary>The scalar of the rate before the first step.</summary>
    public const string FirstRate = "firstRate";

    /// <summary>Tells kernels that the rate is guided.</summary>
    public static (string Name, int Value) Constant => ("GUIDED_RATE", 1);

    /// <summary>A rate clamped to its bounds, to begin with in place of the first one.</summary>
    public float Held(float rate) => Math.Clamp(rate, Math.Min(First, Least), Most);

    /// <summary>The scalars that the kernels declare.</summary>
    public KernelArguments<float> MakeScalars() =>
        new((FirstRate, First), ("leastRate", Least), ("mostRate", Most), ("rateFactor", Factor), ("targetDivergence", TargetDivergence));
}

/// <summary>A decision as packed in a target.</summary>
/// <param name="Action">The chosen action.</param>
/// <param name="Advantage">How much better it was than expected.</param>
/// <param name="LogProbability">The logarithm of its probability when it was chosen.</param>
/// <param name="Return">The return, which the value should match.</param>
internal readonly record struct PackedDecision(int Action, float Advantage, float LogProbability, float Return);

/// <summary>
/// Decisions: word 0 the action, words 1 to 3 the bits of its advantage, of the logarithm of its probability when it was chosen, and of the return;
/// from word 4 on, one bit per action: whether it was allowed. The last output, the value, has no bit. Shaders/Include/proximal_policy.glsl reads it.
/// </summary>
internal sealed record DecisionTargets(int Outputs) : TargetLayout(Outputs)
{
    private const int MaskWord = 4;
    private const int BitsPerWord = 32;

    /// <summary>Tells label_targets.glsl where the mask begins.</summary>
    public static (string Name, int Value) MaskConstant => ("TARGET_MASK_WORD", MaskWord);

    public override string Kind => "decisions";

    /// <summary>None: only agents make decisions, and they choose the loss.</summary>
    public override Loss PlainLoss => throw new InvalidOperationException("Decisions have no loss of their own.");

    public override int WordsPerRow => MaskWord + MatrixShape.CeilingDivide(Outputs, BitsPerWord);

    public override int WeightWord => 1;

    /// <summary>Reads a packed target.</summary>
    public static PackedDecision Read(ReadOnlySpan<uint> target) => new(
        (int)target[0], BitConverter.UInt32BitsToSingle(target[1]), BitConverter.UInt32BitsToSingle(target[2]), BitConverter.UInt32BitsToSingle(target[3]));

    /// <summary>The words of a packed target with a bit for each action.</summary>
    public static ReadOnlySpan<uint> MaskOf(ReadOnlySpan<uint> target) => target[MaskWord..];

    private int Actions => Outputs - 1;

    public override void Check(int rows, BatchTargets targets)
    {
        if (!targets.AreDecisions) throw new ArgumentException("This loss takes decisions, but got other targets.", nameof(targets));
        Requirements.Length(targets.Labels.Length, rows, "one action per sample", nameof(targets));
        Requirements.Length(targets.SampleWeights.Length, rows, "one advantage per sample", nameof(targets));
        Requirements.Length(targets.LogProbabilities.Length, rows, "the logarithm of one probability per sample", nameof(targets));
        Requirements.Length(targets.Values.Length, rows, "one return per sample", nameof(targets));
        Requirements.Length(targets.AllowedClasses.Length, (long)rows * Actions, $"{rows} samples × {Actions} actions", nameof(targets));
        for (int i = 0; i < rows; i++)
        {
            int action = targets.Labels[i];
            if ((uint)action >= (uint)Actions || !targets.AllowedClasses[(i * Actions) + action])
                throw new ArgumentException($"The action of sample {i} must be an allowed one of {Actions}, but got {action}.", nameof(targets));
        }
    }

    public override void Pack(BatchTargets targets, Span<uint> words, int stride)
    {
        int used = WordsPerRow, actions = Actions;
        if (stride > used) words.Clear();
        ReadOnlySpan<bool> allowed = targets.AllowedClasses;
        for (int row = 0; row < targets.Labels.Length; row++)
        {
            Span<uint> target = words.Slice(row * stride, used);
            target[3] = BitConverter.SingleToUInt32Bits(targets.Values[row]);
            target[2] = BitConverter.SingleToUInt32Bits(targets.LogProbabilities[row]);
            target[1] = BitConverter.SingleToUInt32Bits(targets.SampleWeights[row]);
            target[0] = (uint)targets.Labels[row];
            PackMask(allowed.Slice(row * actions, actions), target[MaskWord..]);
        }
    }

    private static void PackMask(ReadOnlySpan<bool> allowed, Span<uint> words)
    {
        int word = 0;
        uint mask = 0;
        for (int action = 0; action < allowed.Length; action++)
        {
            if (action > 0 && action % BitsPerWord == 0) (words[word++], mask) = (mask, 0);
            mask |= (allowed[action] ? 1u : 0u) << (action % BitsPerWord);
        }

        words[word++] = mask;
        words[word..].Clear();   // that of the value, which has no bit
    }
}
