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
    /// <summary>
    /// Whether training has skipped this frame, since the GPU is too far behind with what was enqueued (12 frames, or some 50 milliseconds of work). It goes
    /// on when the GPU has caught up; nothing is lost. With a <see cref="AgentPopulationOptions.Latency"/>, Update waits for the GPU instead.
    /// </summary>
    public bool IsWaitingForGpu { get; init; }
}
