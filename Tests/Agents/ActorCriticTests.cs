using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Learning by an actor-critic: the ends of episodes, tasks that can be learned, budgets, replay.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class ActorCriticTests
{
    private static readonly ActorCritic Small = new() { RolloutSize = 32, LeastRolloutPerAgent = 8, Discount = 0.9f };

    // ---- settings ----

    [Test]
    public void AgentsLearnByItUnlessToldOtherwise()
    {
        AgentPopulationOptions options = new() { Observations = 1, Actions = 2 };
        Assert.That(options.Learning, Is.EqualTo(new ActorCritic()));
        Assert.That((options with { Brains = BrainSharing.Shared }).Learning, Is.EqualTo(new ActorCritic()));
        Assert.That((new ActorCritic().RolloutOf(agents: 1), new ActorCritic().RolloutOf(agents: 64), new ActorCritic().RolloutOfOwnBrain), Is.EqualTo((2048, 4096, 512)));
        Assert.That((Small.RolloutOf(agents: 1), Small.RolloutOf(agents: 5), Small.RolloutOfOwnBrain), Is.EqualTo((32, 40, 32)));
        Assert.That((options with { Brains = BrainSharing.Shared, Learning = null }).Learning, Is.Null);
    }

    [Test]
    public void SettingsAreChecked()
    {
        Assert.That(() => new ActorCritic { Discount = 1.1f }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ActorCritic { Lambda = float.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ActorCritic { RolloutSize = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ActorCritic { ClipRange = 1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ActorCritic { AdvantageFloor = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => Make(1, 2, new ActorCritic { Optimizer = new Sgd(0.1f) }), Throws.ArgumentException.With.Message.Contains("MostLearningRate (0.003), but got 0.1"));
    }

    /// <summary>Neither the brains nor the opponents nor a trial of where they are fastest.</summary>
    [Test]
    public void OptionsThatDoNotFitAreRefusedBeforeAnythingIsMade()
    {
        using NeuralDevice processor = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 1 });
        AgentPopulationOptions options = new() { Observations = 1, Actions = 2, Capacity = 2, Brains = BrainSharing.Shared, HiddenUnits = 4, SelfPlay = new SelfPlay() };
        ActorCritic tooFast = new() { Optimizer = new Adam(0.01f) };
        DeviceMemory before = processor.Memory;
        foreach (Placement placement in Enum.GetValues<Placement>())
        {
            Assert.That(() => new AgentPopulation(processor, options with { Learning = tooFast, Placement = placement }), Throws.ArgumentException.With.Message.Contains("MostLearningRate"));
            Assert.That(() => AgentPopulation.KernelsFor(processor, options with { Learning = tooFast, Placement = placement }), Throws.ArgumentException.With.Message.Contains("MostLearningRate"));
        }

        Assert.That(processor.Memory, Is.EqualTo(before));
        using AgentPopulation agents = new(processor, options with { Learning = new PolicyGradient() });
        before = processor.Memory;
        Assert.That(() => agents.Learning = tooFast, Throws.ArgumentException.With.Message.Contains("MostLearningRate"));
        Assert.That(processor.Memory, Is.EqualTo(before));
    }

    /// <summary>What only the device refuses leaves none of the parts that were made before.</summary>
    [Test]
    public void BrainsThatAreTooLargeLeaveNothing([Values] BrainSharing brains)
    {
        using NeuralDevice processor = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 1 });
        DeviceMemory before = processor.Memory;
        AgentPopulationOptions options = new()
        {
            Observations = 1,
            Actions = 2,
            Capacity = 2,
            Brains = brains,
            HiddenUnits = 4,
            SelfPlay = brains == BrainSharing.Shared ? new SelfPlay { Window = 3 } : null,
            Learning = new PolicyGradient { BatchSize = 1_000_000_000 },
        };
        Assert.That(() => new AgentPopulation(processor, options), Throws.TypeOf<DeviceLimitException>());
        processor.Update();
        Assert.That(processor.Memory with { Programs = before.Programs }, Is.EqualTo(before));
        GC.KeepAlive(options);
    }

    /// <summary>All actions are about equally likely at first, whatever the observations, and the value is one more output.</summary>
    [Test]
    public void ABrainBeginsUndecided()
    {
        using AgentPopulation agents = Make(1, 3, Small);
        ClassifierParameters brain = agents.GetBrain(0);
        Assert.That(brain.OutputBiases, Has.Length.EqualTo(4));
        float scale = (float)Math.Sqrt(3.0 / 16);
        Assert.That(brain.OutputWeights.Where((_, i) => i % 4 < 3).Max(Math.Abs), Is.InRange(0.005 * scale, 0.01 * scale));
        Assert.That(brain.OutputWeights.Where((_, i) => i % 4 == 3).Max(Math.Abs), Is.InRange(0.05 * scale, 0.1 * scale));
    }

    // ---- brains of their own ----

    /// <summary>Each learns what its own agent is rewarded for, with Adam and with values of its own scale; empty places and agents added later do not interfere.</summary>
    [Test]
    public void BrainsOfTheirOwnLearnEachForItself([Values(null, 0, 2)] int? latency)
    {
        using AgentPopulation agents = MakeOwn(7, Small with { Optimizer = new Adam(0.003f) }, latency);
        List<ProbeAgent> all = [];
        for (int i = 0; i < 5; i++) all.Add(Paid(i % 3, scale: MathF.Pow(10, i)));
        foreach (ProbeAgent agent in all) agents.Add(agent);
        ClassifierParameters empty = agents.GetBrain(6);
        Assert.That(agents.GetBrain(0).OutputWeights, Is.Not.EqualTo(agents.GetBrain(1).OutputWeights));
        for (int frame = 0; frame < 1200; frame++)
        {
            if (frame == 300) agents.Add(Paid(1, scale: 1));
            TestDevice.Frame(agents);
        }

        AgentProgress progress = agents.Progress;
        BrainSpread rates = progress.LearningRates, divergences = progress.Divergences;
        Assert.That((rates.Median, divergences.Median), Is.EqualTo((progress.LearningRate, progress.Divergence)));
        Assert.That(rates.Low, Is.InRange(1e-5f, rates.Median));
        Assert.That(rates.High, Is.InRange(rates.Median, 3e-3f));
        Assert.That(divergences.Low, Is.InRange(0, divergences.Median));
        Assert.That(divergences.High, Is.InRange(divergences.Median, 1));
        Assert.That(progress.Entropy, Is.InRange(0, 0.8f), "nearly decided, of log 3 at first");
        Assert.That(progress.ValueLoss, Is.InRange(0, 1));
        Assert.That(progress.PolicyLoss, Is.InRange(-0.5f, 0.5f));
        agents.Explores = agents.Learns = false;
        foreach (ProbeAgent agent in all) agent.ActionsReceived.Clear();
        for (int frame = 0; frame < 20; frame++) TestDevice.Frame(agents);
        for (int i = 0; i < 5; i++) Assert.That(all[i].ActionsReceived.TakeLast(10), Has.All.EqualTo(i % 3), $"agent {i}");
        Assert.That(agents.GetBrain(6).OutputWeights, Is.EqualTo(empty.OutputWeights), "nobody is there");
        ActorCriticLearner learner = (ActorCriticLearner)agents.Learner!;
        Assert.That(learner.ScaleOf(4).Mean, Is.GreaterThan(100 * learner.ScaleOf(1).Mean));
        Assert.That(agents.Progress.LearnedDecisions, Is.GreaterThan(4000));

        static ProbeAgent Paid(int action, float scale) => new()
        {
            MaxStep = 9,
            Observations = _ => [1, 0],
            Act = (self, taken) => self.AddReward(taken == action ? scale : 0),
        };
    }

    /// <summary>The same seed, the same bits.</summary>
    [Test]
    public void BrainsOfTheirOwnAreReplayed()
    {
        float[][] runs = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using AgentPopulation agents = MakeOwn(4, Small, latency: 1);
            for (int i = 0; i < 4; i++) agents.Add(new ProbeAgent { MaxStep = 5, Observations = self => [self.StepCount, 1], Act = (self, action) => self.AddReward(action) });
            for (int frame = 0; frame < 150; frame++) agents.Update();
            return agents.GetBrain(3).OutputWeights;
        })];
        Assert.That(runs[1], Is.EqualTo(runs[0]));
    }

    // ---- choosing ----

    /// <summary>The softmax is over the allowed actions, so that a masked one takes no probability from them, however likely it was.</summary>
    [Test]
    public void AMaskedActionLeavesTheOthersTheirOdds([Values] bool explores)
    {
        ActionChooser chooser = new(new AgentPopulationOptions { Observations = 1, Actions = 3 }) { Explores = explores };
        ProbeAgent agent = new() { Index = 0 };
        for (int i = 0; i < 100; i++)
        {
            Assert.That(chooser.Choose(agent, [200, 0, 50], [false, true, true], out float logProbability), Is.EqualTo(2));
            Assert.That(logProbability, Is.Zero);
        }
    }

    [Test]
    public void ActionsAreDrawnByTheirProbabilities()
    {
        const int Draws = 20_000;
        ActionChooser chooser = new(new AgentPopulationOptions { Observations = 1, Actions = 3 });
        ProbeAgent agent = new() { Index = 0 };
        int[] counts = new int[3];
        for (int i = 0; i < Draws; i++)
        {
            int action = chooser.Choose(agent, [MathF.Log(1) + 300, 9_999, MathF.Log(3) + 300], [true, false, true], out float logProbability);
            counts[action]++;
            Assert.That(logProbability, Is.EqualTo(Math.Log(action == 0 ? 0.25 : 0.75)).Within(1e-4));
        }

        Assert.That(counts[1], Is.Zero);
        Assert.That(counts[0] / (double)Draws, Is.EqualTo(0.25).Within(0.02));
        Assert.That(() => chooser.Choose(agent, [0, float.NaN, 0], [true, true, true], out _), Throws.TypeOf<AgentException>());
    }

    // ---- the end of an episode ----

    /// <summary>
    /// A reward of 1 per action, and a limit of four: the value of an agent that is interrupted there approaches 1 / (1 − 0.9) = 10, and that of one that dies there
    /// (1 + 1.9 + 2.71 + 3.439) / 4.
    /// </summary>
    [Test]
    public void TimeLimitsAreNotDeaths([Values] bool isDeath, [Values(0, 1, 3)] int latency)
    {
        using AgentPopulation agents = Make(4, 2, Small with { EntropyBonus = 0 }, latency);
        for (int i = 0; i < 4; i++)
        {
            agents.Add(new ProbeAgent
            {
                MaxStep = isDeath ? 0 : 4,
                Observations = _ => [1, 0],
                Act = (self, _) =>
                {
                    self.AddReward(1);
                    if (isDeath && self.StepCount == 4) self.EndEpisode();
                },
            });
        }

        for (int frame = 0; frame < 1500; frame++) agents.Update();
        float mean = ((ActorCriticLearner)agents.Learner!).ScaleOf(0).Mean;
        Assert.That(mean, isDeath ? Is.EqualTo(2.26).Within(0.1) : Is.InRange(7.5, 10.5));
        Assert.That(agents.Progress.MeanEpisodeReward, Is.EqualTo(4));
        Assert.That(agents.Progress.SkippedDecisions, Is.Zero);
    }

    /// <summary>The value is requested for the observations after the last action, before the next episode begins.</summary>
    [Test]
    public void AnInterruptedAgentIsAskedOnceMore([Values(null, 0, 2)] int? latency)
    {
        using AgentPopulation agents = Make(1, 2, Small, latency);
        List<string> calls = [];
        ProbeAgent agent = new()
        {
            MaxStep = 2,
            Observations = self =>
            {
                calls.Add($"observe {self.StepCount}{(self.IsEpisodeOver ? " at the end" : "")}");
                return [0, 0];
            },
            Begin = _ => calls.Add("begin"),
        };
        agents.Add(agent);
        while (agent.CompletedEpisodes < 2) agents.Update();
        agents.Update();
        Assert.That(string.Join(", ", calls), Does.Contain("observe 2 at the end, begin, observe 0"));
    }

    // ---- learning ----

    /// <summary>Three arms with noise; the scale of the rewards does not matter.</summary>
    [TestCase(null, 1f)]
    [TestCase(0, 1f)]
    [TestCase(2, 1f)]
    [TestCase(0, 1e-20f)]
    [TestCase(0, 1e-10f)]
    [TestCase(0, 1e20f)]
    [TestCase(0, 1e-36f, Category = Categories.OnProcessor)]
    public void ABanditIsLearned(int? latency, float scale)
    {
        const int Players = 40;
        using AgentPopulation agents = Make(Players, 3, ActorCritic.Quick with { LeastRolloutPerAgent = 8 }, latency);
        SeededRandom noise = new(5);
        ProbeAgent[] players = [.. Enumerable.Range(0, Players).Select(_ => new ProbeAgent
        {
            Observations = _ => [1, 0], Act = (self, action) => self.AddReward(scale * ((action == 1 ? 10 : 8) + (4 * noise.NextSingle()))),
        })];
        foreach (ProbeAgent player in players) agents.Add(player);
        for (int frame = 0; frame < 400; frame++) TestDevice.Frame(agents);
        agents.Explores = false;
        for (int frame = 0; frame < 5; frame++) TestDevice.Frame(agents);
        Assert.That(players.Count(player => player.Action == 1), Is.GreaterThanOrEqualTo(38));
    }

    /// <summary>The short form of <c>Samples/Benchmarks learn</c>: the reward comes only at the end of a corridor.</summary>
    [Test]
    public void ACorridorIsLearnedFromRewardAtItsEndAlone()
    {
        const int Length = 8, Walkers = 16;
        using AgentPopulation agents = Make(Walkers, 2, new ActorCritic { RolloutSize = 256, LeastRolloutPerAgent = 16 });
        int[] places = new int[Walkers];
        for (int i = 0; i < Walkers; i++)
        {
            agents.Add(new ProbeAgent
            {
                MaxStep = 60,
                Begin = self => places[self.Index] = Length / 2,
                Observations = self => [places[self.Index], 1],
                Act = (self, action) =>
                {
                    places[self.Index] += action == 1 ? 1 : -1;
                    if (places[self.Index] == Length) self.AddReward(1);
                    if (places[self.Index] == 0 || places[self.Index] == Length) self.EndEpisode();
                },
            });
        }

        for (int frame = 0; frame < 1500; frame++) agents.Update();
        AgentProgress progress = agents.Progress;
        Assert.That(progress.MeanEpisodeReward, Is.GreaterThan(0.95f));
        Assert.That(progress.SkippedDecisions, Is.Zero);
        Assert.That(progress.LearnedDecisions, Is.InRange(progress.Decisions - 1200, progress.Decisions));
        Assert.That(progress.Entropy, Is.InRange(0, Math.Log(2)));
        Assert.That(progress.LearningRate, Is.InRange(1e-5f, 3e-3f));
        Assert.That(progress.Divergence, Is.InRange(-1e-4, 0.1));
        Assert.That(progress.ValueLoss, Is.Not.Negative);
        Assert.That(progress.ExplainedVariance, Is.LessThanOrEqualTo(1));
    }

    // ---- budgets ----

    /// <summary>If the budget is too small for all epochs, each decision is still learned from; a message says so once.</summary>
    [Test]
    public void EpochsThatDoNotFitAreGivenUp()
    {
        (AgentProgress progress, string[] warnings) = RunInBudget(agents: 8, new ActorCritic { RolloutSize = 64, LeastRolloutPerAgent = 8, Epochs = 40 });
        Assert.That(progress.SkippedDecisions, Is.Zero);
        Assert.That(progress.LearnedDecisions, Is.InRange(progress.Decisions - 200, progress.Decisions));
        Assert.That(warnings, Has.Length.EqualTo(1));
        Assert.That(warnings[0], Does.Contain("FrameBudget"));
    }

    /// <summary>If it is too small for one epoch, the decisions that are never learned from are counted.</summary>
    [Test]
    public void DecisionsThatCannotBeLearnedFromAreCounted()
    {
        (AgentProgress progress, string[] warnings) = RunInBudget(agents: 20, new ActorCritic { RolloutSize = 20, LeastRolloutPerAgent = 1, Minibatches = 10 });
        Assert.That(progress.SkippedDecisions, Is.Positive);
        Assert.That(progress.SkippedDecisions + progress.LearnedDecisions, Is.InRange(progress.Decisions - 250, progress.Decisions));
        Assert.That(warnings, Has.Length.EqualTo(1));
    }

    /// <summary>
    /// A brain that decides five times as often as another has more decisions than an epoch takes: the next epochs take the rest. Those for which no
    /// epoch is left are counted.
    /// </summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(40, Description = "more epochs than fit")]
    public void OwnBrainsThatDecideAtUnequalRatesSkipNothingSilently(int epochs)
    {
        const int Frames = 600;
        using AgentPopulation agents = MakeOwn(2, new ActorCritic { RolloutSize = 64, Epochs = epochs }, latency: 0, steps: 1, normalizes: false);
        int frame = 0;
        foreach (int period in new[] { 1, 5 })
            agents.Add(new ProbeAgent { DecisionPeriod = period, Observations = _ => [frame, 1], Act = (self, action) => self.AddReward(action) });
        HashSet<float> drawn = [];
        for (frame = 1; frame <= Frames; frame++)
        {
            agents.Update();
            if (agents.Progress.TrainingSteps > 0) drawn.UnionWith(FirstObservationsOf(agents, count: 8));
        }

        AgentProgress progress = agents.Progress;
        Assert.That(progress.SkippedDecisions, epochs == 1 ? Is.Positive : Is.Zero);
        Assert.That(progress.SkippedDecisions + progress.LearnedDecisions, Is.InRange(progress.Decisions - (2 * 130), progress.Decisions));
        if (epochs > 1) Assert.That(Enumerable.Range(1, Frames - (2 * 110)).Select(number => (float)number).Except(drawn), Is.Empty);
    }

    /// <summary>An infinite sum of rewards has no effect, and learning continues.</summary>
    [Test]
    public void ARewardThatIsTooLargeIsNotLearnedFrom([Values] bool areOwn)
    {
        using AgentPopulation agents = areOwn ? MakeOwn(2, Small, latency: 0) : Make(2, 2, Small);
        int frame = 0;
        for (int i = 0; i < 2; i++)
        {
            agents.Add(new ProbeAgent
            {
                Observations = _ => [1, 0],
                Act = (self, action) =>
                {
                    self.AddReward(action);
                    if (frame is not (5 or 25)) return;
                    self.AddReward(3e38f);
                    self.AddReward(3e38f);
                },
            });
        }

        for (; frame < 400; frame++) agents.Update();
        Assert.That(agents.Progress.SkippedDecisions, Is.EqualTo(4));
        Assert.That(agents.Progress.DroppedSteps, Is.Zero);
        agents.Explores = false;
        for (; frame < 410; frame++) agents.Update();
        Assert.That(agents.GetBrain(0).OutputWeights, Is.All.Matches<float>(float.IsFinite));
        Assert.That(((ActorCriticLearner)agents.Learner!).ScaleOf(0).Deviation, Is.LessThan(10));
    }

    /// <summary>Nor does one that clones too, until the term has faded and beyond, and that asks a reference.</summary>
    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true, Category = Categories.OnProcessor)]   // a software driver takes half a minute to compile its kernels
    public void ASteadyFrameAllocatesNothing(bool isSteered, bool areOwn)
    {
        ActorCritic learning = Small;
        if (isSteered)
        {
            Demonstration shown = new(2, 3);
            for (int i = 0; i < 10; i++) shown.Add([i, 1], i % 3);
            using AgentPopulation others = Make(6, 3, Small, latency: 1);
            learning = Small with { Cloning = new CloningTerm { Demonstration = shown, DecayDecisions = areOwn ? 300 : 1800 }, Reference = others.GetBrainState(0) };
        }

        using AgentPopulation agents = areOwn ? MakeOwn(6, learning, latency: 1) : Make(6, 3, learning, latency: 1);
        for (int i = 0; i < 6; i++)
            agents.Add(new Stepper { MaxStep = 9 });
        for (int frame = 0; frame < 200; frame++) agents.Update();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 200; frame++) agents.Update();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void ASpreadIsOfTheTenthTheMiddleAndTheNinthTenth()
    {
        float[] values = [.. Enumerable.Range(0, 101).Select(i => (float)(i * 37 % 101))];
        Assert.That(BrainSpread.Of(values, values.Length), Is.EqualTo(new BrainSpread(10, 50, 90)));
        Assert.That(BrainSpread.Of([3], count: 1), Is.EqualTo(new BrainSpread(3, 3, 3)));
        Assert.That(BrainSpread.Of([], count: 0).Median, Is.NaN);
    }

    // ---- replay ----

    [Test]
    public void TheSameSeedReplaysTheSameRunBitForBit([Values(0, 1, 3)] int latency)
    {
        string first = Run(latency, seed: 1);
        Assert.That(Run(latency, seed: 1), Is.EqualTo(first));
        Assert.That(Run(latency, seed: 2), Is.Not.EqualTo(first));
    }

    private static string Run(int latency, int seed)
    {
        const int Count = 13;
        using AgentPopulation agents = Make(Count, 4, Small with { RolloutSize = 64, LeastRolloutPerAgent = 4 }, latency, seed);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        SeededRandom world = new(4);
        for (int i = 0; i < Count; i++)
        {
            agents.Add(new ProbeAgent
            {
                DecisionPeriod = 1 + (i % 3),
                MaxStep = i % 2 == 0 ? 11 : 0,
                Observations = _ => [world.NextSingle(), world.NextSingle() * 100],
                Mask = mask => mask.SetActionEnabled(3, false),
                Act = (self, action) =>
                {
                    hash.AppendData([(byte)action]);
                    self.AddReward(action - world.NextSingle());
                    if (world.NextInt32(20) == 0) self.EndEpisode();
                },
            });
        }

        for (int frame = 0; frame < 200; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(50));
        ClassifierParameters brain = agents.GetBrain(0);
        float[] all = [.. brain.HiddenWeights, .. brain.HiddenBiases, .. brain.OutputWeights, .. brain.OutputBiases];
        return Convert.ToHexString(hash.GetHashAndReset()) + Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(all)));
    }

    private static (AgentProgress Progress, string[] Warnings) RunInBudget(int agents, ActorCritic learning)
    {
        using AgentPopulation population = Make(agents, 2, learning);
        for (int i = 0; i < agents; i++) population.Add(new ProbeAgent { Observations = _ => [1, 0], Act = (self, action) => self.AddReward(action) });
        using StringWriter written = new();
        using TextWriterTraceListener listener = new(written);
        Trace.Listeners.Add(listener);
        try
        {
            for (int frame = 0; frame < 150; frame++) population.Update();
        }
        finally
        {
            Trace.Listeners.Remove(listener);
        }

        return (population.Progress, [.. written.ToString().Split('\n').Where(line => line.Contains("budget", StringComparison.Ordinal))]);
    }

    private static AgentPopulation MakeOwn(int capacity, ActorCritic learning, int? latency, int steps = 2, bool normalizes = true) => new(TestDevice.Plain, new AgentPopulationOptions
    {
        Observations = 2,
        Actions = 3,
        HiddenUnits = 16,
        Capacity = capacity,
        Latency = latency,
        FrameBudget = FrameBudget.Steps(steps),
        NormalizeObservations = normalizes,
        Seed = 3,
        Learning = learning,
    });

    /// <summary>Of the rows of the first brain in the last training step.</summary>
    private static IEnumerable<float> FirstObservationsOf(AgentPopulation agents, int count)
    {
        float[] values = new float[agents.BrainCount * count * 2];
        ((OwnBrains)agents.Brains).BatchFeatures.Read(values);
        return Enumerable.Range(0, count).Select(row => values[row * 2]);
    }

    private static AgentPopulation Make(int agents, int actions, AgentLearning learning, int? latency = 0, int seed = 3) =>
        new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = actions,
            HiddenUnits = 16,
            Capacity = agents,
            Brains = BrainSharing.Shared,
            Latency = latency,
            FrameBudget = FrameBudget.Steps(2),
            Seed = seed,
            Learning = learning,
        });

    /// <summary>Allocates nothing itself.</summary>
    private sealed class Stepper : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(StepCount);
            sensor.AddObservation(Index);
        }

        public override void OnActionReceived(int action) => AddReward(action);
    }
}
