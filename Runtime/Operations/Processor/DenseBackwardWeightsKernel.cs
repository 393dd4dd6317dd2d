using System.Runtime.Intrinsics;

namespace NeuralPlugin;

/// <summary>
/// dense_backward_weights.comp: [dW; db] = [X, 1]ᵀ · dY, or the optimizer's update by it, and beside it the sum of the batch's losses. A line is some
/// rows of the weights, all their columns; a last one is the sum.
/// </summary>
internal sealed unsafe class DenseBackwardWeightsKernel : BatchKernel
{
    /// <summary>Gradients of a line: those of few rows stay in the first cache until the update takes them.</summary>
    private const int GradientsPerLine = 8192;

    private const int MostTiles = 8;

    /// <summary>Rows of X that are read where they lie: more fall on more pages than a processor remembers, and rows so far apart on few places of the first cache.</summary>
    private const int MostRowsInPlace = 64, MostRowsFarApart = 32, FarApart = 128;

    private readonly MatrixAddress inputs;
    private readonly MatrixAddress outputGradients;
    private readonly MatrixAddress? parameterGradients;
    private readonly UpdateAccess? update;
    private readonly LossSumAccess? sum;
    private readonly int inputStride;
    private readonly int outputStride;
    private readonly int inputColumns;
    private readonly int rowsPerLine;
    private readonly int capacity;
    private readonly RowBuffer? packed;

    public DenseBackwardWeightsKernel(Dispatch dispatch, Optimizer? optimizer) : base(dispatch)
    {
        inputs = Matrix("inputs");
        outputGradients = Matrix("outputGradients");
        parameterGradients = FindMatrix("parameterGradients");
        if (optimizer is not null) update = new UpdateAccess(optimizer, FindMatrix, ScalarsWith("learningRate"), Log);
        if (FindMatrix("rowLosses") is { } losses) sum = new LossSumAccess(losses, Matrix("batchLoss"), Log);
        inputStride = Size("inputTexels") * MatrixShape.ColumnsPerTexel;
        outputStride = Size("outputTexels") * MatrixShape.ColumnsPerTexel;
        inputColumns = Size("inputColumns");
        capacity = CapacityOf(dispatch, "outputGradients");
        rowsPerLine = RowsPerLine(outputStride, capacity);
        if (outputStride > MatrixProduct.Columns) packed = new RowBuffer(capacity, MatrixProduct.PanelWidth(outputStride));
    }

    public override int ScratchLength =>
        PointerRows.Length(capacity) + PointerRows.Length(MatrixProduct.TileRows) + (rowsPerLine * capacity) + (rowsPerLine * outputStride);

    public static DispatchGrid GridFor(MatrixShape parameters, int batchRows, bool sums) =>
        new(MatrixShape.CeilingDivide(parameters.Rows, RowsPerLine(parameters.TexelsPerRow * MatrixShape.ColumnsPerTexel, batchRows)) + (sums ? 1 : 0));

    public override long WorkOf(int rows) => 2L * rows * inputColumns * outputStride;

