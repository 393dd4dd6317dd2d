using NeuralPlugin.Benchmarks;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The defaults of <see cref="PolicyGradient"/> learn a bandit, a corridor and a grid, whatever the seed, and keep them.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class PolicyGradientDefaultsTests
{
    /// <summary>Three arms, the best by a reward of 2 in noise of 4. Ten times the time that it takes does no harm.</summary>
    [Test]
    public void ABanditIsLearnedAndKept([Range(1, 5)] int seed, [Values] BrainSharing sharing)
    {
        const int Players = 40;
        SeededRandom noise = new((ulong)seed);
        using AgentPopulation agents = Make(1, 3, Players, sharing, seed);
        ProbeAgent[] players = [.. Enumerable.Range(0, Players).Select(_ => new ProbeAgent
        {
            Observations = _ => [1], Act = (self, action) => self.AddReward((action == 1 ? 10 : 8) + (4 * noise.NextSingle())),
        })];
        foreach (ProbeAgent player in players) agents.Add(player);
        foreach (int frames in (int[])[400, 3_600])
        {
            for (int frame = 0; frame < frames; frame++) agents.Update();
            agents.Explores = agents.Learns = false;
            for (int frame = 0; frame < 3; frame++) agents.Update();
            Assert.That(players.Count(player => player.Action == 1), Is.GreaterThanOrEqualTo(38), $"after {agents.Frame} frames");
            agents.Explores = agents.Learns = true;
        }

        Assert.That(agents.Progress.SkippedDecisions, Is.Zero);
    }

    /// <summary>Six places, and a reward at one end. Once it is mastered, no hundred episodes are worse.</summary>
    [Test]
    public void ACorridorIsLearnedAndKept([Range(1, 5)] int seed, [Values] BrainSharing sharing)
    {
        const int Length = 6, Walkers = 32;
        using AgentPopulation agents = Make(1, 2, Walkers, sharing, seed);
        int[] places = new int[Walkers];
        for (int i = 0; i < Walkers; i++)
        {
            agents.Add(new ProbeAgent
            {
                Begin = self => places[self.Index] = Length / 2,
                Observations = self => [places[self.Index]],
                Act = (self, action) =>
                {
                    places[self.Index] += action == 1 ? 1 : -1;
                    if (places[self.Index] == Length) self.AddReward(1);
                    if (places[self.Index] == 0 || places[self.Index] == Length) self.EndEpisode();
                },
            });
        }

        for (int frame = 0; frame < 1_000; frame++) agents.Update();
        float worst = agents.Progress.MeanEpisodeReward;
        for (int part = 0; part < 30; part++)
        {
            for (int frame = 0; frame < 100; frame++) agents.Update();
            worst = Math.Min(worst, agents.Progress.MeanEpisodeReward);
        }

        Assert.That(worst, Is.GreaterThan(0.9f));
        Assert.That(agents.Progress.SkippedDecisions, Is.Zero);
    }

    /// <summary>The grid of the learning table, 16 agents with one brain: optimal paths after 160,000 steps.</summary>
    [Test]
    public void AGridIsLearned()
    {
        using TaskRun run = new(TestDevice.Plain, LearningTask.Grid, 16, new PolicyGradient(), seed: 1);
        run.UntilSteps(160_000);
        Assert.That(100 * run.MeasureGreedy(500), Is.GreaterThanOrEqualTo(95));
        Assert.That(run.Progress.SkippedDecisions, Is.Zero);
    }

    /// <summary>The same grid, each walker with a brain of its own: nearly all paths are optimal after 30,000 steps of each.</summary>
    [Test]
    public void AGridIsLearnedByBrainsOfTheirOwn()
    {
        using TaskRun run = new(TestDevice.Plain, LearningTask.Grid, 8, new PolicyGradient(), seed: 1, BrainSharing.OneEach);
        run.UntilSteps(8 * 30_000);
        Assert.That(100 * run.MeasureGreedy(500), Is.GreaterThanOrEqualTo(90));
        Assert.That(run.Progress.SkippedDecisions, Is.Zero);
    }

    /// <summary>With five seeds, and longer.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void AGridIsLearnedAndKeptByBrainsOfTheirOwn([Range(1, 5)] int seed)
    {
        const int Walkers = 16;
        using TaskRun run = new(TestDevice.Plain, LearningTask.Grid, Walkers, new PolicyGradient(), seed, BrainSharing.OneEach);
        run.UntilSteps(Walkers * 100_000);
        double early = 100 * run.MeasureGreedy(800);
        run.UntilSteps(Walkers * 300_000);
        double late = 100 * run.MeasureGreedy(800);
        TestContext.Out.WriteLine($"seed {seed}: {early:F1} % after 100,000 steps of each, {late:F1} % after 300,000");
        Assert.That(early, Is.GreaterThanOrEqualTo(95));
        Assert.That(late, Is.GreaterThanOrEqualTo(95));
    }

    /// <summary>The same with five seeds, and long after it is mastered.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void AGridIsLearnedAndKept([Range(1, 5)] int seed)
    {
        using TaskRun run = new(TestDevice.Plain, LearningTask.Grid, 16, new PolicyGradient(), seed);
        run.UntilSteps(200_000);
        double early = 100 * run.MeasureGreedy(500), worst = 1;
        while (run.Log.Steps < 1_000_000)
        {
            run.UntilSteps(run.Log.Steps + 10_000);
            worst = Math.Min(worst, run.Log.RecentMean);
        }

        double late = 100 * run.MeasureGreedy(500);
        TestContext.Out.WriteLine($"seed {seed}: {early:F1} % at 200,000, {late:F1} % at 1,000,000, the worst mean of a hundred paths that explore {100 * worst:F0} %");
        Assert.That(early, Is.GreaterThanOrEqualTo(95));
        Assert.That(late, Is.GreaterThanOrEqualTo(98));
        Assert.That(worst, Is.GreaterThan(0.8));
    }

    private static AgentPopulation Make(int observations, int actions, int capacity, BrainSharing sharing, int seed) =>
        new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = observations,
            Actions = actions,
            Capacity = capacity,
            Brains = sharing,
            Latency = 0,
            Seed = seed,
            Learning = new PolicyGradient(),
        });
}
