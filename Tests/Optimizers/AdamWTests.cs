using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
internal sealed class AdamWTests : SavedOptimizerTests
{
    private static readonly float[] NotAShare = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0.1f, 1f, 1.5f];
    private static readonly float[] NotAnEpsilon = [float.NaN, float.PositiveInfinity, -1e-8f, 0f, float.Epsilon];
    private static readonly float[] NotADecay = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -1e-3f];

    protected override Optimizer Optimizer { get; } = new AdamW(0.01f, 0.8f, 0.95f, 1e-3f, 0.2f);

    protected override OptimizerTwin MakeTwin() => new AdamWTwin(0.01f, 0.8f, 0.95f, 1e-3f, 0.2f);

    [Test]
    public void TheTwinAgreesWithNumbersByHand()
    {
        // Rate 0.1, β₁ 0.9, β₂ 0.999, ε 0.5, decay 0.2, w = 1, m = v = 0; gradients 0.5, −1:
        //   w·(1 − 0.1·0.2)  = 0.98     m̂ = 0.5                       v̂ = 0.25          w = 0.98 − 0.1·0.5 / (0.5 + 0.5) = 0.93
        //   0.93·0.98        = 0.9114   m̂ = (0.045 − 0.1) / 0.19      v̂ = 0.00124975 / 0.001999 = 0.625187594
        //                                  = −0.289473684                its root 0.790688051
        //   w = 0.9114 + 0.1·0.289473684 / 1.290688051 = 0.933827858072617
        AdamWTwin twin = new(0.1, 0.9, 0.999, 0.5, 0.2);
        double[] weights = [1];
        twin.Step([weights], [[0.5]]);
        Assert.That(weights[0], Is.EqualTo(0.93).Within(1e-15));
        twin.Step([weights], [[-1]]);
        Assert.That(weights[0], Is.EqualTo(0.933827858072617).Within(2e-15));
    }

    /// <summary>Unlike Adam's L2 penalty, which goes through the moments, this decay is the same share of every weight.</summary>
    [Test]
    public void AWeightWithoutAGradientDecaysByItsShare()
    {
        double[] weights = [3, -0.01];
        new AdamWTwin(0.1, 0.9, 0.999, 1e-8, 0.2).Step([weights], [[0, 0]]);
        Assert.That(weights, Is.EqualTo(new[] { 3 * 0.98, -0.01 * 0.98 }));

        using Network network = Make("16-4");
        float[] start = network.Parameters[0].GetValues();
        using BatchTrainer trainer = new(network, new AdamW(0.1f, WeightDecay: 0.2f));
        trainer.TrainBatch(new float[5 * 16], [0, 1, 2, 3, 0]);   // no features, so no gradients of weights
        Tolerance.AssertClose(network.Parameters[0].GetValues(), [.. start.Select(w => 0.98 * w)], 0, 1e-6, "weights");
    }

    [Test]
    public void WithoutDecayItIsAdam()
    {
        AdamTwin adam = new(0.01, 0.8, 0.95, 1e-3);
        AdamWTwin decoupled = new(0.01, 0.8, 0.95, 1e-3, weightDecay: 0);
        double[] one = [1, -2], other = [1, -2];
        foreach (double gradient in (double[])[0.5, -0.2, 0.3])
        {
            adam.Step([one], [[gradient, -gradient]]);
            decoupled.Step([other], [[gradient, -gradient]]);
        }

        Tolerance.AssertClose(other, one, 0, 1e-14, "weights");
    }

    [Test]
    public void BadNumbersAreRefused()
    {
        foreach (float value in NotAShare)
        {
            AssertRefused(() => new AdamW(Beta1: value), nameof(AdamW.Beta1), "below 1");
            AssertRefused(() => new AdamW() with { Beta1 = value }, nameof(AdamW.Beta1), "below 1");
            AssertRefused(() => new AdamW(Beta2: value), nameof(AdamW.Beta2), "below 1");
            AssertRefused(() => new AdamW() with { Beta2 = value }, nameof(AdamW.Beta2), "below 1");
        }

        foreach (float value in NotAnEpsilon)
        {
            AssertRefused(() => new AdamW(Epsilon: value), nameof(AdamW.Epsilon), "at least 1.1754944E-38");
            AssertRefused(() => new AdamW() with { Epsilon = value }, nameof(AdamW.Epsilon), "at least 1.1754944E-38");
        }

        foreach (float value in NotADecay)
        {
            AssertRefused(() => new AdamW(WeightDecay: value), nameof(AdamW.WeightDecay), "weight decay");
            AssertRefused(() => new AdamW() with { WeightDecay = value }, nameof(AdamW.WeightDecay), "weight decay");
            AssertRefused(() => new AdamW(value), nameof(AdamW.LearningRate), "learning rate");
            AssertRefused(() => new AdamW() with { LearningRate = value }, nameof(AdamW.LearningRate), "learning rate");
        }

        _ = new AdamW(0, 0, 0, 1.17549435e-38f, float.MaxValue);
    }

    /// <summary>AdamW as torch.optim.AdamW defines it: the weights shrink first, then Adam's step with bias corrections, epsilon outside the root.</summary>
    private sealed class AdamWTwin(double learningRate, double beta1, double beta2, double epsilon, double weightDecay) : OptimizerTwin(learningRate)
    {
        protected override void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState)
        {
            for (int i = 0; i < weights.Length; i++)
            {
                firstState[i] += (1 - beta1) * (gradients[i] - firstState[i]);
                secondState[i] += (1 - beta2) * ((gradients[i] * gradients[i]) - secondState[i]);
                double root = Math.Sqrt(secondState[i]) / Math.Sqrt(1 - Math.Pow(beta2, Steps));
                weights[i] *= 1 - (LearningRate * weightDecay);
                weights[i] -= LearningRate / (1 - Math.Pow(beta1, Steps)) * firstState[i] / (root + epsilon);
            }
        }
    }
}
