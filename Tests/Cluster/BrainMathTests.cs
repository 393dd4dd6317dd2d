using NeuralPlugin.Orleans;
using NUnit.Framework;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Differences, their means and a server's rule, compared with plain loops in double precision.</summary>
[TestFixture]
internal sealed class BrainMathTests
{
    [Test]
    public void StatisticsMergeIntoThoseOfAllRowsAndComeApartAgain()
    {
        double[][] rows = Rows(1, 900, 3);
        BrainState[] parts = [.. new[] { (0, 1), (1, 20), (21, 579), (600, 300) }.Select(part => Of(rows.AsSpan(part.Item1, part.Item2).ToArray()))];
        Statistics merged = parts.Select(Statistics.Of).Aggregate(new Statistics(0, new double[4], new double[4]), (sum, next) => sum.With(next));
        Statistics all = Statistics.Of(Of(rows));
        AssertClose(merged, all, 1e-12);
        AssertClose(merged.Without(Statistics.Of(parts[2])), Statistics.Of(parts[0]).With(Statistics.Of(parts[1])).With(Statistics.Of(parts[3])), 1e-11);
        AssertClose(merged.Without(all), new Statistics(0, new double[4], new double[4]), 0);
        static BrainState Of(double[][] rows)
        {
            BrainState brain = TestBrains.Brain();
            TestBrains.Set(brain, rows);
            return brain;
        }
    }

    /// <summary>A billion shared rows, and one rollout of a server's own.</summary>
    [Test]
    public void AFewRowsComeOutOfVeryMany()
    {
        Statistics everybody = new(1_000_000_000, [5, -3, 1e3, 0], [4e9, 1e9, 1e12, 1e9]);
        BrainState own = TestBrains.Brain();
        TestBrains.Set(own, Rows(2, 1000, 5));
        AssertClose(everybody.With(Statistics.Of(own)).Without(everybody), Statistics.Of(own), 1e-5);
    }

    [Test]
    public void WhatLeadsFromOneBrainToAnotherLeadsThere([Values(0, 2)] float deviation)
    {
        BrainState from = TestBrains.Brain(1, 1, 3, deviation), to = TestBrains.Brain(2, 1, 5, 4);
        TestBrains.Set(from, Rows(3, 50, 1));
        TestBrains.Set(to, [.. Rows(3, 50, 1), .. Rows(4, 70, 2)]);
        to.Decisions = 120;
        BrainState there = BrainMath.Add(from, BrainMath.Difference(from, to), from);
        if (deviation > 0) BrainMath.Scale(there, (to.ValueMean, to.ValueDeviation));
        Assert.That(TestBrains.All(there), Is.EqualTo(TestBrains.All(to)).Within(2e-6f));
        Assert.That(there.Decisions, Is.EqualTo(120));
        AssertClose(Statistics.Of(there), Statistics.Of(to), 1e-12);
    }

    /// <summary>Servers whose returns have different scales: the value of the mean brain is the mean of their values.</summary>
    [Test]
    public void TheValueOfTheMeanIsTheMeanOfTheValues()
    {
        BrainState current = TestBrains.Brain(1, 1, 10, 3), first = TestBrains.Brain(2, 1, 20, 6), second = TestBrains.Brain(3, 1, -5, 0.5f);
        BrainRound round = new(current, 0);
        foreach ((int i, BrainState server) in new[] { first, second }.Index())
        {
            BrainState difference = BrainMath.Difference(current, server);
            difference.Decisions = 100 * (1 + (2 * i));
            round.Add($"server {i}", 1, difference);
        }

        (BrainState next, _) = round.Close(ServerMemory.None, new BrainOptions());
        Assert.That(next.ValueDeviation, Is.EqualTo((6 + (3 * 0.5f)) / 4).Within(1e-6));
        Assert.That(next.ValueMean, Is.EqualTo((20 + (3 * -5f)) / 4).Within(1e-6));
        double[] hidden = [.. Enumerable.Range(0, 8).Select(i => 0.3 * i)];
        Assert.That(ValueOf(next, hidden), Is.EqualTo((ValueOf(first, hidden) + (3 * ValueOf(second, hidden))) / 4).Within(1e-4));
    }

