namespace NeuralPlugin;

/// <summary>What a trainer is doing.</summary>
public enum TrainerState
{
    /// <summary>Its kernels are compiled, one in each frame, before it begins.</summary>
    WarmingUp,

    /// <summary>There is no sample yet.</summary>
    WaitingForSamples,

    /// <summary>It trains, a part in each frame.</summary>
    Training,

    /// <summary>It was told to pause.</summary>
    Paused,

    /// <summary>
    /// The loss of a step was not finite. The weights are the last good ones; Resume goes on from there, best with a smaller
    /// learning rate.
    /// </summary>
    Diverged,

    /// <summary>
    /// The GPU is so far behind with what was enqueued (12 frames, or some 50 milliseconds of work) that the trainer has skipped this turn. It goes on
    /// when the GPU has caught up; nothing is lost.
    /// </summary>
    WaitingForGpu,
}

/// <summary>
/// Where a trainer stands. What the GPU finds comes some frames late, and only what has come is told; nothing is waited for.
/// </summary>
/// <param name="Steps">Steps that were enqueued whole, without those that do not count: a loss was not finite, or the driver has skipped them.</param>
/// <param name="Epochs">How often all samples were drawn, with the part of the current epoch.</param>
/// <param name="Loss">The mean loss of a sample over the window: the last steps, at most 64, whose results have come. NaN before the first.</param>
/// <param name="Accuracy">
/// The share of right predictions over that window, before each step. NaN before the first; and always with a loss for which no prediction is right or
/// wrong, as that of a regression.
/// </param>
/// <param name="GpuTime">
/// What training took in the last frame that was measured: by the GPU's clock or, where that is longer (a software driver works
/// inside the calls), by that of the calls.
/// </param>
/// <param name="StepsThisFrame">
/// Steps that became whole in this frame. Of a budget in steps there are fewer than it says where the GPU is too far behind for the others.
/// </param>
/// <param name="State">What it is doing.</param>
public readonly record struct TrainingProgress(
    long Steps, double Epochs, float Loss, float Accuracy, TimeSpan GpuTime, int StepsThisFrame, TrainerState State);
