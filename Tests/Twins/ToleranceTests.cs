using NUnit.Framework;
using NUnit.Framework.Constraints;

namespace NeuralPlugin.Tests.Twins;

/// <summary>A comparison that cannot fail proves nothing: these are all the ways for it to fail.</summary>
[Category(Categories.Once)]
public sealed class ToleranceTests
{
    private static readonly double[] Expected = [1, -2, 0, 100];

    [Test]
    public void AcceptsWhatIsWithinTheBound()
    {
        Tolerance.AssertClose((float[])[1, -2, 0, 100], Expected, 0, 0, "equal");
        // The bounds are 0.01 + 0.001·|expected|: 0.011, 0.012, 0.01 and 0.11.
        Tolerance.AssertClose((double[])[1.0109, -2.0119, -0.0099, 100.109], Expected, 0.01, 0.001, "just inside");
    }

    [TestCase(0, 1.0111)]
    [TestCase(1, -1.9879)]
    [TestCase(2, 0.0101)]
    [TestCase(3, 100.111)]
    public void RejectsWhatIsJustOutsideTheBound(int index, double value)
    {
        double[] actual = [.. Expected];
        actual[index] = value;
        Assert.That(
            () => Tolerance.AssertClose(actual, Expected, 0.01, 0.001, "just outside"), FailsWith("1 of 4 out of bounds")
                .And.Message.Contains($"first at index {index}"));
    }

    [Test]
    public void SaysWhereTheFirstAndTheWorstAre() => Assert.That(
        () => Tolerance.AssertClose((float[])[1, -2.5f, 0, 103], Expected, 0.1, 0, "dense_forward", columns: 2),
        FailsWith("dense_forward: 2 of 4 out of bounds")
            .And.Message.Contains("up to 30 times")
            .And.Message.Contains("first at index 1 (row 0, column 1): -2.5, expected -2, error 0.5")
            .And.Message.Contains("worst at index 3 (row 1, column 1): 103, expected 100, error 3"));

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(double.NegativeInfinity)]
    public void RejectsWhatIsNotFinite(double value)
    {
        double[] actual = [1, -2, 0, value];
        float[] floats = [1, -2, 0, (float)value];
        Assert.That(
            () => Tolerance.AssertClose(actual, Expected, 1e9, 1e9, "gradient", columns: 4),
            FailsWith("gradient: not finite at index 3 (row 0, column 3)"));
        Assert.That(() => Tolerance.AssertClose(floats, Expected, 1e9, 1e9, "gradient"), FailsWith("not finite at index 3"));
        // Equal infinities, or a twin that is itself not finite, do not count as agreement either.
        Assert.That(() => Tolerance.AssertClose(actual, actual, 1e9, 1e9, "both"), FailsWith("not finite at index 3"));
        Assert.That(() => Tolerance.AssertClose(Expected, actual, 1e9, 1e9, "the twin"), FailsWith("not finite at index 3"));
    }

    [Test]
    public void RejectsAnotherLengthAndNothingAtAll()
    {
        Assert.That(
            () => Tolerance.AssertClose((float[])[1, -2, 0], Expected, 1, 1, "logits"),
            FailsWith("logits: 3 numbers came, 4 were expected"));
        Assert.That(
            () => Tolerance.AssertClose((float[])[], (double[])[], 1, 1, "logits"), FailsWith("logits: nothing to compare"));
    }

    [TestCase(-1, 0)]
    [TestCase(0, -1)]
    [TestCase(double.NaN, 0)]
    [TestCase(0, double.PositiveInfinity)]
    public void RejectsTolerancesThatAreNone(double absolute, double relative) => Assert.That(
        () => Tolerance.AssertClose(Expected, Expected, absolute, relative, "any"), Throws.ArgumentException);

    private static ContainsConstraint FailsWith(string message) =>
        Throws.TypeOf<AssertionException>().With.Message.Contains(message);
}
