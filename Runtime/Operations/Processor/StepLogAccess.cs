namespace NeuralPlugin;

/// <summary>
/// The log of a trainer's steps, as kernels write and heed it, as in Shaders/Include/step_log.glsl. Without a log every step counts, and its loss
/// goes to the only row.
/// </summary>
internal readonly unsafe struct StepLogAccess(int slots, KernelArguments<int>? stepNumber)
{
    private int Number => stepNumber!["stepNumber"];

    /// <summary>Notes that the loss of a row is not finite, before any update of this step.</summary>
    public void NoteLoss(float loss, MatrixAddress? log)
    {
        if (slots > 0 && !float.IsFinite(loss) && log!.Floats[Drop] == 0) log.Floats[Drop] = Number;
    }

    /// <summary>Writes the mean loss of the batch and the number of its correct predictions.</summary>
    public void Write(float lossSum, float correct, int rows, float* results)
    {
        if (slots > 0) results += Number % slots * MatrixShape.ColumnsPerTexel;
        (results[0], results[1]) = (lossSum / rows, correct);
        (results[2], results[3]) = slots > 0 ? (rows, Number) : (0, 0);
    }

    /// <summary>Notes that a parameter kept its value in this step. Threads that find it at once write the same number.</summary>
    public void NoteKept(MatrixAddress log) => log.Floats[(slots + 1) * MatrixShape.ColumnsPerTexel] = Number;

    /// <summary>How this step's update treats the weights.</summary>
    public UpdateKind KindOfUpdate(MatrixAddress? log)
    {
        if (slots == 0 || log!.Floats[Drop] == 0) return UpdateKind.Update;
        return (int)log.Floats[Drop] == Number ? UpdateKind.None : UpdateKind.Copy;
    }

    /// <summary>The texels of the log.</summary>
    public int Texels(bool isGuided) => slots + 2 + (isGuided ? slots : 0);

    /// <summary>The position in the log of the learning rate of the step that follows this one by the given number of steps.</summary>
    public int LogOfRate(int after = 0) => (slots + 2 + ((Number + after) % slots)) * MatrixShape.ColumnsPerTexel;

    /// <summary>The same for the step before.</summary>
    public int LogOfRateBefore => LogOfRate(slots - 1);

    private int Drop => slots * MatrixShape.ColumnsPerTexel;
}

/// <summary>What a step does with the weights.</summary>
internal enum UpdateKind
{
    /// <summary>The step counts.</summary>
    Update,

    /// <summary>An earlier step was dropped: the committed values are copied to the pending ones.</summary>
    Copy,

    /// <summary>The step's own loss is not finite.</summary>
    None,
}

/// <summary>A learning rate that follows the divergence of a step's batch, as in Shaders/Include/guided_rate.glsl.</summary>
/// <param name="log">The log of steps, looked up when used.</param>
/// <param name="scalars">The scalars of <see cref="RateGuide"/>.</param>
/// <param name="steps">Identifies the step.</param>
internal sealed unsafe class GuidedRateAccess(MatrixAddress log, KernelArguments<float> scalars, StepLogAccess steps)
{
    /// <summary>The rate of this step, whose sum is written.</summary>
    public float Rate => log.Floats[steps.LogOfRate()];

    /// <summary>Writes the row of this step from the sums of its batch.</summary>
    public void Write(Vector128<float> sums, int rows, MatrixAddress results)
    {
        Vector128<float> means = sums / rows;
        float divergence = float.IsFinite(means[0]) ? means[1] : means[0];   // a step that is dropped does not move the rate
        means.WithElement(0, RateFrom(log.Floats[steps.LogOfRateBefore], divergence, scalars)).Store(results.Floats + steps.LogOfRate());
    }

    /// <summary>The rate of a step, as in Shaders/Include/rate_guide.glsl.</summary>
    /// <param name="before">The rate of the step before; 0 if there was none.</param>
    /// <param name="divergence">The divergence of the step's batch before the step; one that is not finite does not move the rate.</param>
    /// <param name="scalars">The scalars of <see cref="RateGuide"/>.</param>
    public static float RateFrom(float before, float divergence, KernelArguments<float> scalars)
    {
        float rate = before > 0 ? before : scalars["firstRate"], target = scalars["targetDivergence"];
        if (target <= 0 || !float.IsFinite(divergence)) return rate;
        if (divergence > 2 * target) return Math.Max(rate / RateGuide.Factor, scalars["leastRate"]);
        return divergence < 0.5f * target ? Math.Min(rate * RateGuide.Factor, scalars["mostRate"]) : rate;
    }
}

/// <summary>A kernel of a step, which may keep a log.</summary>
internal abstract class LoggedKernel : ProcessorKernel
{
    /// <summary>The names under which kernels are given the log.</summary>
    private static readonly string[] LogNames = ["batchLoss", "stepLog", "droppedSteps", "keptStep"];

    protected LoggedKernel(Dispatch dispatch) : base(dispatch)
    {
        Log = new StepLogAccess(Constant("LOG_SLOTS"), FindSizes("stepNumber"));
        bool isGuided = Constant("GUIDED_RATE") != 0;
        if (isGuided && FindMatrix("droppedSteps") is { } log) GuidedRate = new GuidedRateAccess(log, ScalarsWith("firstRate"), Log);
        if (Constant("LOG_SLOTS") is 0) return;
        foreach (string name in LogNames) FindMatrix(name)?.RequireTexels(Log.Texels(isGuided));
    }

    protected StepLogAccess Log { get; }

    /// <summary>The learning rate that the loss guides, if a log holds it; else null.</summary>
    protected GuidedRateAccess? GuidedRate { get; }
}
