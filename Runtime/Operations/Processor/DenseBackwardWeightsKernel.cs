namespace NeuralPlugin;

/// <summary>
/// dense_backward_weights.comp: [dW; db] = [X, 1]ᵀ · dY, or the optimizer's update by it, and also the sum of the batch's losses. A line is some
/// rows of the weights, with as many of their columns as the second-level cache holds of dY; the last line is the sum, and the first ones pack dY if it
/// is wider than a panel.
/// </summary>
internal sealed unsafe class DenseBackwardWeightsKernel : BatchKernel
{
    /// <summary>Gradients of a line: few enough that they stay in the first-level cache until the update takes them.</summary>
    private const int GradientsPerLine = 8192;

    private const int MostTiles = 8;

    /// <summary>Values of dY that a line reads for each of its tiles: a quarter of a second-level cache of 2 MiB, which also holds X and the weights.</summary>
    private const int MostValuesOfOutputs = 1 << 17;

    /// <summary>With fewer columns, packing X again for the next ones costs more than dY from a slower cache.</summary>
    private const int LeastColumnsPerLine = 128;

    /// <summary>
    /// Limits within which X is read in place: more values span more pages than the processor's TLB holds, and many rows so far apart share few
    /// first-level cache sets.
    /// </summary>
    private const int MostValuesInPlace = 1 << 16, MostRowsFarApart = 32, FarApart = 128;

    private readonly MatrixAddress inputs;
    private readonly MatrixAddress outputGradients;
    private readonly MatrixAddress? parameterGradients;
    private readonly UpdateAccess? update;
    private readonly LossSumAccess? sum;
    private readonly int inputStride;
    private readonly int outputStride;
    private readonly int inputColumns;
    private readonly int rowsPerLine;
    private readonly int columnsPerLine;
    private readonly int capacity;
    private readonly RowBuffer? packed;

    public DenseBackwardWeightsKernel(Dispatch dispatch, Optimizer? optimizer) : base(dispatch)
    {
        inputs = Matrix("inputs");
        outputGradients = Matrix("outputGradients");
        parameterGradients = FindMatrix("parameterGradients");
        if (optimizer is not null) update = new UpdateAccess(optimizer, FindMatrix, ScalarsWith("learningRate"), Log, GuidedRate);
        if (FindMatrix("rowLosses") is { } losses) sum = new LossSumAccess(losses, Matrix("batchLoss"), Log);
        inputStride = Size("inputTexels") * MatrixShape.ColumnsPerTexel;
        outputStride = Size("outputTexels") * MatrixShape.ColumnsPerTexel;
        inputColumns = Size("inputColumns");
        capacity = CapacityOf(dispatch, "outputGradients");
        (rowsPerLine, columnsPerLine) = LineOf(outputStride, capacity);
        if (outputStride > MatrixProduct.Columns) packed = new RowBuffer(capacity, MatrixProduct.PanelWidth(outputStride));
    }

    public override int ScratchLength =>
        PointerRows.Length(capacity) + PointerRows.Length(rowsPerLine) + (rowsPerLine * capacity) + (rowsPerLine * columnsPerLine);

    public static DispatchGrid GridFor(MatrixShape parameters, int batchRows, bool sums)
    {
        int stride = StrideOf(parameters);
        (int rows, int columns) = LineOf(stride, batchRows);
        return new DispatchGrid(PanelsOf(stride) + (MatrixShape.CeilingDivide(parameters.Rows, rows) * MatrixShape.CeilingDivide(stride, columns)) + (sums ? 1 : 0));
    }

    public override int PreparingLines(int rows) => PanelsOf(outputStride);

