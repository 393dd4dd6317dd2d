using NUnit.Framework;
using static NeuralPlugin.Tests.Twins.MeanSquaredErrorTwin;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class MeanSquaredErrorTwinTests
{
    [Test]
    public void TheLossAgreesWithNumbersByHand()
    {
        // (1² + 2²)/2 = 2.5, times −2; (0² + 3²)/2 = 4.5, times ½; (4² + 4²)/2, times 0.
        (double[] rowLosses, double loss) = MeanSquaredErrorForward([1, 2, 3, 0, 5, -5], [0, 0, 3, 3, 1, -1], 2, [-2, 0.5, 0]);
        Assert.That(rowLosses, Is.EqualTo((double[])[-5, 2.25, 0]));
        Assert.That(loss, Is.EqualTo(-2.75 / 3).Within(1e-15));
    }

    [Test]
    public void TheGradientAgreesWithNumbersByHand()
    {
        // 2·w·(y − t) / (2 outputs · 3 rows)
        double[] dOutputs = MeanSquaredErrorBackward([1, 2, 3, 0, 5, -5], [0, 0, 3, 3, 1, -1], 2, [-2, 0.5, 0]);
        Tolerance.AssertClose(dOutputs, (double[])[-4 / 6.0, -8 / 6.0, 0, -3 / 6.0, 0, 0], 1e-15, 0, "dy", 2);
    }

    [Test]
    public void BackwardAgreesWithCentralDifferences([Values(1, 3, 7)] int rows, [Values(1, 2, 4, 9)] int columns, [Values] bool weighted)
    {
        double[] outputs = TwinArrays.Uniform(1, rows * columns, -3, 3), targets = TwinArrays.Uniform(2, rows * columns, -3, 3);
        double[]? weights = weighted ? [.. ((double[])[-1.5, 0, 0.5, 2, -0.25, 1, 0]).Take(rows)] : null;
        double[] differences = CentralDifferences.Gradient(() => MeanSquaredErrorForward(outputs, targets, columns, weights).Loss, outputs);
        Tolerance.AssertClose(MeanSquaredErrorBackward(outputs, targets, columns, weights), differences, 1e-8, 1e-7, "dy", columns);
    }

    [Test]
    public void RejectsLengthsThatDoNotFit()
    {
        Assert.That(() => MeanSquaredErrorForward([1, 2, 3], [1, 2, 3], 2), Throws.ArgumentException);
        Assert.That(() => MeanSquaredErrorForward([1, 2], [1], 2), Throws.ArgumentException);
        Assert.That(() => MeanSquaredErrorBackward([1, 2], [1, 2], 1, [1.0]), Throws.ArgumentException);
    }
}
