namespace NeuralPlugin;

/// <summary>
/// The log of a trainer's steps, as kernels write and heed it: what Shaders/Include/step_log.glsl does. Without a log every step counts, and finds
/// its loss in the only row.
/// </summary>
internal readonly unsafe struct StepLogAccess(int slots, KernelArguments<int>? stepNumber)
{
    private int Number => stepNumber!["stepNumber"];

    /// <summary>Notes that the loss of a row is not finite, before any update of this step.</summary>
    public void NoteLoss(float loss, MatrixAddress? log)
    {
        if (slots > 0 && !float.IsFinite(loss) && log!.Floats[Drop] == 0) log.Floats[Drop] = Number;
    }

    /// <summary>Writes the mean loss and the correct predictions of the batch.</summary>
    public void Write(float lossSum, float correct, int rows, float* results)
    {
        if (slots > 0) results += Number % slots * MatrixShape.ColumnsPerTexel;
        (results[0], results[1]) = (lossSum / rows, correct);
        (results[2], results[3]) = slots > 0 ? (rows, Number) : (0, 0);
    }

    /// <summary>What an update is to do.</summary>
    public UpdateKind KindOfUpdate(MatrixAddress? log)
    {
        if (slots == 0 || log!.Floats[Drop] == 0) return UpdateKind.Update;
        return (int)log.Floats[Drop] == Number ? UpdateKind.None : UpdateKind.Copy;
    }

    /// <summary>Where the log has the rate of a step, so many steps after this one.</summary>
    public int LogOfRate(int after = 0) => (slots + 1 + ((Number + after) % slots)) * MatrixShape.ColumnsPerTexel;

    /// <summary>The same of the step before.</summary>
    public int LogOfRateBefore => LogOfRate(slots - 1);

    private int Drop => slots * MatrixShape.ColumnsPerTexel;
}

/// <summary>What a step does with the weights.</summary>
internal enum UpdateKind
{
    /// <summary>It counts.</summary>
    Update,

    /// <summary>A step before it was dropped: what is committed becomes what is pending.</summary>
    Copy,

    /// <summary>Its own loss is not finite.</summary>
    None,
}

/// <summary>A learning rate that follows the divergence of a step's batch: what Shaders/Include/guided_rate.glsl does.</summary>
/// <param name="log">The log of steps, as it is looked up.</param>
/// <param name="scalars">Those of <see cref="RateGuide"/>.</param>
/// <param name="steps">Which step it is.</param>
internal sealed unsafe class GuidedRateAccess(MatrixAddress log, KernelArguments<float> scalars, StepLogAccess steps)
{
    /// <summary>That of this step, whose sum is written.</summary>
    public float Rate => log.Floats[steps.LogOfRate()];

    /// <summary>Writes the row of this step from the sums of its batch.</summary>
    public void Write(Vector128<float> sums, int rows, MatrixAddress results)
    {
        Vector128<float> means = sums / rows;
        means.WithElement(0, RateFrom(log.Floats[steps.LogOfRateBefore], means[1], scalars)).Store(results.Floats + steps.LogOfRate());
    }

    /// <summary>What Shaders/Include/rate_guide.glsl does.</summary>
    /// <param name="before">That of the step before; 0 where there was none.</param>
    /// <param name="divergence">What the step's batch has before it.</param>
    /// <param name="scalars">Those of <see cref="RateGuide"/>.</param>
    public static float RateFrom(float before, float divergence, KernelArguments<float> scalars)
    {
        float rate = before > 0 ? before : scalars["firstRate"], target = scalars["targetDivergence"];
        if (target > 0 && divergence > 2 * target) return Math.Max(rate / RateGuide.Factor, scalars["leastRate"]);
        return target > 0 && divergence < 0.5f * target ? Math.Min(rate * RateGuide.Factor, scalars["mostRate"]) : rate;
    }
}

/// <summary>A kernel of a step, which may keep a log.</summary>
internal abstract class LoggedKernel : ProcessorKernel
{
    protected LoggedKernel(Dispatch dispatch) : base(dispatch)
    {
        Log = new StepLogAccess(Constant("LOG_SLOTS"), FindSizes("stepNumber"));
        if (Constant("GUIDED_RATE") != 0 && FindMatrix("droppedSteps") is { } log) GuidedRate = new GuidedRateAccess(log, ScalarsWith("firstRate"), Log);
    }

    protected StepLogAccess Log { get; }

    /// <summary>The learning rate that the loss guides, where a log has it; else null.</summary>
    protected GuidedRateAccess? GuidedRate { get; }
}
