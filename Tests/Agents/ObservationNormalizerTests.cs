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

    /// <summary>The units of an observation do not matter, down to a deviation of a millionth of its mean.</summary>
    [Test]
    public void SmallDeviationsAreNormalized([Values(1e30, 1, 1e-3, 1e-5, 1e-10, 1e-20, 1e-37)] double deviation, [Values(0, 1, 1000, 500_000)] double meanInDeviations)
    {
        const int Count = 400;
        ObservationNormalizer normalizer = new(1, follows: true);
        SeededRandom random = new(3);
        float[] rows = [.. Enumerable.Range(0, Count).Select(_ => (float)(deviation * (meanInDeviations + (Math.Sqrt(12) * (random.NextSingle() - 0.5)))))];
        foreach (float value in rows)
        {
            normalizer.Observe([value]);
            normalizer.Renew();
        }

        (double[] mean, double[] variance) = Twin(rows, 1);
        float[] applied = [.. rows];
        for (int i = 0; i < Count; i++) normalizer.Apply(applied.AsSpan(i, 1));
        double rounding = Math.Pow(2, -23) * meanInDeviations;   // the offset is a float
        Tolerance.AssertClose(applied, [.. rows.Select(x => (x - mean[0]) / Math.Sqrt(variance[0]))], 1e-4 + rounding, 1e-4, "normalized");
    }

    /// <summary>A constant that was computed anew each time differs in its last bits: they stay small, and so does a constant zero. What leaves it is seen.</summary>
    [Test]
    public void TheRoundingOfAConstantIsNoSignal([Values(0f, 1e-3f, 1, 100)] float constant)
    {
        ObservationNormalizer normalizer = new(1, follows: true);
        float[] around = [constant, MathF.BitIncrement(constant), MathF.BitDecrement(constant)];
        for (int i = 0; i < 1000; i++)
        {
            normalizer.Observe([constant == 0 ? 0 : around[i % 3]]);
            normalizer.Renew();
        }

        foreach (float value in constant == 0 ? [0] : around)
        {
            float[] row = [value];
            normalizer.Apply(row);
            Assert.That(row[0], Is.Zero.Within(0.11));
        }

        float[] changed = [constant + 0.01f];
        normalizer.Apply(changed);
        Assert.That(changed[0], Is.EqualTo(ObservationNormalizer.Limit));
    }

    /// <summary>As long as nothing was observed to learn from, brains get raw numbers: clamped, 90 and 110 would look alike.</summary>
    [Test]
    public void WhoOnlyPlaysSeesRawNumbersUntilThereAreStatistics([Values] BrainSharing sharing, [Values] bool hasLearner, [Values(1, 2)] int stacked)
    {
        AgentPopulationOptions options = new()
        {
            Observations = 1, NumStackedVectorObservations = stacked, Actions = 2, HiddenUnits = 3, Brains = sharing, Latency = 0, Learning = hasLearner ? new PolicyGradient() : null,
        };
        using AgentPopulation agents = new(TestDevice.Plain, options);
        agents.Learns = false;
        float observed = 90;
        ProbeAgent agent = new() { Observations = _ => [observed] };
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        agents.Update();
        (float seen, float[] logits) = (inspector.NormalizedObservations[^1], inspector.Logits.ToArray());
        observed = 110;
        agents.Update();
        Assert.That((seen, inspector.NormalizedObservations[^1]), Is.EqualTo((90f, 110f)));
        Assert.That(inspector.Logits.ToArray(), Is.Not.EqualTo(logits));

        using AgentPopulation learned = new(TestDevice.Plain, options with { Learning = new PolicyGradient() });
        SeededRandom random = new(1);
        learned.Add(new ProbeAgent { Observations = _ => [100 + (10 * random.NextSingle())] });
        for (int frame = 0; frame < 40; frame++) learned.Update();
        agents.SetBrainState(0, learned.GetBrainState(0));
        observed = 105;
        agents.Update();
        Assert.That(inspector.NormalizedObservations[^1], Is.Zero.Within(0.5), "then by those of the brain");
    }

    /// <summary>A choice by the sign of an observation, in any units.</summary>
    [TestCase(1e-6f)]
    [TestCase(1e-20f)]
    [TestCase(1e20f)]
    [Category(Categories.OnProcessor)]
    public void WhatIsSmallCanBeLearnedFrom(float unit)
    {
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1, Actions = 2, Capacity = 16, Brains = BrainSharing.Shared, Latency = 0, FrameBudget = FrameBudget.Steps(4), Learning = ActorCritic.Quick,
        });
        SeededRandom random = new(2);
        float[] seen = new float[16];
        for (int i = 0; i < 16; i++)
        {
            agents.Add(new ProbeAgent
            {
                MaxStep = 10,
                Observations = self => [seen[self.Index] = unit * (random.NextSingle() - 0.5f)],
                Act = (self, action) => self.AddReward((action == 1) == (seen[self.Index] > 0) ? 1 : 0),
            });
        }

        for (int frame = 0; frame < 400; frame++) TestDevice.Frame(agents);
        Assert.That(agents.Progress.MeanEpisodeReward, Is.GreaterThan(8.5f));
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
