namespace NeuralPlugin;

/// <summary>How many steps of one kind, which are not cut, fit into the budget of a frame (<see cref="FrameSpender"/>).</summary>
/// <param name="device">Whose GPU it is.</param>
/// <param name="time">The clock of the calls.</param>
/// <param name="waits">Whether a frame waits for a GPU that is too far behind, in place of doing less.</param>
internal sealed class StepBudget(NeuralDevice device, TimeProvider time, bool waits) : IDisposable
{
    private const int Step = 0;

    private readonly FrameSpender spender = new(device, time, waits);

    /// <summary>Steps of this frame.</summary>
    public int Steps => spender.Steps;

    /// <summary>Whether this frame was to do more, and the GPU is too far behind for it.</summary>
    public bool IsAheadOfGpu => spender.IsAheadOfGpu;

    /// <summary>What the steps took in the last frame that was measured.</summary>
    public TimeSpan Time => Steps == 0 ? TimeSpan.Zero : spender.Time;

    /// <param name="budget">What this frame may spend.</param>
    /// <param name="owner">Who shares the budget, where it is shared.</param>
    public void BeginFrame(FrameBudget budget, object owner)
    {
        spender.TakeMeasurements();
        spender.BeginCall();
        spender.BeginFrame(budget, owner);
    }

    /// <summary>Whether one more step fits.</summary>
    public bool HasRoom() => spender.LinesThatFit(Step, 1) > 0;

    /// <summary>A step is about to be enqueued, if there is something to learn from.</summary>
    public void BeginStep() => spender.BeginMeasuring();

    /// <summary>It was enqueued.</summary>
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
