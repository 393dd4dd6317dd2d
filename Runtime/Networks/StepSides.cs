namespace NeuralPlugin;

/// <summary>
/// Keeps track of two sides of weights, committed and pending, that swap with every step, whatever becomes of it on the GPU, which reports
/// frames later: how many steps each side contains. A step that counts leaves one more than before on the pending side. One that left the pending
/// side unchanged brings back, by the swap, the weights before the previous step, so that two steps are lost instead of one.
/// </summary>
internal sealed class StepSides
{
    private readonly Queue<long> copied = new(64);   // the steps not yet noted before which the sides were made equal; room for more than are usual
    private bool isCopied;                           // before the next step

    /// <summary>Steps whose dispatches are all enqueued.</summary>
    public long Enqueued { get; private set; }

    /// <summary>Steps that the committed side contains, as of the last step noted.</summary>
    public long Committed { get; private set; }

    /// <summary>Steps that the side it read contains.</summary>
    public long Pending { get; private set; }

    /// <summary>The pending side is made equal to the committed one, before the next step.</summary>
    public void MarkCopied() => isCopied = true;

    /// <summary>A step is enqueued completely, and the sides are swapped.</summary>
    public void Enqueue()
    {
        Enqueued++;
        if (isCopied) copied.Enqueue(Enqueued);
        isCopied = false;
    }

    /// <summary>Notes the outcome of the next step not yet noted.</summary>
    public void Note(long step, StepOutcome outcome)
    {
        for (; copied.TryPeek(out long next) && next <= step; copied.Dequeue())
        {
            if (next == step) Pending = Committed;
        }

        (Committed, Pending) = outcome switch
        {
            StepOutcome.Counts => (Committed + 1, Committed),
            StepOutcome.LeftPending => (Pending, Committed),
            _ => (Committed, Committed),
        };
    }

    /// <summary>The sides were swapped back, without a step.</summary>
    public void Swap() => (Committed, Pending) = (Pending, Committed);

    /// <summary>Both sides are now equal, and the outcome of all steps is known.</summary>
    public void Equalize()
    {
        (Pending, isCopied) = (Committed, false);
        copied.Clear();
    }

    /// <summary>The exception for a step that the driver skipped, as the next call reports it.</summary>
    public static DispatchesSkippedException ExceptionOf(long step, string call)
    {
        return new DispatchesSkippedException(
            $"Training step {step} was enqueued, but did not run: the driver skips dispatches while a conditional render is open " +
            $"(glBeginConditionalRender). Call {call} before it or after glEndConditionalRender. Training continues with the next {call}.");
    }
}

/// <summary>The outcome of a step on the GPU.</summary>
internal enum StepOutcome
{
    /// <summary>It wrote the pending side.</summary>
    Counts,

    /// <summary>The driver skipped it, or its own loss was not finite: the pending side is unchanged.</summary>
    LeftPending,

    /// <summary>It came after a step whose loss was not finite, and copied the committed side.</summary>
    Copied,
}
