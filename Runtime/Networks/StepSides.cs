namespace NeuralPlugin;

/// <summary>
/// The books of two sides of weights, committed and pending, that swap with every step, whatever becomes of it on the GPU, which tells frames
/// later: how many steps stand in each side. A step that counts leaves one more than before on the pending side; one that left the pending side
/// as it was brings, by the swap, the weights before the step before back, so that two steps are lost, and not one.
/// </summary>
internal sealed class StepSides
{
    /// <summary>Steps of which it is remembered whether the sides were made the same before them.</summary>
    public const int Remembered = 8 * sizeof(ulong);

    private ulong copies;      // of the last steps, a bit each
    private bool isCopied;     // before the next one

    /// <summary>Steps whose dispatches are enqueued whole.</summary>
    public long Enqueued { get; private set; }

    /// <summary>Steps that stand in the committed side, as of the last step that was noted.</summary>
    public long Committed { get; private set; }

    /// <summary>And in the side that it read.</summary>
    public long Pending { get; private set; }

    /// <summary>The pending side is made the same as the committed one, before the step that comes.</summary>
    public void MarkCopied() => isCopied = true;

    /// <summary>A step is enqueued whole, and the sides are swapped.</summary>
    public void Enqueue()
    {
        Enqueued++;
        copies = (copies << 1) | (isCopied ? 1u : 0);
        isCopied = false;
    }

    /// <summary>What the next step that was not noted yet has left.</summary>
    public void Note(long step, StepOutcome outcome)
    {
        long later = Enqueued - step;
        if (later < Remembered && ((copies >> (int)later) & 1) != 0) Pending = Committed;
        (Committed, Pending) = outcome switch
        {
            StepOutcome.Counts => (Committed + 1, Committed),
            StepOutcome.LeftPending => (Pending, Committed),
            _ => (Committed, Committed),
        };
    }

    /// <summary>The sides were swapped back, without a step.</summary>
    public void Swap() => (Committed, Pending) = (Pending, Committed);

    /// <summary>Both sides are the same now, and all steps are known.</summary>
    public void Equalize() => (Pending, isCopied) = (Committed, false);

    /// <summary>A step that the driver has skipped, as the next call tells it.</summary>
    public static DispatchesSkippedException ExceptionOf(long step, string call)
    {
        return new DispatchesSkippedException(
            $"Training step {step} was enqueued and did not run: the driver skips dispatches while a conditional render is open " +
            $"(glBeginConditionalRender). Call {call} before it or after glEndConditionalRender. Training goes on with the next {call}.");
    }
}

/// <summary>What a step has done on the GPU.</summary>
internal enum StepOutcome
{
    /// <summary>It wrote the pending side.</summary>
    Counts,

    /// <summary>The driver skipped it, or its own loss was not finite: the pending side is as it was.</summary>
    LeftPending,

    /// <summary>It came after one whose loss was not finite, and copied the committed side.</summary>
    Copied,
}
