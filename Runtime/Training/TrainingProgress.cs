namespace NeuralPlugin;

/// <summary>The state of a trainer.</summary>
public enum TrainerState
{
    /// <summary>Its kernels are being compiled, one per frame, before it begins.</summary>
    WarmingUp,

    /// <summary>There are no samples yet.</summary>
    WaitingForSamples,

    /// <summary>It is training, part by part in each frame.</summary>
    Training,

    /// <summary>It was paused.</summary>
    Paused,

    /// <summary>
    /// The loss of a step was not finite. The weights are the last good ones; Resume continues from there, preferably with a smaller
    /// learning rate. A gradient that is not finite under a finite loss is no divergence: the parameters concerned keep their values (<see cref="TrainingProgress.HasKeptParameters"/>), and training continues.
    /// </summary>
    Diverged,

    /// <summary>
    /// The GPU is so far behind (12 frames, or some 50 milliseconds of work) that the trainer skipped this turn, or a device with a thread of its own has not come to the frame before the last one. It
    /// continues once that has caught up; nothing is lost.
    /// </summary>
    WaitingForGpu,
}

/// <summary>
/// The progress of a trainer. GPU results arrive some frames late, and only those that have arrived are reported; nothing is waited for.
/// </summary>
/// <param name="Steps">Steps enqueued completely, except those that do not count: a loss was not finite, or the driver skipped them.</param>
/// <param name="Epochs">How often all samples were drawn, including the fraction of the current epoch.</param>
/// <param name="Loss">The mean loss per sample over the window: the latest steps, at most 64, with known results. NaN before the first.</param>
/// <param name="Accuracy">
/// The fraction of correct predictions over that window, before each step. NaN before the first, and always with a loss for which no prediction is
/// right or wrong, such as a regression loss.
/// </param>
/// <param name="GpuTime">
/// The duration of training in the last measured frame: by the GPU's clock or, if longer (a software driver works
/// inside the calls), by that of the calls.
/// </param>
/// <param name="StepsThisFrame">
/// Steps completed in this frame. With a budget in steps, fewer than requested if the GPU is too far behind for the others.
/// </param>
/// <param name="State">The current state.</param>
public readonly record struct TrainingProgress(
    long Steps, double Epochs, float Loss, float Accuracy, TimeSpan GpuTime, int StepsThisFrame, TrainerState State)
{
    /// <summary>
    /// Whether a parameter kept its value in a step of the window, or in one whose result arrived with the window's, under a finite loss: its new value or the optimizer's state of it was not
    /// finite. The features or the learning rate are too large: a product overflows, the square of a gradient that <see cref="Adam"/> keeps, or the step itself.
    /// Always false on an OpenGL driver with so few bindings that the note has no room.
    /// </summary>
    public bool HasKeptParameters { get; init; }
}
