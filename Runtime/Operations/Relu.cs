namespace NeuralPlugin;

/// <summary>
/// The rectified linear unit: y = max(x, 0), element by element. Backward: dx = dy where x &gt; 0, else 0; the derivative at
/// zero, where there is none, is taken as 0.
/// </summary>
public sealed class Relu : Operation
{
    internal const string ForwardFile = "relu_forward.comp";
    internal const string BackwardFile = "relu_backward.comp";

    /// <summary>Tells a kernel of another operation to take a ReLU along.</summary>
    internal const string Constant = "RELU";

    private const int GroupSize = 32;
    private const int RowsPerInvocation = 4;

    internal override string Name => "relu";

    internal override string OnnxOperator => "Relu";

    internal override InitialScale InitialScaleBefore => InitialScale.He;

    internal override int OutputsFor(int inputs) => inputs;

    internal override IEnumerable<Dispatch> Forward(OperationOperands operands)
    {
        yield return ElementByElement(
            ForwardFile, operands.Input.Shape,
            MatrixBinding.Read("INPUTS", operands.Input), MatrixBinding.Write("OUTPUTS", operands.Output));
    }

    internal override IEnumerable<Dispatch> Backward(OperationOperands operands, GradientOperands gradients)
    {
        if (gradients.Input is null) yield break;
        yield return ElementByElement(
            BackwardFile, operands.Input.Shape,
            MatrixBinding.Read("INPUTS", operands.Input), MatrixBinding.Read("OUTPUT_GRADIENTS", gradients.Output),
            MatrixBinding.Write("INPUT_GRADIENTS", gradients.Input));
    }

    private static Dispatch ElementByElement(string fileName, MatrixShape shape, params MatrixBinding[] matrices)
    {
        return new Dispatch(
            new KernelSource(fileName, ("GROUP_SIZE", GroupSize), ("ROWS_PER_INVOCATION", RowsPerInvocation)), matrices, [shape.TexelsPerRow],
            new DispatchGrid(MatrixShape.CeilingDivide(shape.TexelsPerRow, GroupSize), RowsPerGroupY: RowsPerInvocation));
    }
}