    /// <summary>
    /// The scale of values has moved since the version that a difference starts from, before its arrival or while its round waited for the storage: the difference changes values, in rewards, by the same amount as on its server.
    /// </summary>
    [Test]
    public void WhatBeginsAtAnotherScaleChangesValuesByAsMuch([Values(0, 0.25)] double trimmed, [Values] bool hasWaited)
    {
        BrainState before = TestBrains.Brain(1, 1, -4, 3), current = TestBrains.Brain(3, 1, 10, 6), difference = TestBrains.Difference(2, 100, valueMean: 4, valueDeviation: 2);
        BrainState Read(BrainState version) =>
            DifferenceCheck.Read("walkers", TestBrains.Sent("late", 1, difference, valueScale: 3), version, 2, new BrainOptions(), isOfRegion: false);
        BrainRound round = new(hasWaited ? before : current, trimmed);
        round.Add("late", 1, Read(hasWaited ? before : current));
        round.GoOnFrom(current);
        round.Add("later", 1, Read(current));
        double[] hidden = [.. Enumerable.Range(0, 8).Select(i => 0.3 * i)];
        double expected = ValueOf(current, hidden) + (3 * OutputOf(difference, hidden));
        Assert.That(ValueOf(round.Close(ServerMemory.None, new BrainOptions()).Next, hidden), Is.EqualTo(expected).Within(1e-4));
        if (!hasWaited) Assert.That(TestBrains.All(Read(current)).Where((_, i) => i < 40), Is.EqualTo(TestBrains.All(difference).Where((_, i) => i < 40)), "the hidden layer stays as it is");
    }

    [Test]
    public void ARoundIsTheMeanByDecisions()
    {
        BrainState current = TestBrains.Brain();
        long[] decisions = [100, 250, 7];
        BrainState[] differences = [.. decisions.Select((count, i) => TestBrains.Difference(i + 2, count, valueMean: i, valueDeviation: i + 1))];
        (BrainState next, _) = Round(current, differences).Close(ServerMemory.None, new BrainOptions());
        float[] expected = [.. TestBrains.All(current).Select((weight, i) => (float)(weight + (differences.Select((one, k) => decisions[k] * (double)TestBrains.All(one)[i]).Sum() / 357)))];
        Assert.That(TestBrains.All(next), Is.EqualTo(expected).Within(1e-6f));
        Assert.That(next.Decisions, Is.EqualTo(357));
        Assert.That(next.ObservationCount, Is.EqualTo(207));
    }

    [Test]
    public void MomentumAndAdamDoWhatTheirPapersSay([Values(ServerRule.Momentum, ServerRule.Adam)] ServerRule rule)
    {
        BrainOptions options = new() { Rule = rule, ServerLearningRate = 0.5, Momentum = 0.8, SecondMomentum = 0.9, Adaptivity = 0.01 };
        BrainState current = TestBrains.Brain();
        double[] weights = [.. TestBrains.All(current).Select(weight => (double)weight)], first = new double[weights.Length], second = new double[weights.Length];
        ServerMemory memory = ServerMemory.None;
        for (int number = 0; number < 4; number++)
        {
            BrainState difference = TestBrains.Difference(number + 5, 10);
            (current, memory) = Round(current, difference).Close(memory, options);
            for (int i = 0; i < weights.Length; i++)
            {
                double gradient = TestBrains.All(difference)[i];
                first[i] = (0.8 * first[i]) + ((rule == ServerRule.Adam ? 1 - 0.8 : 1) * gradient);
                second[i] = (0.9 * second[i]) + ((1 - 0.9) * gradient * gradient);
                weights[i] += 0.5 * (rule == ServerRule.Adam ? first[i] / (Math.Sqrt(second[i]) + 0.01) : first[i]);
            }

            Assert.That(TestBrains.All(current), Is.EqualTo(weights).Within(2e-5), $"round {number}");
        }
    }

