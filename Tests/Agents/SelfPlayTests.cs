using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Self-play: who acts with what, snapshots, ratings, files, and that it learns.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class SelfPlayTests
{
    private const int Tables = 4;

    private static readonly SelfPlay Busy = new() { SaveSteps = 20, SwapSteps = 7, TeamChange = 90, Window = 3 };

    private static readonly AgentPopulationOptions Small = NimTable.OptionsFor(Tables) with
    {
        HiddenUnits = 8,
        FrameBudget = FrameBudget.Steps(2),
        Learning = new ActorCritic { RolloutSize = 32, LeastRolloutPerAgent = 4, Epochs = 3, Minibatches = 4 },
        SelfPlay = Busy,
    };

    private static IEnumerable<TestCaseData> Ways =>
    [
        new TestCaseData(Small).SetArgDisplayNames("actor-critic"),
        new TestCaseData(Small with { NormalizeObservations = false, NumStackedVectorObservations = 2 }).SetArgDisplayNames("actor-critic, raw, stacked"),
        new TestCaseData(Small with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 } }).SetArgDisplayNames("policy gradient"),
    ];

    // ---- it learns ----

    /// <summary>In seconds; the long form is the row of <c>Samples/Benchmarks learn</c>.</summary>
    [TestCase(1)]
    [TestCase(2)]
    [Category(Categories.OnProcessor)]
    public void ItLearnsAGameFromNobodyElse(int seed)
    {
        const int Many = 16;
        AgentPopulationOptions options = NimTable.OptionsFor(Many) with { Seed = seed, SelfPlay = new SelfPlay { SaveSteps = 2000, SwapSteps = 500, TeamChange = 6000 } };
        using AgentPopulation agents = new(TestDevice.Plain, options);
        NimTable.Fill(agents, Many, seed);
        float before = ShareOfWins(agents);
        for (int frame = 0; frame < 2500; frame++) TestDevice.Frame(agents);
        float after = ShareOfWins(agents);
        Opponents opponents = agents.Mind.Opponents!;
        Assert.That(before, Is.LessThan(0.75f));
        Assert.That(after, Is.GreaterThan(0.95f), "against a random opponent, greedy");
        Assert.That(agents.Progress.Elo, Is.EqualTo((float)opponents.Rating).And.GreaterThan(1250));
        Assert.That(opponents.Pool.RatingOf(0), Is.LessThan(opponents.Rating), "the oldest snapshot is weaker");
    }

    // ---- who acts with what ----

    [Test]
    public void OpponentsActWithASnapshotAndTeachNothing()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with { SelfPlay = Busy with { PlayAgainstLatestModelRatio = 0, TeamChange = 1_000_000 } });
        NimTable[] tables = NimTable.Fill(agents, Tables);
        Opponents opponents = agents.Mind.Opponents!;
        using AgentInspector inspector = agents.Inspect(tables[1].Players[1]);
        (int compared, int saved, bool hasChanged) = (0, 0, false);
        ClassifierParameters newest = agents.GetBrain(0);
        for (int frame = 0; frame < 150; frame++)
        {
            ClassifierParameters snapshot = Snapshot(agents, opponents.Drawn);
            (float[] offset, float[] scale) = (opponents.Normalizer!.Offset.ToArray(), opponents.Normalizer.Scale.ToArray());
            (long decisions, int snapshots) = (inspector.Decisions, opponents.Saved);
            agents.Update();
            Assert.That(tables.SelectMany(table => table.Players).Select(player => player.ActsBySnapshot), Is.EqualTo(tables.SelectMany(_ => (bool[])[false, true])));
            if (opponents.Saved > snapshots)
            {
                saved++;
                newest = agents.GetBrain(0);
            }

            ClassifierParameters last = Snapshot(agents, opponents.Pool.Count - 1);
            Assert.That(last.HiddenWeights, Is.EqualTo(newest.HiddenWeights), "the newest snapshot is the brain as it was then");
            Assert.That(last.OutputBiases, Is.EqualTo(newest.OutputBiases));
            hasChanged |= !newest.HiddenWeights.AsSpan().SequenceEqual(agents.GetBrain(0).HiddenWeights);
            if (inspector.Decisions == decisions) continue;
            compared++;
            double[] observed = [.. inspector.Observations.ToArray().Select((value, i) => Math.Clamp((value - offset[i]) * (double)scale[i], -5, 5))];
            for (int action = 0; action < NimTable.Actions; action++)
                Assert.That(inspector.Logits[action], Is.EqualTo(LogitOf(snapshot, observed, action)).Within(1e-4), $"frame {frame}");
        }

        Assert.That(compared, Is.GreaterThan(20));
        Assert.That(saved, Is.GreaterThan(4));
        Assert.That(opponents.Pool.Count, Is.EqualTo(3));
        Assert.That(hasChanged, Is.True);
        Assert.That(agents.Progress.LearnedDecisions + agents.Progress.SkippedDecisions, Is.LessThan(0.65 * agents.Progress.Decisions), "of one side");
        Assert.That(agents.Normalizer!.Count, Is.LessThan(0.65 * agents.Progress.Decisions));
    }

    [Test]
    public void TheTeamThatLearnsChanges()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with { SelfPlay = Busy with { PlayAgainstLatestModelRatio = 0, TeamChange = 30 } });
        NimTable[] tables = NimTable.Fill(agents, Tables);
        HashSet<(bool, bool)> seen = [];
        for (int frame = 0; frame < 100; frame++)
        {
            TestDevice.Frame(agents);
            seen.Add((tables[2].Players[0].ActsBySnapshot, tables[2].Players[1].ActsBySnapshot));
        }

        Assert.That(seen, Does.Contain((false, true)).And.Contain((true, false)));
    }

    [Test]
    public void AllActWithTheBrainWhereTheyPlayAgainstTheLatest()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with { SelfPlay = Busy with { PlayAgainstLatestModelRatio = 1 } });
        NimTable[] tables = NimTable.Fill(agents, Tables);
        for (int frame = 0; frame < 60; frame++)
        {
            TestDevice.Frame(agents);
            Assert.That(tables.SelectMany(table => table.Players).Select(player => player.ActsBySnapshot), Has.None.True);
        }

        Assert.That(agents.Progress.Elo, Is.EqualTo(1200), "nobody plays a snapshot");
    }

    [TestCaseSource(nameof(Ways))]
    public void TheSameSeedGivesTheSameBits(AgentPopulationOptions options)
    {
        foreach (int latency in (int[])[0, 1, 2, 3])
        {
            using AgentPopulation first = new(TestDevice.Plain, options with { Latency = latency }), second = new(TestDevice.Plain, options with { Latency = latency });
            foreach (AgentPopulation population in (AgentPopulation[])[first, second])
            {
                NimTable.Fill(population, Tables);
                for (int frame = 0; frame < 120; frame++) TestDevice.Frame(population);
            }

            AssertSame(first, second);
            Assert.That(first.Progress.TrainingSteps, Is.GreaterThan(5));
            Assert.That(first.Progress.Elo, Is.Not.EqualTo(1200));
        }
    }

    // ---- ratings ----

    [Test]
    public void ResultsChangeTheRatingsOfBoth()
    {
        float reward = -1;
        bool isInterrupted = false;
        using AgentPopulation agents = new(TestDevice.Plain, Small with { Observations = 1, Actions = 2, SelfPlay = new SelfPlay { InitialElo = 1000, PlayAgainstLatestModelRatio = 0 } });
        agents.Add(new ProbeAgent());
        agents.Add(new ProbeAgent
        {
            TeamId = 1,
            Act = (self, _) =>
            {
                self.AddReward(reward);
                if (isInterrupted) self.EpisodeInterrupted();
                else self.EndEpisode();
            },
        });
        Opponents opponents = agents.Mind.Opponents!;
        void Play(double snapshot, double brain)
        {
            agents.Update();   // acts
            agents.Update();   // its episode is closed, and it acts in the next one
            Assert.That(opponents.Pool.RatingOf(0), Is.EqualTo(snapshot).Within(1e-6));
            Assert.That(opponents.Rating, Is.EqualTo(brain).Within(1e-6));
        }

        reward = -3;
        Play(996, 1004);
        double expected = 1 / (1 + Math.Pow(10, 8 / 400.0));   // of the snapshot
        double gain = 8 * -expected;
        agents.Update();
        Assert.That(opponents.Pool.RatingOf(0), Is.EqualTo(996 + gain).Within(1e-6));
        reward = 0;
        agents.Update();   // the last loss
        (double rating, double other) = (opponents.Pool.RatingOf(0), opponents.Rating);
        agents.Update();   // a draw helps the weaker one
        Assert.That(opponents.Pool.RatingOf(0), Is.GreaterThan(rating));
        Assert.That(opponents.Pool.RatingOf(0) + opponents.Rating, Is.EqualTo(rating + other).Within(1e-6));
        reward = 5;
        isInterrupted = true;
        agents.Update();
        agents.Update();
        (rating, other) = (opponents.Pool.RatingOf(0), opponents.Rating);
        for (int i = 0; i < 5; i++) agents.Update();
        Assert.That((opponents.Pool.RatingOf(0), opponents.Rating), Is.EqualTo((rating, other)), "an interrupted episode has no result");
        Assert.That(agents.Progress.Episodes, Is.Zero, "those of snapshots are not counted");
    }

    [Test]
    public void TheRatingIsWrittenWithTheProgress()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (AgentPopulation agents = new(TestDevice.Plain, Small))
            {
                NimTable.Fill(agents, Tables);
                agents.WriteProgress(new CsvProgressWriter(path), everyDecisions: 50);
                for (int frame = 0; frame < 40; frame++) TestDevice.Frame(agents);
            }

            string[] rows = File.ReadAllLines(path);
            int column = Array.IndexOf(rows[0].Split(','), "Self-play/ELO");
            Assert.That(float.Parse(rows[^1].Split(',')[column], System.Globalization.CultureInfo.InvariantCulture), Is.InRange(1000, 1400));
        }
        finally
        {
            File.Delete(path);
        }
    }

    // ---- files ----

    [TestCaseSource(nameof(Ways))]
    public void WhatIsLoadedGoesOnWithTheSameBits(AgentPopulationOptions options)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            foreach (int frames in (int[])[0, 7, 40, 111])
            {
                using AgentPopulation first = new(TestDevice.Plain, options);
                NimTable[] tables = NimTable.Fill(first, Tables);
                for (int frame = 0; frame < frames; frame++) TestDevice.Frame(first);
                if (frames % 2 == 0)
                {
                    first.Save(path);
                }
                else
                {
                    Task saving = first.SaveAsync(path);
                    while (!saving.IsCompleted) first.Device.Update();
                    saving.GetAwaiter().GetResult();
                }

                using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, path, options);
                foreach (Agent agent in tables.SelectMany(table => table.Players)) first.Remove(agent);
                AssertSame(second, first);
                foreach (AgentPopulation population in (AgentPopulation[])[first, second])
                {
                    NimTable.Fill(population, Tables, seed: 8);
                    for (int frame = 0; frame < 80; frame++) TestDevice.Frame(population);
                }

                AssertSame(second, first);
                Assert.That(second.Progress.Decisions, Is.EqualTo(first.Progress.Decisions));
                Assert.That(second.Progress.Episodes, Is.EqualTo(first.Progress.Episodes).And.GreaterThan(10));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void AFileWithoutSnapshotsThatFitBeginsAnewWithItsBrain()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using AgentPopulation played = new(TestDevice.Plain, Small);
            NimTable.Fill(played, Tables);
            for (int frame = 0; frame < 100; frame++) TestDevice.Frame(played);
            played.Save(path);
            void AssertBegun(AgentPopulation population)
            {
                Assert.That(population.Mind.Opponents!.Pool.Count, Is.EqualTo(1));
                Assert.That(population.Progress.Elo, Is.EqualTo(1200));
                Assert.That(Snapshot(population, 0).HiddenWeights, Is.EqualTo(played.GetBrain(0).HiddenWeights));
            }

            using AgentPopulation narrow = AgentPopulation.Load(TestDevice.Plain, path, Small with { SelfPlay = Busy with { Window = 2 } });
            AssertBegun(narrow);
            using AgentPopulation other = new(TestDevice.Plain, Small with { Seed = 5 });
            other.LoadBrains(path);
            AssertBegun(other);
            using AgentPopulation wide = AgentPopulation.Load(TestDevice.Plain, path, Small with { SelfPlay = Busy with { Window = 9 } });
            Assert.That(wide.Mind.Opponents!.Pool.Count, Is.EqualTo(3));
            AssertSame(wide, played);
            using AgentPopulation alone = AgentPopulation.Load(TestDevice.Plain, path);
            NimTable[] tables = NimTable.Fill(alone, Tables);
            TestDevice.Frame(alone);
            Assert.That(alone.Progress.Elo, Is.NaN);
            Assert.That(tables.SelectMany(table => table.Players).Select(player => player.ActsBySnapshot), Has.None.True);
            alone.Save(path);
            using AgentPopulation again = AgentPopulation.Load(TestDevice.Plain, path, Small);
            AssertBegun(again);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // ---- another way to learn ----

    [Test]
    public void AnotherWayToLearnKeepsSnapshotsOfTheSameOutputs()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small);
        NimTable.Fill(agents, Tables);
        void Run()
        {
            long steps = agents.Progress.TrainingSteps;
            for (int frame = 0; frame < 80; frame++) TestDevice.Frame(agents);
            if (agents.Learning is not null) Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(steps));
        }

        Run();
        (int count, float elo) = (agents.Mind.Opponents!.Pool.Count, agents.Progress.Elo);
        Assert.That(count, Is.EqualTo(3));
        agents.Learning = (ActorCritic)Small.Learning! with { EntropyBonus = 0.1f };
        Assert.That((agents.Mind.Opponents!.Pool.Count, agents.Progress.Elo), Is.EqualTo((count, elo)));
        Run();
        elo = agents.Progress.Elo;
        agents.Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 };
        Assert.That((agents.Mind.Opponents!.Pool.Count, agents.Progress.Elo), Is.EqualTo((1, elo)), "a snapshot with a value is none without");
        Assert.That(Snapshot(agents, 0).HiddenWeights, Is.EqualTo(agents.GetBrain(0).HiddenWeights));
        Run();
        agents.Learning = null;
        Run();
        agents.Learning = Small.Learning;
        Run();
        Assert.That(agents.Mind.Opponents!.Pool.Count, Is.EqualTo(3));
    }

    /// <summary>For brains of their own and a shared one: what they know stays, and they learn on.</summary>
    [TestCase(BrainSharing.Shared)]
    [TestCase(BrainSharing.OneEach, Category = Categories.OnProcessor)]   // each way has kernels of its own to compile
    public void AnotherWayToLearnKeepsWhatIsKnown(BrainSharing sharing)
    {
        ActorCritic critic = new() { RolloutSize = 16, LeastRolloutPerAgent = 8, Epochs = 2, Minibatches = 2 };
        PolicyGradient gradient = new() { BatchSize = 8, Horizon = 5 };
        AgentLearning?[] ways = [new BehaviorCloning { BatchSize = 8 }, critic, gradient, null, critic with { Lambda = 0.9f }, critic, new BehaviorCloning()];
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 2,
            HiddenUnits = 4,
            Capacity = 3,
            Brains = sharing,
            Latency = 1,
            FrameBudget = FrameBudget.Steps(2),
            Learning = ways[0],
        });
        for (int i = 0; i < 3; i++)
        {
            agents.Add(new ProbeAgent
            {
                Observations = self => [self.StepCount],
                Demonstration = self => (int)(self.StepCount % 2),
                Demonstrates = true,
                Act = (self, action) =>
                {
                    self.AddReward(action);
                    if (self.StepCount == 6) self.EndEpisode();
                },
            });
        }

        foreach (AgentLearning? way in ways)
        {
            long decisions = agents.Progress.Decisions, rows = agents.Normalizer!.Count;
            ClassifierParameters[] before = [.. Enumerable.Range(0, agents.BrainCount).Select(agents.GetBrain)];
            agents.Learning = way;
            Assert.That((agents.Progress.Decisions, agents.Normalizer!.Count), Is.EqualTo((decisions, rows)));
            for (int brain = 0; brain < agents.BrainCount; brain++)
            {
                ClassifierParameters after = agents.GetBrain(brain);
                Assert.That(after.HiddenWeights, Is.EqualTo(before[brain].HiddenWeights));
                Assert.That(LogitsOf(after), Is.EqualTo(LogitsOf(before[brain])), "but for the value");
            }

            long steps = agents.Progress.TrainingSteps;
            for (int frame = 0; frame < 60; frame++) TestDevice.Frame(agents);
            Assert.That(agents.Progress.Decisions, Is.GreaterThan(decisions + 100));
            Assert.That(agents.Progress.TrainingSteps, way is null ? Is.EqualTo(steps) : Is.GreaterThan(steps));
        }

        static float[] LogitsOf(ClassifierParameters parameters) =>
            [.. parameters.OutputWeights.Where((_, i) => i % parameters.OutputBiases.Length < 2), .. parameters.OutputBiases.Take(2)];
    }

    [Test]
    public void WhatCannotBeIsRefusedInWords()
    {
        Assert.That(() => new AgentPopulation(TestDevice.Plain, Small with { Brains = BrainSharing.OneEach }).Dispose(), Throws.ArgumentException.With.Message.Contains("BrainSharing.Shared"));
        Assert.That(() => new AgentPopulation(TestDevice.Plain, Small with { TextureObservations = new TextureObservations(2, 2) }).Dispose(),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("snapshots"));
        Assert.That(() => new SelfPlay { SaveSteps = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { SwapSteps = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { TeamChange = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { Window = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { PlayAgainstLatestModelRatio = float.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { PlayAgainstLatestModelRatio = 1.1f }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SelfPlay { InitialElo = float.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>The share of 320 games that a greedy player wins against one with random moves.</summary>
    private static float ShareOfWins(AgentPopulation agents)
    {
        const int Games = 320;
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            agents.SaveBrain(0, path);
            using AgentPopulation played = new(TestDevice.Plain, NimTable.OptionsFor(16) with { Learning = null, SelfPlay = null });
            played.LoadBrains(path);
            played.Explores = false;
            NimTable[] tables = NimTable.Fill(played, 16, seed: 77);
            foreach (NimTable table in tables) table.Players[1].ActsByHeuristic = true;
            int Won(int side) => tables.Sum(table => table.Players[side].Wins);
            while (Won(0) + Won(1) < Games) TestDevice.Frame(played);
            return Won(0) / (float)(Won(0) + Won(1));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double LogitOf(ClassifierParameters brain, double[] observed, int action)
    {
        int hidden = brain.HiddenBiases.Length, outputs = brain.OutputBiases.Length;
        double logit = brain.OutputBiases[action];
        for (int unit = 0; unit < hidden; unit++)
        {
            double sum = brain.HiddenBiases[unit];
            for (int i = 0; i < observed.Length; i++) sum += observed[i] * brain.HiddenWeights[(i * hidden) + unit];
            logit += Math.Max(0, sum) * brain.OutputWeights[(unit * outputs) + action];
        }

        return logit;
    }

    private static ClassifierParameters Snapshot(AgentPopulation agents, int number)
    {
        float[][] arrays = [.. agents.ReadBrains().Snapshots.Select(tensor =>
        {
            int length = tensor.Values.Length / tensor.Shape[0];
            return tensor.Values.AsSpan(number * length, length).ToArray();
        })];
        return new ClassifierParameters(arrays[0], arrays[1], arrays[2], arrays[3]);
    }

    private static void AssertSame(AgentPopulation actual, AgentPopulation expected)
    {
        Assert.That(actual.GetBrain(0).HiddenWeights, Is.EqualTo(expected.GetBrain(0).HiddenWeights));
        Assert.That(actual.GetBrain(0).OutputWeights, Is.EqualTo(expected.GetBrain(0).OutputWeights));
        (Opponents ours, Opponents theirs) = (actual.Mind.Opponents!, expected.Mind.Opponents!);
        Assert.That((ours.Rating, ours.Drawn, ours.Pool.Count), Is.EqualTo((theirs.Rating, theirs.Drawn, theirs.Pool.Count)));
        NamedTensor[] snapshots = actual.ReadBrains().Snapshots, wanted = expected.ReadBrains().Snapshots;
        for (int i = 0; i < wanted.Length; i++) Assert.That(snapshots[i].Values, Is.EqualTo(wanted[i].Values), wanted[i].Name);
        for (int i = 0; i < theirs.Pool.Count; i++) Assert.That(ours.Pool.RatingOf(i), Is.EqualTo(theirs.Pool.RatingOf(i)));
    }
}
