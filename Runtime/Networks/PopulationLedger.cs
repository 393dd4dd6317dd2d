namespace NeuralPlugin;

/// <summary>
/// The books of a population's steps: which of them the driver has skipped (a conditional render of the host was open). A step marks the losses
/// that it is to write and, after its dispatches, copies that place into a log, which is read back some frames later: copies are not skipped.
/// </summary>
/// <remarks>
/// <see cref="StepSides"/> tells what stands in the committed and in the pending weights. Where no step came after a skipped one, the sides swap again.
/// A member's loss that is not finite drops no step of the others, so that there are no drops here, unlike in StepLedger.
/// </remarks>
internal sealed class PopulationLedger : IDisposable
{
    /// <summary>Steps whose record is kept. Of more that nobody has heard of, the older ones are taken to have run.</summary>
    private const int Slots = StepSides.Remembered;

    private readonly NeuralDevice device;
    private readonly PopulationParameters parameters;
    private readonly MatrixTexture losses;
    private readonly MatrixTexture[] log;
    private readonly Readback readback;
    private readonly float[] found;
    private readonly StepSides sides = new();
    private long askedFor;      // the steps up to this one will be known, once the copy of the log has come
    private long known;
    private long skipped;       // the last step that was found to be, and not told yet
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
        found = new float[Slots * losses.Shape.Columns];
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
            isStale = false;
            sides.MarkCopied();
        }

        SkipMark.Put(device, losses);
    }

    /// <summary>All dispatches of the step are enqueued: what is pending becomes what is committed.</summary>
    public void CommitStep()
    {
        losses.CopyRow(0, log[0], (int)(sides.Enqueued % Slots));
        parameters.Commit();
        sides.Enqueue();
    }

    /// <summary>The step is known to be skipped, or weights were given from outside: what is pending is none.</summary>
    public void MakePendingStale() => isStale = true;

    /// <summary>Takes what has come of the steps so far, without waiting, and asks about those that nobody has asked about.</summary>
    /// <returns>The last one that the driver has skipped, of those that were not told yet; 0 where there is none.</returns>
    public long TakeSkippedStep()
    {
        if (askedFor > known && readback.Status != ReadbackStatus.Pending) Read();
        if (askedFor < sides.Enqueued && readback.Status != ReadbackStatus.Pending)
        {
            readback.Start(log);
            askedFor = sides.Enqueued;
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
        bool isUntouched = known == sides.Enqueued && !isStale;
        if (isUntouched && sides.Pending > sides.Committed)
        {
            parameters.Commit();
            parameters.Rewind(parameters.Steps - 1);   // no step, a swap
            sides.Swap();
        }

        long lost = known - sides.Committed;
        parameters.Rewind(parameters.Steps - (lost - Lost));
        Lost = lost;
    }

    private void Note(long step)
    {
        bool wasSkipped = askedFor - step < Slots && SkipMark.Is(found[(step - 1) % Slots * losses.Shape.Columns]);
        if (wasSkipped) skipped = step;
        sides.Note(step, wasSkipped ? StepOutcome.LeftPending : StepOutcome.Counts);
    }
}
