namespace NeuralPlugin;

/// <summary>
/// Keeps track of the steps of a trainer that does not wait: which were enqueued, and which of them count. The GPU's log shows, some
/// frames later, which steps have run, and which was dropped for a non-finite loss; any that did not run was skipped by the driver (a
/// conditional render of the host was open). The optimizer's step count follows.
/// </summary>
/// <remarks>
/// <see cref="StepSides"/> tracks the steps in the committed and the pending weights. A skipped or dropped step leaves the pending ones
/// unchanged, and steps after a dropped one copy. A skipped step is repaired if nothing followed it: the sides swap back.
/// </remarks>
internal sealed class StepLedger : IDisposable
{
    private readonly Network network;
    private readonly OptimizerState state;
    private readonly StepLog log;
    private readonly MatrixTexture[] textures;
    private readonly RateGuide? guide;
    private readonly StepLogCopy found;
    private readonly LogReadback[] readbacks;
    private readonly StepSides sides = new();
    private readonly CallRecords calls;
    private long started;      // of the copies of the log
    private long taken;
    private long askedFor;     // the steps up to this one will be known once all copies arrive
    private long known;        // for the steps up to this one it is known whether they ran
    private long skipped;      // the last step found skipped and not yet reported
    private long kept;         // the last step in which a parameter kept its value; 0 for none
    private int keptNumber;    // its number
    private bool isOpen;
    private long changes;      // those of the network when the last step was committed
    private int resumed;

    /// <param name="network">The network to train.</param>
    /// <param name="state">The optimizer's state; its steps are counted here.</param>
    /// <param name="readbacks">The most log copies pending at a time.</param>
    /// <param name="guide">How the loss guides the learning rate; null if it does not.</param>
    public StepLedger(Network network, OptimizerState state, int readbacks, RateGuide? guide = null)
    {
        this.guide = guide;
        found = new StepLogCopy(guide);
        this.network = network;
        this.state = state;
        log = new StepLog(network.Device, guide);
        calls = new CallRecords(network.Device, log.Texture.Shape.Columns);
        textures = [log.Texture, calls.Texture];
        this.readbacks = [.. Enumerable.Range(0, readbacks).Select(_ => new LogReadback(new Readback(network.Device, textures.Select(texture => texture.Shape))))];
    }

    /// <summary>The log that the steps' dispatches write and honor.</summary>
    public StepLog Log => log;

    /// <summary>Steps that were enqueued completely and, as far as known, count.</summary>
    public long Steps => state.Steps;

    /// <summary>Steps that were enqueued completely and do not count.</summary>
    public long Lost { get; private set; }

    /// <summary>Whether a step was dropped, so that none after it counts until <see cref="Resume"/>.</summary>
    public bool HasDropped { get; private set; }

    /// <summary>The mean loss per sample over the latest steps with known results; NaN before the first.</summary>
    public float Loss { get; private set; } = float.NaN;

    /// <summary>Whether a parameter kept its value, because the new one was not finite, in one of these steps or one that became known with them.</summary>
    public bool HasKept { get; private set; }

    /// <summary>The fraction of correct predictions over those steps.</summary>
    public float Accuracy { get; private set; } = float.NaN;

    /// <summary>Means over the same steps, and the latest learning rate, if the loss guides it; NaN before the first.</summary>
    public GuidedStepResult Guided { get; private set; } = new(float.NaN, float.NaN, float.NaN, float.NaN);

    /// <summary>The log's row with the learning rate of the last step; -1 before the first, and if the loss does not guide it.</summary>
    public int RowOfLastRate => guide is null || sides.Enqueued == 0 ? -1 : StepLog.RowOfRate(sides.Enqueued);

    /// <summary>Begins a step from the committed weights.</summary>
    public void BeginStep(float learningRate)
    {
        if (network.PendingIsStale) CopyToPending();   // which a dropped step leaves unchanged
        state.PrepareStep(learningRate);
        isOpen = true;
        log.BeginStep(sides.Enqueued + 1);
    }

    /// <summary>The weights changed since the open step began: what it wrote is invalid, and it starts over.</summary>
    public void RestartStep()
    {
        state.Discard();
        CopyToPending();
    }

    /// <summary>Abandons the open step.</summary>
    public void AbandonStep()
    {
        state.Discard();
        isOpen = false;
    }

    /// <summary>Call when all dispatches of the open step are enqueued.</summary>
    public void CommitStep()
    {
        state.Commit();
        sides.Enqueue();
        isOpen = false;
        changes = network.Changes;
    }

    /// <summary>Starts reading back step results, if there are new ones and a free readback.</summary>
    public void StartReading()
    {
        if (askedFor == sides.Enqueued || started - taken == readbacks.Length) return;
        LogReadback copy = readbacks[started % readbacks.Length];
        (copy.LastStep, copy.Resumed) = (sides.Enqueued, resumed);
        copy.Readback.Start(textures);
        askedFor = sides.Enqueued;
        started++;
    }

    /// <summary>
    /// Call when the host may run before the next step is enqueued: starts reading back as <see cref="StartReading"/> does, and records the steps if that has to wait.
    /// </summary>
    public void EndCall()
    {
        StartReading();
        if (askedFor < sides.Enqueued) calls.Add(sides.Enqueued, log.Texture, StepLog.SlotOf(sides.Enqueued));
    }

