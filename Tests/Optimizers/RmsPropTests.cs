using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
internal sealed class RmsPropTests : SavedOptimizerTests
{
    private static readonly float[] NotAShare = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0.1f, 1f, 1.5f];
    private static readonly float[] NotAnEpsilon = [float.NaN, float.PositiveInfinity, -1e-8f, 0f, float.Epsilon];
    private static readonly float[] NotARate = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -1e-3f];

    protected override Optimizer Optimizer { get; } = new RmsProp(0.01f, 0.8f, 1e-2f);

    protected override OptimizerTwin MakeTwin() => new RmsPropTwin(0.01f, 0.8f, 1e-2f);

    [Test]
    public void TheTwinAgreesWithNumbersByHand()
    {
        // Rate 0.1, ρ 0.75, ε 0.5 (so large that its place shows: outside the root), w = 1, v = 0; gradients 1, −2:
        //   v = 0.25                 its root 0.5               w = 1 − 0.1·1 / 1      = 0.9
        //   v = 0.1875 + 1 = 1.1875  its root 1.089724735885168 w = 0.9 + 0.2 / 1.589724735885168 = 1.025807953634
        RmsPropTwin twin = new(0.1, 0.75, 0.5);
        double[] weights = [1];
        twin.Step([weights], [[1]]);
        Assert.That(weights[0], Is.EqualTo(0.9).Within(1e-15));
        twin.Step([weights], [[-2]]);
        Assert.That(weights[0], Is.EqualTo(0.9 + (0.2 / 1.589724735885168)).Within(1e-15));
    }

    /// <summary>A constant gradient makes steps that approach the learning rate, whatever its size.</summary>
    [Test]
    public void ASteadyGradientMakesStepsOfTheRate()
    {
        RmsPropTwin twin = new(0.1, 0.75, 1e-8);
        double[] weights = [0, 0];
        for (int step = 0; step < 100; step++) twin.Step([weights], [[1e-3, -40]]);
        double[] before = [.. weights];
        twin.Step([weights], [[1e-3, -40]]);
        Tolerance.AssertClose([weights[0] - before[0], weights[1] - before[1]], [-0.1, 0.1], 0, 1e-4, "steps");
    }

    [Test]
    public void BadNumbersAreRefused()
    {
        foreach (float value in NotAShare)
        {
            AssertRefused(() => new RmsProp(Rho: value), nameof(RmsProp.Rho), "below 1");
            AssertRefused(() => new RmsProp() with { Rho = value }, nameof(RmsProp.Rho), "below 1");
        }

        foreach (float value in NotAnEpsilon)
        {
            AssertRefused(() => new RmsProp(Epsilon: value), nameof(RmsProp.Epsilon), "at least 1.1754944E-38");
            AssertRefused(() => new RmsProp() with { Epsilon = value }, nameof(RmsProp.Epsilon), "at least 1.1754944E-38");
        }

        foreach (float value in NotARate)
        {
            AssertRefused(() => new RmsProp(value), nameof(RmsProp.LearningRate), "learning rate");
            AssertRefused(() => new RmsProp() with { LearningRate = value }, nameof(RmsProp.LearningRate), "learning rate");
        }

        _ = new RmsProp(0, 0, 1.17549435e-38f);
    }

    /// <summary>RMSProp as torch.optim.RMSprop defines it, without momentum and not centered: v is the exponential sum (1 − ρ)·Σ ρᵗ⁻ⁱ·gᵢ².</summary>
    private sealed class RmsPropTwin(double learningRate, double rho, double epsilon) : OptimizerTwin(learningRate)
    {
        protected override void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState)
        {
            for (int i = 0; i < weights.Length; i++)
            {
                firstState[i] = (rho * firstState[i]) + (gradients[i] * gradients[i]);   // only the sum
                weights[i] -= LearningRate * gradients[i] / (Math.Sqrt((1 - rho) * firstState[i]) + epsilon);
            }
        }
    }
}
