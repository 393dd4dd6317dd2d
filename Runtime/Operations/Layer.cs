namespace NeuralPlugin;

/// <summary>
/// One layer of a <see cref="Network"/>'s stack: its shapes, its parameters, and its forward and backward computations. It
/// holds no weights itself, so one instance may appear in several networks.
/// </summary>
public abstract class Layer
{
    private protected Layer()
    {
    }

    /// <summary>Its name in a <see cref="NetworkCost"/> and in an ONNX model.</summary>
    internal abstract string Name { get; }

    /// <summary>Its ONNX operator, whose inputs are the layer's input and then its parameters.</summary>
    internal abstract string OnnxOperator { get; }

    /// <summary>The attributes of that operator, all floats.</summary>
    internal virtual IReadOnlyList<(string Name, float Value)> OnnxAttributes => [];

    /// <summary>
    /// The fan F of a dense layer right before this one, whose weights start uniform within ±√(6 / F): inputs + outputs (Glorot and Bengio,
    /// 2010), unless the layer's derivative calls for another.
    /// </summary>
    internal virtual double InitialFanBefore(int inputs, int outputs) => (double)inputs + outputs;

    internal abstract int OutputsFor(int inputs);

    internal virtual ParameterDeclaration[] ParametersFor(int inputs, Layer? next) => [];

    /// <summary>Its forward pass.</summary>
    internal abstract IEnumerable<Computation> Forward(LayerOperands operands);

    /// <summary>Its backward pass, by the chain rule.</summary>
    internal abstract IEnumerable<Computation> Backward(LayerOperands operands, GradientOperands gradients);
}

/// <summary>A layer's matrix of parameters: its columns, and its parts, one below the other.</summary>
internal sealed record ParameterDeclaration(int Columns, IReadOnlyList<ParameterPart> Parts)
{
    public int Rows => Parts.Sum(part => part.Rows);
}

/// <summary>Named rows of a matrix of parameters, and the bound of their uniform initial values (0: zeros).</summary>
internal sealed record ParameterPart(string Name, int Rows, double InitialBound)
{
    /// <summary>The name of a row that is added to every sample; files store it as a vector.</summary>
    public const string Bias = "bias";

    /// <summary>Initial values for the given columns, row-major: uniform within ±<see cref="InitialBound"/>, using exactly rounded operations only.</summary>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="seed">Chooses the values.</param>
    /// <param name="stream">A stream of its own, so that one part's values do not depend on the sizes of the others.</param>
    public float[] InitialValues(int columns, int seed, ulong stream)
    {
        float[] values = new float[Rows * columns];
        if (InitialBound == 0) return values;
        SeededRandom random = new((ulong)seed, stream);
        float bound = (float)InitialBound;
        for (int i = 0; i < values.Length; i++) values[i] = ((random.NextSingle() * 2) - 1) * bound;
        return values;
    }
}

/// <summary>The operands of one layer's forward pass.</summary>
internal sealed record LayerOperands(Operand Input, Operand Output, IReadOnlyList<Operand> Parameters);

/// <summary>
/// The additional operands of its backward pass: the gradient of its output, and those it writes. A gradient that is null is not wanted.
/// </summary>
internal sealed record GradientOperands(Operand Output, Operand? Input, IReadOnlyList<Operand> Parameters);
