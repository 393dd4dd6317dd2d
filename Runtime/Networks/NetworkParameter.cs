namespace NeuralPlugin;

/// <summary>One matrix of a network's parameters, as it lives in a texture.</summary>
public sealed class NetworkParameter
{
    private readonly Network network;
    private readonly ParameterDeclaration declaration;

    internal NetworkParameter(Network network, ParameterDeclaration declaration, int block, SeededRandom random)
    {
        this.network = network;
        this.declaration = declaration;
        Name = $"{block}.{declaration.Name}";
        MatrixShape shape = network.Device.Shape(declaration.Rows, declaration.Columns, $"The values of parameter {Name}");
        Matrix = new PingPongMatrix(network.Device, network.Clock, shape);
        if (declaration.InitialBound != 0) Matrix.CommittedTexture.Upload<float>(declaration.InitialValues(random));
    }

    /// <summary>The number of its operation in the stack, from 0, and what it is there: <c>0.weight</c>, <c>0.bias</c>.</summary>
    public string Name { get; }

    /// <summary>Rows: the inputs of a weight matrix, 1 for biases.</summary>
    public int Rows => declaration.Rows;

    /// <summary>Columns: the units of the layer.</summary>
    public int Columns => declaration.Columns;

    internal PingPongMatrix Matrix { get; }

    /// <summary>Its committed values [rows × columns], row-major. Waits for the GPU and allocates.</summary>
    /// <exception cref="ObjectDisposedException">The network or its device was disposed.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public float[] GetValues()
    {
        using NeuralDevice.Scope scope = network.Enter();
        return Matrix.CommittedTexture.Read();
    }

    /// <summary>Replaces its committed values [rows × columns], row-major.</summary>
    /// <exception cref="ArgumentException">Another number of values came.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The network or its device was disposed.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public void SetValues(ReadOnlySpan<float> values)
    {
        Check(values, nameof(values));
        using NeuralDevice.Scope scope = network.Enter();
        Matrix.CommittedTexture.Upload(values);
    }

    internal void Check(ReadOnlySpan<float> values, string name)
    {
        Requirements.Length(values.Length, (long)Rows * Columns, $"{Rows} × {Columns} of parameter {Name}", name);
        Requirements.Finite(values, $"values of parameter {Name}", name);
    }
}
