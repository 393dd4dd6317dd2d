namespace NeuralPlugin;

/// <summary>
/// The books of a trainer that does not wait for its steps: which were enqueued, and which of them count. The log on the GPU tells, some
/// frames later, which steps have run, and which was dropped since its loss was not finite; what did not run, the driver has skipped (a
/// conditional render of the host was open). The optimizer's count of steps follows.
/// </summary>
/// <remarks>
/// <see cref="StepSides"/> tells what stands in the committed and in the pending weights. A step that was skipped or dropped leaves the pending ones as
/// they were, and steps after a dropped one copy. A skipped step is repaired where nothing came after it: the sides swap again.
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
    private long started;      // of the copies of the log
    private long taken;
    private long askedFor;     // the steps up to this one will be known, once all copies have come
    private long known;        // of the steps up to this one it is known whether they ran
    private long skipped;      // the last step that was found to be, and not told yet
    private bool isOpen;
    private long changes;      // those of the network when the last step was committed
    private int resumed;

    /// <param name="network">What is trained.</param>
    /// <param name="state">What the optimizer keeps; its steps are counted here.</param>
    /// <param name="readbacks">Copies of the log that may be under way at a time.</param>
    /// <param name="guide">How the loss guides the learning rate; null where it does not.</param>
    public StepLedger(Network network, OptimizerState state, int readbacks, RateGuide? guide = null)
    {
        this.guide = guide;
        found = new StepLogCopy(guide);
        this.network = network;
        this.state = state;
        log = new StepLog(network.Device, guide);
        textures = [log.Texture];
        this.readbacks = [.. Enumerable.Range(0, readbacks).Select(_ => new LogReadback(new Readback(network.Device, [log.Texture.Shape])))];
    }

    /// <summary>What the dispatches of the steps keep and heed.</summary>
    public StepLog Log => log;

    /// <summary>Steps that were enqueued whole and, as far as is known, count.</summary>
    public long Steps => state.Steps;

    /// <summary>Steps that were enqueued whole and do not count.</summary>
    public long Lost { get; private set; }

    /// <summary>Whether a step was dropped, so that none after it counts until <see cref="Resume"/>.</summary>
    public bool HasDropped { get; private set; }

    /// <summary>The mean loss of a sample over the last steps whose results have come; NaN before the first.</summary>
    public float Loss { get; private set; } = float.NaN;

    /// <summary>The share of right predictions over them.</summary>
    public float Accuracy { get; private set; } = float.NaN;

    /// <summary>Means over the same steps, and the latest learning rate, where the loss guides it; NaN before the first.</summary>
    public GuidedStepResult Guided { get; private set; } = new(float.NaN, float.NaN, float.NaN, float.NaN);

    /// <summary>The row of the log that has the learning rate of the last step; -1 before the first, and where the loss does not guide it.</summary>
    public int RowOfLastRate => guide is null || sides.Enqueued == 0 ? -1 : StepLog.RowOfRate(sides.Enqueued);

    /// <summary>A step begins, from the committed weights.</summary>
    public void BeginStep(float learningRate)
    {
        if (network.PendingIsStale) CopyToPending();   // what a step that is dropped leaves as it is
        state.PrepareStep(learningRate);
        isOpen = true;
        log.BeginStep(sides.Enqueued + 1);
    }

    /// <summary>The weights are others than when the open step began: what it has written is none, and it begins anew.</summary>
    public void RestartStep()
    {
        state.Discard();
        CopyToPending();
    }

    /// <summary>The open step is given up.</summary>
    public void AbandonStep()
    {
        state.Discard();
        isOpen = false;
    }

    /// <summary>All dispatches of the open step are enqueued.</summary>
    public void CommitStep()
    {
        state.Commit();
        sides.Enqueue();
        isOpen = false;
        changes = network.Changes;
    }

    /// <summary>Lets what the steps found be read back, if anything is new and a readback is free.</summary>
    public void StartReading()
    {
        if (askedFor == sides.Enqueued || started - taken == readbacks.Length) return;
        LogReadback copy = readbacks[started % readbacks.Length];
        (copy.LastStep, copy.Resumed) = (sides.Enqueued, resumed);
        copy.Readback.Start(textures);
        askedFor = sides.Enqueued;
        started++;
    }

    /// <summary>Takes what has come. Neither waits nor allocates.</summary>
    public void Read()
    {
        for (; taken < started; taken++)
        {
            LogReadback copy = readbacks[taken % readbacks.Length];
            if (copy.Readback.Status == ReadbackStatus.Pending) return;
            if (copy.Readback.Status != ReadbackStatus.Ready || copy.Resumed != resumed) continue;   // it tells of the old drop
            found.Read(copy.Readback);
            for (long step = known + 1; step <= copy.LastStep; step++) Note(step, copy.LastStep);
            known = copy.LastStep;
            Settle();
            Summarize();
        }
    }

    /// <summary>A step that the driver has skipped, the last of those that were not told yet; 0 where there is none.</summary>
    public long TakeSkippedStep()
    {
        long step = skipped;
        skipped = 0;
        return step;
    }

    /// <summary>Steps count again after one was dropped, from the last weights whose loss was finite.</summary>
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
        foreach (LogReadback copy in readbacks) copy.Readback.Dispose();
    }

    private void CopyToPending()
    {
        state.CopyToPending();
        sides.MarkCopied();
    }

    /// <summary>What a step that was not known yet has left on either side.</summary>
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

    /// <summary>Whether a step has left its row, or a later one has taken its place: then it is taken to have run, too.</summary>
    private bool HasRun(long step, long lastStep)
    {
        if (found.TryGet(step, out StepResult result)) return true;
        int later = ((int)result.Number - StepLog.NumberOf(step) + StepLog.Numbers) % StepLog.Numbers;
        return result.Number > 0 && later <= lastStep + 1 - step;   // the open step may have left its row already
    }

    /// <summary>Brings the better side back where nothing has touched it since, and the optimizer's count to that of the committed side.</summary>
    private void Settle()
    {
        bool isUntouched = known == sides.Enqueued && !isOpen && !network.PendingIsStale && network.Changes == changes;
        if (isUntouched && (HasDropped ? sides.Pending < sides.Committed : sides.Pending > sides.Committed))
        {
            state.Commit();
            state.Rewind(state.Steps - 1);   // no step, a swap
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

    /// <summary>A copy of the log on its way: as it was after its last step, and how often training had been resumed.</summary>
    private sealed class LogReadback(Readback readback)
    {
        public Readback Readback { get; } = readback;

        public long LastStep { get; set; }

        public int Resumed { get; set; }
    }
}
