namespace NeuralPlugin;

/// <summary>
/// The books of a population's steps: which of them the driver has skipped (a conditional render of the host was open). A step marks the losses
/// that it is to write and, behind its dispatches, copies that place into a log, which is read back some frames later: copies are not skipped.
/// </summary>
/// <remarks>
/// Committed and pending weights are two sides that swap with every step, whatever became of it on the GPU, so the books say of each side how many
/// steps stand in it. A skipped one has left the pending side as it was before the last step, and the swap brings that back; where no step came behind
/// it, the sides swap again.
/// </remarks>
internal sealed class PopulationLedger : IDisposable
{
    /// <summary>Steps whose record is kept. Of more that nobody has heard of, the older ones are taken to have run.</summary>
    private const int Slots = 8 * sizeof(ulong);

    private readonly NeuralDevice device;
    private readonly PopulationParameters parameters;
    private readonly MatrixTexture losses;
    private readonly MatrixTexture[] log;
    private readonly Readback readback;
    private readonly float[] found = new float[Slots];
    private long enqueued;
    private long askedFor;      // the steps up to this one will be known, once the copy of the log has come
    private long known;
    private long committed;     // steps that stand in the committed side, as of the last known one
    private long pending;
    private long skipped;       // the last step that was found to be, and not told yet
    private ulong copies;       // of the last steps, a bit each: whether both sides were made the same before it
    private bool isCopied;      // before the next one
    private bool isStale = true;

    /// <param name="device">Where the population lives.</param>
    /// <param name="parameters">What steps read and write; its steps are counted here.</param>
    /// <param name="losses">What every step writes, from its first element on.</param>
    public PopulationLedger(NeuralDevice device, PopulationParameters parameters, MatrixTexture losses)
    {
        this.device = device;
        this.parameters = parameters;
        this.losses = losses;
        log = [new MatrixTexture(device, device.Shape(Slots, losses.Shape.Columns, "The log of a population"))];
        readback = new Readback(device, [log[0].Shape]);
    }

    /// <summary>Steps that were skipped, or undone by one that was.</summary>
    public long Lost { get; private set; }

    /// <summary>Before the dispatches of a step.</summary>
    public void BeginStep(float learningRate)
    {
        parameters.PrepareStep(learningRate);
        if (isStale)
        {
            parameters.CopyToPending();   // what a step that is skipped leaves as it is
            (isStale, isCopied) = (false, true);
        }

        SkipMark.Put(device, losses);
    }

    /// <summary>All dispatches of the step are enqueued: what is pending becomes what is committed.</summary>
    public void CommitStep()
    {
        losses.CopyRow(0, log[0], (int)(enqueued % Slots));
        parameters.Commit();
        enqueued++;
        copies = (copies << 1) | (isCopied ? 1u : 0);
        isCopied = false;
    }

    /// <summary>The step is known to be skipped, or weights were given from outside: what is pending is none.</summary>
    public void MakePendingStale() => isStale = true;

    /// <summary>Takes what has come of the steps so far, without waiting, and asks about those that nobody has asked about.</summary>
    /// <returns>The last one that the driver has skipped, of those that were not told yet; 0 where there is none.</returns>
    public long TakeSkippedStep()
    {
        if (askedFor > known && readback.Status != ReadbackStatus.Pending) Read();
        if (askedFor < enqueued && readback.Status != ReadbackStatus.Pending)
        {
            readback.Start(log);
            askedFor = enqueued;
        }

        long step = skipped;
        skipped = 0;
        return step;
    }

    public void Dispose()
    {
        log[0].Dispose();
        readback.Dispose();
    }

    private void Read()
    {
        if (readback.Status == ReadbackStatus.Ready)
        {
            readback.Read(0, found);
            for (long step = known + 1; step <= askedFor; step++) Note(step);
        }

        known = askedFor;
        bool isUntouched = known == enqueued && !isStale;
        if (isUntouched && pending > committed)
        {
            parameters.Commit();
            parameters.Rewind(parameters.Steps - 1);   // no step, a swap
            (committed, pending) = (pending, committed);
        }

        long lost = known - committed;
        parameters.Rewind(parameters.Steps - (lost - Lost));
        Lost = lost;
    }

    private void Note(long step)
    {
        long later = enqueued - step;
        if (later < Slots && ((copies >> (int)later) & 1) != 0) pending = committed;
        bool wasSkipped = askedFor - step < Slots && SkipMark.Is(found[(step - 1) % Slots]);
        if (wasSkipped) skipped = step;
        (committed, pending) = (wasSkipped ? pending : committed + 1, committed);
    }
}
