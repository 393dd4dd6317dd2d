using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Every way to learn with every kind of actions and observations: a run that is saved and loaded goes on with the same bits, to the last number of its file.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class SavedRunsTests
{
    private const int Agents = 4;

    private static readonly ActorCritic Critic = new() { RolloutSize = 24, LeastRolloutPerAgent = 6, Epochs = 3, Minibatches = 3 };

    [Test]
    public void WhatIsLoadedGoesOnWithTheSameBits(
        [Values("actor-critic", "actor-critic beside cloning", "actor-critic near a reference", "actor-critic beside cloning, near a reference", "self-play", "policy gradient", "cloning", "nothing")] string way,
        [Values] BrainSharing sharing, [Values("3", "2 3", "c", "2 3 c c")] string actions, [Values(1, 3)] int stacked)
    {
        if (way == "self-play" && sharing == BrainSharing.OneEach) return;   // needs a shared brain
        AssertGoesOn(Options(way, sharing, actions, stacked), way, frames: 41, Agents);
    }

    /// <summary>With the budget of one step a frame, several frames belong to a batch; a place without an agent has rows that teach nothing.</summary>
    [Test]
    public void WhatIsSavedBetweenTheEpochsOfABatchGoesOnWithTheSameBits(
        [Values("3", "c", "2 3 c c")] string actions, [Values] BrainSharing sharing, [Values(Agents - 1, Agents)] int agents, [Values(41, 42, 43)] int frames)
    {
        AssertGoesOn(OneStepAFrame(sharing, actions), "policy gradient", frames, agents);
    }

    /// <summary>Nor do those rows keep a brain from being saved or the learning from changing.</summary>
    [Test]
    public void BetweenTheEpochsOfABatchABrainIsSavedAndTheLearningChanges([Values(0, 1, 2)] int frames)
    {
        using AgentPopulation population = new(TestDevice.Plain, OneStepAFrame(BrainSharing.OneEach, "c"));
        Fill(population, world: 1, count: 2);
        Run(population, 40 + frames);
        Assert.That(population.Progress.TrainingSteps, Is.GreaterThan(10));
        ClassifierParameters brain = population.GetBrain(1);
        string path = Path.GetTempFileName();
        population.SaveBrain(1, path);
        Assert.That(BrainState.Read(File.ReadAllBytes(path), path).Parameters.HiddenWeights, Is.EqualTo(brain.HiddenWeights));
        File.Delete(path);
        population.Learning = Critic;
        Assert.That(population.GetBrain(1).HiddenWeights, Is.EqualTo(brain.HiddenWeights));
        Run(population, 80);
        Assert.That(population.Progress.TrainingSteps, Is.GreaterThan(0));
    }

    private static void AssertGoesOn(AgentPopulationOptions options, string way, int frames, int count)
    {
        string folder = Directory.CreateTempSubdirectory("runs").FullName;
        string PathOf(string name) => Path.Combine(folder, name);
        try
        {
            using AgentPopulation first = new(TestDevice.Plain, options);
            List<Agent> agents = Fill(first, world: 1, count);
            Run(first, frames);
            first.Save(PathOf("begun"));
            using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, PathOf("begun"), options);
            foreach (Agent agent in agents) first.Remove(agent);
            foreach (AgentPopulation population in (AgentPopulation[])[first, second])
            {
                Fill(population, world: 2, count);
                Run(population, 47);
                population.Save(PathOf(population == first ? "first" : "second"));
            }

            Assert.That(File.ReadAllBytes(PathOf("second")), Is.EqualTo(File.ReadAllBytes(PathOf("first"))));
            AgentProgress found = second.Progress, expected = first.Progress;
            Assert.That((found.Decisions, found.TrainingSteps, found.Episodes, found.LearnedDecisions, found.SkippedDecisions, found.MeanEpisodeReward, found.Elo),
                Is.EqualTo((expected.Decisions, expected.TrainingSteps, expected.Episodes, expected.LearnedDecisions, expected.SkippedDecisions, expected.MeanEpisodeReward, expected.Elo)));
            Assert.That(found.Episodes, Is.GreaterThan(10));
            Assert.That(found.TrainingSteps, way == "nothing" ? Is.Zero : Is.GreaterThan(10));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static AgentPopulationOptions Options(string way, BrainSharing sharing, string actions, int stacked)
    {
        int[] branches = [.. actions.Split(' ').Where(part => part != "c").Select(int.Parse)];
        AgentPopulationOptions options = new()
        {
            Observations = 2,
            NumStackedVectorObservations = stacked,
            ActionSpec = new ActionSpec(actions.Count(letter => letter == 'c'), branches),
            HiddenUnits = 6,
            Capacity = Agents,
            Brains = sharing,
            Latency = 0,
            Seed = 3,
            FrameBudget = FrameBudget.Steps(2),
        };
        ActorCritic learning = Critic;
        if (way.Contains("cloning", StringComparison.Ordinal)) learning = learning with { Cloning = new CloningTerm { BatchSize = 8, Capacity = 20, DecayDecisions = 150 } };
        if (way.Contains("reference", StringComparison.Ordinal))
        {
            using AgentPopulation shipped = new(TestDevice.Plain, options with { Seed = 8, Learning = Critic });
            learning = learning with { Reference = shipped.GetBrainState(0), MaximumDrift = 0.01f };
        }

        AgentLearning? chosen = way switch
        {
            "policy gradient" => new PolicyGradient { BatchSize = 8, Horizon = 5, Epochs = 2 },
            "cloning" => new BehaviorCloning { BatchSize = 8, Capacity = 20 },
            "nothing" => null,
            _ => learning,
        };
        return options with { Learning = chosen, SelfPlay = way == "self-play" ? new SelfPlay { SaveSteps = 20, SwapSteps = 7, TeamChange = 90, Window = 3 } : null };
    }

    private static AgentPopulationOptions OneStepAFrame(BrainSharing sharing, string actions) => Options("policy gradient", sharing, actions, stacked: 1) with
    {
        FrameBudget = FrameBudget.Steps(1),
        Learning = new PolicyGradient { BatchSize = 4, Horizon = 5, Epochs = 3 },
    };

    private static List<Agent> Fill(AgentPopulation population, int world, int count)
    {
        List<Agent> agents = [];
        for (int i = 0; i < count; i++)
        {
            agents.Add(new Wanderer(new SeededRandom((ulong)world, (ulong)i))
            {
                DecisionPeriod = 1 + (i % 2),
                MaxStep = i == 2 ? 5 : 0,
                TeamId = i / 2,
                Demonstrates = population.Learning is BehaviorCloning or ActorCritic { Cloning: not null },
            });
            population.Add(agents[^1]);
        }

        return agents;
    }

    private static void Run(AgentPopulation population, int frames)
    {
        for (int frame = 0; frame < frames; frame++) TestDevice.Frame(population);
    }

    /// <summary>Sees a place far from the origin, and is rewarded for what it does there; one choice is masked at times.</summary>
    private sealed class Wanderer(SeededRandom world) : Agent
    {
        private float place;

        public override void OnEpisodeBegin() => place = 100 + world.NextSingle();

        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(place);
            sensor.AddObservation(1e-6f * world.NextSingle());
        }

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            if (mask.Actions > 0 && place > 100.7f) mask.SetActionEnabled(0, 1, false);
        }

        public override void Heuristic(in ActionBuffers actionsOut)
        {
            if (actionsOut.ContinuousActions.Length > 0) actionsOut.ContinuousActions[0] = place - 100.5f;
        }

        public override void OnActionReceived(ActionBuffers actions)
        {
            foreach (int choice in actions.DiscreteActions) place += 0.1f * (choice - 1);
            foreach (float number in actions.ContinuousActions) place += 0.1f * number;
            place = Math.Clamp(place, 99, 102);
            AddReward(1 - Math.Abs(place - 100.5f));
            if (world.NextInt32(9) == 0) EndEpisode();
        }
    }
}
