using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Brains that read the observations of several decisions: as many as an agent that stacks them itself, in every way to learn and at every latency.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class StackedObservationTests
{
    private const int Observations = 2;
    private const int Stacked = 3;
    private const int Actions = 3;
    private const int Agents = 3;

    private static readonly AgentPopulationOptions Common = new()
    {
        Observations = Observations,
        NumStackedVectorObservations = Stacked,
        Actions = Actions,
        HiddenUnits = 8,
        Capacity = Agents,
        Latency = 0,
        Seed = 4,
        FrameBudget = FrameBudget.Steps(2),
        NormalizeObservations = false,
    };

    private static readonly ActorCritic Critic = new() { RolloutSize = 32, LeastRolloutPerAgent = 8, Epochs = 3, Minibatches = 4 };

    private static IEnumerable<TestCaseData> Ways =>
    [
        new TestCaseData(Common with { Brains = BrainSharing.Shared, Learning = Critic }).SetArgDisplayNames("actor-critic"),
        new TestCaseData(Common with { Learning = Critic }).SetArgDisplayNames("actor-critic, own brains"),
        new TestCaseData(Common with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 } }).SetArgDisplayNames("policy gradient, own brains"),
        new TestCaseData(Common with { Brains = BrainSharing.Shared, Learning = new BehaviorCloning { BatchSize = 8, Capacity = 20 } }).SetArgDisplayNames("cloning"),
    ];

    // ---- the same as by hand ----

    [TestCaseSource(nameof(Ways))]
    public void BrainsLearnTheSameAsOfAgentsThatStackThemselves(AgentPopulationOptions options)
    {
        foreach (int latency in (int[])[0, 1, 2, 3])
        {
            using AgentPopulation stacked = new(TestDevice.Plain, options with { Latency = latency });
            using AgentPopulation byHand = new(TestDevice.Plain, options with { Latency = latency, Observations = Observations * Stacked, NumStackedVectorObservations = 1 });
            Assert.That(stacked.GetBrain(0).HiddenWeights, Has.Length.EqualTo(Observations * Stacked * 8));
            foreach (AgentPopulation population in (AgentPopulation[])[stacked, byHand])
            {
                Fill(population, population == byHand ? Stacked : 1, options.Learning is BehaviorCloning);
                for (int frame = 0; frame < 90; frame++) TestDevice.Frame(population);
            }

            Assert.That(stacked.Progress.TrainingSteps, Is.EqualTo(byHand.Progress.TrainingSteps).And.GreaterThan(8));
            Assert.That(stacked.Progress.Decisions, Is.EqualTo(byHand.Progress.Decisions));
            for (int brain = 0; brain < stacked.BrainCount; brain++) AssertSame(stacked.GetBrain(brain), byHand.GetBrain(brain), $"latency {latency}");
        }
    }

    [Test]
    public void AGivenDemonstrationIsStackedWithinItsEpisodes([Values] bool isSaved)
    {
        Demonstration plain = new(Observations, Actions), byHand = new(Observations * Stacked, Actions);
        SeededRandom random = new(3);
        for (int episode = 0; episode < 5; episode++)
        {
            plain.BeginEpisode();
            float[] past = new float[Observations * Stacked];
            for (int i = 0; i <= episode; i++)
            {
                float[] seen = [random.NextSingle(), random.NextSingle()];
                past = [.. past[Observations..], .. seen];
                plain.Add(seen, i % Actions);
                byHand.Add(past, i % Actions);
            }
        }

        if (isSaved) plain = SavedAndLoaded(plain);
        Assert.That((plain.EpisodeCount, plain.Episode(0), plain.Episode(14)), Is.EqualTo((5, 0, 4)));
        BehaviorCloning learning = new() { BatchSize = 8 };
        using AgentPopulation first = new(TestDevice.Plain, Common with { Learning = learning with { Demonstration = plain } });
        using AgentPopulation second = new(TestDevice.Plain, Common with { Observations = Observations * Stacked, NumStackedVectorObservations = 1, Learning = learning with { Demonstration = byHand } });
        for (int frame = 0; frame < 20; frame++)
        {
            TestDevice.Frame(first);
            TestDevice.Frame(second);
        }

        Assert.That(first.Progress.TrainingSteps, Is.GreaterThan(10));
        AssertSame(first.GetBrain(1), second.GetBrain(1), "");
    }

    // ---- what a brain reads ----

    [Test]
    public void ABrainReadsTheLastObservationsOfTheEpisode([Values(0, 1, 2, 3, null)] int? latency, [Values(0, 1, 3)] int period, [Values] bool actsByHeuristic)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Common with { Latency = latency, Learning = Critic, Brains = BrainSharing.Shared });
        Dictionary<long, float[]> asked = [];
        float[] past = [];
        int number = 0;
        ProbeAgent agent = new()
        {
            Begin = _ => past = new float[Observations * Stacked],
            Observations = _ =>
            {
                float[] seen = [++number, -number];
                past = [.. past[Observations..], .. seen];
                asked[agents.Frame] = past;
                return seen;
            },
            Demonstration = _ => 1,
            Act = (self, _) =>
            {
                if (number % 7 == 6) self.EndEpisode();
                else if (period == 0) self.RequestDecision();
            },
            DecisionPeriod = period,
            MaxStep = 11,
            ActsByHeuristic = actsByHeuristic,
        };
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        long seenDecisions = 0;
        for (int frame = 0; frame < 60 || (inspector.Decisions < 10 && frame < 20_000); frame++)
        {
            if (period == 0 && agent.StepCount == 0) agent.RequestDecision();
            TestDevice.Frame(agents);
            if (inspector.Decisions == seenDecisions) continue;
            seenDecisions = inspector.Decisions;
            Assert.That(inspector.Observations.ToArray(), Is.EqualTo(asked[inspector.Frame]), $"decision {seenDecisions}");
            Assert.That(inspector.NormalizedObservations.ToArray(), Is.EqualTo(inspector.Observations.ToArray()));
        }

        Assert.That(seenDecisions, Is.GreaterThan(8));
    }

    [Test]
    public void EachObservationIsNormalizedByTheSameStatistics([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Common with { NormalizeObservations = true, Learning = Critic, Brains = sharing });
        SeededRandom random = new(7);
        List<float> firsts = [];
        ProbeAgent agent = new()
        {
            Observations = _ =>
            {
                firsts.Add(100 + (5 * random.NextSingle()));
                return [firsts[^1], random.NextSingle()];
            },
            Act = (self, _) =>
            {
                if (self.StepCount == 6) self.EndEpisode();
            },
        };
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        for (int frame = 0; frame < 50; frame++)
        {
            TestDevice.Frame(agents);
            ObservationNormalizer normalizer = agents.Normalizer!;
            Assert.That(normalizer.Count, Is.EqualTo(inspector.Decisions));
            for (int i = 0; i < Observations * Stacked; i++)
            {
                float expected = Math.Clamp((inspector.Observations[i] - normalizer.Offset[i % Observations]) * normalizer.Scale[i % Observations], -5, 5);
                Assert.That(inspector.NormalizedObservations[i], Is.EqualTo(expected), $"frame {frame}, {i}");
            }
        }

        Assert.That(agents.Normalizer!.Mean[0], Is.EqualTo(firsts.Average(value => (double)value)).Within(1e-6), "each counts once, and the zeros before an episode not at all");
    }

    /// <summary>Asks for the observation of the previous decision: with a single observation this is guesswork.</summary>
    [Test]
    [Category(Categories.OnProcessor)]
    public void WhatWasSeenBeforeCanBeLearned()
    {
        float RewardWith(int stacked)
        {
            using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
            {
                Observations = 1,
                NumStackedVectorObservations = stacked,
                Actions = 2,
                Capacity = 16,
                Brains = BrainSharing.Shared,
                Latency = 1,
                Learning = ActorCritic.Quick,
            });
            for (int i = 0; i < 16; i++) agents.Add(new Rememberer(new SeededRandom(9, (ulong)i)));
            for (int frame = 0; frame < 2500; frame++) TestDevice.Frame(agents);
            return agents.Progress.MeanEpisodeReward;
        }

        Assert.That(RewardWith(2), Is.GreaterThan(9));
        Assert.That(RewardWith(1), Is.InRange(4, 6));
    }

    // ---- demonstrations ----

    [Test]
    public void ARecordingKnowsEpisodesOfAgentsThatTakeTurns()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Common with { Learning = null, Latency = 1 });
        Demonstration recording = new(Observations, Actions);
        agents.Recording = recording;
        ProbeAgent[] players = [.. Enumerable.Range(0, 2).Select(i => new ProbeAgent
        {
            Observations = self => [i, self.StepCount],
            Demonstration = _ => i,
            Demonstrates = true,
            ActsByHeuristic = i == 0,
            Act = (self, _) =>
            {
                if (self.StepCount == 3) self.EndEpisode();
            },
        })];
        foreach (ProbeAgent player in players) agents.Add(player);
        for (int frame = 0; frame < 20; frame++)
        {
            players[0].Demonstrates = frame != 16;   // later decisions do not continue the recorded ones
            TestDevice.Frame(agents);
        }

        Dictionary<int, float[]> last = [];
        int begun = 0;
        for (int i = 0; i < recording.Count; i++)
        {
            float[] seen = recording.Observation(i).ToArray();
            Assert.That(recording.Observation(i).Length, Is.EqualTo(Observations), "they are not stacked");
            if (last.TryGetValue(recording.Episode(i), out float[]? before)) Assert.That(seen[0], Is.EqualTo(before[0]), "of one agent");
            else begun++;
            last[recording.Episode(i)] = seen;
            float[] stack = recording.Stack(i, new float[Observations * Stacked]).ToArray();
            Assert.That(stack[^2..], Is.EqualTo(seen));
            if (before is not null) Assert.That(stack[2..4], Is.EqualTo(before));
            else Assert.That(stack[..4], Is.All.Zero);
        }

        Assert.That(begun, Is.EqualTo(recording.EpisodeCount).And.GreaterThan(8));
        Demonstration merged = new(Observations, Actions);
        merged.Merge(recording);
        merged.Merge(recording);
        Demonstration loaded = SavedAndLoaded(merged);
        Assert.That(loaded.EpisodeCount, Is.EqualTo(2 * recording.EpisodeCount));
        for (int i = 0; i < recording.Count; i++)
        {
            Assert.That(loaded.Episode(recording.Count + i), Is.EqualTo(recording.Episode(i) + recording.EpisodeCount));
            float[] stack = new float[Observations * Stacked];
            Assert.That(loaded.Stack(recording.Count + i, stack).ToArray(), Is.EqualTo(recording.Stack(i, new float[Observations * Stacked]).ToArray()));
        }
    }

    // ---- errors and files ----

    [Test]
    public void WhatDoesNotFitIsRefusedInWords()
    {
        Assert.That(() => Common with { NumStackedVectorObservations = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("stacked observations"));
        Demonstration unknown = new(Observations, Actions);
        unknown.Add([1, 2], 0);
        AgentPopulationOptions options = Common with { Learning = new BehaviorCloning { Demonstration = unknown } };
        Assert.That(() => new AgentPopulation(TestDevice.Plain, options).Dispose(), Throws.ArgumentException.With.Message.Contains("which episode decision 0 is of"));
        Assert.That(unknown.Episode(0), Is.EqualTo(-1));
        using AgentPopulation unstacked = new(TestDevice.Plain, options with { NumStackedVectorObservations = 1 });
        using AgentPopulation stacked = new(TestDevice.Plain, Common with { Learning = null, NormalizeObservations = true });
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            stacked.Save(path);
            Assert.That(() => AgentPopulation.Load(TestDevice.Plain, path, Common with { NumStackedVectorObservations = 2, NormalizeObservations = true }).Dispose(),
                Throws.TypeOf<ModelFileException>().With.Message.Contains("3 stacked observations"));
            using AgentPopulation played = AgentPopulation.Load(TestDevice.Plain, path);
            AssertSame(played.GetBrain(2), stacked.GetBrain(2), "");
        }
        finally
        {
            File.Delete(path);
        }

        BrainState state = stacked.GetBrainState(1), read = BrainState.Read(state.ToBytes(), "bytes");
        Assert.That((read.Observations, read.NumStackedVectorObservations, read.ObservationMeans.Length), Is.EqualTo((Observations, Stacked, Observations)));
        Assert.That(read.Shape, Does.Contain("2 normalized observations of 3 decisions"));
        Assert.That(read.Parameters.HiddenWeights, Is.EqualTo(state.Parameters.HiddenWeights));
        Assert.That(() => unstacked.SetBrainState(0, read), Throws.ArgumentException);
        stacked.SetBrainState(0, read);
        AssertSame(stacked.GetBrain(0), stacked.GetBrain(1), "");
    }

    private static Demonstration SavedAndLoaded(Demonstration made)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            made.Save(path);
            return Demonstration.Load(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Fill(AgentPopulation population, int stacksItself, bool demonstrates)
    {
        for (int i = 0; i < Agents; i++)
        {
            population.Add(new Wanderer(new SeededRandom(1, (ulong)i), stacksItself)
            {
                DecisionPeriod = 1 + (i % 2),
                MaxStep = i == 2 ? 5 : 0,
                Demonstrates = demonstrates,
                ActsByHeuristic = demonstrates && i == 1,
            });
        }
    }

    private static void AssertSame(ClassifierParameters actual, ClassifierParameters expected, string when)
    {
        Assert.That(actual.HiddenWeights, Is.EqualTo(expected.HiddenWeights), when);
        Assert.That(actual.HiddenBiases, Is.EqualTo(expected.HiddenBiases), when);
        Assert.That(actual.OutputWeights, Is.EqualTo(expected.OutputWeights), when);
        Assert.That(actual.OutputBiases, Is.EqualTo(expected.OutputBiases), when);
    }

    /// <summary>Sees numbers of its own making, in episodes that are interrupted or end now and then.</summary>
    private sealed class Wanderer(SeededRandom world, int stacksItself) : Agent
    {
        private float[] past = [];
        private float x;

        public override void OnEpisodeBegin()
        {
            past = new float[Observations * stacksItself];
            x = world.NextSingle() - 0.5f;
        }

        public override void CollectObservations(VectorSensor sensor)
        {
            past = [.. past[Observations..], x, StepCount * 0.1f];
            sensor.AddObservation(past);
        }

        public override int Heuristic() => x > 0 ? 0 : 1;

        public override void OnActionReceived(int action)
        {
            x += (action - 1) * 0.1f;
            AddReward(1 - Math.Abs(x));
            if (world.NextInt32(9) == 0) EndEpisode();
        }
    }

    /// <summary>Is rewarded for naming what it saw at its previous decision.</summary>
    private sealed class Rememberer(SeededRandom world) : Agent
    {
        private int shown;
        private int before;

        public override void OnEpisodeBegin() => shown = before = 0;

        public override void CollectObservations(VectorSensor sensor)
        {
            (before, shown) = (shown, world.NextInt32(2));
            sensor.AddObservation(shown);
        }

        public override void OnActionReceived(int action)
        {
            AddReward(action == before ? 1 : 0);
            if (StepCount == 10) EndEpisode();
        }
    }
}
