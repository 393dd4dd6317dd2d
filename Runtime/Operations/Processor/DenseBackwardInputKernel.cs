namespace NeuralPlugin;

/// <summary>
/// dense_backward_input.comp: dX = dY · Wᵀ, and the derivative of the activation before the layer. A line is a panel of columns of dX for
/// some rows.
/// </summary>
internal sealed unsafe class DenseBackwardInputKernel : ProcessorKernel
{
    private readonly Activation? activation;
    private readonly MatrixAddress outputGradients;
    private readonly MatrixAddress parameters;
    private readonly MatrixAddress inputGradients;
    private readonly MatrixAddress? activations;
    private readonly int inputStride;
    private readonly int outputStride;
    private readonly int inputColumns;
    private readonly int rowsPerLine;

    public DenseBackwardInputKernel(Dispatch dispatch, Activation? activation) : base(dispatch)
    {
        this.activation = activation;
        outputGradients = Matrix("outputGradients");
        parameters = Matrix("parameters");
        inputGradients = Matrix("inputGradients");
        activations = FindMatrix("activations");
        inputStride = Size("inputTexels") * MatrixShape.ColumnsPerTexel;
        outputStride = Size("outputTexels") * MatrixShape.ColumnsPerTexel;
        inputColumns = Size("inputColumns");
        rowsPerLine = DenseForwardKernel.RowsPerLine(outputStride);
    }

    public override int ScratchLength => PointerRows.Length(rowsPerLine) + (outputStride * MatrixProduct.MostColumns);

    public override long WorkOf(int rows) => 2L * rows * inputStride * outputStride;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (rows == 0) return;   // a warm-up
        int panels = MatrixShape.CeilingDivide(inputStride, MatrixProduct.Columns);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int firstRow = line / panels * rowsPerLine;
            RunPanel(firstRow, Math.Min(rowsPerLine, rows - firstRow), line % panels * MatrixProduct.Columns, scratch);
        }
    }

    private void RunPanel(int firstRow, int rows, int column, float* scratch)
    {
        float** found = (float**)scratch;
        float* transposed = scratch + PointerRows.Length(rowsPerLine);
        int width = Math.Min(MatrixProduct.Columns, inputStride - column), packed = MatrixProduct.PanelWidth(width);
        DenseRows.Transpose(parameters.Floats, outputStride, column, Math.Min(width, inputColumns - column), outputStride, transposed, packed);
        for (int i = 0; i < rows; i++) found[i] = outputGradients.Floats + ((nint)(firstRow + i) * outputStride);
        nint at = ((nint)firstRow * inputStride) + column;
        MatrixProduct.Multiply(rows, found, 1, transposed, packed, outputStride, null, inputGradients.Floats + at, inputStride, width);
        if (activation is not null) DenseRows.Backward(activation, rows, inputGradients.Floats + at, activations!.Floats + at, inputStride, width);
    }
}
