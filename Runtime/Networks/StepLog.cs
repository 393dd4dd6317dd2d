using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Results of a trainer's steps, kept on the GPU until they are read back: the loss and the correct predictions of each of the last
/// <see cref="Slots"/> steps, the first step whose loss was not finite, which keeps itself and all later ones from
/// changing the weights, and the last step in which a parameter kept its value. Shaders/Include/step_log.glsl has the details. If the loss guides the learning rate, as many further rows hold the
/// steps' rates (Shaders/Include/guided_rate.glsl).
/// </summary>
internal sealed class StepLog : IDisposable
{
    /// <summary>Steps whose results are kept.</summary>
    public const int Slots = 64;

    /// <summary>Step numbers repeat after this many, so that a float holds each exactly.</summary>
    public const int Numbers = 1 << 20;

    /// <summary>The row with the last step in which a parameter kept its value.</summary>
    public const int RowOfKept = Slots + 1;

    private readonly DeviceLimits limits;
    private readonly Operand whole;
    private readonly Part dropped;
    private readonly KernelArguments<int> stepNumber = new(("stepNumber", 0));
    private readonly RateGuide? guide;
    private readonly KernelArguments<float>? rateScalars;

    /// <param name="device">The owning device.</param>
    /// <param name="guide">How the loss guides the learning rate; null if it does not.</param>
    public StepLog(NeuralDevice device, RateGuide? guide = null)
        : this(new MatrixTexture(device, device.Shape(RowsFor(guide), MatrixShape.ColumnsPerTexel, "The log of a trainer")), device.Limits, guide)
    {
    }

    private StepLog(Operand whole, DeviceLimits limits, RateGuide? guide)
    {
        this.limits = limits;
        this.guide = guide;
        this.whole = whole;
        rateScalars = guide?.MakeScalars();
        dropped = new Part(whole);
        Results = new Part(whole);
    }

    /// <summary>A log with nothing made, for the kernels that steps with a log need.</summary>
    public static StepLog Planned(DeviceLimits limits, RateGuide? guide = null) =>
        new(new PlannedMatrix(new MatrixShape(RowsFor(guide), MatrixShape.ColumnsPerTexel), "The log of a trainer"), limits, guide);

    /// <summary>The rows of the steps. The other part has a separate owner, so that neither waits for the other.</summary>
    public Operand Results { get; }

    public MatrixTexture Texture => (MatrixTexture)whole;

    /// <summary>A step's number as kernels receive it: from 1 on, never 0.</summary>
    public static int NumberOf(long step) => (int)((step - 1) % Numbers) + 1;

    /// <summary>The latest step, none after the given one, with this number.</summary>
    public static long LatestWith(int number, long last) => last - ((NumberOf(last) - number + Numbers) % Numbers);

    /// <summary>The row of a step.</summary>
    public static int SlotOf(long step) => NumberOf(step) % Slots;

    /// <summary>Image units and storage buffers that <see cref="Guard"/> adds to a computation.</summary>
    public static int BindingsOf(Computation computation) => !computation.FindsLosses || computation is SmallSteps ? 0 : computation.Updates ? 1 : 2;

    /// <summary>Rows of a log.</summary>
    public static int RowsFor(RateGuide? guide) => RowOfKept + 1 + (guide is null ? 0 : Slots);

    /// <summary>The row with the learning rate of a step, if the loss guides it.</summary>
    public static int RowOfRate(long step) => RowOfKept + 1 + SlotOf(step);

    /// <summary>The learning rate before the first step, if the loss guides it; otherwise 0.</summary>
    public float FirstRate => rateScalars?[RateGuide.FirstRate] ?? 0;

    /// <summary>Starts with another learning rate than the loss's first one, within the bounds of the loss. Call before any step.</summary>
    public void BeginWithRate(float rate)
    {
        if (guide is not null) rateScalars![RateGuide.FirstRate] = guide.Held(rate);
    }

    /// <summary>Sets the step that subsequent dispatches belong to; from 1 on.</summary>
    public void BeginStep(long step) => stepNumber["stepNumber"] = NumberOf(step);

