namespace NeuralPlugin;

/// <summary>
/// One operation of a <see cref="Network"/>'s stack: its shapes, its parameters, and its forward and backward kernels. It
/// holds no weights itself, so that one instance may stand in several networks.
/// </summary>
public abstract class Operation
{
    private protected Operation()
    {
    }

    /// <summary>The name of its kernels' files, and of its block in a <see cref="NetworkCost"/>.</summary>
    internal abstract string Name { get; }

    /// <summary>The operator that it is in an ONNX model, whose inputs are the operation's and then its parameters.</summary>
    internal abstract string OnnxOperator { get; }

    /// <summary>The rule by which the weights of a dense layer right before this operation start.</summary>
    internal virtual InitialScale InitialScaleBefore => InitialScale.Glorot;

    internal abstract int OutputsFor(int inputs);

    internal virtual ParameterDeclaration[] ParametersFor(int inputs, Operation? next) => [];

    internal abstract IEnumerable<Dispatch> Forward(OperationOperands operands);

    internal abstract IEnumerable<Dispatch> Backward(OperationOperands operands, GradientOperands gradients);
}

/// <summary>How far from zero uniform initial weights reach.</summary>
internal enum InitialScale
{
    /// <summary>√(6 / (inputs + outputs)): Glorot and Bengio, 2010.</summary>
    Glorot,

    /// <summary>√(6 / inputs): He et al., 2015, for a ReLU that follows.</summary>
    He,
}

/// <summary>A matrix of parameters that an operation has: its columns, and the parts that lie in it below each other.</summary>
internal sealed record ParameterDeclaration(int Columns, IReadOnlyList<ParameterPart> Parts)
{
    public int Rows => Parts.Sum(part => part.Rows);
}

/// <summary>Rows of a matrix of parameters that have a name, and the bound of their uniform initial values (0: zeros).</summary>
internal sealed record ParameterPart(string Name, int Rows, double InitialBound)
{
    /// <summary>The name of a row that is added to every sample; files keep it as a vector.</summary>
    public const string Bias = "bias";
}

/// <summary>What the forward pass of one operation reads and writes, and the kernels that its products take.</summary>
internal sealed record OperationOperands(Operand Input, Operand Output, IReadOnlyList<Operand> Parameters, KernelFamily Family);

/// <summary>
/// What its backward pass adds: the gradient of its output, and those it writes. A gradient that is not there is not wanted.
/// </summary>
internal sealed record GradientOperands(Operand Output, Operand? Input, IReadOnlyList<Operand> Parameters);