    /// <summary>Packs dY where it is wider than a panel: panel after panel, each as it is read.</summary>
    public override void Begin(int rows)
    {
        for (int column = 0; packed is not null && column < outputStride; column += MatrixProduct.Columns)
        {
            int width = MatrixProduct.PanelWidth(Math.Min(MatrixProduct.Columns, outputStride - column));
            MatrixProduct.Pack(outputGradients.Floats + column, outputStride, rows, width, packed.Floats + ((nint)column * rows));
        }
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        int parameterLines = MatrixShape.CeilingDivide(inputColumns + 1, rowsPerLine);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            if (line < parameterLines) RunLine(rows, line * rowsPerLine, scratch);
            else sum!.Run(rows);
        }
    }

    /// <summary>Whole tiles, whose gradients fit into the first cache and whose work is a short piece.</summary>
    private static int RowsPerLine(int stride, int batchRows)
    {
        int width = MatrixProduct.TileRows * Math.Max(1, stride);
        return Math.Clamp(Math.Min(2 * GradientsPerLine / width, MatrixProduct.PieceOperations / 2 / width / Math.Max(1, batchRows)), 1, MostTiles) * MatrixProduct.TileRows;
    }

    private void RunLine(int rows, int firstInput, float* scratch)
    {
        int count = Math.Min(rowsPerLine, inputColumns + 1 - firstInput);
        int tiles = MatrixShape.CeilingDivide(count, MatrixProduct.TileRows);
        float** a = (float**)(scratch + PointerRows.Length(capacity));
        float* transposed = scratch + PointerRows.Length(capacity) + PointerRows.Length(MatrixProduct.TileRows);
        float* gradients = parameterGradients is null ? transposed + (rowsPerLine * capacity) : parameterGradients.Floats + ((nint)firstInput * outputStride);
        bool isPacked = HasByteInputs || DrawsInputs || rows > (inputStride % FarApart == 0 ? MostRowsFarApart : MostRowsInPlace);
        PackInputs(rows, firstInput, tiles, isPacked, (float**)scratch, transposed);
        for (int column = 0; column < outputStride; column += MatrixProduct.Columns)
        {
            int width = Math.Min(MatrixProduct.Columns, outputStride - column), stride = packed is null ? outputStride : MatrixProduct.PanelWidth(width);
            float* panel = packed is null ? outputGradients.Floats : packed.Floats + ((nint)column * rows);
            for (int tile = 0; tile < tiles; tile++)
            {
                int first = tile * MatrixProduct.TileRows;
                bool lies = !isPacked && firstInput + first + MatrixProduct.TileRows <= inputColumns;
                float* from = lies ? inputs.Floats + firstInput + first : transposed + ((nint)first * rows);
                for (int i = 0; i < MatrixProduct.TileRows; i++) a[i] = from + i;
                MatrixProduct.Multiply(
                    Math.Min(MatrixProduct.TileRows, count - first), a, lies ? inputStride : MatrixProduct.TileRows, panel, stride, rows, null,
                    gradients + ((nint)first * outputStride) + column, outputStride, width);
            }
        }

        int length = count * outputStride;
        if (HasByteInputs)
        {
            for (int i = 0; i < length; i++) gradients[i] *= ByteScale;
        }

        update?.Run((nint)firstInput * outputStride, length, gradients);
    }

    /// <summary>
    /// Columns of X, six at a time beside each other as a tile reads them, with the input that is always one behind the last. Whole tiles that are read where they lie
    /// are left out.
    /// </summary>
    private void PackInputs(int rows, int firstInput, int tiles, bool all, float** found, float* transposed)
    {
        if (!HasByteInputs) FindRows(inputs, inputStride, 0, rows, found);
        for (int tile = 0; tile < tiles; tile++)
        {
            int first = firstInput + (tile * MatrixProduct.TileRows);
            float* to = transposed + ((nint)tile * MatrixProduct.TileRows * rows);
            if (HasByteInputs) PackBytes(rows, first, to);
            else if (first + MatrixProduct.TileRows > inputColumns) PackLast(rows, first, found, to);
            else if (all) PackWhole(rows, first, found, to);
        }
    }

    private static void PackWhole(int rows, int first, float** found, float* to)
    {
        for (int row = 0; row < rows; row++, to += MatrixProduct.TileRows)
        {
            float* from = found[row] + first;
            Vector128.Load(from).Store(to);
            Vector64.Load(from + Vector128<float>.Count).Store(to + Vector128<float>.Count);
        }
    }

    private void PackLast(int rows, int first, float** found, float* to)
    {
        for (int row = 0; row < rows; row++, to += MatrixProduct.TileRows)
        {
            for (int i = 0; i < MatrixProduct.TileRows; i++) to[i] = first + i < inputColumns ? found[row][first + i] : first + i == inputColumns ? 1 : 0;
        }
    }

    private void PackBytes(int rows, int first, float* to)
    {
        for (int row = 0; row < rows; row++, to += MatrixProduct.TileRows)
        {
            byte* from = inputs.Bytes + ((nint)InputRow(row) * inputStride) + first;
            for (int i = 0; i < MatrixProduct.TileRows; i++) to[i] = first + i < inputColumns ? from[i] : first + i == inputColumns ? ByteOne : 0;
        }
    }
}
