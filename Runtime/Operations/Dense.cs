namespace NeuralPlugin;

/// <summary>
/// A dense (fully connected) layer: Y = X·W + b, with X [batch × inputs], W [inputs × units], b [units], Y [batch × units].
/// Backward: dX = dY·Wᵀ, dW = Xᵀ·dY, db = the column sums of dY. Both live in one matrix [inputs + 1 × units], the biases as its
/// last row, so that one kernel computes both gradients and one updates both. Its weights start uniform by He's rule where a ReLU follows
/// and by Glorot's elsewhere, its biases at zero.
/// </summary>
public sealed class Dense : Operation
{
    internal const string ForwardFile = "dense_forward.comp";
    internal const string BackwardInputFile = "dense_backward_input.comp";
    internal const string BackwardWeightsFile = "dense_backward_weights.comp";

    private const int GroupSize = 8;
    private const int ForwardRows = 8;
    private const int NarrowForwardRows = 2;
    private const int BackwardInputRows = 8;
    private const int WeightRows = 16;
    private const int SmallWeightRows = 8;

    /// <summary>Describes the layer; its parameters are made by the network.</summary>
    /// <param name="units">Its outputs.</param>
    /// <exception cref="ArgumentOutOfRangeException">Units are zero or less.</exception>
    public Dense(int units) => Units = Requirements.Size(units, "units of a dense layer");

    /// <summary>Its outputs.</summary>
    public int Units { get; }

    internal override string Name => "dense";

    internal override string OnnxOperator => "Gemm";

    internal override int OutputsFor(int inputs) => Units;

    internal override ParameterDeclaration[] ParametersFor(int inputs, Operation? next)
    {
        double fan = next?.InitialScaleBefore == InitialScale.He ? inputs : (double)inputs + Units;
        return [new(Units, [new("weight", inputs, Math.Sqrt(6 / fan)), new(ParameterPart.Bias, 1, 0)])];
    }

    internal override IEnumerable<Dispatch> Forward(OperationOperands operands)
    {
        Operand parameters = operands.Parameters[0];
        (int inputTexels, int outputTexels) = (operands.Input.Shape.TexelsPerRow, parameters.Shape.TexelsPerRow);
        Tile tile = Tile.For(outputTexels, ForwardRows, NarrowForwardRows);
        yield return new Dispatch(
            tile.Kernel(ForwardFile),
            [Read(operands.Input), Read(parameters), Write(operands.Output)],
            [inputTexels, outputTexels, operands.Input.Shape.Columns],
            tile.GridOverRowsInUse(outputTexels))
        {
            FloatingPointOperations = ProductOperations(operands.Input, operands.Output),
        };
    }

    internal override IEnumerable<Dispatch> Backward(OperationOperands operands, GradientOperands gradients)
    {
        Operand parameters = operands.Parameters[0];
        int inputs = operands.Input.Shape.Columns;
        (int inputTexels, int outputTexels) = (operands.Input.Shape.TexelsPerRow, parameters.Shape.TexelsPerRow);
        if (gradients.Input is not null)
        {
            Tile tile = Tile.For(inputTexels, BackwardInputRows, NarrowForwardRows, mostTexels: 2);
            yield return new Dispatch(
                tile.Kernel(BackwardInputFile),
                [Read(gradients.Output), Read(parameters), Write(gradients.Input)],
                [inputTexels, outputTexels, inputs],
                tile.GridOverRowsInUse(inputTexels))
            {
                FloatingPointOperations = ProductOperations(operands.Input, operands.Output),
            };
        }

        if (gradients.Parameters.Count == 0) yield break;
        Tile weightTile = Tile.For(outputTexels, WeightRows, MatrixShape.ColumnsPerTexel);
        yield return new Dispatch(
            weightTile.Kernel(BackwardWeightsFile),
            [Read(operands.Input), Read(gradients.Output), Write(gradients.Parameters[0])],
            [inputTexels, outputTexels, inputs],
            weightTile.GridOver(inputs + 1, outputTexels))
        {
            FloatingPointOperations = ProductOperations(operands.Input, operands.Output),
        };
    }

    /// <summary>
    /// The product of the weights' gradient in a smaller tile, for an update with state in its epilogue: the text of six loads and
    /// stores for each of 64 texels takes seconds to compile, that for 16 half a second, and the step is as fast.
    /// </summary>
    internal static Dispatch InSmallTile(Dispatch weightsProduct)
    {
        (int outputTexels, int inputs) = (weightsProduct.Sizes[1], weightsProduct.Sizes[2]);
        Tile tile = Tile.For(outputTexels, SmallWeightRows, MatrixShape.ColumnsPerTexel, mostTexels: 2);
        return new Dispatch(
            tile.Kernel(BackwardWeightsFile), weightsProduct.Images, weightsProduct.Sizes, tile.GridOver(inputs + 1, outputTexels))
        {
            FloatingPointOperations = weightsProduct.FloatingPointOperations,
        };
    }

    private static ImageBinding Read(Operand operand) => new(operand, ImageAccess.Read);

    private static ImageBinding Write(Operand operand) => new(operand, ImageAccess.Write);

    private static long ProductOperations(Operand input, Operand output) => 2 * input.Shape.Elements * output.Shape.Columns;

    /// <summary>
    /// How a workgroup of eight invocations covers a result: each keeps Rows × Texels texels of it in registers, and
    /// ColumnLanes of them lie side by side. A narrow result has its invocations below each other, so that none is idle.
    /// </summary>
    private readonly record struct Tile(int Rows, int Texels, int ColumnLanes)
    {
        private const int NarrowTexels = 4;

        public static Tile For(int resultTexels, int rows, int narrowRows, int mostTexels = 4)
        {
            if (resultTexels <= NarrowTexels)
                return new Tile(narrowRows, Math.Min(mostTexels, PowerOfTwo(resultTexels)), resultTexels > mostTexels ? 2 : 1);
            return new Tile(rows, Math.Min(mostTexels, PowerOfTwo(MatrixShape.CeilingDivide(resultTexels, GroupSize))), GroupSize);
        }

        public KernelSource Kernel(string fileName)
        {
            return new KernelSource(
                fileName, ("GROUP_SIZE", GroupSize), ("ROWS", Rows), ("TEXELS", Texels), ("COLUMN_LANES", ColumnLanes));
        }

        public DispatchGrid GridOverRowsInUse(int resultTexels) => new(Columns(resultTexels), RowsPerGroupY: RowsPerGroup);

        public DispatchGrid GridOver(int resultRows, int resultTexels)
        {
            return new DispatchGrid(Columns(resultTexels), MatrixShape.CeilingDivide(resultRows, RowsPerGroup));
        }

        private int RowsPerGroup => Rows * (GroupSize / ColumnLanes);

        private int Columns(int resultTexels) => MatrixShape.CeilingDivide(resultTexels, Texels * ColumnLanes);

        private static int PowerOfTwo(int value) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)value);
    }
}
