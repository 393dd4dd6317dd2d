namespace NeuralPlugin;

/// <summary>
/// A loss's results for a row, as rowLoss of its include returns them: the loss, and 1 if the prediction is correct; if the loss guides the learning
/// rate, the loss, then the divergence, entropy and value loss of <see cref="GuidedStepResult"/>.
/// </summary>
internal readonly record struct RowLoss(float Loss, float Second, float Third = 0, float Fourth = 0)
{
    /// <summary>The sum with another row.</summary>
    public RowLoss Plus(RowLoss other) => new(Loss + other.Loss, Second + other.Second, Third + other.Third, Fourth + other.Fourth);

    /// <summary>The mean, from a sum over so many rows.</summary>
    public RowLoss Over(int rows) => new(Loss / rows, Second / rows, Third / rows, Fourth / rows);

    /// <summary>Stores it as a row of a batch's losses.</summary>
    public unsafe void Store(MatrixAddress rowLosses, int row)
    {
        float* to = rowLosses.Floats + ((nint)row * MatrixShape.ColumnsPerTexel);
        (to[0], to[1], to[2], to[3]) = (Loss, Second, Third, Fourth);
    }
}

/// <summary>The sum over a batch in interleaved parts, as in Shaders/Include/loss_sum.glsl.</summary>
/// <param name="rowLosses">One row per sample.</param>
/// <param name="batchLoss">Receives the result.</param>
/// <param name="steps">The log.</param>
/// <param name="guide">The learning rate that the sum moves; null for none.</param>
internal sealed unsafe class LossSumAccess(MatrixAddress rowLosses, MatrixAddress batchLoss, StepLogAccess steps, GuidedRateAccess? guide = null)
{
    public void Run(int rows)
    {
        if (guide is not null)
        {
            RunGuided(rows);
            return;
        }

        float* losses = stackalloc float[Loss.Parts];
        float loss = 0, correct = 0;
        for (int part = 0; part < Loss.Parts; part++)
        {
            float sum = 0;
            for (int row = part; row < rows; row += Loss.Parts)
            {
                sum += rowLosses.Floats[(nint)row * MatrixShape.ColumnsPerTexel];
                correct += rowLosses.Floats[((nint)row * MatrixShape.ColumnsPerTexel) + 1];
            }

            losses[part] = sum;
        }

        for (int part = 0; part < Loss.Parts; part++) loss += losses[part];
        steps.Write(loss, correct, rows, batchLoss.Floats);
    }

    private void RunGuided(int rows)
    {
        Vector128<float> sum = default;
        for (int part = 0; part < Loss.Parts; part++)
        {
            Vector128<float> sumOfPart = default;
            for (int row = part; row < rows; row += Loss.Parts) sumOfPart += Vector128.Load(rowLosses.Floats + ((nint)row * MatrixShape.ColumnsPerTexel));
            sum += sumOfPart;
        }

        steps.Write(sum[0], 0, rows, batchLoss.Floats);
        guide!.Write(sum, rows, batchLoss);
    }
}

/// <summary>loss_sum.comp: the mean loss of a batch, and the number of its correct predictions.</summary>
internal sealed unsafe class LossSumKernel : LoggedKernel
{
    private readonly LossSumAccess sum;

    public LossSumKernel(Dispatch dispatch) : base(dispatch) => sum = new LossSumAccess(Matrix("rowLosses"), Matrix("batchLoss"), Log, GuidedRate);

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (rows > 0) sum.Run(rows);
    }
}

/// <summary>loss_forward.comp and loss_backward.comp: the losses of rows of a network's outputs, or the gradients of the mean loss.</summary>
internal sealed unsafe class LossKernel : BatchKernel
{
    /// <summary>Rows that are computed together.</summary>
    private const int MostRows = 16;

    private readonly Loss loss;
    private readonly int count;
    private readonly int rowsPerLine;
    private readonly MatrixAddress networkOutputs;
    private readonly MatrixAddress targets;
    private readonly MatrixAddress? rowLosses;
    private readonly MatrixAddress? networkGradients;
    private readonly MatrixAddress? log;
    private readonly int stride;
    private readonly int targetStride;

    /// <param name="dispatch">Has a matrix for the losses, or one for the gradients.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="count">Outputs of a row, without its padding.</param>
    /// <param name="rowsPerLine">Rows per line of its grid.</param>
    public LossKernel(Dispatch dispatch, Loss loss, int count, int rowsPerLine) : base(dispatch)
    {
        this.loss = loss;
        this.count = count;
        this.rowsPerLine = rowsPerLine;
        networkOutputs = Matrix("networkOutputs");
        targets = Matrix("targets");
        rowLosses = FindMatrix("rowLosses");
        networkGradients = FindMatrix("networkGradients");
        log = FindMatrix("stepLog");
        stride = Size("networkTexels") * MatrixShape.ColumnsPerTexel;
        targetStride = Size("targetTexels") * MatrixShape.ColumnsPerTexel;
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        uint** rowTargets = stackalloc uint*[MostRows];
        RowLoss* results = stackalloc RowLoss[MostRows];
        int last = Math.Min((firstLine + lines) * rowsPerLine, rows);
        for (int first = firstLine * rowsPerLine; first < last; first += MostRows)
        {
            int some = Math.Min(MostRows, last - first);
            for (int i = 0; i < some; i++) rowTargets[i] = targets.Words + ((nint)TargetRow(first + i) * targetStride);
            loss.ComputeRows(new LossRows
            {
                Outputs = networkOutputs.Floats + ((nint)first * stride),
                Stride = stride,
                Targets = rowTargets,
                TargetStride = targetStride,
                OutputCount = count,
                Count = some,
                BatchRows = rows,
                Gradients = networkGradients is null ? null : networkGradients.Floats + ((nint)first * stride),
                Results = results,
            });
            for (int i = 0; rowLosses is not null && i < some; i++) Store(results[i], first + i);
        }
    }

    private void Store(RowLoss found, int row)
    {
        found.Store(rowLosses!, row);
        Log.NoteLoss(found.Loss, log);
    }
}
