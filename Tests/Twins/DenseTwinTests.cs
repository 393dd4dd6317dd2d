using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class DenseTwinTests
{
    [Test]
    public void AgreesWithNumbersByHand()
    {
        double[] x = [1, 2, 3, 4, 5, 6];                // [2 × 3]
        double[] weights = [1, 0, 0, 1, 2, -1];         // [3 × 2]
        double[] dY = [1, -1, 2, 3];                    // [2 × 2]

        Assert.That(DenseTwin.DenseForward(x, weights, [10, 20], 2, 3, 2), Is.EqualTo((double[])[17, 19, 26, 19]));
        Assert.That(DenseTwin.DenseBackwardInput(dY, weights, 2, 3, 2), Is.EqualTo((double[])[1, -1, 3, 2, 3, 1]));
        Assert.That(DenseTwin.DenseBackwardWeights(x, dY, 2, 3, 2), Is.EqualTo((double[])[9, 11, 12, 13, 15, 15]));
        Assert.That(DenseTwin.DenseBackwardBiases(dY, 2, 2), Is.EqualTo((double[])[3, 2]));
    }

    [Test]
    public void BackwardAgreesWithCentralDifferences(
        [Values(1, 3, 7)] int rows, [Values(1, 4, 9)] int inputs, [Values(1, 3, 7)] int outputs)
    {
        double[] x = TwinArrays.Uniform(1, rows * inputs);
        double[] weights = TwinArrays.Uniform(2, inputs * outputs);
        double[] biases = TwinArrays.Uniform(3, outputs);
        double[] dY = TwinArrays.Uniform(4, rows * outputs);

        // s = Σ dY·Y has dY as its gradient with respect to Y.
        double Scalar() =>
            DenseTwin.DenseForward(x, weights, biases, rows, inputs, outputs).Zip(dY, (y, d) => y * d).Sum();

        Tolerance.AssertClose(
            DenseTwin.DenseBackwardInput(dY, weights, rows, inputs, outputs),
            CentralDifferences.Gradient(Scalar, x), 1e-8, 1e-7, "dX", inputs);
        Tolerance.AssertClose(
            DenseTwin.DenseBackwardWeights(x, dY, rows, inputs, outputs),
            CentralDifferences.Gradient(Scalar, weights), 1e-8, 1e-7, "dW", outputs);
        Tolerance.AssertClose(
            DenseTwin.DenseBackwardBiases(dY, rows, outputs), CentralDifferences.Gradient(Scalar, biases), 1e-8, 1e-7, "db");
    }

    [Test]
    public void RejectsWrongLengths()
    {
        Assert.That(() => DenseTwin.DenseForward(new double[7], new double[6], new double[2], 2, 3, 2), Throws.ArgumentException);
        Assert.That(() => DenseTwin.DenseForward(new double[6], new double[5], new double[2], 2, 3, 2), Throws.ArgumentException);
        Assert.That(() => DenseTwin.DenseForward(new double[6], new double[6], new double[3], 2, 3, 2), Throws.ArgumentException);
        Assert.That(() => DenseTwin.DenseBackwardInput(new double[3], new double[6], 2, 3, 2), Throws.ArgumentException);
        Assert.That(() => DenseTwin.DenseBackwardWeights(new double[6], new double[6], 2, 3, 2), Throws.ArgumentException);
        Assert.That(() => DenseTwin.DenseBackwardBiases([], 0, 2), Throws.ArgumentException);
    }
}