    public override long WorkOf(int rows) => 2L * rows * inputColumns * outputStride;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        int panels = PanelsOf(outputStride), linesOfColumns = MatrixShape.CeilingDivide(inputColumns + 1, rowsPerLine);
        int parameterLines = linesOfColumns * Math.Max(1, MatrixShape.CeilingDivide(outputStride, columnsPerLine));
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int parameterLine = line - panels;
            if (parameterLine < 0) Pack(rows, line * MatrixProduct.Columns);
            else if (parameterLine < parameterLines) RunLine(rows, parameterLine % linesOfColumns * rowsPerLine, parameterLine / linesOfColumns * columnsPerLine, scratch);
            else sum!.Run(rows);
        }
    }

    private static int StrideOf(MatrixShape matrix) => matrix.TexelsPerRow * MatrixShape.ColumnsPerTexel;

    /// <summary>The number of panels that dY is packed into: none if it already is a single panel.</summary>
    private static int PanelsOf(int stride) => stride > MatrixProduct.Columns ? MatrixShape.CeilingDivide(stride, MatrixProduct.Columns) : 0;

    private void Pack(int rows, int column)
    {
        int width = MatrixProduct.PanelWidth(Math.Min(MatrixProduct.Columns, outputStride - column));
        MatrixProduct.Pack(outputGradients.Floats + column, outputStride, rows, width, packed!.Floats + ((nint)column * rows));
    }

    /// <summary>Complete tiles, whose gradients fit into the first-level cache, whose part of dY fits into the second-level cache, and whose work is short.</summary>
    private static (int Rows, int Columns) LineOf(int stride, int batchRows)
    {
        int most = MostValuesOfOutputs / Math.Max(1, batchRows) / MatrixProduct.MostColumns * MatrixProduct.MostColumns;
        int columns = Math.Min(Math.Max(most, LeastColumnsPerLine), Math.Max(MatrixProduct.Columns, stride));
        int width = MatrixProduct.TileRows * Math.Max(1, Math.Min(columns, stride));
        int tiles = Math.Min(2 * GradientsPerLine / width, MatrixProduct.PieceOperations / 2 / width / Math.Max(1, batchRows));
        return (Math.Clamp(tiles, 1, MostTiles) * MatrixProduct.TileRows, columns);
    }

    private void RunLine(int rows, int firstInput, int firstColumn, float* scratch)
    {
        int count = Math.Min(rowsPerLine, inputColumns + 1 - firstInput), weights = Math.Min(count, inputColumns - firstInput);
        int columns = Math.Min(columnsPerLine, outputStride - firstColumn);
        nint first = ((nint)firstInput * outputStride) + firstColumn;
        float** a = (float**)(scratch + PointerRows.Length(capacity));
        float* transposed = scratch + PointerRows.Length(capacity) + PointerRows.Length(rowsPerLine);
        float* gradients = parameterGradients is null ? transposed + (rowsPerLine * capacity) : parameterGradients.Floats + first;
        nint stride = parameterGradients is null ? columns : outputStride;
        int aStep = FindInputs(rows, firstInput, weights, (float**)scratch, transposed, a);
        for (int column = 0; column < columns; column += MatrixProduct.Columns)
        {
            int width = Math.Min(MatrixProduct.Columns, columns - column);
            float* panel = packed is null ? outputGradients.Floats : packed.Floats + ((nint)(firstColumn + column) * rows);
            MatrixProduct.Multiply(
                weights, a, aStep, panel, packed is null ? outputStride : MatrixProduct.PanelWidth(width), rows, null, gradients + column, stride, width);
        }

        for (int row = 0; HasByteInputs && row < weights; row++)
        {
            for (int i = 0; i < columns; i++) gradients[(row * stride) + i] *= ByteScale;
        }

        if (weights < count) SumRows(rows, firstColumn, columns, gradients + (weights * stride));
        if (columns == outputStride) update?.Run(first, count * outputStride, gradients);
        else for (int row = 0; update is not null && row < count; row++) update.Run(first + ((nint)row * outputStride), columns, gradients + (row * stride));
    }

    /// <summary>The gradient of some biases: that of an input that is always one.</summary>
    private void SumRows(int rows, int firstColumn, int columns, float* sums)
    {
        const int Width = 8;   // of a Vector256
        int i = 0;
        for (; i + (4 * Width) <= columns; i += 4 * Width)
        {
            Vector256<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            float* from = outputGradients.Floats + firstColumn + i;
            for (int row = 0; row < rows; row++, from += outputStride)
            {
                sum0 += Vector256.Load(from);
                sum1 += Vector256.Load(from + Width);
                sum2 += Vector256.Load(from + (2 * Width));
                sum3 += Vector256.Load(from + (3 * Width));
            }

            sum0.Store(sums + i);
            sum1.Store(sums + i + Width);
            sum2.Store(sums + i + (2 * Width));
            sum3.Store(sums + i + (3 * Width));
        }

        for (; i < columns; i += MatrixShape.ColumnsPerTexel)
        {
            Vector128<float> sum = default;
            float* from = outputGradients.Floats + firstColumn + i;
            for (int row = 0; row < rows; row++, from += outputStride) sum += Vector128.Load(from);
            sum.Store(sums + i);
        }
    }

    /// <summary>Finds columns of X: in place, or packed six side by side, as a tile reads them.</summary>
    /// <returns>The distance between elements of a column.</returns>
    private int FindInputs(int rows, int firstInput, int count, float** found, float* transposed, float** columns)
    {
        bool lies = !HasByteInputs && !DrawsInputs && (long)rows * inputStride <= MostValuesInPlace && (inputStride % FarApart != 0 || rows <= MostRowsFarApart);
        if (lies)
        {
            for (int i = 0; i < count; i++) columns[i] = inputs.Floats + firstInput + i;
            return inputStride;
        }

        if (!HasByteInputs) FindRows(inputs, inputStride, 0, rows, found);
        for (int first = 0; first < count; first += MatrixProduct.TileRows)
        {
            float* to = transposed + ((nint)first * rows);
            for (int i = 0; i < MatrixProduct.TileRows; i++) columns[first + i] = to + i;
            if (HasByteInputs) PackBytes(rows, firstInput + first, to);
            else PackFloats(rows, firstInput + first, found, to);
        }

        return MatrixProduct.TileRows;
    }

    /// <summary>Anything packed past the last input belongs to no requested column.</summary>
    private static void PackFloats(int rows, int first, float** found, float* to)
    {
        for (int row = 0; row < rows; row++, to += MatrixProduct.TileRows)
        {
            Vector256.Load(found[row] + first).Store(to);   // also past the tile, where the next row is written afterwards
        }
    }

    private void PackBytes(int rows, int first, float* to)
    {
        for (int row = 0; row < rows; row++, to += MatrixProduct.TileRows)
        {
            Vector128<ushort> values = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)(inputs.Bytes + ((nint)InputRow(row) * inputStride) + first)).AsByte());
            Vector128.ConvertToSingle(Vector128.WidenLower(values).AsInt32()).Store(to);
            Vector128.ConvertToSingle(Vector128.WidenUpper(values).AsInt32()).Store(to + Vector128<float>.Count);
        }
    }
}
