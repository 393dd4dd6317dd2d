namespace NeuralPlugin;

/// <summary>Where a population of agents stands.</summary>
/// <param name="Decisions">Decisions that were carried out.</param>
/// <param name="TrainingSteps">Training steps that were enqueued.</param>
/// <param name="DroppedSteps">Steps of a shared brain that do not count, since a loss was not finite, or the driver has skipped them; they come to be known some frames later.</param>
/// <param name="SkippedDecisions">Decisions that were never learned from, since more were made than the steps of a frame take in.</param>
/// <param name="Episodes">Episodes that have ended.</param>
/// <param name="MeanEpisodeReward">The mean of the cumulative rewards of the last 100 episodes that ended; NaN before the first.</param>
/// <param name="TrainingTime">What learning took in the last frame that was measured, by the GPU's clock or, where that is longer, by that of the calls.</param>
/// <param name="GpuTime">
/// What the agents took of the last frame that was measured by the GPU's clock: their questions, with upload and readback, and all training steps;
/// without what <see cref="TextureSensor.SetTexture(uint)"/> enqueues among the game's own drawing. It comes some frames late.
/// </param>
/// <param name="StepsThisFrame">Training steps of this frame.</param>
public readonly record struct AgentProgress(
    long Decisions, long TrainingSteps, long DroppedSteps, long SkippedDecisions, long Episodes, float MeanEpisodeReward, TimeSpan TrainingTime,
    TimeSpan GpuTime, int StepsThisFrame)
{
    /// <summary>The mean actions of the last 100 episodes that ended; NaN before the first.</summary>
    public float MeanEpisodeLength { get; init; }

    /// <summary>Decisions that were carried out a second, over the last second or more; NaN in the first one.</summary>
    public float DecisionsPerSecond { get; init; }

    /// <summary>
    /// What the last 64 steps of <see cref="ActorCritic"/> made smaller for the policy: the mean of −min(r·A, clamp(r, 1 ± ClipRange)·A), about 0 at the first step on a rollout and
    /// below it later. It says little of how good the policy is. NaN before the first step.
    /// </summary>
    public float PolicyLoss { get; init; }

    /// <summary>Decisions that were learned from at least once, by <see cref="ActorCritic"/>.</summary>
    public long LearnedDecisions { get; init; }

    /// <summary>
    /// The learning rate of <see cref="ActorCritic"/>, after the last step that is known, some frames ago; NaN before the first step, as those below.
    /// </summary>
    public float LearningRate { get; init; }

    /// <summary>The mean entropy of the policy in its last 64 steps, in nats: from 0, always the same action, to log(<see cref="AgentPopulationOptions.Actions"/>).</summary>
    public float Entropy { get; init; }

    /// <summary>The mean KL divergence, in those steps, of the policy from the one that had decided.</summary>
    public float Divergence { get; init; }

    /// <summary>The mean of (v − R)² / 2 in those steps, in deviations of the returns.</summary>
    public float ValueLoss { get; init; }

    /// <summary>
    /// How much of the variance of the returns the values foretold in the last decisions that were collected: 1 all of it, 0 none, and less where they
    /// are worse than the mean.
    /// </summary>
    public float ExplainedVariance { get; init; }

    /// <summary>
    /// Whether training has skipped this frame, since the GPU is too far behind with what was enqueued (12 frames, or some 50 milliseconds of work). It goes
    /// on when the GPU has caught up; nothing is lost. With a <see cref="AgentPopulationOptions.Latency"/>, Update waits for the GPU instead.
    /// </summary>
    public bool IsWaitingForGpu { get; init; }
}

/// <summary>What a learner says of its learning beside its steps.</summary>
/// <param name="LearnedDecisions">Decisions that were learned from at least once.</param>
/// <param name="ExplainedVariance">1 − Var(R − V) / Var(R) of the last decisions that were collected.</param>
/// <param name="Steps">What the last steps that are known found.</param>
/// <param name="PolicyLoss">The policy's share of their loss.</param>
internal readonly record struct LearningStatistics(long LearnedDecisions, float ExplainedVariance, GuidedStepResult Steps, float PolicyLoss)
{
    /// <summary>Of a learner that says nothing.</summary>
    public static LearningStatistics None => new(0, float.NaN, new GuidedStepResult(float.NaN, float.NaN, float.NaN, float.NaN), float.NaN);
}
