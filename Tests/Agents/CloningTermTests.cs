using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Cloning beside reward: what reward alone does not find is found, and what was shown is surpassed; for any actions and both kinds of brains.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class CloningTermTests
{
    private const int Agents = 8;

    /// <summary>
    /// A lock of ten places: at each one action leads on, one waits, and two lead back to the start. There is a reward at the end alone, less for every step. Chance gets there once in 3¹⁰ = 59,049 tries; the
    /// demonstrator waits half of the time, and so comes late.
    /// </summary>
    [Test]
    public void WhatRewardAloneDoesNotFindIsFoundAndSurpassed([Values(1, 2)] int seed, [Values] BrainSharing sharing)
    {
        bool areOwn = sharing == BrainSharing.OneEach;
        ActorCritic plain = areOwn ? ActorCritic.Quick with { Discount = 0.97f } : new ActorCritic { RolloutSize = 512 };
        Demonstration shown = Lock.Demonstrate(episodes: 40);
        long decay = areOwn ? 3_000 : 30_000;
        float Play(ActorCritic learning, int frames)
        {
            using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
            {
                Observations = Lock.Places,
                Actions = 4,
                Capacity = Agents,
                Brains = sharing,
                Latency = 0,
                Seed = seed,
                Learning = learning,
                FrameBudget = FrameBudget.Steps(2),
            });
            for (int i = 0; i < Agents; i++) agents.Add(new Lock());
            for (int frame = 0; frame < frames; frame++) agents.Update();
            Assert.That(agents.Progress.SkippedDecisions, Is.Zero);
            return agents.Progress.MeanEpisodeReward;
        }

        float alone = Play(plain, 6_000), both = Play(plain with { Cloning = new CloningTerm { Demonstration = shown, DecayDecisions = decay } }, 6_000);
        Assert.That(alone, Is.LessThan(-0.5f), "reward alone");
        Assert.That(both, Is.GreaterThan(Lock.Best - 0.05f), $"both; the demonstrator has {Lock.Demonstrator}, and the best is {Lock.Best}");
        Assert.That(Lock.Demonstrator, Is.LessThan(Lock.Best - 0.15f));
    }

    /// <summary>Without rewards the term alone is cloning, of a choice, of branches and of numbers, given or shown in the game, with raw or normalized observations.</summary>
    [Test]
    public void AnyActionsAreCloned([Values] BrainSharing sharing, [Values("4", "2 3", "2 3 c", "c")] string actions, [Values] bool normalizes, [Values] bool isGiven)
    {
        ActionSpec spec = actions switch { "4" => ActionSpec.MakeDiscrete(4), "2 3" => ActionSpec.MakeDiscrete(2, 3), "2 3 c" => new ActionSpec(1, 2, 3), _ => ActionSpec.MakeContinuous(1) };
        Demonstration given = new(2, spec);
        Shower teacher = new(spec, seed: 3);
        for (int i = 0; i < 200; i++) teacher.AddTo(given);
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 2,
            ActionSpec = spec,
            Capacity = Agents,
            Brains = sharing,
            Latency = 0,
            NormalizeObservations = normalizes,
            FrameBudget = FrameBudget.Steps(2),
            Learning = ActorCritic.Quick with { EntropyBonus = 0, TargetDivergence = 0.2f, Cloning = new CloningTerm { Demonstration = isGiven ? given : null, Strength = 4, DecayDecisions = 0 } },
        });
        Shower[] all = [.. Enumerable.Range(0, Agents).Select(i => new Shower(spec, i) { Demonstrates = !isGiven })];
        foreach (Shower agent in all) agents.Add(agent);
        for (int frame = 0; frame < 900; frame++) agents.Update();
        agents.Explores = agents.Learns = false;
        foreach (Shower agent in all) agent.Forget();
        for (int frame = 0; frame < 50; frame++) agents.Update();
        double[] wrong = [.. all.Select(agent => agent.MeanError)];
        Assert.That(wrong.Average(), Is.LessThan(0.15), string.Join(' ', wrong));
    }

    /// <summary>The weight falls in a straight line with the decisions of each brain, is saved, and is that of its beginning in a file without it.</summary>
    [Test]
    public void TheWeightFallsWithTheDecisions([Values] BrainSharing sharing)
    {
        ActorCritic learning = ActorCritic.Quick with { Cloning = new CloningTerm { Demonstration = Lock.Demonstrate(2), Strength = 0.8f, DecayDecisions = 100 } };
        AgentPopulationOptions options = new()
        {
            Observations = Lock.Places,
            Actions = 4,
            Capacity = 2,
            Brains = sharing,
            Latency = 0,
            Learning = learning,
        };
        float StrengthOf(AgentPopulation population) => ((ActorCriticLearner)population.Learner!).Cloning!.StrengthOf(0);
        string path = Path.Combine(Directory.CreateTempSubdirectory("cloning").FullName, "agents.safetensors");
        using AgentPopulation agents = new(TestDevice.Plain, options);
        for (int i = 0; i < 2; i++) agents.Add(new Lock());
        Assert.That(StrengthOf(agents), Is.EqualTo(0.8f));
        int perFrame = sharing == BrainSharing.Shared ? 2 : 1;
        for (int frame = 0; frame < 20; frame++) agents.Update();
        float expected = 0.8f * (1 - (0.01f * 20 * perFrame));
        Assert.That(StrengthOf(agents), Is.EqualTo(expected).Within(1e-6));
        agents.Save(path);
        using AgentPopulation loaded = AgentPopulation.Load(TestDevice.Plain, path, options);
        Assert.That(StrengthOf(loaded), Is.EqualTo(expected).Within(1e-6));
        for (int frame = 20; frame < 120; frame++) agents.Update();
        Assert.That(StrengthOf(agents), Is.Zero);

        using AgentPopulation without = new(TestDevice.Plain, options with { Learning = ActorCritic.Quick });
        without.Save(path);
        using AgentPopulation begun = AgentPopulation.Load(TestDevice.Plain, path, options);
        Assert.That(StrengthOf(begun), Is.EqualTo(0.8f));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Test]
    public void SettingsAreChecked()
    {
        Assert.That(() => new CloningTerm { Strength = -1 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CloningTerm { DecayDecisions = -1 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CloningTerm { BatchSize = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CloningTerm { Capacity = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        AgentPopulationOptions options = new()
        {
            Observations = 3,
            Actions = 4,
            Learning = new ActorCritic { Cloning = new CloningTerm { Demonstration = new Demonstration(2, 4) } },
        };
        Assert.That(() => new AgentPopulation(TestDevice.Plain, options), Throws.ArgumentException);
    }

    /// <summary>From the player's demonstrations to reward while the population lives: what was cloned is what learning goes on from.</summary>
    [Test]
    public void ADemonstratedGameIsGoneOnWithFromReward([Values] BrainSharing sharing)
    {
        bool areOwn = sharing == BrainSharing.OneEach;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = Lock.Places,
            Actions = 4,
            Capacity = Agents,
            Brains = sharing,
            Latency = 0,
            FrameBudget = FrameBudget.Steps(2),
            Learning = new BehaviorCloning { BatchSize = 64, Optimizer = new Adam(0.003f) },
        });
        Lock[] all = [.. Enumerable.Range(0, Agents).Select(_ => new Lock { ActsByHeuristic = true, Demonstrates = true })];
        foreach (Lock agent in all) agents.Add(agent);
        for (int frame = 0; frame < 800; frame++) agents.Update();   // the player plays
        foreach (Lock agent in all) agent.ActsByHeuristic = agent.Demonstrates = false;
        agents.Learning = null;
        for (int frame = 0; frame < 800; frame++) agents.Update();
        float cloned = agents.Progress.MeanEpisodeReward;
        agents.Learning = areOwn ? ActorCritic.Quick with { Discount = 0.97f } : new ActorCritic { RolloutSize = 512 };
        for (int frame = 0; frame < 6_000; frame++) agents.Update();
        Assert.That(cloned, Is.InRange(Lock.Demonstrator - 0.15f, Lock.Demonstrator + 0.15f));
        Assert.That(agents.Progress.MeanEpisodeReward, Is.GreaterThan(Lock.Best - 0.05f));
    }

    private sealed class Lock : Agent
    {
        public const int Places = 10;
        private const float Cost = 0.02f;
        private const int Wait = 3;

        private readonly SeededRandom random = new(6);
        private int place;

        public Lock() => MaxStep = 40;

        public static float Best => 1 - (Cost * Places);

        public static float Demonstrator => 1 - (2 * Cost * Places);

        public static Demonstration Demonstrate(int episodes)
        {
            Demonstration shown = new(Places, 4);
            SeededRandom random = new(9);
            float[] observed = new float[Places];
            for (int episode = 0; episode < episodes; episode++)
            {
                for (int at = 0; at < Places;)
                {
                    observed.AsSpan().Clear();
                    observed[at] = 1;
                    bool waits = random.NextSingle() < 0.5f;
                    shown.Add(observed, waits ? Wait : RightAt(at));
                    if (!waits) at++;
                }
            }

            return shown;
        }

        public override void OnEpisodeBegin() => place = 0;

        public override void CollectObservations(VectorSensor sensor) => sensor.AddOneHotObservation(place, Places);

        public override int Heuristic() => random.NextSingle() < 0.5f ? Wait : RightAt(place);

        public override void OnActionReceived(int action)
        {
            AddReward(-Cost);
            if (action == Wait) return;
            place = action == RightAt(place) ? place + 1 : 0;
            if (place < Places) return;
            AddReward(1);
            EndEpisode();
        }

        private static int RightAt(int place) => place * 7 % 3;
    }

    /// <summary>Shows choices by the sign of one observation and numbers near the other.</summary>
    private sealed class Shower(ActionSpec spec, int seed) : Agent
    {
        private readonly SeededRandom random = new((ulong)seed, 77);
        private readonly float[] observed = new float[2];
        private double errors;
        private int count;

        public double MeanError => errors / count;

        public void Forget() => (errors, count) = (0, 0);

        public void AddTo(Demonstration demonstration)
        {
            Draw();
            ActionBuffers shown = new(new float[spec.NumContinuousActions], new int[spec.NumDiscreteActions]);
            Heuristic(shown);
            demonstration.Add(observed, shown);
        }

        public override void CollectObservations(VectorSensor sensor)
        {
            Draw();
            sensor.AddObservation(observed);
        }

        public override void Heuristic(in ActionBuffers actionsOut)
        {
            for (int i = 0; i < actionsOut.DiscreteActions.Length; i++) actionsOut.DiscreteActions[i] = observed[i] > 0 ? 1 : 0;
            for (int i = 0; i < actionsOut.ContinuousActions.Length; i++) actionsOut.ContinuousActions[i] = 0.5f * observed[1];
        }

        public override void OnActionReceived(ActionBuffers actions)
        {
            for (int i = 0; i < actions.DiscreteActions.Length; i++) Note(actions.DiscreteActions[i] == (observed[i] > 0 ? 1 : 0) ? 0 : 1);
            for (int i = 0; i < actions.ContinuousActions.Length; i++) Note(Math.Abs(actions.ContinuousActions[i] - (0.5f * observed[1])));
        }

        private void Note(double error)
        {
            errors += error;
            count++;
        }

        private void Draw()
        {
            for (int i = 0; i < observed.Length; i++) observed[i] = (2 * random.NextSingle()) - 1;
        }
    }
}
