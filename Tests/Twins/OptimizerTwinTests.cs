using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class OptimizerTwinTests
{
    [Test]
    public void SgdAloneIsTheRateTimesTheGradient()
    {
        double[] weights = [1, -2];
        double[] velocity = [0, 0];
        SgdTwin.SgdUpdate(weights, [0.5, -4], velocity, learningRate: 0.25);
        Assert.That(weights, Is.EqualTo((double[])[0.875, -1]));
        Assert.That(velocity, Is.All.Zero);
    }

    [Test]
    public void SgdWithMomentumAndWeightDecayAgreesWithNumbersByHand()
    {
        // Rate 0.1, momentum 0.9, decay 0.01, w = 1, v = 0; gradients 0.5, −0.2, 0.3:
        //   g = 0.5 + 0.01·1         =  0.51        v = 0.51                            w = 1 − 0.051             = 0.949
        //   g = −0.2 + 0.01·0.949    = −0.19051     v = 0.9·0.51 − 0.19051 = 0.26849    w = 0.949 − 0.026849      = 0.922151
        //   g = 0.3 + 0.01·0.922151  =  0.30922151  v = 0.241641 + g = 0.55086251       w = 0.922151 − 0.055086251
        double[] weights = [1];
        double[] velocity = [0];
        double[] gradients = [0.5, -0.2, 0.3];
        double[] expectedVelocity = [0.51, 0.26849, 0.55086251];
        double[] expectedWeights = [0.949, 0.922151, 0.867064749];
        for (int step = 0; step < 3; step++)
        {
            SgdTwin.SgdUpdate(weights, [gradients[step]], velocity, 0.1, 0.9, 0.01);
            Assert.That(velocity[0], Is.EqualTo(expectedVelocity[step]).Within(1e-15));
            Assert.That(weights[0], Is.EqualTo(expectedWeights[step]).Within(1e-15));
        }
    }

    [Test]
    public void AdamAgreesWithNumbersByHand()
    {
        // Rate 0.1, β₁ 0.9, β₂ 0.999, w = 1, m = v = 0; ε = 0.5, large enough to show its place (outside the root);
        // gradients 0.5, −1, 0.25:
        //   m = 0.05     v = 0.00025        m̂ = 0.5             v̂ = 0.25         w = 1 − 0.1·0.5 / (0.5 + 0.5) = 0.95
        //   m = 0.045 − 0.1 = −0.055        m̂ = −0.055 / 0.19 = −0.289473684
        //   v = 0.00024975 + 0.001 = 0.00124975                 v̂ = v / 0.001999 = 0.625187594, its root 0.790688051
        //     w = 0.95 + 0.1·0.289473684 / 1.290688051 = 0.972427858072617
        //   m = −0.0495 + 0.025 = −0.0245   m̂ = −0.0245 / 0.271 = −0.090405904
        //   v = 0.00124850025 + 0.0000625 = 0.00131100025       v̂ = v / 0.002997001 = 0.437437375, its root 0.661390486
        //     w = 0.972427858 + 0.1·0.090405904 / 1.161390486 = 0.980212139513983
        double[] weights = [1];
        double[] first = [0];
        double[] second = [0];
        double[] gradients = [0.5, -1, 0.25];
        double[] expectedFirst = [0.05, -0.055, -0.0245];
        double[] expectedSecond = [0.00025, 0.00124975, 0.00131100025];
        double[] expectedWeights = [0.95, 0.972427858072617, 0.980212139513983];
        for (int step = 1; step <= 3; step++)
        {
            AdamTwin.AdamUpdate(weights, [gradients[step - 1]], first, second, step, 0.1, epsilon: 0.5);
            Assert.That(first[0], Is.EqualTo(expectedFirst[step - 1]).Within(1e-15));
            Assert.That(second[0], Is.EqualTo(expectedSecond[step - 1]).Within(1e-15));
            Assert.That(weights[0], Is.EqualTo(expectedWeights[step - 1]).Within(2e-15));
        }
    }

    [Test]
    public void AdamsFirstStepIsTheRateWhateverTheGradient()
    {
        // m̂ = g and √v̂ = |g|: the step is rate·g / (|g| + ε).
        double[] weights = [0, 0, 0];
        AdamTwin.AdamUpdate(weights, [1e-3, -40, 0], new double[3], new double[3], 1, 0.01);
        Tolerance.AssertClose(weights, (double[])[-0.01 / (1 + 1e-5), 0.01, 0], 1e-11, 0, "w");
    }

    [Test]
    public void AdamsWeightDecayIsPartOfTheGradient()
    {
        double[] decayed = [2];
        double[] plain = [2];
        AdamTwin.AdamUpdate(decayed, [0.5], new double[1], new double[1], 1, 0.1, epsilon: 0.5, weightDecay: 0.1);
        AdamTwin.AdamUpdate(plain, [0.5 + 0.1 * 2], new double[1], new double[1], 1, 0.1, epsilon: 0.5);
        Assert.That(decayed, Is.EqualTo(plain));
    }

    [Test]
    public void TheStateOfEachParameterIsItsOwn([Values] bool adam)
    {
        OptimizerTwin optimizer = adam ? new AdamTwin(0.1, epsilon: 0.5) : new SgdTwin(0.1, 0.9, 0.01);
        double[] one = [1];
        double[] two = [1, 1];
        foreach (double gradient in (double[])[0.5, -0.2, 0.3])
            optimizer.Step([one, two], [[gradient], [gradient, 0]]);

        OptimizerTwin alone = adam ? new AdamTwin(0.1, epsilon: 0.5) : new SgdTwin(0.1, 0.9, 0.01);
        double[] reference = [1];
        foreach (double gradient in (double[])[0.5, -0.2, 0.3])
            alone.Step([reference], [[gradient]]);

        Assert.That(one[0], Is.EqualTo(reference[0]));
        Assert.That(two[0], Is.EqualTo(reference[0]));
        Assert.That(two[1], Is.Not.EqualTo(reference[0]));
        Assert.That(optimizer.Steps, Is.EqualTo(3));
        if (!adam)
            Assert.That(one[0], Is.EqualTo(0.867064749).Within(1e-15), "the numbers by hand above");
    }

    [Test]
    public void TheRateMayChangeBetweenSteps()
    {
        var optimizer = new SgdTwin(0.25);
        double[] weights = [1];
        optimizer.Step([weights], [[1]]);
        optimizer.LearningRate = 0.5;
        optimizer.Step([weights], [[1]]);
        Assert.That(weights[0], Is.EqualTo(0.25));
    }

    [Test]
    public void RejectsWrongLengths()
    {
        Assert.That(() => SgdTwin.SgdUpdate(new double[2], new double[3], new double[2], 0.1), Throws.ArgumentException);
        Assert.That(() => SgdTwin.SgdUpdate(new double[2], new double[2], [], 0.1), Throws.ArgumentException);
        Assert.That(
            () => AdamTwin.AdamUpdate(new double[2], new double[2], new double[2], new double[1], 1, 0.1),
            Throws.ArgumentException);
        Assert.That(
            () => AdamTwin.AdamUpdate(new double[2], new double[2], new double[2], new double[2], 0, 0.1),
            Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SgdTwin(0.1).Step([new double[2]], []), Throws.ArgumentException);
    }
}
