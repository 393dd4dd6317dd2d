using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Agents learn from demonstrations by their Heuristic, by a player and from a file; and demonstrations can be replayed.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class BehaviorCloningTests
{
    private const int Players = 4;

    private static AgentPopulation Make(BrainSharing sharing, BehaviorCloning learning, int? latency = 0, int seed = 3, int actions = 3) =>
        new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = actions,
            HiddenUnits = 16,
            Capacity = Players,
            Brains = sharing,
            Latency = latency,
            FrameBudget = FrameBudget.Steps(2),
            Seed = seed,
            Learning = learning,
        });

    private static BehaviorCloning Cloning(BrainSharing sharing) => new() { BatchSize = sharing == BrainSharing.Shared ? 64 : 16 };

    /// <summary>The rule to be cloned: a curve that no line separates, on raw numbers of very different scales.</summary>
    private static int Rule(float x, float y) => Math.Abs(x) < 50 ? 0 : x * y > 0 ? 1 : 2;

    [Test]
    public void WhatTheHeuristicShowsIsLearned([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, Cloning(sharing));
        Steerer[] all = AddSteerers(agents, seed: 1);
        foreach (Steerer agent in all) agent.ActsByHeuristic = agent.Demonstrates = true;
        for (int frame = 0; frame < 10; frame++) agents.Update();
        float early = agents.Progress.PolicyLoss;
        for (int frame = 10; frame < 900; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(1800));
        if (sharing == BrainSharing.Shared)
        {
            Assert.That(early, Is.InRange(0.7f, 4), "nothing is known yet");
            Assert.That(agents.Progress.PolicyLoss, Is.InRange(0, 0.5f));
        }
        else
        {
            Assert.That(agents.Progress.PolicyLoss, Is.NaN);
        }

        Assert.That(Agreement(agents, all), Is.GreaterThan(0.9));
    }

    /// <summary>Optimizers other than the default, with and without state.</summary>
    [Test]
    public void AnyOptimizerServes([Values] BrainSharing sharing, [Values] bool adaptive)
    {
        Optimizer optimizer = adaptive ? new Adam(0.01f) : new Sgd(0.1f, WeightDecay: 1e-4f);
        using AgentPopulation agents = Make(sharing, Cloning(sharing) with { Optimizer = optimizer });
        Steerer[] all = AddSteerers(agents, seed: 1);
        foreach (Steerer agent in all) agent.ActsByHeuristic = agent.Demonstrates = true;
        for (int frame = 0; frame < 900; frame++) agents.Update();
        Assert.That(Agreement(agents, all), Is.GreaterThan(0.85));
    }

    /// <summary>The brain acts, and learns the right actions for the states that it reaches.</summary>
    [Test]
    public void WhatTheHeuristicCorrectsIsLearned()
    {
        using AgentPopulation agents = Make(BrainSharing.Shared, Cloning(BrainSharing.Shared), latency: 2);
        Steerer[] all = AddSteerers(agents, seed: 1);
        foreach (Steerer agent in all) agent.Demonstrates = true;
        for (int frame = 0; frame < 900; frame++) agents.Update();
        Assert.That(Agreement(agents, all), Is.GreaterThan(0.9));
    }

    /// <summary>A player presses keys for one agent; the brain that all share learns it, and the agents that nobody plays do the same.</summary>
    [Test]
    public void APlayersActionsAreRecordedAndLearned()
    {
        using AgentPopulation agents = Make(BrainSharing.Shared, Cloning(BrainSharing.Shared));
        agents.Recording = new Demonstration(2, 3);
        Steerer[] all = AddSteerers(agents, seed: 2);
        Steerer player = all[0];
        player.ActsByHeuristic = player.Demonstrates = true;
        player.IsPlayed = true;
        for (int frame = 0; frame < 1200; frame++)
        {
            player.Key = Rule(player.X, player.Y);   // seen on the screen, then pressed
            agents.Update();
        }

        Assert.That(agents.Recording.Count, Is.EqualTo(1200));
        Assert.That(Enumerable.Range(0, 1200), Is.All.Matches<int>(
            i => agents.Recording.Action(i) == Rule(agents.Recording.Observation(i)[0], agents.Recording.Observation(i)[1])));
        player.IsPlayed = false;
        Assert.That(Agreement(agents, all[1..]), Is.GreaterThan(0.9));
    }

    /// <summary>Two players who do the opposite: brains of their own learn only from their own player.</summary>
    [Test]
    public void BrainsOfTheirOwnLearnFromTheirOwnPlayer()
    {
        using AgentPopulation agents = Make(BrainSharing.OneEach, new BehaviorCloning(), actions: 2);
        ProbeAgent[] all = [.. Enumerable.Range(0, 3).Select(i => new ProbeAgent
        {
            ActsByHeuristic = true, Demonstrates = i < 2, Observations = self => [self.StepCount % 7, 1], Demonstration = _ => i % 2,
        })];
        foreach (ProbeAgent agent in all) agents.Add(agent);
        string third = Bits(agents.GetBrain(2));
        for (int frame = 0; frame < 200; frame++) agents.Update();
        foreach (ProbeAgent agent in all) agent.ActsByHeuristic = agent.Demonstrates = false;
        agents.Explores = agents.Learns = false;
        foreach (ProbeAgent agent in all) agent.ActionsReceived.Clear();
        for (int frame = 0; frame < 30; frame++) agents.Update();
        Assert.That(all[0].ActionsReceived, Is.All.Zero);
        Assert.That(all[1].ActionsReceived, Is.All.EqualTo(1));
        Assert.That(Bits(agents.GetBrain(2)), Is.EqualTo(third), "nobody has shown it anything");
    }

    /// <summary>Recorded in two games, saved, loaded, merged: a third game learns from the file, with nobody demonstrating.</summary>
    [Test]
    public void FilesOfTwoGamesTeachAThird([Values] BrainSharing sharing)
    {
        Demonstration merged = new(2, 3);
        foreach (int seed in new[] { 5, 6 })
        {
            string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Path.GetRandomFileName()}.safetensors");
            try
            {
                Record(seed).Save(path);
                merged.Merge(Demonstration.Load(path));
            }
            finally
            {
                File.Delete(path);
            }
        }

        Assert.That(merged.Count, Is.EqualTo(2 * Players * 150));
        using AgentPopulation agents = Make(sharing, Cloning(sharing) with { Demonstration = merged });
        Steerer[] all = AddSteerers(agents, seed: 9);
        for (int frame = 0; frame < 900; frame++) agents.Update();
        Assert.That(Agreement(agents, all), Is.GreaterThan(0.9));
    }

    /// <summary>An agent that plays a recording back does and sees what was recorded, bit for bit.</summary>
    [Test]
    public void ADemonstrationIsReplayed()
    {
        Demonstration recorded = Play(null, out float end), replayed = Play(recorded, out float sameEnd);
        DemonstrationTests.AssertSame(replayed, recorded);
        Assert.That((replayed.Count, sameEnd), Is.EqualTo((recorded.Count, end)));

        static Demonstration Play(Demonstration? from, out float end)
        {
            using AgentPopulation agents = Make(BrainSharing.Shared, new BehaviorCloning());
            agents.Recording = new Demonstration(2, 3);
            SeededRandom keys = new(8);
            float position = 0;
            int next = 0;
            agents.Add(new ProbeAgent
            {
                ActsByHeuristic = true,
                Demonstrates = true,
                Observations = _ => [position, MathF.Sin(position)],
                Demonstration = _ => from is null ? keys.NextInt32(3) : from.Action(next++),
                Act = (_, action) => position += (action - 1) * 0.37f,
            });
            for (int frame = 0; frame < 100; frame++) agents.Update();
            end = position;
            return agents.Recording;
        }
    }

    /// <summary>If one action is demonstrated nine times as often, the brain chooses it nine times as often or, with balancing, equally often.</summary>
    [Test]
    public void ActionsAreBalancedWhereThatIsAskedFor([Values] bool balances, [Values] bool given)
    {
        Demonstration demonstration = new(2, 2);
        for (int i = 0; i < 100; i++) demonstration.Add([1, 2], i % 10 == 0 ? 1 : 0);
        using AgentPopulation agents = Make(
            BrainSharing.Shared, new BehaviorCloning { BatchSize = 256, BalanceActions = balances, Demonstration = given ? demonstration : null }, actions: 2);
        int shown = 0;
        ProbeAgent agent = new() { ActsByHeuristic = true, Demonstrates = !given, Observations = _ => [1, 2], Demonstration = _ => demonstration.Action(shown++ % 100) };
        agents.Add(agent);
        for (int frame = 0; frame < 300; frame++) agents.Update();
        using TwoLayerClassifier brain = new(TestDevice.Plain, 2, 16, 2);
        brain.SetParameters(agents.GetBrain(0));
        float[] probabilities = new float[2];
        brain.Predict([0, 0], probabilities);   // normalized: a constant observation is 0
        Assert.That(probabilities[1], Is.EqualTo(balances ? 0.5 : 0.1).Within(0.08));
    }

    /// <summary>An action that was masked in the demonstration takes no part in the softmax, so it is not learned to be less likely.</summary>
    [Test]
    public void MasksAreHeededWhileLearning([Values] BrainSharing sharing)
    {
        Demonstration demonstration = new(2, 3);
        for (int i = 0; i < 20; i++) demonstration.Add([1, i % 2], 0, [true, true, false]);
        using AgentPopulation agents = Make(sharing, Cloning(sharing) with { Demonstration = demonstration, Optimizer = new Sgd(0.1f) });
        ClassifierParameters before = agents.GetBrain(0);
        for (int frame = 0; frame < 50; frame++) agents.Update();
        ClassifierParameters after = agents.GetBrain(0);
        Assert.That(after.OutputBiases[0], Is.GreaterThan(0.1f));
        Assert.That(after.OutputBiases[1], Is.LessThan(-0.1f));
        Assert.That(after.OutputBiases[2], Is.EqualTo(before.OutputBiases[2]));
        for (int unit = 0; unit < 16; unit++) Assert.That(after.OutputWeights[(unit * 3) + 2], Is.EqualTo(before.OutputWeights[(unit * 3) + 2]));
    }

    /// <summary>The number of stored decisions is bounded: the oldest is dropped, and the latest are learned.</summary>
    [Test]
    public void WhatIsShownLastReplacesTheOldest([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, Cloning(sharing) with { Capacity = 32, BalanceActions = true }, actions: 2);
        int action = 0;
        ProbeAgent agent = new() { ActsByHeuristic = true, Demonstrates = true, Observations = self => [self.StepCount % 3, 1], Demonstration = _ => action };
        agents.Add(agent);
        for (int frame = 0; frame < 100; frame++) agents.Update();
        action = 1;
        for (int frame = 0; frame < 200; frame++) agents.Update();
        agent.ActsByHeuristic = agent.Demonstrates = agents.Explores = false;
        agents.Update();
        Assert.That(agent.Action, Is.EqualTo(1));
    }

    [Test]
    public void TheSameSeedReplaysTheSameRunBitForBit([Values] BrainSharing sharing, [Values(0, 3)] int latency)
    {
        string first = Run(1);
        Assert.That(Run(1), Is.EqualTo(first));
        Assert.That(Run(2), Is.Not.EqualTo(first));

        string Run(int seed)
        {
            using AgentPopulation agents = Make(sharing, new BehaviorCloning { BatchSize = 8, Demonstration = Record(4), BalanceActions = true }, latency, seed);
            Steerer[] all = AddSteerers(agents, seed: 1);
            all[0].Demonstrates = all[1].Demonstrates = all[1].ActsByHeuristic = true;
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int frame = 0; frame < 80; frame++)
            {
                agents.Update();
                foreach (Steerer agent in all) hash.AppendData([(byte)agent.Action]);
            }

            return Convert.ToHexString(hash.GetHashAndReset()) + Bits(agents.GetBrain(0));
        }
    }

    private static Demonstration Record(int seed)
    {
        using AgentPopulation agents = Make(BrainSharing.Shared, new BehaviorCloning());
        agents.Learns = false;
        agents.Recording = new Demonstration(2, 3);
        foreach (Steerer agent in AddSteerers(agents, seed)) agent.ActsByHeuristic = agent.Demonstrates = true;
        for (int frame = 0; frame < 150; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.Zero);
        return agents.Recording;
    }

    private static Steerer[] AddSteerers(AgentPopulation agents, int seed)
    {
        Steerer[] all = [.. Enumerable.Range(0, Players).Select(i => new Steerer(new SeededRandom((ulong)seed, (ulong)i)))];
        foreach (Steerer agent in all) agents.Add(agent);
        return all;
    }

    /// <summary>The share of unseen states in which the brains follow the rule.</summary>
    private static double Agreement(AgentPopulation agents, Steerer[] all)
    {
        foreach (Steerer agent in all) agent.ActsByHeuristic = agent.Demonstrates = false;
        agents.Explores = agents.Learns = false;
        int right = 0, asked = 0;
        for (int frame = 0; frame < 20; frame++) agents.Update();   // earlier questions are answered
        foreach (Steerer agent in all) agent.IsStill = true;
        for (int frame = 0; frame < 150; frame++)
        {
            foreach (Steerer agent in all) agent.Move();
            for (int i = 0; i < 4; i++) agents.Update();
            foreach (Steerer agent in all)
            {
                asked++;
                if (agent.Action == Rule(agent.X, agent.Y)) right++;
            }
        }

        return (double)right / asked;
    }

    private static string Bits(ClassifierParameters weights)
    {
        float[] all = [.. weights.HiddenWeights, .. weights.HiddenBiases, .. weights.OutputWeights, .. weights.OutputBiases];
        return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(all)));
    }

    /// <summary>Its position changes in every frame.</summary>
    private sealed class Steerer(SeededRandom world) : Agent
    {
        public float X { get; private set; }

        public float Y { get; private set; }

        public bool IsPlayed { get; set; }

        public bool IsStill { get; set; }

        public int Key { get; set; }

        public void Move()
        {
            X = (world.NextSingle() - 0.5f) * 300;
            Y = world.NextSingle() - 0.5f;
        }

        public override void OnEpisodeBegin() => Move();

        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(X);
            sensor.AddObservation(Y);
        }

        public override void OnActionReceived(int action)
        {
            if (!IsStill) Move();
        }

        public override int Heuristic() => IsPlayed ? Key : Rule(X, Y);
    }
}
