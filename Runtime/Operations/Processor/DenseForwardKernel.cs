namespace NeuralPlugin;

/// <summary>
/// dense_forward.comp: Y = X · W + b, and the activation that follows. A line is a panel of columns for some rows; if X is of bytes, the first lines widen it.
/// </summary>
internal sealed unsafe class DenseForwardKernel : BatchKernel
{
    /// <summary>Maximum rows of a line: enough to make packing a panel worthwhile.</summary>
    public const int MostRowsPerLine = 384;

    private const int LeastRowsPerLine = 24;

    /// <summary>The number of rows whose cost equals that of packing the panel.</summary>
    private const int RowsOfPacking = 12;

    private readonly Activation? activation;
    private readonly MatrixAddress inputs;
    private readonly MatrixAddress parameters;
    private readonly MatrixAddress outputs;
    private readonly RowBuffer? widened;
    private readonly int inputStride;
    private readonly int outputStride;
    private readonly int inputColumns;
    private readonly int rowsPerLine;

    public DenseForwardKernel(Dispatch dispatch, Activation? activation) : base(dispatch)
    {
        this.activation = activation;
        inputs = Matrix("inputs");
        parameters = Matrix("parameters");
        outputs = Matrix("outputs");
        inputStride = Size("inputTexels") * MatrixShape.ColumnsPerTexel;
        outputStride = Size("outputTexels") * MatrixShape.ColumnsPerTexel;
        inputColumns = Size("inputColumns");
        rowsPerLine = RowsPerLine(inputColumns);
        if (HasByteInputs) widened = new RowBuffer(CapacityOf(dispatch, "outputs"), inputStride);
    }

    public override int ScratchLength => PointerRows.Length(rowsPerLine) + (inputColumns * MatrixProduct.MostColumns);

    public static DispatchGrid GridFor(int outputTexels, int depth, bool hasByteInputs = false) => new(
        MatrixShape.CeilingDivide(outputTexels * MatrixShape.ColumnsPerTexel, MatrixProduct.Columns) + (hasByteInputs ? 1 : 0), RowsPerGroupX: RowsPerLine(depth));

    /// <summary>Rows of a line, in complete tiles, few enough that a line takes no long part of a frame.</summary>
    /// <param name="depth">Terms of each sum.</param>
    public static int RowsPerLine(int depth)
    {
        int rows = (MatrixProduct.PieceOperations / 2 / MatrixProduct.Columns / Math.Max(1, depth)) - RowsOfPacking;
        return Math.Clamp(rows / MatrixProduct.TileRows * MatrixProduct.TileRows, LeastRowsPerLine, MostRowsPerLine);
    }

    public override long WorkOf(int rows) => 2L * rows * inputColumns * outputStride;

    public override int PreparingLines(int rows) => HasByteInputs ? MatrixShape.CeilingDivide(rows, rowsPerLine) : 0;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (rows == 0) return;   // a warm-up
        int panels = MatrixShape.CeilingDivide(outputStride, MatrixProduct.Columns), preparing = PreparingLines(rows);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int firstRow = (line < preparing ? line : (line - preparing) / panels) * rowsPerLine, count = Math.Min(rowsPerLine, rows - firstRow);
            if (line < preparing) Widen(inputs, inputStride, firstRow, count, widened!.Floats + ((nint)firstRow * inputStride));
            else RunPanel(firstRow, count, (line - preparing) % panels * MatrixProduct.Columns, scratch);
        }
    }

    private void RunPanel(int firstRow, int rows, int column, float* scratch)
    {
        float** found = (float**)scratch;
        if (HasByteInputs) FindRows(widened!.Floats + ((nint)firstRow * inputStride), inputStride, rows, found);
        else FindRows(inputs, inputStride, firstRow, rows, found);
        int width = Math.Min(MatrixProduct.Columns, outputStride - column);
        float* bias = parameters.Floats + ((nint)inputColumns * outputStride) + column;
        float* result = outputs.Floats + ((nint)firstRow * outputStride) + column;
        Panel panel = Panel.Of(parameters.Floats + column, outputStride, inputColumns, width, rows, scratch + PointerRows.Length(rowsPerLine));
        DenseRows.Compute(rows, found, panel, inputColumns, bias, result, outputStride, width, HasByteInputs);
        if (activation is not null) DenseRows.Activate(activation, rows, result, outputStride, width);
    }
}

