namespace NeuralPlugin;

/// <summary>How many steps of one kind fit into the budget of a frame (<see cref="FrameSpender"/>), whole or cut by lines, and how much of what they need before.</summary>
/// <param name="device">The device of the GPU.</param>
/// <param name="time">The clock of the calls.</param>
/// <param name="lines">The lines that a step can be cut into; 1 if it runs whole.</param>
/// <param name="waits">Whether a frame waits for a GPU that is too far behind, instead of doing less.</param>
internal sealed class StepBudget(NeuralDevice device, TimeProvider time, int lines, bool waits) : IDisposable
{
    private const int Step = 0;

    private readonly FrameSpender spender = new(device, lines, time, waits);
    private bool hasWorked;

    /// <summary>Steps completed in this frame.</summary>
    public int Steps => spender.Steps;

    /// <summary>Steps, and parts of them, that were enqueued in this frame.</summary>
    public int Parts => spender.Parts;

    /// <summary>Whether this frame should do more, but the GPU is too far behind.</summary>
    public bool IsAheadOfGpu => spender.IsAheadOfGpu;

    /// <summary>The duration of the steps in the last measured frame, or of the calls in this one.</summary>
    public TimeSpan Time => Parts > 0 ? spender.Time : hasWorked ? spender.CallTime : TimeSpan.Zero;

    /// <param name="budget">The budget of this frame.</param>
    /// <param name="owner">The owner that shares the budget, if it is shared.</param>
    public void BeginFrame(FrameBudget budget, object owner)
    {
        spender.TakeMeasurements();
        spender.BeginCall();
        spender.BeginFrame(budget, owner);
        hasWorked = false;
    }

    /// <summary>
    /// Whether the processor may do one more piece of what steps need before. A budget in steps allows as many pieces in each frame, so that a run is repeatable; a time
    /// allows at least one.
    /// </summary>
    /// <param name="piece">The pieces of this frame so far.</param>
    /// <param name="most">The pieces of a frame whose budget is in steps.</param>
    public bool HasTimeForAPiece(int piece, int most)
    {
        bool has = spender.IsInSteps ? piece < most : spender.HasTime(piece);
        hasWorked |= has;
        return has;
    }

    /// <summary>How many of a step's remaining lines fit.</summary>
    public int LinesThatFit(int left) => spender.LinesThatFit(Step, left);

    /// <summary>Call when a step or a part of it is laid out, before it is enqueued.</summary>
    public void BeginPart() => spender.BeginMeasuring();

    /// <summary>Call after lines of a step are enqueued.</summary>
    public void Spend(int lines) => spender.Spend(Step, lines);

    /// <summary>Call after the last lines of a step are enqueued.</summary>
    public void EndStep() => spender.EndStep();

    /// <param name="isIdle">Whether there was nothing more to learn from, so that nothing is saved up.</param>
    public void EndFrame(bool isIdle)
    {
        spender.EndMeasuring();
        spender.EndFrame(isIdle ? null : Step);
    }

    public void Dispose() => spender.Dispose();
}
