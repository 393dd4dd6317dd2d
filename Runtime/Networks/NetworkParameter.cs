namespace NeuralPlugin;

/// <summary>
/// One matrix of a network's parameters: a layer's weights or biases. It occupies some rows of a texture.
/// </summary>
public sealed class NetworkParameter
{
    private readonly Network network;
    private readonly PingPongMatrix matrix;
    private readonly int firstRow;

    internal NetworkParameter(Network network, PingPongMatrix matrix, int matrixNumber, int layer, int firstRow, ParameterPart part)
    {
        this.network = network;
        this.matrix = matrix;
        this.firstRow = firstRow;
        MatrixNumber = matrixNumber;
        Name = $"{layer}.{part.Name}";
        Rows = part.Rows;
        Columns = matrix.Committed.Shape.Columns;
    }

    /// <summary>The number of its layer in the stack, from 0, and its role: <c>0.weight</c>, <c>0.bias</c>.</summary>
    public string Name { get; }

    /// <summary>Rows: the inputs of a weight matrix, 1 for biases.</summary>
    public int Rows { get; }

    /// <summary>Columns: the units of the layer.</summary>
    public int Columns { get; }

    /// <summary>The index of its matrix among all matrices of the network.</summary>
    internal int MatrixNumber { get; }

    /// <summary>Returns its committed values [rows × columns], row-major. Waits for the GPU and allocates.</summary>
    /// <exception cref="ObjectDisposedException">The network or its device was disposed.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public float[] GetValues()
    {
        using NeuralDevice.Scope scope = network.Enter();
        return ReadFrom(matrix.CommittedTexture);
    }

    /// <summary>Replaces its committed values [rows × columns], row-major.</summary>
    /// <exception cref="ArgumentException">The number of values is wrong.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The network or its device was disposed.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public void SetValues(ReadOnlySpan<float> values)
    {
        Check(values, $"values of parameter {Name}", nameof(values));
        using NeuralDevice.Scope scope = network.Enter();
        Upload(values);
    }

    /// <summary>Reads its rows from a texture of the same shape: the committed values or their gradient.</summary>
    internal float[] ReadFrom(MatrixTexture texture)
    {
        float[] values = new float[Rows * Columns];
        texture.Read(values, firstRow);
        return values;
    }

    /// <summary>Reads its rows from a readback of all matrices of the network.</summary>
    internal float[] ReadFrom(Readback readback) => ReadFrom(readback, MatrixNumber);

    /// <summary>The same, into an array that is there.</summary>
    internal void ReadFrom(Readback readback, float[] values) => readback.Read(MatrixNumber, values, firstRow);

    /// <summary>Reads its rows from one matrix of the same shape in a readback.</summary>
    internal float[] ReadFrom(Readback readback, int matrix)
    {
        float[] values = new float[Rows * Columns];
        readback.Read(matrix, values, firstRow);
        return values;
    }

    internal void Upload(ReadOnlySpan<float> values)
    {
        UploadTo(matrix.CommittedTexture, values);
        network.MakePendingStale();
    }

    /// <summary>Writes its rows in a texture of the same shape.</summary>
    internal void UploadTo(MatrixTexture texture, ReadOnlySpan<float> values) => texture.Upload(values, firstRow);

    internal void Check(ReadOnlySpan<float> values, string what, string name)
    {
        Requirements.Length(values.Length, (long)Rows * Columns, $"{Rows} × {Columns} {what}", name);
        Requirements.Finite(values, what, name);
    }
}
