namespace NeuralPlugin;

/// <summary>The progress of a population of agents.</summary>
/// <param name="Decisions">Decisions that were carried out.</param>
/// <param name="TrainingSteps">Training steps that were enqueued.</param>
/// <param name="DroppedSteps">Steps of a shared brain that do not count, because a loss was not finite or the driver skipped them; reported some frames later.</param>
/// <param name="SkippedDecisions">Decisions that were never learned from, because more were made than the frames' steps could use.</param>
/// <param name="Episodes">Episodes that have ended.</param>
/// <param name="MeanEpisodeReward">The mean of the cumulative rewards of the last 100 episodes that ended; NaN before the first.</param>
/// <param name="TrainingTime">The time of training in the last measured frame, with what a rollout needs before its first step, by the GPU's clock or, if longer, by that of the calls.</param>
/// <param name="GpuTime">
/// The agents' GPU time in the last measured frame: their questions, with upload and readback, and all training steps; excluding work that
/// <see cref="TextureSensor.SetTexture(uint)"/> enqueues among the game's own drawing. It arrives some frames late.
/// </param>
/// <param name="StepsThisFrame">Training steps that this frame has completed.</param>
public readonly record struct AgentProgress(
    long Decisions, long TrainingSteps, long DroppedSteps, long SkippedDecisions, long Episodes, float MeanEpisodeReward, TimeSpan TrainingTime,
    TimeSpan GpuTime, int StepsThisFrame)
{
    /// <summary>The mean number of actions of the last 100 episodes that ended; NaN before the first.</summary>
    public float MeanEpisodeLength { get; init; }

    /// <summary>Decisions carried out per second, over the last second or more; NaN in the first one.</summary>
    public float DecisionsPerSecond { get; init; }

    /// <summary>
    /// The policy's loss in the last 64 steps of <see cref="ActorCritic"/>: the mean of −min(r·A, clamp(r, 1 ± ClipRange)·A), about 0 at the first
    /// step on a rollout and negative later. It says little about how good the policy is. Of brains of their own it is the mean of those that learned in the
    /// last known step. Of a shared brain that learns otherwise it is the mean loss of its last 64 steps: with <see cref="BehaviorCloning"/> the mean of −log p of
    /// what was demonstrated. NaN before the first step, and for brains of their own that learn otherwise.
    /// </summary>
    public float PolicyLoss { get; init; }

    /// <summary>Decisions that <see cref="ActorCritic"/> or <see cref="PolicyGradient"/> learned from at least once.</summary>
    public long LearnedDecisions { get; init; }

    /// <summary>
    /// The learning rate of <see cref="ActorCritic"/> after the last known step, some frames ago; NaN before the first step, like those below.
    /// </summary>
    public float LearningRate { get; init; }

    /// <summary>The same of brains of their own, which differ: <see cref="LearningRate"/> is the median of those that learned in that step.</summary>
    public BrainSpread LearningRates { get; init; }

    /// <summary>
    /// The mean entropy of the policy in its last 64 steps, in nats: from 0 (always the same action) to
    /// log(<see cref="AgentPopulationOptions.Actions"/>). Of brains of their own, and of <see cref="PolicyGradient"/>, it is that of the last collected
    /// decisions, the mean of −log p.
    /// </summary>
    public float Entropy { get; init; }

    /// <summary>The mean KL divergence, in those steps, of the policy from the one that made the decisions.</summary>
    public float Divergence { get; init; }

    /// <summary>The same of brains of their own in the last known step: <see cref="Divergence"/> is the median.</summary>
    public BrainSpread Divergences { get; init; }

    /// <summary>The mean of (v − R)² / 2 in those steps, in deviations of the returns; of brains of their own, in the last collected decisions.</summary>
    public float ValueLoss { get; init; }

    /// <summary>
    /// The share of the returns' variance that the values, or the baseline of <see cref="PolicyGradient"/>, predicted in the last collected decisions: 1
    /// for all of it, 0 for none, negative if they are worse than the mean.
    /// </summary>
    public float ExplainedVariance { get; init; }

    /// <summary>
    /// How far the policy is from that of <see cref="ActorCritic.Reference"/>: the mean of KL(policy ‖ reference) over the last collected decisions, in
    /// nats; NaN without a reference.
    /// </summary>
    public float Drift { get; init; }

    /// <summary>
    /// The Elo rating of the brain in self-play (<see cref="AgentPopulationOptions.SelfPlay"/>); NaN without. It rises as long as the brain gets better than
    /// its snapshots. Compare it within a run; ratings of different runs have no common scale.
    /// </summary>
    public float Elo { get; init; }

    /// <summary>
    /// Whether training skipped this frame because the GPU is too far behind (12 frames, or some 50 milliseconds of work), or a device with a thread of its own has not come to the frame before the last one.
    /// It continues when that has caught up; nothing is lost. With a <see cref="AgentPopulationOptions.Latency"/>, Update waits for the GPU instead.
    /// </summary>
    public bool IsWaitingForGpu { get; init; }
}

/// <summary>A learner's statistics, besides its steps.</summary>
/// <param name="LearnedDecisions">Decisions that were learned from at least once.</param>
/// <param name="ExplainedVariance">1 − Var(R − V) / Var(R) of the last collected decisions.</param>
/// <param name="Steps">The results of the last known steps.</param>
/// <param name="PolicyLoss">The policy's share of their loss.</param>
internal readonly record struct LearningStatistics(long LearnedDecisions, float ExplainedVariance, GuidedStepResult Steps, float PolicyLoss)
{
    /// <summary>For a learner without statistics.</summary>
    public static LearningStatistics None => new(0, float.NaN, new GuidedStepResult(float.NaN, float.NaN, float.NaN, float.NaN), float.NaN) { Drift = float.NaN };

    /// <summary>The mean distance from the reference policy in the last collected decisions.</summary>
    public float Drift { get; init; }
}
