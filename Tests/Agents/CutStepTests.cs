using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Steps of brains of their own that are longer than the frame's budget: they run in parts, some brains in each frame, and what is learned, saved and loaded is the same as
/// with whole steps.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class CutStepTests : IDisposable
{
    private const int Brains = 203;   // no whole number of lines in any family
    private const int Rows = 12;
    private const int StepsOfARollout = 8;
    private const long Budget = 200_000_000;

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 10_000 };
    private readonly NeuralDevice device;

    public CutStepTests()
    {
        device = NeuralDevice.Attach(gl.Api);
        gl.NanosecondsPerFrame = 1_000_000_000;
        time.Besides = () => gl.Nanoseconds;   // the driver works inside the calls
    }

    public void Dispose()
    {
        device.Dispose();
        gl.Dispose();
    }

    /// <summary>Without a cut every third frame would be three budgets long.</summary>
    [Test]
    public void AStepThatIsLongerThanTheBudgetRunsInPartsWithTheSameBits()
    {
        SetCostOfAStep(3 * Budget);
        using AgentPopulation agents = Cloning(TimeSpan.FromMilliseconds(200));
        List<double> times = Frames(agents, 30);
        Assert.That(times[10..], Has.All.AtMost(1.15 * Budget));
        Assert.That(times[10..].Average(), Is.AtLeast(0.6 * Budget));
        Assert.That(agents.Progress.TrainingSteps, Is.InRange(4, 12));
        Assert.That(agents.Progress.TrainingTime, Is.GreaterThan(TimeSpan.Zero), "a frame with a part of a step reports its time");
        while (!agents.Learner!.HasOpenStep) Frames(agents, 1);
        ClassifierParameters[] before = BrainsOf(agents);
        long steps = agents.Progress.TrainingSteps;
        AssertSame(before, Whole(steps), "while a step is partly enqueued, all brains are those from before it");
        while (agents.Progress.TrainingSteps == steps) Frames(agents, 1);
        AssertSame(BrainsOf(agents), Whole(steps + 1), "after it, those of whole steps");
    }

    /// <summary>
    /// Learning from reward, whose steps guide the learning rates: each brain has the bits of whole steps, and whatever is reported in the meantime is that of a whole one.
    /// </summary>
    [Test]
    public void StepsOnARolloutHaveTheSameBitsAndReportTheSame()
    {
        const int Steps = StepsOfARollout;
        List<(BrainSpread Rates, BrainSpread Divergences, float PolicyLoss)> reported = [];
        ClassifierParameters[] expected;
        using (AgentPopulation whole = Rewarded(FrameBudget.Steps(1)))
        {
            while (whole.Progress.TrainingSteps == 0) Frames(whole, 1);
            long groups = gl.Groups;
            Frames(whole, 1);
            gl.NanosecondsPerGroup = 3 * Budget / (gl.Groups - groups);
            reported.Add(ReportOf(whole));
            for (int frame = 0; frame < Steps + 2; frame++)
            {
                Frames(whole, 1);
                reported.Add(ReportOf(whole));
            }

            Assert.That(whole.Progress.TrainingSteps, Is.EqualTo(Steps));
            expected = BrainsOf(whole);
        }

        Assert.That(reported.Distinct().Count(), Is.GreaterThan(Steps - 3));
        using AgentPopulation agents = Rewarded(TimeSpan.FromMilliseconds(200));
        List<(BrainSpread Rates, BrainSpread Divergences, float PolicyLoss)> seen = [];
        int open = 0;
        while (agents.Progress.TrainingSteps == 0) Frames(agents, 1);
        for (int frame = 0; frame < 200 && (agents.Progress.TrainingSteps < Steps || agents.Learner!.HasOpenStep); frame++)
        {
            Frames(agents, 1);
            if (agents.Learner!.HasOpenStep) open++;
            seen.Add(ReportOf(agents));
        }

        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(Steps));
        Assert.That(open, Is.GreaterThan(Steps));
        Assert.That(seen.Distinct(), Is.SubsetOf(reported), "none of a step of which only some brains had a part");
        AssertSame(BrainsOf(agents), expected, "after all steps on a rollout");

        static (BrainSpread Rates, BrainSpread Divergences, float PolicyLoss) ReportOf(AgentPopulation agents) =>
            (agents.Progress.LearningRates, agents.Progress.Divergences, agents.Progress.PolicyLoss);
    }

    /// <summary>Batches of many rows take several dispatches, each of which reads what the one before wrote: in every part, not only in the first.</summary>
    [Test]
    public void ABarrierIsBetweenTheDispatchesOfEachPart()
    {
        const int BatchSize = 150;
        SetCostOfAStep(3 * Budget, BatchSize);
        using AgentPopulation agents = Cloning(TimeSpan.FromMilliseconds(200), BatchSize);
        Frames(agents, 10);
        int several = 0;
        for (int frame = 0; frame < 20; frame++)
        {
            gl.ClearRecords();
            Frames(agents, 1);
            Assert.That(gl.Calls("glMemoryBarrier"), Is.AtLeast(gl.Dispatches));
            if (gl.Dispatches > 1) several++;
        }

        long steps = agents.Progress.TrainingSteps;
        while (agents.Learner!.HasOpenStep || agents.Progress.TrainingSteps == steps) Frames(agents, 1);
        AssertSame(BrainsOf(agents), Whole(agents.Progress.TrainingSteps, BatchSize), "steps of several dispatches");
        Assert.That(several, Is.GreaterThan(10));
    }

    /// <summary>A save completes it, so that weights, the optimizer's state, rates and counts belong together; so does whatever replaces a brain.</summary>
    [Test]
    public void ASaveOfAnOpenStepIsWhole()
    {
        using AgentPopulation agents = WithAnOpenStep();
        long steps = agents.Progress.TrainingSteps;
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "open-step.safetensors");
        try
        {
            agents.Save(path);
            Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(steps + 1));
            AssertSame(BrainsOf(agents), Whole(steps + 1), "saved");
            AgentPopulationOptions options = Options(FrameBudget.Steps(1));
            using AgentPopulation loaded = AgentPopulation.Load(device, path, options);
            AssertSame(BrainsOf(loaded), Whole(steps + 1), "loaded");
            loaded.Update();
            Assert.That(loaded.Progress.TrainingSteps, Is.EqualTo(steps + 2));
            AssertSame(BrainsOf(loaded), Whole(steps + 2), "the next step");
        }
        finally
        {
            File.Delete(path);
        }

        while (!agents.Learner!.HasOpenStep) Frames(agents, 1);
        steps = agents.Progress.TrainingSteps;
        ClassifierParameters other = BrainsOf(agents)[1] with { OutputBiases = [1, 2, 3] };
        agents.SetBrain(Brains - 1, other);
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(steps + 1));
        ClassifierParameters[] expected = Whole(steps + 1);
        expected[^1] = other;
        AssertSame(BrainsOf(agents), expected, "one brain replaced");
        while (!agents.Learner!.HasOpenStep) Frames(agents, 1);   // disposed in the middle of one
    }

    /// <summary>While they do not learn, no brain changes: not by a later save either.</summary>
    [Test]
    public void AgentsThatStopLearningHaveWholeSteps()
    {
        using AgentPopulation agents = WithAnOpenStep();
        long steps = agents.Progress.TrainingSteps;
        agents.Learns = false;
        Frames(agents, 3);
        Assert.That(agents.Learner!.HasOpenStep, Is.False);
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(steps + 1));
        AssertSame(BrainsOf(agents), Whole(steps + 1), "without learning");
    }

    /// <summary>What agents demonstrate and decide between two parts of a step would be in the second one alone.</summary>
    [Test]
    public void StepsThatAlsoImitateAreNotCut()
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        using AgentPopulation agents = Rewarded(TimeSpan.FromMilliseconds(200), new CloningTerm { Demonstration = shown });
        for (int frame = 0; frame < 500 && agents.Progress.TrainingSteps < StepsOfARollout; frame++)
        {
            if (agents.Progress.TrainingSteps == 1) gl.NanosecondsPerGroup = 2 * Budget / Brains;
            Frames(agents, 1);
            Assert.That(agents.Learner!.HasOpenStep, Is.False);
        }

        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(StepsOfARollout));
    }

    /// <summary>A budget in steps never leaves one open.</summary>
    [Test]
    public void ABudgetInStepsRunsThemWhole()
    {
        SetCostOfAStep(3 * Budget);
        using AgentPopulation agents = Cloning(FrameBudget.Steps(2));
        for (int frame = 1; frame < 5; frame++)
        {
            Frames(agents, 1);
            Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(2 * frame));
            Assert.That(agents.Learner!.HasOpenStep, Is.False);
        }
    }

    private static ClassifierParameters[] BrainsOf(AgentPopulation agents) => [.. Enumerable.Range(0, Brains).Select(agents.GetBrain)];

    private static void AssertSame(ClassifierParameters[] found, ClassifierParameters[] expected, string when)
    {
        for (int brain = 0; brain < expected.Length; brain++)
        {
            Assert.That(found[brain].HiddenWeights, Is.EqualTo(expected[brain].HiddenWeights), $"{when}: brain {brain}");
            Assert.That(found[brain].OutputBiases, Is.EqualTo(expected[brain].OutputBiases), $"{when}: brain {brain}");
        }
    }

    /// <summary>The brains after this many whole steps.</summary>
    private ClassifierParameters[] Whole(long steps, int batchSize = Rows)
    {
        using AgentPopulation agents = Cloning(FrameBudget.Steps(1), batchSize);
        while (agents.Progress.TrainingSteps < steps) agents.Update();
        return BrainsOf(agents);
    }

    private void SetCostOfAStep(long nanoseconds, int batchSize = Rows)
    {
        using AgentPopulation agents = Cloning(FrameBudget.Steps(1), batchSize);
        Frames(agents, 5);
        long groups = gl.Groups;
        Frames(agents, 1);
        gl.NanosecondsPerGroup = nanoseconds / (gl.Groups - groups);
    }

    private AgentPopulation WithAnOpenStep()
    {
        SetCostOfAStep(3 * Budget);
        AgentPopulation agents = Cloning(TimeSpan.FromMilliseconds(200));
        Frames(agents, 12);
        while (!agents.Learner!.HasOpenStep) Frames(agents, 1);
        return agents;
    }

    private AgentPopulation Cloning(FrameBudget budget, int batchSize = Rows) => new(device, Options(budget, batchSize));

    /// <summary>Agents that stop to decide when a rollout is full.</summary>
    private AgentPopulation Rewarded(FrameBudget budget, CloningTerm? cloning = null)
    {
        const int Decisions = 9;
        AgentPopulation agents = new(device, Options(budget) with
        {
            Learning = new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 8, Minibatches = 2, Epochs = StepsOfARollout / 2, Cloning = cloning },
        });
        for (int i = 0; i < Brains; i++)
        {
            int number = i;
            agents.Add(new ProbeAgent
            {
                Observations = self => [number % 2, self.StepCount % 3],
                Act = (self, action) =>
                {
                    self.AddReward(action == number % 2 ? 1 : 0);
                    if (self.ActionsReceived.Count == Decisions) self.DecisionPeriod = 0;
                },
            });
        }

        return agents;
    }

    private AgentPopulationOptions Options(FrameBudget budget, int batchSize = Rows)
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        return new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            HiddenUnits = 8,
            Capacity = Brains,
            Learning = new BehaviorCloning { Demonstration = shown, BatchSize = batchSize },
            FrameBudget = budget,
            TimeProvider = time,
        };
    }

    private List<double> Frames(AgentPopulation agents, int count) => [.. Enumerable.Range(0, count).Select(_ => (double)gl.RunFrame(agents.Update))];
}
