using NUnit.Framework;
using static NeuralPlugin.Tests.Twins.HuberLossTwin;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class HuberLossTwinTests
{
    [Test]
    public void LossAndGradientAgreeWithNumbersByHand()
    {
        // With δ = 2: 1²/2 and 2·(3 − 1), mean 2.25, times −2; 0 and 2²/2, mean 1, times ½.
        (double[] rowLosses, double loss) = HuberLossForward([1, -3, 3, 5], [0, 0, 3, 3], 2, 2, [-2, 0.5]);
        Assert.That(rowLosses, Is.EqualTo((double[])[-4.5, 0.5]));
        Assert.That(loss, Is.EqualTo(-2));
        Assert.That(HuberLossBackward([1, -3, 3, 5], [0, 0, 3, 3], 2, 2, [-2, 0.5]), Is.EqualTo((double[])[-0.5, 1, 0, 0.25]));
    }

    [Test]
    public void BackwardAgreesWithCentralDifferences([Values(1, 3, 7)] int rows, [Values(1, 4, 9)] int columns, [Values(0.3, 2)] double delta, [Values] bool weighted)
    {
        double[] outputs = TwinArrays.Uniform(1, rows * columns, -3, 3), targets = TwinArrays.Uniform(2, rows * columns, -3, 3);
        double[]? weights = weighted ? [.. ((double[])[-1.5, 0, 0.5, 2, -0.25, 1, 0]).Take(rows)] : null;
        double[] differences = CentralDifferences.Gradient(() => HuberLossForward(outputs, targets, columns, delta, weights).Loss, outputs);
        Tolerance.AssertClose(HuberLossBackward(outputs, targets, columns, delta, weights), differences, 1e-8, 1e-7, "dy", columns);
    }

    [Test]
    public void RejectsLengthsThatDoNotFit()
    {
        Assert.That(() => HuberLossForward([1, 2, 3], [1, 2, 3], 2, 1), Throws.ArgumentException);
        Assert.That(() => HuberLossForward([1, 2], [1], 2, 1), Throws.ArgumentException);
        Assert.That(() => HuberLossBackward([1, 2], [1, 2], 1, 1, [1.0]), Throws.ArgumentException);
    }
}