    /// <summary>The dispatch for a computation of a step, which writes and honors the log.</summary>
    public Dispatch Guard(Computation computation, Dispatch dispatch)
    {
        List<MatrixBinding> matrices = [.. dispatch.Matrices];
        int results = matrices.FindIndex(matrix => matrix.Operand == Results);
        if (results < 0 && !computation.FindsLosses && !computation.Updates) return dispatch;
        bool isWholeStep = computation.FindsLosses && computation.Updates;
        if (isWholeStep && !matrices[results].IsRead) matrices[results] = matrices[results] with { Access = MatrixAccess.ReadWrite };
        else if (computation.FindsLosses && !isWholeStep) matrices.Add(MatrixBinding.ReadWrite("stepLog", dropped));
        bool isGuided = rateScalars is not null && (results >= 0 || computation.Updates);
        Operand lookedUp = isGuided && results < 0 ? Results : dropped;   // a guided update runs after the sum that gives its rate
        TextureBinding? lookUp = (computation.Updates || isGuided) && !isWholeStep ? new TextureBinding("droppedSteps", lookedUp) : null;
        IReadOnlyList<(string, int)> constants = isGuided ? [("LOG_SLOTS", Slots), RateGuide.Constant] : [("LOG_SLOTS", Slots)];
        // A part of its own, so that no update waits for another; none where a driver has no room, since a note is not worth a further dispatch. Consecutive steps have the whole log in place.
        bool hasWholeLog = results >= 0 && matrices[results].Access == MatrixAccess.InPlace;
        MatrixBinding kept = MatrixBinding.Write("keptStep", new Part(whole));
        bool notesKept = computation.Updates && (hasWholeLog || Dispatch.Fits([.. matrices, kept], dispatch.Source.Fetches, limits.MostBindings));
        if (notesKept) constants = [.. constants, ("NOTES_KEPT", 1)];
        if (notesKept && !hasWholeLog) matrices.Add(kept);
        return dispatch.With(matrices, constants, stepNumber, isGuided ? rateScalars : null, lookUp);
    }

    /// <summary>Clears the dropped step.</summary>
    public void ForgetDrop() => Texture.Upload<float>(stackalloc float[MatrixShape.ColumnsPerTexel], firstRow: Slots);

    public void Dispose() => Texture.Dispose();

    private sealed class Part(Operand whole) : Operand
    {
        public override MatrixShape Shape => whole.Shape;

        public override TexelFormat Format => whole.Format;

        public override MatrixStorage Storage => whole.Storage;
    }
}

/// <summary>A copy of a log in memory.</summary>
internal sealed class StepLogCopy(RateGuide? guide)
{
    private const int NumberColumn = 3;   // of StepResult

    private readonly float[] values = new float[StepLog.RowsFor(guide) * MatrixShape.ColumnsPerTexel];

    /// <summary>The number of the dropped step; 0 for none.</summary>
    public int DroppedStep => (int)values[StepLog.Slots * MatrixShape.ColumnsPerTexel];

    /// <summary>The number of the last step in which a parameter kept its value; 0 for none.</summary>
    public int KeptStep => (int)values[StepLog.RowOfKept * MatrixShape.ColumnsPerTexel];

    public void Read(Readback readback) => readback.Read(0, values);

    /// <summary>Whether a row of a log is that of a step.</summary>
    public static bool IsOf(ReadOnlySpan<float> row, long step) => (int)row[NumberColumn] == StepLog.NumberOf(step);

    /// <summary>The result of a step; false if it has not run, or ran too long ago.</summary>
    public bool TryGet(long step, out StepResult result)
    {
        result = MemoryMarshal.Cast<float, StepResult>(values)[StepLog.SlotOf(step)];
        return (int)result.Number == StepLog.NumberOf(step);
    }

    /// <summary>The rates row of a step that <see cref="TryGet"/> finds, if its loss guides the learning rate.</summary>
    public GuidedStepResult Guided(long step) =>
        MemoryMarshal.Cast<float, GuidedStepResult>(values)[StepLog.RowOfRate(step)];
}

/// <summary>A row of a log whose loss guides the learning rate: the rate, and the batch means before it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GuidedStepResult(float Rate, float Divergence, float Entropy, float ValueLoss);

/// <summary>A row of a log: the mean loss, the correct predictions, the rows and the number of a step.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct StepResult(float Loss, float Correct, float Rows, float Number);
