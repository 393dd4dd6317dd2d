namespace NeuralPlugin;

/// <summary>
/// A dense (fully connected) layer: Y = X·W + b, with X [batch × inputs], W [inputs × units], b [units], Y [batch × units].
/// Backward: dX = dY·Wᵀ, dW = Xᵀ·dY, db = the column sums of dY. W and b live in one matrix [inputs + 1 × units], the biases as its
/// last row, so that one kernel computes both gradients and one updates both. Its weights start uniform, by He's rule if a rectifier
/// (<see cref="Relu"/>, <see cref="LeakyRelu"/>) follows and by Glorot's otherwise; its biases start at zero.
/// </summary>
public sealed class Dense : Layer
{
    /// <summary>Describes the layer; the network creates its parameters.</summary>
    /// <param name="units">Its outputs.</param>
    /// <exception cref="ArgumentOutOfRangeException">Units are zero or less.</exception>
    public Dense(int units) => Units = Requirements.Size(units, "units of a dense layer");

    /// <summary>Its outputs.</summary>
    public int Units { get; }

    internal override string Name => "dense";

    internal override string OnnxOperator => "Gemm";

    internal override int OutputsFor(int inputs) => Units;

    internal override ParameterDeclaration[] ParametersFor(int inputs, Layer? next)
    {
        double fan = next?.InitialFanBefore(inputs, Units) ?? (double)inputs + Units;
        return [new(Units, [new("weight", inputs, Math.Sqrt(6 / fan)), new(ParameterPart.Bias, 1, 0)])];
    }

    internal override IEnumerable<Computation> Forward(LayerOperands operands)
    {
        yield return new DenseForward(operands.Input, operands.Parameters[0], operands.Output);
    }

    internal override IEnumerable<Computation> Backward(LayerOperands operands, GradientOperands gradients)
    {
        if (gradients.Input is not null) yield return new DenseBackwardInput(gradients.Output, operands.Parameters[0], gradients.Input);
        if (gradients.Parameters.Count > 0) yield return new DenseBackwardWeights(operands.Input, gradients.Output, gradients.Parameters[0]);
    }
}
