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

/// <summary>A kernel of a step, which may keep a log.</summary>
internal abstract class LoggedKernel : ProcessorKernel
{
    protected LoggedKernel(Dispatch dispatch) : base(dispatch) => Log = new StepLogAccess(Constant("LOG_SLOTS"), FindSizes("stepNumber"));

    protected StepLogAccess Log { get; }
}
