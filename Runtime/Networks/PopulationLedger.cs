namespace NeuralPlugin;

/// <summary>
/// Keeps track of a population's steps: which of them the driver skipped (a conditional render of the host was open). A step marks the losses
/// it will write and, after its dispatches, copies that location into a log, which is read back some frames later: copies are not skipped.
/// </summary>
/// <remarks>
/// <see cref="StepSides"/> tracks the steps in the committed and the pending weights. If no step followed a skipped one, the sides swap back.
/// A member's non-finite loss drops no step of the others, so there are no drops here, unlike in StepLedger.
/// </remarks>
internal sealed class PopulationLedger : IDisposable
{
    /// <summary>Steps whose record is kept. If more are unresolved, the older ones are assumed to have run.</summary>
    private const int Slots = 64;

    private readonly NeuralDevice device;
    private readonly PopulationParameters parameters;
    private readonly MatrixTexture losses;
    private readonly MatrixTexture[] log;
    private readonly Readback readback;
    private readonly float[] found;
    private readonly float[] lastSteps;
    private readonly StepSides sides = new();
    private long askedFor;      // the steps up to this one will be known once the log's copy arrives
    private long known;
    private long skipped;       // the last step found skipped and not yet reported
    private bool isStale = true;

    /// <param name="device">The population's device.</param>
    /// <param name="parameters">The parameters that steps read and write; the steps are counted here.</param>
    /// <param name="losses">Written by every step, from its first element on.</param>
    public PopulationLedger(NeuralDevice device, PopulationParameters parameters, MatrixTexture losses)
    {
        this.device = device;
        this.parameters = parameters;
        this.losses = losses;
        MatrixTexture steps = new(device, device.Shape(Slots, losses.Shape.Columns, "The log of a population"));
        bool areGuided = losses.Shape.Columns > 1;
        log = areGuided ? [steps, losses] : [steps];
        readback = new Readback(device, log.Select(texture => texture.Shape));
        lastSteps = new float[areGuided ? losses.Shape.Rows * losses.Shape.Columns : 0];
        found = new float[Slots * losses.Shape.Columns];
    }

    /// <summary>Steps that were skipped, or undone by a skipped one.</summary>
    public long Lost { get; private set; }

    /// <summary>The losses of all members in a step some frames ago, with their learning rates; empty unless these are guided. Zeros before the first.</summary>
    public ReadOnlySpan<float> LastSteps => lastSteps;

    /// <summary>Call before the dispatches of a step.</summary>
    public void BeginStep(float learningRate)
    {
        parameters.PrepareStep(learningRate);
        if (isStale)
        {
            parameters.CopyToPending();   // which a skipped step leaves unchanged
            isStale = false;
            sides.MarkCopied();
        }

        SkipMark.Put(device, losses);
    }

    /// <summary>All dispatches of the step are enqueued: pending becomes committed.</summary>
    public void CommitStep()
    {
        losses.CopyRow(0, log[0], (int)(sides.Enqueued % Slots));
        parameters.Commit();
        sides.Enqueue();
    }

    /// <summary>The step is known to be skipped, or weights were set from outside: the pending weights are invalid.</summary>
    public void MakePendingStale() => isStale = true;

    /// <summary>Collects the available results without waiting, and requests those not yet requested.</summary>
    /// <returns>The last step that the driver skipped and that was not yet reported; 0 for none.</returns>
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
            if (lastSteps.Length > 0) readback.Read(1, lastSteps);
            for (long step = known + 1; step <= askedFor; step++) Note(step);
        }

        known = askedFor;
        bool isUntouched = known == sides.Enqueued && !isStale;
        if (isUntouched && sides.Pending > sides.Committed)
        {
            parameters.Commit();
            parameters.Rewind(parameters.Steps - 1);   // a swap rather than a step
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
