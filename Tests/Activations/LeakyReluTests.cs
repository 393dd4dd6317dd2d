using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
internal sealed class LeakyReluTests : ActivationTests
{
    private const float Slope = 0.2f;

    protected override Activation Make() => new LeakyRelu(Slope);

    protected override LayerTwin MakeTwin() => new LeakyReluTwin(Slope);

    protected override double FanOf(int inputs, int outputs) => (1 + ((double)Slope * Slope)) * inputs;

    [Test]
    public void TheSlopeIsAHundredthByDefault() => Assert.That(new LeakyRelu().NegativeSlope, Is.EqualTo(0.01f));

    [TestCase(0)]
    [TestCase(-0f)]
    [TestCase(-0.01f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void ABadSlopeIsRefused(float slope)
    {
        ArgumentOutOfRangeException exception = Assert.Throws<ArgumentOutOfRangeException>(() => new LeakyRelu(slope))!;
        Assert.That(exception.ParamName, Is.EqualTo("negativeSlope"));
        Assert.That(exception.Message, Does.Contain("finite number above 0").And.Contain("use Relu").And.Contain("Actual value was"));
    }

    /// <summary>So small that the product is flushed to zero; above one; and almost beyond the range of a float.</summary>
    [Test]
    public void EverySlopeAboveZeroHasItsDerivative([Values(float.Epsilon, 1e-38f, 1e-3f, 1, 7, float.MaxValue)] float slope)
    {
        NeuralDevice device = TestDevice.Plain;
        float[] x = [-1e-3f, -0.25f, 0, 0.25f, 3];
        using MatrixTexture input = Kernels.Upload(device, 1, 5, x), output = Kernels.Empty(device, 1, 5);
        using MatrixTexture outputGradients = Kernels.Upload(device, 1, 5, [0.5f, 0.5f, 0.5f, 0.5f, 0.5f]), inputGradients = Kernels.Empty(device, 1, 5);
        LeakyRelu activation = new(slope);
        LayerOperands operands = new(input, output, []);
        Kernels.Run(device, 1, [.. activation.Forward(operands), .. activation.Backward(operands, new GradientOperands(outputGradients, inputGradients, []))]);
        double[] expected = [slope * 0.5, slope * 0.5, slope * 0.5, 0.5, 0.5];
        Tolerance.AssertClose(inputGradients.Read(), expected, 2e-38, 1e-6, "dx");
    }
}

/// <summary>y = x above zero, else slope·x; y' = 1 above zero, else the slope.</summary>
public sealed class LeakyReluTwin(double slope) : ActivationTwin
{
    public override bool HasKinkAtZero => true;

    protected override double Apply(double x) => x > 0 ? x : slope * x;

    protected override double Derivative(double x) => x > 0 ? 1 : slope;
}
