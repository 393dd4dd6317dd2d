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

    /// <summary>A save completes it, so that weights, the optimizer's state, rates and counts belong together; so does whatever replaces a brain.</summary>
    [Test]
    public void ASaveOfAnOpenStepIsWhole()
    {
        SetCostOfAStep(3 * Budget);
        using AgentPopulation agents = Cloning(TimeSpan.FromMilliseconds(200));
        Frames(agents, 12);
        while (!agents.Learner!.HasOpenStep) Frames(agents, 1);
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
    private ClassifierParameters[] Whole(long steps)
    {
        using AgentPopulation agents = Cloning(FrameBudget.Steps(1));
        while (agents.Progress.TrainingSteps < steps) agents.Update();
        return BrainsOf(agents);
    }

    private void SetCostOfAStep(long nanoseconds)
    {
        using AgentPopulation agents = Cloning(FrameBudget.Steps(1));
        Frames(agents, 5);
        long groups = gl.Groups;
        Frames(agents, 1);
        gl.NanosecondsPerGroup = nanoseconds / (gl.Groups - groups);
    }

    private AgentPopulation Cloning(FrameBudget budget) => new(device, Options(budget));

    private AgentPopulationOptions Options(FrameBudget budget)
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        return new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            HiddenUnits = 8,
            Capacity = Brains,
            Learning = new BehaviorCloning { Demonstration = shown, BatchSize = 12 },
            FrameBudget = budget,
            TimeProvider = time,
        };
    }

    private List<double> Frames(AgentPopulation agents, int count)
    {
        List<double> times = [];
        for (int frame = 0; frame < count; frame++)
        {
            long before = gl.Nanoseconds;
            agents.Update();
            times.Add(gl.Nanoseconds - before);
            gl.NextFrame();
        }

        return times;
    }
}
