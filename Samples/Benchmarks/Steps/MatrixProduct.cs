using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Benchmarks;

/// <summary>One dense layer's product alone, Y = X·W + b, with X [rows × inputs] and W [inputs × outputs] on the device.</summary>
internal sealed class MatrixProduct : IDisposable
{
    private const int CheckedRows = 8;

    private readonly MatrixTexture input;
    private readonly MatrixTexture parameters;
    private readonly MatrixTexture output;
    private readonly Plan plan;

    public MatrixProduct(NeuralDevice device, int rows, int inputs, int outputs)
    {
        (Rows, Inputs, Outputs) = (rows, inputs, outputs);
        X = TwinArrays.UniformFloats(1, rows * inputs);
        Weights = TwinArrays.UniformFloats(2, inputs * outputs);
        Biases = TwinArrays.UniformFloats(3, outputs);
        input = new MatrixTexture(device, device.Shape(rows, inputs, "The left side of a product"));
        parameters = new MatrixTexture(device, device.Shape(inputs + 1, outputs, "The right side of a product"));
        output = new MatrixTexture(device, device.Shape(rows, outputs, "A product"));
        parameters.Upload<float>([.. Weights, .. Biases]);
        PlannedMatrix Timed(MatrixTexture matrix) => new(matrix.Shape, "A product");
        IEnumerable<Dispatch> Product(FamilyKernels kernels, Operand x, Operand w, Operand y) =>
            new Dense(outputs).Forward(new LayerOperands(x, y, [w])).Select(computation => computation.ToDispatch(kernels));
        TunedKernels.Choose(device, new KernelSet(
            [], StepTuning.For(KernelFamily.KernelsOf(device), rows, kernels => Product(kernels, Timed(input), Timed(parameters), Timed(output)), kernels => [])));
        plan = new Plan(device, Product(KernelFamily.KernelsOf(device), input, parameters, output));
        Upload();
    }

    public int Rows { get; }

    public int Inputs { get; }

    public int Outputs { get; }

    public float[] X { get; }

    public float[] Weights { get; }

    public float[] Biases { get; }

    public double Operations => 2.0 * Rows * Inputs * Outputs;

    public void Upload() => input.Upload<float>(X);

    public void Run() => plan.Run(Rows);

    public void Read(Span<float> y) => output.Read(y);

    /// <summary>Checks the device's result against the twin.</summary>
    /// <exception cref="WrongResultException">A value is wrong.</exception>
    public void Check()
    {
        float[] y = new float[Rows * Outputs];
        Read(y);
        Check(y);
    }

    /// <summary>Checks rows from all parts of a result against the twin, including the first and the last; all rows of a large one would take minutes.</summary>
    /// <exception cref="WrongResultException">A value is wrong.</exception>
    public void Check(ReadOnlySpan<float> y)
    {
        double bound = 1e-6 * Inputs;   // products of up to 1/4, summed in single precision
        double[] weights = TwinArrays.ToDouble(Weights), biases = TwinArrays.ToDouble(Biases);
        for (int i = 0; i < CheckedRows; i++)
        {
            int row = (int)((long)i * (Rows - 1) / (CheckedRows - 1));
            double[] x = TwinArrays.ToDouble(X.AsSpan(row * Inputs, Inputs));
            double[] expected = DenseTwin.DenseForward(x, weights, biases, 1, Inputs, Outputs);
            TwinCheck.RequireClose($"product {Rows}x{Inputs}x{Outputs}: values of row {row}", y.Slice(row * Outputs, Outputs), expected, bound);
        }
    }

    public void Dispose()
    {
        input.Dispose();
        parameters.Dispose();
        output.Dispose();
    }
}