    /// <summary>Collects the available results. Neither waits nor allocates.</summary>
    public void Read()
    {
        long knownBefore = known;
        for (; taken < started; taken++)
        {
            LogReadback copy = readbacks[taken % readbacks.Length];
            if (copy.Readback.Status == ReadbackStatus.Pending) return;
            if (copy.Readback.Status != ReadbackStatus.Ready || copy.Resumed != resumed) continue;   // it reports the old drop
            found.Read(copy.Readback);
            calls.Read(copy.Readback, matrix: 1);
            for (long step = known + 1; step <= copy.LastStep; step++) Note(step, copy.LastStep);
            known = copy.LastStep;
            calls.Forget(known);
            NoteKept(knownBefore);
            Settle();
            Summarize();
        }
    }

    /// <summary>Returns the last step that the driver skipped and that was not yet reported; 0 for none.</summary>
    public long TakeSkippedStep()
    {
        long step = skipped;
        skipped = 0;
        return step;
    }

    /// <summary>Makes steps count again after one was dropped, from the last weights with a finite loss.</summary>
    public void Resume()
    {
        HasDropped = false;
        resumed++;
        log.ForgetDrop();
        CopyToPending();
        sides.Equalize();
        known = sides.Enqueued;
    }

    public void Dispose()
    {
        log.Dispose();
        calls.Dispose();
        foreach (LogReadback copy in readbacks) copy.Readback.Dispose();
    }

    private void CopyToPending()
    {
        state.CopyToPending();
        sides.MarkCopied();
    }

    /// <summary>Notes what a step of so far unknown outcome left on either side.</summary>
    private void Note(long step, long lastStep)
    {
        if (!HasRun(step, lastStep))
        {
            skipped = step;
            sides.Note(step, StepOutcome.LeftPending);
        }
        else if (HasDropped)
        {
            sides.Note(step, StepOutcome.Copied);
        }
        else
        {
            HasDropped = StepLog.NumberOf(step) == found.DroppedStep;
            sides.Note(step, HasDropped ? StepOutcome.LeftPending : StepOutcome.Counts);
        }
    }

    /// <summary>
    /// The log keeps the number of an old step, which repeats one day: only another number is another step. The open step may have left its number already. A step that has become known
    /// only now is told even if more steps than the window has follow it in the same frame.
    /// </summary>
    private void NoteKept(long knownBefore)
    {
        if (found.KeptStep != keptNumber) (keptNumber, kept) = (found.KeptStep, StepLog.LatestWith(found.KeptStep, known + 1));
        HasKept = kept > 0 && kept <= known && (kept > knownBefore || known - kept < StepLog.Slots);
    }

    /// <summary>
    /// Whether a step has left its row, or a later one has replaced it: one of the same call, in which nothing is skipped before something that runs, or one of a later call. Then there is a record of
    /// the step's own.
    /// </summary>
    private bool HasRun(long step, long lastStep)
    {
        if (found.TryGet(step, out StepResult result)) return true;
        int later = ((int)result.Number - StepLog.NumberOf(step) + StepLog.Numbers) % StepLog.Numbers;
        bool isReplaced = result.Number > 0 && later <= lastStep + 1 - step;   // the open step may have left its row already
        ReadOnlySpan<float> record = calls.Of(step, lastStep, out long lastOfCall);
        return isReplaced && (record.IsEmpty || StepLogCopy.IsOf(record, lastOfCall));
    }

    /// <summary>Restores the better side if nothing has changed it since, and sets the optimizer's count to that of the committed side.</summary>
    private void Settle()
    {
        bool isUntouched = known == sides.Enqueued && !isOpen && !network.PendingIsStale && network.Changes == changes;
        if (isUntouched && (HasDropped ? sides.Pending < sides.Committed : sides.Pending > sides.Committed))
        {
            state.Commit();
            state.Rewind(state.Steps - 1);   // a swap rather than a step
            sides.Swap();
            changes = network.Changes;
        }

        long lost = sides.Enqueued - (HasDropped ? sides.Committed : sides.Committed + (sides.Enqueued - known));
        state.Rewind(state.Steps - (lost - Lost));
        Lost = lost;
    }

    private void Summarize()
    {
        double loss = 0, correct = 0, rows = 0, divergence = 0, entropy = 0, valueLoss = 0;
        float rate = Guided.Rate;
        for (long step = Math.Max(1, known - StepLog.Slots + 1); step <= known; step++)
        {
            if (!found.TryGet(step, out StepResult result) || !float.IsFinite(result.Loss)) continue;
            loss += (double)result.Loss * result.Rows;
            correct += result.Correct;
            rows += result.Rows;
            if (guide is null) continue;
            GuidedStepResult guided = found.Guided(step);
            rate = guided.Rate;
            divergence += (double)guided.Divergence * result.Rows;
            entropy += (double)guided.Entropy * result.Rows;
            valueLoss += (double)guided.ValueLoss * result.Rows;
        }

        if (rows == 0) return;
        (Loss, Accuracy) = ((float)(loss / rows), (float)(correct / rows));
        if (guide is not null) Guided = new GuidedStepResult(rate, (float)(divergence / rows), (float)(entropy / rows), (float)(valueLoss / rows));
    }

    /// <summary>A pending copy of the log: its last step, and how often training had been resumed.</summary>
    private sealed class LogReadback(Readback readback)
    {
        public Readback Readback { get; } = readback;

        public long LastStep { get; set; }

        public int Resumed { get; set; }
    }
}
