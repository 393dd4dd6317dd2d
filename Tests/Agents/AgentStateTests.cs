using System.Globalization;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Populations that are saved, loaded, given other brains, and given another learning algorithm.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentStateTests
{
    private const int Agents = 3;

    private static readonly AgentPopulationOptions Common = new()
    {
        Observations = 2,
        Actions = 3,
        HiddenUnits = 8,
        Capacity = Agents,
        Latency = 0,
        Seed = 4,
        FrameBudget = FrameBudget.Steps(2),
    };

    private static readonly AgentPopulationOptions Critics = Common with
    {
        Brains = BrainSharing.Shared,
        Learning = new ActorCritic { RolloutSize = 32, LeastRolloutPerAgent = 8, Epochs = 3, Minibatches = 4 },
    };

    private static readonly AgentPopulationOptions Own = Common with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 5, Epochs = 3 } };

    private string folder = "";

    private static IEnumerable<TestCaseData> Ways =>
    [
        new TestCaseData(Critics).SetArgDisplayNames("actor-critic"),
        new TestCaseData(Critics with { Learning = ((ActorCritic)Critics.Learning!) with { Optimizer = new Sgd(0.05f, Momentum: 0.9f), MostLearningRate = 1 } }).SetArgDisplayNames("actor-critic by momentum"),
        new TestCaseData(Critics with { NormalizeObservations = false }).SetArgDisplayNames("actor-critic, raw"),
        new TestCaseData(Critics with { Brains = BrainSharing.OneEach }).SetArgDisplayNames("actor-critic, own brains"),
        new TestCaseData(Critics with { NumStackedVectorObservations = 3 }).SetArgDisplayNames("actor-critic, stacked observations"),
        new TestCaseData(Own).SetArgDisplayNames("policy gradient, own brains"),
        new TestCaseData(Common with { Brains = BrainSharing.Shared, Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 } }).SetArgDisplayNames("policy gradient, shared"),
        new TestCaseData(Common with { Learning = new BehaviorCloning { BatchSize = 8, Capacity = 20, BalanceActions = true } }).SetArgDisplayNames("cloning, own brains"),
    ];

    private string FilePath => Path.Combine(folder, "agents.safetensors");

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("agents").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    // ---- continuing ----

    /// <summary>At every moment: in the middle of a rollout, of the steps on one, and of episodes.</summary>
    [TestCaseSource(nameof(Ways))]
    public void WhatIsLoadedGoesOnWithTheSameBits(AgentPopulationOptions options)
    {
        foreach (int frames in (int[])[0, 1, 7, 30, 61])
        {
            using AgentPopulation first = new(TestDevice.Plain, options);
            List<Agent> agents = Fill(first, world: 1);
            Run(first, frames);
            first.Save(FilePath);
            using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, FilePath, options);
            foreach (Agent agent in agents) first.Remove(agent);
            AssertSameBrains(second, first);
            Assert.That(second.Progress.TrainingSteps, Is.EqualTo(first.Progress.TrainingSteps));
            foreach (AgentPopulation population in (AgentPopulation[])[first, second])
            {
                Fill(population, world: 2);
                Run(population, 60);
            }

            AssertSameBrains(second, first, $"after {frames} frames");
            Assert.That(second.Progress.TrainingSteps, Is.EqualTo(first.Progress.TrainingSteps).And.GreaterThan(10));
            Assert.That(second.Progress.Decisions, Is.EqualTo(first.Progress.Decisions));
            Assert.That(second.Progress.LearnedDecisions, Is.EqualTo(first.Progress.LearnedDecisions));
            Assert.That(second.Progress.SkippedDecisions, Is.EqualTo(first.Progress.SkippedDecisions));
            Assert.That(second.Progress.Episodes, Is.EqualTo(first.Progress.Episodes).And.GreaterThan(10));
            Assert.That(second.Progress.MeanEpisodeReward, Is.EqualTo(first.Progress.MeanEpisodeReward));
        }
    }

    [TestCaseSource(nameof(Ways))]
    public void SavingChangesNothing(AgentPopulationOptions options)
    {
        using AgentPopulation saved = new(TestDevice.Plain, options), other = new(TestDevice.Plain, options);
        Fill(saved, world: 1);
        Fill(other, world: 1);
        for (int frame = 0; frame < 60; frame++)
        {
            Run(saved, 1);
            Run(other, 1);
            if (frame % 7 == 0) saved.Save(FilePath);
        }

        AssertSameBrains(saved, other);
        Assert.That(saved.Progress.MeanEpisodeReward, Is.EqualTo(other.Progress.MeanEpisodeReward));
    }

    /// <summary>The file has the state at the time of the call, although the run has continued since.</summary>
    [Test]
    public void SavingInARunningGameWritesTheSame()
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics);
        Fill(population, world: 1);
        Run(population, 40);
        population.Save(FilePath);
        string other = Path.Combine(folder, "other.safetensors");
        Task saved = population.SaveAsync(other);
        Run(population, 5);
        while (!saved.IsCompleted) TestDevice.Plain.Update();
        Assert.That(saved.Exception, Is.Null);
        Assert.That(File.ReadAllBytes(other), Is.EqualTo(File.ReadAllBytes(FilePath)));
        Task again = population.SaveAsync(other);
        population.Save(other);
        Assert.That(again.IsCompletedSuccessfully, "an older save does not replace a newer one");
    }

    /// <summary>With another number of agents: learning continues, and state that belongs to individual places is left out.</summary>
    [Test]
    public void AnotherCapacityTakesWhatIsLearned()
    {
        using AgentPopulation first = new(TestDevice.Plain, Critics);
        Fill(first, world: 1);
        Run(first, 100);
        first.Save(FilePath);
        using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, FilePath, Critics with { Capacity = 7 });
        AssertSameBrains(second, first);
        Assert.That(second.Normalizer!.Mean.ToArray(), Is.EqualTo(first.Normalizer!.Mean.ToArray()));
        Assert.That(((ActorCriticLearner)second.Learner!).ScaleOf(0), Is.EqualTo(((ActorCriticLearner)first.Learner!).ScaleOf(0)));
        Fill(second, world: 2);
        Run(second, 60);
        Assert.That(second.Progress.TrainingSteps, Is.GreaterThan(first.Progress.TrainingSteps));
        using AgentPopulation small = AgentPopulation.Load(
            TestDevice.Plain, FilePath, Critics with { Learning = new ActorCritic { RolloutSize = 4, LeastRolloutPerAgent = 1, Minibatches = 2 } });
        Fill(small, world: 2);
        Assert.That(() => Run(small, 30), Throws.Nothing, "rollouts that have no room are left out");
    }

    // ---- playing ----

    /// <summary>Without a learner, and without options: with the normalization and the random streams of the game that learned.</summary>
    [TestCaseSource(nameof(Ways))]
    public void WhatIsLoadedForPlayDoesTheSame(AgentPopulationOptions options)
    {
        using AgentPopulation first = new(TestDevice.Plain, options);
        List<Agent> agents = Fill(first, world: 1);
        Run(first, 80);
        first.Learns = false;
        first.Save(FilePath);
        using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, FilePath);
        Assert.That(second.Learning, Is.Null);
        List<int> actions = [], others = [];
        first.Remove(agents[0]);
        Ask(first, actions);
        Ask(second, others);
        Assert.That(others, Has.Count.InRange(35, actions.Count), "its latency is another one");
        Assert.That(others, Is.EqualTo(actions[..others.Count]));
        Assert.That(actions.Distinct().Count(), Is.GreaterThan(1), "it is a choice");
    }

    [Test]
    public void OneBrainGoesToAll()
    {
        using AgentPopulation first = new(TestDevice.Plain, Own);
        Fill(first, world: 1);
        Run(first, 60);
        first.SaveBrain(1, FilePath);
        using AgentPopulation second = new(TestDevice.Plain, Own with { Seed = 9, Capacity = 5 });
        second.LoadBrains(FilePath);
        for (int brain = 0; brain < 5; brain++) AssertSame(second.GetBrain(brain), first.GetBrain(1));
        Assert.That(second.Normalizer!.Mean.ToArray(), Is.EqualTo(first.Normalizer!.Mean.ToArray()));
        Assert.That(second.Progress.Episodes, Is.Zero);
        using AgentPopulation played = AgentPopulation.Load(TestDevice.Plain, FilePath);
        Assert.That(played.Capacity, Is.EqualTo(1));
        AssertSame(played.GetBrain(0), first.GetBrain(1));
        Assert.That(() => first.SaveBrain(3, FilePath), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>Brains of a critic have one more output. Its scale is stored too, so that the values keep their meaning.</summary>
    [Test]
    public void BrainsOfACriticArePlayedAndLearnOn()
    {
        using AgentPopulation first = new(TestDevice.Plain, Critics);
        Fill(first, world: 1);
        Run(first, 100);
        first.Save(FilePath);
        using AgentPopulation own = new(TestDevice.Plain, Own), critics = new(TestDevice.Plain, Critics with { Seed = 8 });
        own.LoadBrains(FilePath);
        critics.LoadBrains(FilePath);
        AssertSame(critics.GetBrain(0), first.GetBrain(0));
        Assert.That(((ActorCriticLearner)critics.Learner!).ScaleOf(0), Is.EqualTo(((ActorCriticLearner)first.Learner!).ScaleOf(0)));
        ClassifierParameters all = first.GetBrain(0), policy = own.GetBrain(2);
        Assert.That(policy.HiddenWeights, Is.EqualTo(all.HiddenWeights));
        Assert.That(policy.OutputBiases, Is.EqualTo(all.OutputBiases[..3]));
        Assert.That(policy.OutputWeights, Is.EqualTo(all.OutputWeights.Where((_, i) => i % 4 < 3)));
    }

    // ---- another learning algorithm ----

    /// <summary>From a player's demonstrations to reward, in the same game: what was cloned is not forgotten, and reward is learned from.</summary>
    [Test]
    public void LearningMayChange()
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics with { Learning = new BehaviorCloning { BatchSize = 8 } });
        List<Agent> agents = Fill(population, world: 1);
        Run(population, 80);
        ClassifierParameters cloned = population.GetBrain(0);
        double[] means = population.Normalizer!.Mean.ToArray();
        long decisions = population.Progress.Decisions;
        ActorCritic critic = (ActorCritic)Critics.Learning!;
        population.Learning = critic;
        Assert.That(population.Learning, Is.EqualTo(critic));
        ClassifierParameters brain = population.GetBrain(0);
        Assert.That(brain.HiddenWeights, Is.EqualTo(cloned.HiddenWeights));
        Assert.That(brain.OutputWeights.Where((_, i) => i % 4 < 3), Is.EqualTo(cloned.OutputWeights));
        Assert.That(population.Normalizer!.Mean.ToArray(), Is.EqualTo(means));
        Assert.That(population.Progress.Decisions, Is.EqualTo(decisions));
        Assert.That(agents.TrueForAll(agent => agent.Population == population));
        Run(population, 80);
        Assert.That(population.Progress.LearnedDecisions, Is.Positive);

        population.Learning = critic with { ClipRange = 0.1f };
        Assert.That(population.Progress.TrainingSteps, Is.Positive);
        long steps = population.Learner!.Steps;
        Assert.That(steps, Is.Positive, "the same algorithm with other settings continues");
        population.Learning = null;
        Run(population, 5);
        Assert.That(population.GetBrain(0).OutputBiases, Has.Length.EqualTo(3));
        Assert.That(() => population.Learning = new ActorCritic { Optimizer = new Sgd(0.1f) }, Throws.ArgumentException);
        Assert.That(population.Learning, Is.Null);
    }

    /// <summary>An agent whose pending answer is lost by the change is asked again.</summary>
    [Test]
    public void QuestionsUnderWayAreAskedAgain([Values(0, 1)] int period)
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics with { Latency = 2 });
        int acts = 0;
        ProbeAgent agent = new() { DecisionPeriod = period, Observations = _ => [1, 2], Act = (_, _) => acts++ };
        population.Add(agent);
        agent.RequestDecision();
        population.Update();
        population.Learning = null;
        for (int frame = 0; frame < 4; frame++) population.Update();
        Assert.That(acts, period == 0 ? Is.EqualTo(1) : Is.Positive);
    }

    // ---- mismatches ----

    [Test]
    public void AFileOfOthersIsRefusedInWords()
    {
        using AgentPopulation first = new(TestDevice.Plain, Own);
        first.Save(FilePath);
        byte[] whole = File.ReadAllBytes(FilePath);
        AssertRefused(Own with { Observations = 3 }, "its agents have 2 observations, but those of this population have 3");
        AssertRefused(Own with { Actions = 4 }, "its agents have 3 actions, but those of this population have 4");
        AssertRefused(Own with { HiddenUnits = 9 }, "8 hidden units");
        AssertRefused(Own with { NormalizeObservations = false }, "Set AgentPopulationOptions.NormalizeObservations to True");
        AssertRefused(Own with { Capacity = 4 }, "it has 3 brains, but this population has 4");
        AssertRefused(Critics, "it has 3 brains, but this population has 1");
        Assert.That(File.ReadAllBytes(FilePath), Is.EqualTo(whole));

        using TwoLayerClassifier classifier = new(TestDevice.Plain, 2, 8, 3);
        classifier.Save(FilePath);
        Assert.That(() => AgentPopulation.Load(TestDevice.Plain, FilePath), Throws.TypeOf<ModelFileException>());
        Assert.That(() => first.LoadBrains(Path.Combine(folder, "none")), Throws.InstanceOf<IOException>());
        Assert.That(() => first.Save(""), Throws.ArgumentException);

        void AssertRefused(AgentPopulationOptions options, string says)
        {
            Assert.That(() => AgentPopulation.Load(TestDevice.Plain, FilePath, options), Throws.TypeOf<ModelFileException>().With.Message.Contains(says));
            using AgentPopulation other = new(TestDevice.Plain, options);
            ClassifierParameters before = other.GetBrain(0);
            Assert.That(() => other.LoadBrains(FilePath), Throws.TypeOf<ModelFileException>());
            AssertSame(other.GetBrain(0), before);
        }
    }

    /// <summary>Invalid numbers are reported with their byte, and nothing has changed.</summary>
    [TestCase("experience.collected.allowed", 0, 0, FileDefect.WrongRow, "not one of the allowed ones")]
    [TestCase("experience.collected.action", 1, 3, FileDefect.NumberRange, "a whole number from 0 to 2")]
    [TestCase("experience.collected.agent", 1, 0.5, FileDefect.NumberRange, "must be a whole number from 0 to 2, but is 0.5")]
    [TestCase("experience.learned.order", 2, 99, FileDefect.WrongRow, "not so many decisions")]
    [TestCase("observations.squares", 1, -1, FileDefect.NumberRange, "value 1 of observations.squares must be a number from 0")]
    [TestCase("observations.count", 0, 2.5, FileDefect.NumberRange, "whole number")]
    [TestCase("learning.optimizer.steps", 0, -1, FileDefect.NumberRange, "but is -1")]
    [TestCase("learning.optimizer.second_moment.output.bias", 3, -1, FileDefect.NegativeMoment, "never negative")]
    [TestCase("run.decisions", 0, double.NaN, FileDefect.NotFinite, "must be finite")]
    public void ANumberThatCannotBeIsNamed(string tensor, int place, double value, FileDefect defect, string says)
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics);
        Fill(population, world: 1);
        Run(population, 61);
        population.Save(FilePath);
        SafetensorsParts parts = new(File.ReadAllBytes(FilePath));
        List<(string Name, string Json)> fields = parts.Members.Single(member => member.Name == tensor).Fields;
        bool isWide = fields.Single(field => field.Name == Safetensors.ElementType).Json == "\"F64\"";
        int begin = int.Parse(fields.Single(field => field.Name == Safetensors.Offsets).Json.Trim('[', ']').Split(',')[0], CultureInfo.InvariantCulture);
        if (tensor.EndsWith("allowed", StringComparison.Ordinal)) parts.Data.AsSpan(begin, 3 * sizeof(float)).Clear();
        else if (isWide) BitConverter.GetBytes(value).CopyTo(parts.Data, begin + (place * sizeof(double)));
        else BitConverter.GetBytes((float)value).CopyTo(parts.Data, begin + (place * sizeof(float)));
        File.WriteAllBytes(FilePath, parts.Join());
        ClassifierParameters before = population.GetBrain(0);
        ModelFileException exception = Assert.Throws<ModelFileException>(() => AgentPopulation.Load(TestDevice.Plain, FilePath, Critics))!;
        Assert.That(exception.Defect, Is.EqualTo(defect), exception.Message);
        Assert.That(exception.Message, Does.Contain(says));
        AssertSame(population.GetBrain(0), before);
    }

    [Test]
    public void AFileThatIsCutOffIsRefused()
    {
        using AgentPopulation population = new(TestDevice.Plain, Own);
        population.Save(FilePath);
        byte[] whole = File.ReadAllBytes(FilePath);
        for (int length = 0; length < whole.Length; length += 1 + (length / 50))
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            Assert.That(() => AgentPopulation.Load(TestDevice.Plain, FilePath, Own), Throws.TypeOf<ModelFileException>(), $"{length} bytes");
        }
    }

    [Test]
    public void WeightsThatAreNotFiniteReplaceNoFile()
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics);
        population.Save(FilePath);
        byte[] whole = File.ReadAllBytes(FilePath);
        ((ActorCriticLearner)population.Learner!).Decide(0, new Decision([1, 2], -1, 0, [true, true, true]) { Value = float.NaN });
        Assert.That(() => population.Save(FilePath), Throws.TypeOf<NonFiniteValueException>().With.Message.Contains("experience.collected.value"));
        Assert.That(File.ReadAllBytes(FilePath), Is.EqualTo(whole));
    }

    [Test]
    public void ScriptsMayNotSaveNorChangeTheirPopulation()
    {
        using AgentPopulation population = new(TestDevice.Plain, Critics);
        population.Add(new ProbeAgent { Observations = _ => [1, 2], Act = (_, _) => population.Save(FilePath) });
        Assert.That(population.Update, Throws.InvalidOperationException.With.Message.Contains("between two Updates"));
        population.Add(new ProbeAgent { Observations = _ => [1, 2], Act = (_, _) => population.Learning = null });
        Assert.That(population.Update, Throws.InvalidOperationException);
    }

    private static List<Agent> Fill(AgentPopulation population, int world)
    {
        List<Agent> agents = [];
        for (int i = 0; i < Agents; i++)
        {
            agents.Add(new Stroller(new SeededRandom((ulong)world, (ulong)i)) { DecisionPeriod = 1 + (i % 2), MaxStep = i == 2 ? 5 : 0, Demonstrates = population.Learning is BehaviorCloning });
            population.Add(agents[^1]);
        }

        return agents;
    }

    private static void Run(AgentPopulation population, int frames)
    {
        for (int frame = 0; frame < frames; frame++) TestDevice.Frame(population);
    }

    /// <summary>The actions of an agent in the first place, which is free, for some observations.</summary>
    private static void Ask(AgentPopulation population, List<int> actions)
    {
        SeededRandom random = new(12);
        population.Add(new ProbeAgent
        {
            Observations = _ => [80 + (40 * random.NextSingle()), random.NextSingle() - 0.5f],
            Act = (_, action) => actions.Add(action),
        });
        Run(population, 40);
    }

    private static void AssertSameBrains(AgentPopulation actual, AgentPopulation expected, string when = "")
    {
        for (int brain = 0; brain < Math.Min(actual.Brains.Count, expected.Brains.Count); brain++) AssertSame(actual.GetBrain(brain), expected.GetBrain(brain), when);
    }

    private static void AssertSame(ClassifierParameters actual, ClassifierParameters expected, string when = "")
    {
        Assert.That(actual.HiddenWeights, Is.EqualTo(expected.HiddenWeights), when);
        Assert.That(actual.HiddenBiases, Is.EqualTo(expected.HiddenBiases), when);
        Assert.That(actual.OutputWeights, Is.EqualTo(expected.OutputWeights), when);
        Assert.That(actual.OutputBiases, Is.EqualTo(expected.OutputBiases), when);
    }

    /// <summary>Moves around far from the origin and rewards itself; some actions are masked at times, and episodes end now and then.</summary>
    private sealed class Stroller(SeededRandom world) : Agent
    {
        private float x;
        private float y;

        public override void OnEpisodeBegin() => (x, y) = (100 + (20 * (world.NextSingle() - 0.5f)), world.NextSingle() - 0.5f);

        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(x);
            sensor.AddObservation(y);
        }

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            if (y > 0.3f) mask.SetActionEnabled(2, false);
        }

        public override int Heuristic() => x > 100 ? 0 : 1;

        public override void OnActionReceived(int action)
        {
            x += action == 0 ? -1 : action == 1 ? 1 : 0;
            y = Math.Clamp(y + (0.4f * (world.NextSingle() - 0.5f)), -0.5f, 0.5f);
            AddReward(1 - (Math.Abs(x - 100) / 10));
            if (world.NextInt32(9) == 0) EndEpisode();
        }
    }
}