/// <summary>Columns of a matrix as the rows of a tile read them: in place, or packed.</summary>
internal readonly unsafe record struct Panel(nint Start, nint Stride)
{
    /// <summary>The least number of rows that makes packing worthwhile.</summary>
    private const int LeastRows = 24;

    /// <summary>Up to this stride, a matrix is dense enough without packing.</summary>
    private const int CloseStride = 2 * MatrixProduct.MostColumns;

    public float* Floats => (float*)Start;

    /// <param name="from">The first column of a matrix, followed by room for one vector.</param>
    /// <param name="stride">The distance between rows.</param>
    /// <param name="depth">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="rows">Rows that are multiplied by it.</param>
    /// <param name="room">Memory that it may be packed into.</param>
    public static Panel Of(float* from, nint stride, int depth, int width, int rows, float* room)
    {
        if (rows < LeastRows || stride <= CloseStride) return new Panel((nint)from, stride);
        int packed = MatrixProduct.PanelWidth(width);
        MatrixProduct.Pack(from, stride, depth, packed, room);
        return new Panel((nint)room, packed);
    }
}

/// <summary>Addresses of rows, in a thread's own memory.</summary>
internal static unsafe class PointerRows
{
    /// <summary>The size of the given number of pointers in floats, rounded up to full cache lines.</summary>
    public static int Length(int rows) => MatrixShape.CeilingDivide(rows * sizeof(float*), 64) * 64 / sizeof(float);
}

/// <summary>Rows that a kernel owns.</summary>
internal sealed unsafe class RowBuffer
{
    private readonly PinnedFloats values;

    public RowBuffer(int rows, int stride) => values = new PinnedFloats(checked((rows * stride) + (2 * MatrixProduct.MostColumns)), isZeroed: false);

    public float* Floats => values.First;
}

/// <summary>Code that kernels of dense layers share.</summary>
internal static unsafe class DenseRows
{
    /// <summary>Y = X · W + b for some columns; X of bytes is scaled.</summary>
    public static void Compute(int rows, float** x, Panel weights, int depth, float* bias, float* y, nint stride, int columns, bool isOfBytes)
    {
        MatrixProduct.Multiply(rows, x, 1, weights.Floats, weights.Stride, depth, isOfBytes ? null : bias, y, stride, columns);
        if (!isOfBytes) return;
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < columns; i++) y[(row * stride) + i] = (y[(row * stride) + i] * BatchKernel.ByteScale) + bias[i];
        }
    }

    public static void Activate(Activation activation, int rows, float* y, nint stride, int columns)
    {
        if (stride == columns)
        {
            activation.Activate(new Span<float>(y, rows * columns));
            return;
        }

        for (int row = 0; row < rows; row++) activation.Activate(new Span<float>(y + (row * stride), columns));
    }

    /// <summary>The gradients before an activation from those after it.</summary>
    public static void Backward(Activation activation, int rows, float* gradients, float* y, nint stride, int columns)
    {
        if (stride == columns)
        {
            activation.Backward(new Span<float>(gradients, rows * columns), new ReadOnlySpan<float>(y, rows * columns));
            return;
        }

        for (int row = 0; row < rows; row++)
            activation.Backward(new Span<float>(gradients + (row * stride), columns), new ReadOnlySpan<float>(y + (row * stride), columns));
    }

    /// <summary>Transposes columns of W: row k holds W's column k, for some of its rows. Past the last row it is zero.</summary>
    public static void Transpose(float* weights, int stride, int firstRow, int rows, int depth, float* transposed, int transposedStride)
    {
        for (int i = 0; i < rows; i++)
        {
            float* from = weights + ((nint)(firstRow + i) * stride);
            for (int k = 0; k < depth; k++) transposed[((nint)k * transposedStride) + i] = from[k];
        }

        for (int i = rows; i < transposedStride; i++)
        {
            for (int k = 0; k < depth; k++) transposed[((nint)k * transposedStride) + i] = 0;
        }
    }
}
