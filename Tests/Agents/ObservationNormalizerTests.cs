using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Running means and variances against plain sums in double precision, and the observations that brains receive.</summary>
[TestFixture]
internal sealed class ObservationNormalizerTests
{
    [TestCase(1, 1)]
    [TestCase(3, 7)]
    [TestCase(9, 785)]
    public void MeanAndVarianceAreThoseOfTwoPasses(int observations, int count)
    {
        ObservationNormalizer normalizer = new(observations);
        float[] rows = Rows(observations, count);
        for (int i = 0; i < count; i++) normalizer.Observe(rows.AsSpan(i * observations, observations));
        (double[] mean, double[] variance) = Twin(rows, observations);
        for (int k = 0; k < observations; k++)
        {
            Assert.That(normalizer.Mean[k], Is.EqualTo(mean[k]).Within(1e-9 * Math.Max(1, Math.Abs(mean[k]))));
            Assert.That(normalizer.Variance(k), Is.EqualTo(variance[k]).Within(1e-9 * Math.Max(1, variance[k])));
        }
    }

    /// <summary>A large mean with a small variance: plain sums of squares would lose it to rounding.</summary>
    [Test]
    public void ASmallVarianceFarFromZeroIsKept()
    {
        ObservationNormalizer normalizer = new(1);
        for (int i = 0; i < 1000; i++) normalizer.Observe([1_000_000 + (i % 2)]);
        Assert.That(normalizer.Variance(0), Is.EqualTo(0.25).Within(1e-6));
        normalizer.Renew();
        float[] row = [1_000_001];
        normalizer.Apply(row);
        Assert.That(row[0], Is.EqualTo(1).Within(1e-6));
    }

    [TestCase(1, 7)]
    [TestCase(3, 100)]
    public void WhatIsAppliedIsTheFormula(int observations, int count)
    {
        ObservationNormalizer normalizer = new(observations);
        float[] rows = Rows(observations, count);
        for (int i = 0; i < count; i++) normalizer.Observe(rows.AsSpan(i * observations, observations));
        normalizer.Renew();
        (double[] mean, double[] variance) = Twin(rows, observations);
        float[] applied = [.. rows];
        for (int i = 0; i < count; i++) normalizer.Apply(applied.AsSpan(i * observations, observations));
        double[] expected = [.. rows.Select((x, i) => Math.Clamp((x - mean[i % observations]) / Math.Sqrt(variance[i % observations]), -5, 5))];
        Tolerance.AssertClose(applied, expected, 1e-5, 1e-5, "normalized");
    }

    /// <summary>An observation that never changes is 0, and an outlier is clamped.</summary>
    [Test]
    public void ConstantsAreZeroAndOutliersAreCutOff()
    {
        ObservationNormalizer normalizer = new(2);
        for (int i = 0; i < 64; i++) normalizer.Observe([7, i % 2]);
        normalizer.Renew();
        float[] row = [7, 1000];
        normalizer.Apply(row);
        Assert.That(row, Is.EqualTo(new float[] { 0, ObservationNormalizer.Limit }));
    }

    /// <summary>It updates the statistics in use at 1, 2, 4, 8 … rows, so that the inputs of the network shift less and less often.</summary>
    [Test]
    public void WhatIsAppliedIsRenewedWhenTheRowsHaveDoubled()
    {
        ObservationNormalizer normalizer = new(1);
        List<long> renewals = [];
        for (int i = 0; i < 100; i++)
        {
            normalizer.Observe([i]);
            int before = normalizer.Renewals;
            normalizer.Renew();
            if (normalizer.Renewals > before) renewals.Add(normalizer.Count);
        }

        Assert.That(renewals, Is.EqualTo(new long[] { 1, 2, 4, 8, 16, 32, 64 }));
    }

    /// <summary>
    /// Complete frames: an agent adds raw numbers, and its action is the one that the brain, queried directly, gives for the normalized ones.
    /// </summary>
    [Test]
    [Category(Categories.EveryFamily)]
    public void BrainsSeeWhatIsNormalized([Values] BrainSharing sharing)
    {
        const int Observations = 3, Actions = 5, Frames = 40;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = Observations,
            Actions = Actions,
            HiddenUnits = 7,
            Brains = sharing,
            Latency = 0,
            Seed = 6,
            Learning = new PolicyGradient { Optimizer = new Sgd(0) },
        });
        agents.Explores = false;
        float[] rows = Rows(Observations, Frames);
        int frame = 0;
        ProbeAgent agent = new() { Observations = _ => rows[(frame * Observations)..((frame + 1) * Observations)] };
        agents.Add(agent);
        using TwoLayerClassifier brain = new(TestDevice.Plain, Observations, 7, Actions);
        brain.SetParameters(agents.GetBrain(0));
        double[] mean = [], variance = [];
        float[] probabilities = new float[Actions];
        for (; frame < Frames; frame++)
        {
            agents.Update();
            int seen = frame + 1;
            if (int.IsPow2(seen)) (mean, variance) = Twin(rows[..(seen * Observations)], Observations);
            float[] normalized =
            [
                .. Enumerable.Range(0, Observations)
                    .Select(k => (float)Math.Clamp((rows[(frame * Observations) + k] - mean[k]) / Math.Sqrt(Math.Max(variance[k], 1e-8)), -5, 5)),
            ];
            brain.Predict(normalized, probabilities);
            float best = probabilities.Max();
            Assert.That(probabilities[agent.Action], Is.EqualTo(best).Within(1e-4), $"frame {frame}");
        }

        Assert.That(agent.ActionsReceived.Distinct().Count(), Is.GreaterThan(1));
    }

    private static float[] Rows(int observations, int count)
    {
        float[] rows = TwinArrays.UniformFloats(observations + count, observations * count, -1, 1);
        for (int i = 0; i < rows.Length; i++) rows[i] = (rows[i] * (1 + (100 * (i % observations)))) + (30 * (i % observations)) + (i / observations % 17 == 16 ? 500 : 0);
        return rows;
    }

    private static (double[] Mean, double[] Variance) Twin(float[] rows, int observations)
    {
        int count = rows.Length / observations;
        double[] mean = new double[observations], variance = new double[observations];
        for (int i = 0; i < rows.Length; i++) mean[i % observations] += rows[i] / (double)count;
        for (int i = 0; i < rows.Length; i++) variance[i % observations] += (rows[i] - mean[i % observations]) * (rows[i] - mean[i % observations]) / count;
        return (mean, variance);
    }
}
