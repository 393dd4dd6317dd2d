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
    /// <summary>Steps whose record is kept. If more are unresolved, the older ones have the outcome of their call.</summary>
    private const int Slots = 64;

    private readonly NeuralDevice device;
    private readonly PopulationParameters parameters;
    private readonly MatrixTexture losses;
    private readonly MatrixTexture? guided;   // the losses of the last whole step: an open one replaces them part by part
    private readonly MatrixTexture[] log;
    private readonly Readback readback;
    private readonly float[] found;
    private readonly float[] lastSteps;
    private readonly StepSides sides = new();
    private readonly CallRecords calls;
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
        if (losses.Shape.Columns > 1) guided = new MatrixTexture(device, losses.Shape);
        calls = new CallRecords(device, losses.Shape.Columns);
        log = guided is null ? [steps, calls.Texture] : [steps, calls.Texture, guided];
        readback = new Readback(device, log.Select(texture => texture.Shape));
        lastSteps = new float[guided?.Shape.Elements ?? 0];
        found = new float[Slots * losses.Shape.Columns];
    }

    /// <summary>Steps that were skipped, or undone by a skipped one.</summary>
    public long Lost { get; private set; }

    /// <summary>The losses of all members in a step some frames ago, with their learning rates; empty unless these are guided. Zeros before the first.</summary>
    public ReadOnlySpan<float> LastSteps => lastSteps;

    /// <summary>Whether a step has begun whose dispatches are not all enqueued: some members' pending weights are already of this step.</summary>
    public bool HasOpenStep { get; private set; }

    /// <summary>The steps whose results are known.</summary>
    public long KnownSteps => known;

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
        HasOpenStep = true;
    }

    /// <summary>All dispatches of the step are enqueued: pending becomes committed.</summary>
    public void CommitStep()
    {
        parameters.Commit();
        sides.Enqueue();
        losses.CopyRow(0, log[0], SlotOf(sides.Enqueued));
        if (guided is not null) losses.CopyTo(guided);
        HasOpenStep = false;
    }

    /// <summary>The step is known to be skipped, or weights were set from outside: the pending weights are invalid.</summary>
    public void MakePendingStale() => (isStale, HasOpenStep) = (true, false);

    /// <summary>
    /// Collects the available results without waiting, and requests those not yet requested. Call it whenever the host may have run since a step was enqueued, before the next one.
    /// </summary>
    /// <returns>The last step that the driver skipped and that was not yet reported; 0 for none.</returns>
    public long TakeSkippedStep()
    {
        if (askedFor > known && readback.Status != ReadbackStatus.Pending) Read();
        if (askedFor < sides.Enqueued && readback.Status != ReadbackStatus.Pending)
        {
            readback.Start(log);
            askedFor = sides.Enqueued;
        }

        if (askedFor < sides.Enqueued) calls.Add(sides.Enqueued, log[0], SlotOf(sides.Enqueued));

        long step = skipped;
        skipped = 0;
        return step;
    }

    public void Dispose()
    {
        log[0].Dispose();
        guided?.Dispose();
        calls.Dispose();
        readback.Dispose();
    }

    private void Read()
    {
        if (readback.Status == ReadbackStatus.Ready)
        {
            readback.Read(0, found);
            calls.Read(readback, matrix: 1);
            if (lastSteps.Length > 0) readback.Read(2, lastSteps);
            for (long step = known + 1; step <= askedFor; step++) Note(step);
        }

        known = askedFor;
        calls.Forget(known);
        bool isUntouched = known == sides.Enqueued && !isStale && !HasOpenStep;
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
        bool hasRow = askedFor - step < Slots;   // later steps have not replaced it
        ReadOnlySpan<float> evidence = hasRow ? found.AsSpan(SlotOf(step) * losses.Shape.Columns) : calls.Of(step, askedFor, out _);
        bool wasSkipped = !evidence.IsEmpty && SkipMark.Is(evidence[0]);
        if (wasSkipped) skipped = step;
        sides.Note(step, wasSkipped ? StepOutcome.LeftPending : StepOutcome.Counts);
    }

    private static int SlotOf(long step) => (int)((step - 1) % Slots);
}
