namespace NeuralPlugin;

/// <summary>How many uncut steps of one kind fit into the budget of a frame (<see cref="FrameSpender"/>).</summary>
/// <param name="device">The device of the GPU.</param>
/// <param name="time">The clock of the calls.</param>
/// <param name="waits">Whether a frame waits for a GPU that is too far behind, instead of doing less.</param>
internal sealed class StepBudget(NeuralDevice device, TimeProvider time, bool waits) : IDisposable
{
    private const int Step = 0;

    private readonly FrameSpender spender = new(device, time, waits);

    /// <summary>Steps in this frame.</summary>
    public int Steps => spender.Steps;

    /// <summary>Whether this frame should do more, but the GPU is too far behind.</summary>
    public bool IsAheadOfGpu => spender.IsAheadOfGpu;

    /// <summary>The duration of the steps in the last measured frame.</summary>
    public TimeSpan Time => Steps == 0 ? TimeSpan.Zero : spender.Time;

    /// <param name="budget">The budget of this frame.</param>
    /// <param name="owner">The owner that shares the budget, if it is shared.</param>
    public void BeginFrame(FrameBudget budget, object owner)
    {
        spender.TakeMeasurements();
        spender.BeginCall();
        spender.BeginFrame(budget, owner);
    }

    /// <summary>Whether one more step fits.</summary>
    public bool HasRoom() => spender.LinesThatFit(Step, 1) > 0;

    /// <summary>Call before a step is enqueued, if there is something to learn from.</summary>
    public void BeginStep() => spender.BeginMeasuring();

    /// <summary>Call after the step is enqueued.</summary>
    public void EndStep()
    {
        spender.Spend(Step, 1);
        spender.EndStep();
    }

    /// <param name="isIdle">Whether there was nothing more to learn from, so that nothing is saved up.</param>
    public void EndFrame(bool isIdle)
    {
        spender.EndMeasuring();
        spender.EndFrame(isIdle ? null : Step);
    }

    public void Dispose() => spender.Dispose();
}
