namespace NeuralPlugin;

/// <summary>dense_output_rescale.comp: rescales one output of a dense layer. A line is a few rows of the parameters.</summary>
internal sealed unsafe class OutputRescaleKernel : ProcessorKernel
{
    private readonly MatrixAddress parameters;
    private readonly MatrixAddress receipts;
    private readonly KernelArguments<float> scalars;
    private readonly int column;
    private readonly int stride;
    private readonly int rowsPerLine;

    public OutputRescaleKernel(Dispatch dispatch, int rowsPerLine) : base(dispatch)
    {
        this.rowsPerLine = rowsPerLine;
        parameters = Matrix("parameters");
        receipts = Matrix("receipts");
        scalars = ScalarsWith("factor");
        column = Size("column");
        stride = Size("outputTexels") * MatrixShape.ColumnsPerTexel;
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        (float factor, float offset, float number) = (scalars["factor"], scalars["offset"], scalars["number"]);
        for (int row = firstLine * rowsPerLine; row < Math.Min((firstLine + lines) * rowsPerLine, rows); row++)
        {
            float* receipt = receipts.Floats + ((nint)row * MatrixShape.ColumnsPerTexel);
            if (*receipt >= number) continue;
            *receipt = number;
            float* value = parameters.Floats + ((nint)row * stride) + column;
            *value = (factor * *value) + (row == rows - 1 ? offset : 0);
        }
    }
}
