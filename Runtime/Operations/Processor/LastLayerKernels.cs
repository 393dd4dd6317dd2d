namespace NeuralPlugin;

/// <summary>The last dense layer of rows, whose outputs stay in a thread's own memory for the rest of the kernel. A line is some rows.</summary>
internal abstract unsafe class LastLayerKernel : BatchKernel
{
    /// <summary>Rows of a line, in complete tiles.</summary>
    public const int RowsPerLine = 2 * MatrixProduct.TileRows;

    private readonly MatrixAddress hidden;
    private readonly MatrixAddress outputParameters;

    protected LastLayerKernel(Dispatch dispatch) : base(dispatch)
    {
        hidden = Matrix("hidden");
        outputParameters = Matrix("outputParameters");
        OutputStride = Constant("OUTPUT_TEXELS") * MatrixShape.ColumnsPerTexel;
        HiddenStride = Size("hiddenTexels") * MatrixShape.ColumnsPerTexel;
        HiddenColumns = Size("hiddenColumns");
    }

    public static DispatchGrid Grid => new(1, RowsPerGroupX: RowsPerLine);

    public override int ScratchLength => PointerRows.Length(RowsPerLine) + (RowsPerLine * (OutputStride + (HasByteInputs ? HiddenStride : 0))) + MatrixProduct.MostColumns;

    protected int OutputStride { get; }

    protected int HiddenStride { get; }

    protected int HiddenColumns { get; }

    protected float* OutputWeights => outputParameters.Floats;

    protected float* Hidden(int row) => hidden.Floats + ((nint)row * HiddenStride);

    public override long WorkOf(int rows) => 4L * rows * HiddenColumns * OutputStride;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        float** found = (float**)scratch;
        float* z = scratch + PointerRows.Length(RowsPerLine);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int firstRow = line * RowsPerLine, count = Math.Min(RowsPerLine, rows - firstRow);
            if (count <= 0) return;
            if (HasByteInputs)
            {
                float* widened = z + (RowsPerLine * OutputStride);
                Widen(hidden, HiddenStride, firstRow, count, widened);
                FindRows(widened, HiddenStride, count, found);
            }
            else
            {
                FindRows(hidden, HiddenStride, firstRow, count, found);
            }

            float* bias = OutputWeights + ((nint)HiddenColumns * OutputStride);
            DenseRows.Compute(count, found, new Panel((nint)OutputWeights, OutputStride), HiddenColumns, bias, z, OutputStride, OutputStride, HasByteInputs);
            GoOn(rows, firstRow, count, z, found);
        }
    }

    /// <summary>Continues with the outputs of some rows.</summary>
    /// <param name="rows">The number of rows in use.</param>
    /// <param name="firstRow">The first row to process.</param>
    /// <param name="count">The number of rows to process.</param>
    /// <param name="z">Their outputs.</param>
    /// <param name="found">Pointers that may be overwritten.</param>
    protected abstract void GoOn(int rows, int firstRow, int count, float* z, float** found);
}

/// <summary>dense_softmax_rows.comp: the probabilities of rows.</summary>
internal sealed unsafe class LastLayerSoftmaxKernel : LastLayerKernel
{
    private readonly MatrixAddress probabilities;
    private readonly int classes;

    public LastLayerSoftmaxKernel(Dispatch dispatch) : base(dispatch)
    {
        probabilities = Matrix("probabilities");
        classes = Size("classes");
    }

    protected override void GoOn(int rows, int firstRow, int count, float* z, float** found)
    {
        for (int i = 0; i < count; i++)
        {
            Softmax.Probabilities(
                new ReadOnlySpan<float>(z + (i * OutputStride), OutputStride), classes, new Span<float>(probabilities.Floats + ((nint)(firstRow + i) * OutputStride), OutputStride));
        }
    }
}

/// <summary>dense_loss_rows.comp: the losses of rows, the gradients of their outputs and, if wanted, those of the layer's input.</summary>
internal sealed unsafe class LastLayerLossKernel : LastLayerKernel
{
    private readonly Loss loss;
    private readonly int outputs;
    private readonly Activation? activation;
    private readonly MatrixAddress targets;
    private readonly MatrixAddress networkGradients;
    private readonly MatrixAddress rowLosses;
    private readonly MatrixAddress? hiddenGradients;
    private readonly MatrixAddress? log;
    private readonly RowBuffer? transposed;
    private readonly int targetStride;

    /// <param name="dispatch">The dispatch.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="outputs">Outputs of a row, without its padding.</param>
    /// <param name="activation">The activation that gave the hidden rows, if its derivative is applied.</param>
    public LastLayerLossKernel(Dispatch dispatch, Loss loss, int outputs, Activation? activation) : base(dispatch)
    {
        this.loss = loss;
        this.outputs = outputs;
        this.activation = activation;
        targets = Matrix("targets");
        networkGradients = Matrix("networkGradients");
        rowLosses = Matrix("rowLosses");
        hiddenGradients = FindMatrix("hiddenGradients");
        log = FindMatrix("stepLog");
        targetStride = Size("targetTexels") * MatrixShape.ColumnsPerTexel;
        if (hiddenGradients is not null) transposed = new RowBuffer(OutputStride, TransposedStride);
    }

    private int TransposedStride => MatrixProduct.PanelWidth(HiddenStride);

    public override void Begin(int rows)
    {
        if (transposed is not null && rows > 0) DenseRows.Transpose(OutputWeights, OutputStride, 0, HiddenColumns, OutputStride, transposed.Floats, TransposedStride);
    }

    protected override void GoOn(int rows, int firstRow, int count, float* z, float** found)
    {
        uint** rowTargets = stackalloc uint*[RowsPerLine];
        RowLoss* results = stackalloc RowLoss[RowsPerLine];
        for (int i = 0; i < count; i++)
        {
            rowTargets[i] = targets.Words + ((nint)TargetRow(firstRow + i) * targetStride);
            found[i] = networkGradients.Floats + ((nint)(firstRow + i) * OutputStride);
        }

        loss.ComputeRows(new LossRows
        {
            Outputs = z,
            Stride = OutputStride,
            Targets = rowTargets,
            TargetStride = targetStride,
            OutputCount = outputs,
            Count = count,
            BatchRows = rows,
            Gradients = found[0],
            Results = results,
        });
        for (int i = 0; i < count; i++)
        {
            results[i].Store(rowLosses, firstRow + i);
            Log.NoteLoss(results[i].Loss, log);
        }

        if (hiddenGradients is null) return;
        float* first = hiddenGradients.Floats + ((nint)firstRow * HiddenStride);
        MatrixProduct.Multiply(count, found, 1, transposed!.Floats, TransposedStride, OutputStride, null, first, HiddenStride, HiddenStride);
        if (activation is not null) DenseRows.Backward(activation, count, first, Hidden(firstRow), HiddenStride, HiddenStride);
    }
}
