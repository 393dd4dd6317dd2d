using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>Y = X·W + b, as the forward pass of a layer computes it.</summary>
public class MatrixProductSuite : DeviceSuite
{
    private MatrixProduct product = null!;
    private float[] x = [];
    private float[] weights = [];
    private float[] biases = [];
    private float[] y = [];

    [Params("64x784x128", "256x784x512", "512x512x512")]
    public string Shape { get; set; } = "";

    protected override void SetUpCase()
    {
        int[] sizes = [.. Shape.Split('x').Select(int.Parse)];
        product = new MatrixProduct(Device, sizes[0], sizes[1], sizes[2]);
        (x, weights, biases) = (product.X, product.Weights, product.Biases);
        y = new float[sizes[0] * sizes[2]];
        product.Run();
        product.Check();
        CpuClassifier.Dense(x, weights, biases, y, sizes[1]);
        product.Check(y);
    }

    [Benchmark(Baseline = true)]
    public void Cpu() => CpuClassifier.Dense(x, weights, biases, y, product.Inputs);

    [Benchmark]
    public void GpuResident()
    {
        product.Run();
        Device.Finish();
    }

    [Benchmark]
    public void GpuWithTransfers()
    {
        product.Upload();
        product.Run();
        product.Read(y);
    }
}
