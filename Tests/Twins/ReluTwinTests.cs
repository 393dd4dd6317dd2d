using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class ReluTwinTests
{
    [Test]
    public void TheDerivativeIsZeroBelowZeroOneAboveAndZeroAtZero()
    {
        double[] x = [-2, -double.Epsilon, -0.0, 0, double.Epsilon, 3];
        Assert.That(ReluTwin.ReluForward(x), Is.EqualTo((double[])[0, 0, 0, 0, double.Epsilon, 3]));
        Assert.That(ReluTwin.ReluBackward(x, [1, 1, 1, 1, 1, 1]), Is.EqualTo((double[])[0, 0, 0, 0, 1, 1]));
        Assert.That(ReluTwin.ReluBackward(x, [5, 5, 5, 5, -5, -7]), Is.EqualTo((double[])[0, 0, 0, 0, -5, -7]));
    }

    [Test]
    public void BackwardAgreesWithCentralDifferences()
    {
        double[] x = TwinArrays.Uniform(1, 785);
        for (int i = 0; i < x.Length; i++)
            x[i] += x[i] < 0 ? -1e-3 : 1e-3;            // away from the kink
        double[] dY = TwinArrays.Uniform(2, 785);

        double[] differences = CentralDifferences.Gradient(() => ReluTwin.ReluForward(x).Zip(dY, (y, d) => y * d).Sum(), x);

        Tolerance.AssertClose(ReluTwin.ReluBackward(x, dY), differences, 1e-8, 1e-7, "dX");
    }

    [Test]
    public void RejectsWrongLengths() => Assert.That(() => ReluTwin.ReluBackward([1, 2], [1]), Throws.ArgumentException);
}
