using NUnit.Framework;
using static NeuralPlugin.Tests.Twins.SoftmaxCrossEntropyTwin;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class SoftmaxCrossEntropyTwinTests
{
    private static readonly double Log3 = Math.Log(3);
    private static readonly double Log4 = Math.Log(4);

    /// <summary>The entropy of (1/4, 3/4): ¼·log 4 + ¾·(log 4 − log 3).</summary>
    private static readonly double QuarterEntropy = Log4 - 0.75 * Log3;

    [Test]
    public void TheLossAgreesWithNumbersByHand()
    {
        // p = (1/4, 3/4) in each row; −log p = (log 4, log 4 − log 3). Labels 0, 1, 0; weights −2, 1/2, 0; β = 0.1.
        SoftmaxCrossEntropyTwinResult result = SoftmaxCrossEntropyForward(
            [0, Log3, 0, Log3, 0, Log3], [0, 1, 0], 2, [-2, 0.5, 0], entropyBonus: 0.1);

        double bonus = 0.1 * QuarterEntropy;
        double[] rowLosses = [-2 * Log4 - bonus, 0.5 * (Log4 - Log3) - bonus, -bonus];
        Tolerance.AssertClose(result.RowLosses, rowLosses, 1e-15, 0, "r");
        Assert.That(result.Loss, Is.EqualTo(rowLosses.Sum() / 3).Within(1e-15));
        Assert.That(result.CorrectCount, Is.EqualTo(1), "weights have no say in the count");
        Tolerance.AssertClose(result.Probabilities, (double[])[0.25, 0.75, 0.25, 0.75, 0.25, 0.75], 1e-15, 0, "p");
    }

    [Test]
    public void TheGradientAgreesWithNumbersByHand()
    {
        // w·(p − 1{label}) = −2·(−3/4, 3/4) = (1.5, −1.5). From the entropy: ¼·(H − log 4) = −¼·¾·log 3, and its opposite.
        double[] dLogits = SoftmaxCrossEntropyBackward([0, Log3, 0, 0], [0, 1], 2, [-2, 0], entropyBonus: 0.1);
        double bonus = 0.1 * 0.1875 * Log3;
        // The second row has weight 0, and its entropy is at its maximum.
        Tolerance.AssertClose(dLogits, (double[])[(1.5 - bonus) / 2, (-1.5 + bonus) / 2, 0, 0], 1e-15, 0, "dz", 2);
    }

    [Test]
    public void TheBonusDrawsTheProbabilitiesTogether()
    {
        // Descent lowers the likelier class and raises the other: entropy grows.
        double[] dLogits = SoftmaxCrossEntropyBackward([0, 2], [1], 2, [0], entropyBonus: 1);
        Assert.That(dLogits[1], Is.GreaterThan(0.01));
        Assert.That(dLogits[0], Is.EqualTo(-dLogits[1]).Within(1e-15));
    }

    [Test]
    public void TheFirstOfEqualMaximaIsTheAnswer()
    {
        double[] logits = [1, 2, 2, 2, 2, 1, 0, 0, 0];
        Assert.That(SoftmaxCrossEntropyForward(logits, [1, 0, 0], 3).CorrectCount, Is.EqualTo(3));
        Assert.That(SoftmaxCrossEntropyForward(logits, [2, 1, 2], 3).CorrectCount, Is.Zero);
        bool[] allowed = [true, false, true, false, true, true, false, true, true];
        Assert.That(SoftmaxCrossEntropyForward(logits, [2, 1, 1], 3, allowed: allowed).CorrectCount, Is.EqualTo(3));
    }

    [Test]
    public void BackwardAgreesWithCentralDifferences(
        [Values(1, 3, 7)] int rows, [Values(1, 2, 4, 9)] int classes,
        [Values] bool weighted, [Values] bool masked, [Values(0, 0.3, -0.3)] double entropyBonus)
    {
        double[] logits = TwinArrays.Uniform(1, rows * classes, -3, 3);
        int[] labels = TwinArrays.Labels(2, rows, classes);
        double[]? weights = weighted ? [.. ((double[])[-1.5, 0, 0.5, 2, -0.25, 1, 0]).Take(rows)] : null;
        bool[]? allowed = masked ? TwinArrays.Mask(4, labels, classes) : null;

        double[] dLogits = SoftmaxCrossEntropyBackward(logits, labels, classes, weights, allowed, entropyBonus);

        double[] differences = CentralDifferences.Gradient(
            () => SoftmaxCrossEntropyForward(logits, labels, classes, weights, allowed, entropyBonus).Loss, logits);
        Tolerance.AssertClose(dLogits, differences, 1e-8, 1e-7, "dz", classes);
        for (int row = 0; row < rows; row++)
        {
            Assert.That(
                dLogits.Skip(row * classes).Take(classes).Sum(), Is.Zero.Within(1e-14), "a row's softmax ignores a common shift");
        }
    }

    [Test]
    public void AMaskedClassHasNoGradientAndNoSay()
    {
        bool[] allowed = [true, false, true];
        double[] dLogits = SoftmaxCrossEntropyBackward([0, 10_000, Log3], [0], 3, [-2], allowed, 0.1);
        double[] alone = SoftmaxCrossEntropyBackward([0, Log3], [0], 2, [-2], entropyBonus: 0.1);
        Assert.That(dLogits, Is.EqualTo((double[])[alone[0], 0, alone[1]]));
        Assert.That(
            SoftmaxCrossEntropyForward([0, 10_000, Log3], [0], 3, [-2], allowed, 0.1).Loss,
            Is.EqualTo(SoftmaxCrossEntropyForward([0, Log3], [0], 2, [-2], entropyBonus: 0.1).Loss));
    }

    [Test]
    public void StaysFiniteAndRightForLargeLogits()
    {
        double[] logits = [10_000, -10_000, 10_000, -10_000, 10_000, 10_000];
        int[] labels = [0, 1, 1];
        SoftmaxCrossEntropyTwinResult result = SoftmaxCrossEntropyForward(logits, labels, 2, entropyBonus: 0.5);
        double bonus = 0.5 * Math.Log(2);
        Tolerance.AssertClose(result.RowLosses, (double[])[0, 20_000, Math.Log(2) - bonus], 1e-15, 0, "r");
        Assert.That(result.Loss, Is.EqualTo((20_000 + Math.Log(2) - bonus) / 3).Within(1e-11));
        Assert.That(result.CorrectCount, Is.EqualTo(1));
        Tolerance.AssertClose(
            SoftmaxCrossEntropyBackward(logits, labels, 2, entropyBonus: 0.5),
            (double[])[0, 0, 1 / 3.0, -1 / 3.0, 0.5 / 3, -0.5 / 3], 1e-15, 0, "dz", 2);
    }

    [Test]
    public void RejectsLabelsOutsideTheClassesOrTheMaskAndWrongLengths()
    {
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2], [2], 2), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2], [-1], 2), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2], [0], 2, allowed: [false, true]), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyBackward([1, 2], [0], 2, allowed: [false, true]), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2, 3], [0], 2), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2], [0], 2, [1, 1]), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([1, 2], [0], 2, allowed: [true]), Throws.ArgumentException);
        Assert.That(() => SoftmaxCrossEntropyForward([], [], 2), Throws.ArgumentException);
    }
}
