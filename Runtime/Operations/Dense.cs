namespace NeuralPlugin;

/// <summary>
/// A dense (fully connected) layer: Y = X·W + b, with X [batch × inputs], W [inputs × units], b [units], Y [batch × units].
/// Backward: dX = dY·Wᵀ, dW = Xᵀ·dY, db = the column sums of dY. Both live in one matrix [inputs + 1 × units], the biases as its
/// last row, so that one kernel computes both gradients and one updates both. Its weights start uniform by He's rule where a ReLU follows
/// and by Glorot's elsewhere, its biases at zero.
/// </summary>
public sealed class Dense : Operation
{
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
        yield return Product(
            operands.Family.Forward(operands.Input.Shape, operands.Output.Shape), operands,
            MatrixBinding.Read("INPUTS", operands.Input), MatrixBinding.Read("PARAMETERS", parameters), MatrixBinding.Write("OUTPUTS", operands.Output));
    }

    internal override IEnumerable<Dispatch> Backward(OperationOperands operands, GradientOperands gradients)
    {
        if (gradients.Input is not null)
        {
            yield return Product(
                operands.Family.BackwardInput(operands.Input.Shape, operands.Output.Shape), operands,
                MatrixBinding.Read("OUTPUT_GRADIENTS", gradients.Output), MatrixBinding.Read("PARAMETERS", operands.Parameters[0]),
                MatrixBinding.Write("INPUT_GRADIENTS", gradients.Input));
        }

        if (gradients.Parameters.Count == 0) yield break;
        yield return Product(
            operands.Family.BackwardWeights(operands.Input.Shape, operands.Output.Shape, withState: false), operands,
            MatrixBinding.Read("INPUTS", operands.Input), MatrixBinding.Read("OUTPUT_GRADIENTS", gradients.Output),
            MatrixBinding.Write("PARAMETER_GRADIENTS", gradients.Parameters[0]));
    }

    private static Dispatch Product(ProductKernel kernel, OperationOperands operands, params MatrixBinding[] matrices)
    {
        (MatrixShape input, MatrixShape output) = (operands.Input.Shape, operands.Output.Shape);
        return new Dispatch(kernel.Source, matrices, [input.TexelsPerRow, output.TexelsPerRow, input.Columns], kernel.Grid)
        {
            FloatingPointOperations = 2 * input.Elements * output.Columns,
        };
    }
}
