using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class SoftmaxTwinTests
{
    private static readonly double Log3 = Math.Log(3);

    [Test]
    public void AgreesWithNumbersByHand()
    {
        // exp(0) : exp(log 3) = 1 : 3, whatever is added to both.
        double[] p = SoftmaxTwin.SoftmaxForward([0, Log3, 7, 7 + Log3], 2, 2);
        Tolerance.AssertClose(p, (double[])[0.25, 0.75, 0.25, 0.75], 1e-15, 0, "p", 2);
        Assert.That(SoftmaxTwin.SoftmaxForward([-3, 4], 2, 1), Is.EqualTo((double[])[1, 1]), "one class is certain");
    }

    [Test]
    public void AMaskedClassHasNoProbabilityAndNoSay()
    {
        // The greatest logit of both rows is not allowed: it must not even be the maximum that is subtracted.
        double[] p = SoftmaxTwin.SoftmaxForward(
            [0, 10_000, Log3, 5, 0, 0], 2, 3, [true, false, true, false, true, false]);
        Tolerance.AssertClose(p, (double[])[0.25, 0, 0.75, 0, 1, 0], 1e-15, 0, "p", 3);
        Assert.That(p[1], Is.Zero);
        Assert.That(p[3], Is.Zero);
        Assert.That(p[5], Is.Zero);
    }

    [Test]
    public void AMaskIsTheSoftmaxOfTheAllowedClassesAlone([Values(1, 3, 4, 7, 9, 64)] int classes)
    {
        double[] logits = TwinArrays.Uniform(classes, classes, -5, 5);
        bool[] allowed = TwinArrays.Mask(2, [0], classes);
        double[] few = [.. logits.Where((_, c) => allowed[c])];

        double[] p = SoftmaxTwin.SoftmaxForward(logits, 1, classes, allowed);

        Assert.That(p.Where((_, c) => allowed[c]), Is.EqualTo(SoftmaxTwin.SoftmaxForward(few, 1, few.Length)));
        Assert.That(p.Where((_, c) => !allowed[c]), Is.All.Zero);
        Assert.That(p.Sum(), Is.EqualTo(1).Within(1e-14));
    }

    [Test]
    public void StaysFiniteForLargeLogits()
    {
        double[] logits = [10_000, -10_000, 10_000, 10_000, -10_000, -10_000];
        Assert.That(SoftmaxTwin.SoftmaxForward(logits, 3, 2), Is.EqualTo((double[])[1, 0, 0.5, 0.5, 0.5, 0.5]));
        Tolerance.AssertClose(
            SoftmaxTwin.LogSoftmaxForward(logits, 3, 2),
            (double[])[0, -20_000, -Math.Log(2), -Math.Log(2), -Math.Log(2), -Math.Log(2)], 1e-15, 0, "log p", 2);
    }

    [Test]
    public void RejectsARowThatAllowsNothingAndWrongLengths()
    {
        Assert.That(
            () => SoftmaxTwin.SoftmaxForward([1, 2, 3, 4], 2, 2, [true, true, false, false]),
            Throws.ArgumentException.With.Message.Contains("Row 1 allows no class"));
        Assert.That(() => SoftmaxTwin.SoftmaxForward([1, 2, 3], 2, 2), Throws.ArgumentException);
        Assert.That(() => SoftmaxTwin.SoftmaxForward([1, 2, 3, 4], 2, 2, [true, true]), Throws.ArgumentException);
    }
}
