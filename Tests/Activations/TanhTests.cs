using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
internal sealed class TanhTests : ActivationTests
{
    protected override Activation Make() => new Tanh();

    protected override LayerTwin MakeTwin() => new TanhTwin();

    protected override double FanOf(int inputs, int outputs) => inputs + outputs;

    /// <summary>At 0.6, where the formula changes, there is no jump larger than one unit in the last place; and no value exceeds one.</summary>
    [Test]
    public void ItGrowsWithItsInputAndStaysWithinOne()
    {
        NeuralDevice device = TestDevice.Plain;
        float[] x = [.. Enumerable.Range(-1000, 2001).Select(i => 0.6f + (i * 6e-6f)), .. Enumerable.Range(1, 2000).Select(i => i * 0.01f)];
        using MatrixTexture input = Kernels.Upload(device, 1, x.Length, x), output = Kernels.Empty(device, 1, x.Length);
        Kernels.Run(device, 1, [new ActivationForward(new Tanh(), input, output)]);
        float[] y = output.Read();
        Assert.That(y, Is.All.InRange(0f, 1f));
        for (int i = 1; i < 2001; i++) Assert.That(y[i] - y[i - 1], Is.GreaterThan(0).And.LessThan(1e-5), $"at {x[i]}");
    }
}

/// <summary>y = tanh(x); y' = 1 / cosh²(x), which is 0 where cosh overflows.</summary>
public sealed class TanhTwin : ActivationTwin
{
    protected override double Apply(double x) => Math.Tanh(x);

    protected override double Derivative(double x) => 1 / (Math.Cosh(x) * Math.Cosh(x));
}