    /// <summary>Two of nine lie: in each weight, in their statistics, in the scale of values and in the decisions that they claim.</summary>
    [Test]
    public void WhoLiesMovesATrimmedMeanNoFurtherThanTheOthersStand()
    {
        BrainState current = TestBrains.Brain();
        BrainState[] honest = [.. Enumerable.Range(0, 7).Select(i => TestBrains.Difference(i + 2, 100, valueMean: 10 + i, valueDeviation: 2))];
        BrainState[] liars = [.. Enumerable.Range(0, 2).Select(i => TestBrains.Difference(i + 20, 1_000_000, scale: 1e6f, valueMean: 1e9f, valueDeviation: 1e9f))];
        foreach (BrainState liar in liars) liar.SetObservations(1L << 50, [1e9, 1e9, -1e9, 1e9], [1e30, 0, 1e30, 1e30]);
        (BrainState next, _) = Round(current, 0.25, [.. honest, .. liars]).Close(ServerMemory.None, new BrainOptions());
        float[][] all = [.. honest.Select(TestBrains.All)];
        float[] start = TestBrains.All(current), end = TestBrains.All(next);
        for (int i = 0; i < start.Length; i++) Assert.That(end[i] - start[i], Is.InRange(all.Min(one => one[i]) - 1e-5, all.Max(one => one[i]) + 1e-5));
        Assert.That(next.ValueMean, Is.InRange(10, 16));
        Assert.That(next.ObservationCount, Is.EqualTo(900));
        Assert.That(next.ObservationMeans.ToArray(), Is.All.InRange(0, 8));
        Assert.That(next.ObservationSquares.ToArray(), Is.All.InRange(0, 900 * 64));
    }

    [Test]
    public void TheSameOrderHasTheSameBits()
    {
        BrainState current = TestBrains.Brain();
        BrainState[] differences = [.. Enumerable.Range(0, 20).Select(i => TestBrains.Difference(i + 2, 10 + i))];
        byte[][] versions = [.. Enumerable.Range(0, 2).Select(_ => Round(current, differences).Close(ServerMemory.None, new BrainOptions()).Next.ToBytes())];
        Assert.That(versions[0], Is.EqualTo(versions[1]));
    }

    [Test]
    public void ABrainThatMovesToAnotherNormalizationGivesTheSameOutputs()
    {
        BrainState brain = TestBrains.Brain(3), like = TestBrains.Brain(4);
        TestBrains.Set(brain, Rows(5, 200, 3));
        TestBrains.Set(like, Rows(6, 300, 5));
        BrainState moved = brain.Copy();
        BrainMath.Renormalize(moved, like);
        double[] observed = [0.5, 1, 1.5, 2];
        Assert.That(HiddenOf(moved, observed), Is.EqualTo(HiddenOf(brain, observed)).Within(1e-5));
    }

    private static BrainRound Round(BrainState current, params BrainState[] differences) => Round(current, 0, differences);

    private static BrainRound Round(BrainState current, double trimmed, BrainState[] differences)
    {
        BrainRound round = new(current, trimmed);
        foreach ((int i, BrainState difference) in differences.Index()) round.Add($"server {i}", 1, difference);
        return round;
    }

    private static double[][] Rows(int seed, int count, float scale)
    {
        SeededRandom random = new((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, 4).Select(i => (double)(random.NextSingle() * scale) + i).ToArray())];
    }

    private static double ValueOf(BrainState brain, double[] hidden) => brain.ValueMean + (brain.ValueDeviation * OutputOf(brain, hidden));

    private static double OutputOf(BrainState brain, double[] hidden)
    {
        int outputs = brain.Outputs;
        return brain.Parameters.OutputBiases[^1] + hidden.Select((unit, i) => unit * brain.Parameters.OutputWeights[(i * outputs) + outputs - 1]).Sum();
    }

    private static double[] HiddenOf(BrainState brain, double[] observed)
    {
        int units = brain.HiddenUnits;
        return [.. Enumerable.Range(0, units).Select(unit => brain.Parameters.HiddenBiases[unit] + observed.Select((value, i) =>
        {
            double variance = brain.ObservationSquares[i] / brain.ObservationCount;
            return (value - brain.ObservationMeans[i]) / Math.Sqrt(variance) * brain.Parameters.HiddenWeights[(i * units) + unit];
        }).Sum())];
    }

    private static void AssertClose(Statistics actual, Statistics expected, double tolerance)
    {
        Assert.That(actual.Count, Is.EqualTo(expected.Count));
        for (int i = 0; i < 4; i++)
        {
            Assert.That(actual.Means[i], Is.EqualTo(expected.Means[i]).Within(tolerance * (1 + Math.Abs(expected.Means[i]))));
            Assert.That(actual.Squares[i], Is.EqualTo(expected.Squares[i]).Within(tolerance * (1 + expected.Squares[i])));
        }
    }
}
