using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Agents learn within the budget of a frame, on a GPU with a clock of its own.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class AgentBudgetTests : IDisposable
{
    private const double Budget = 200_000_000;   // far above the time of the calls by their own clock

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 10_000 };
    private readonly NeuralDevice device;

    public AgentBudgetTests()
    {
        device = NeuralDevice.Attach(gl.Api);
        gl.NanosecondsPerFrame = 1_000_000_000;
    }

    public void Dispose()
    {
        device.Dispose();
        gl.Dispose();
    }

    [Test]
    public void WholeStepsFillATimeAndNoMore([Values] BrainSharing brains, [Values(0, 2)] int delayFrames, [Values] bool isInsideTheCalls)
    {
        gl.DelayFrames = delayFrames;
        if (isInsideTheCalls) time.Besides = () => gl.Nanoseconds;
        SetCostOfAStep(brains, brains == BrainSharing.Shared ? 24_000_000 : 8_000_000);
        using AgentPopulation agents = Cloning(brains, TimeSpan.FromMilliseconds(200));
        List<double> times = Frames(agents, 60);
        Assert.That(times[20..], Has.All.AtMost(1.15 * Budget));
        Assert.That(times[20..].Order().ElementAt(20), Is.AtLeast(0.8 * Budget));
        Assert.That(agents.Progress.TrainingTime.TotalMilliseconds, Is.EqualTo(200).Within(20).Percent);
        Assert.That(agents.Progress.StepsThisFrame, Is.GreaterThan(1));
        agents.FrameBudget = FrameBudget.Steps(1);
        long before = agents.Progress.TrainingSteps;
        Frames(agents, 5);
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(before + 5));
        agents.Learns = false;
        agents.Update();
        Assert.That(agents.Progress.TrainingTime, Is.EqualTo(TimeSpan.Zero));
    }

    /// <summary>It is neither split nor abandoned.</summary>
    [Test]
    public void AStepThatIsLongerThanTheBudgetRunsInEveryFewFrames()
    {
        const int Count = 60;
        SetCostOfAStep(BrainSharing.OneEach, 1_400_000_000);
        using AgentPopulation agents = Cloning(BrainSharing.OneEach, TimeSpan.FromMilliseconds(200));
        Frames(agents, 20);
        long before = agents.Progress.TrainingSteps;
        double mean = Frames(agents, Count).Average();
        Assert.That(agents.Progress.TrainingSteps - before, Is.InRange(Count / 8, Count / 3));
        Assert.That(mean, Is.AtMost(1.15 * Budget));
    }

    /// <summary>A step in every second frame of a fiftieth of a second.</summary>
    [Test]
    public void TheyKeepToARateOfSteps([Values] BrainSharing brains)
    {
        using AgentPopulation agents = Cloning(brains, FrameBudget.StepsPerSecond(25));
        time.NanosecondsPerLook = 0;
        Frames(agents, 10);
        long before = agents.Progress.TrainingSteps;
        for (int frame = 0; frame < 20; frame++)
        {
            time.Nanoseconds += 20_000_000;
            Frames(agents, 1);
            Assert.That(agents.Progress.StepsThisFrame, Is.AtMost(1));
        }

        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(before + 10).Within(1));
    }

    [Test]
    public void TheyShareABudgetWithATrainer()
    {
        SetCostOfAStep(BrainSharing.Shared, 24_000_000);
        SharedFrameBudget shared = new(TimeSpan.FromMilliseconds(200));
        using AgentPopulation agents = Cloning(BrainSharing.Shared, shared), others = Cloning(BrainSharing.Shared, shared);
        List<double> times = [];
        for (int frame = 0; frame < 60; frame++)
        {
            times.Add(gl.RunFrame(() =>
            {
                agents.Update();
                others.Update();
            }));
        }

        Assert.That(times[20..], Has.All.AtMost(1.15 * Budget));
        Assert.That(others.Progress.TrainingSteps, Is.EqualTo(agents.Progress.TrainingSteps).Within(50).Percent);
    }

    /// <summary>Everything that a frame enqueued, including questions, reported some frames later; frames without a step report their time, too.</summary>
    [Test]
    public void TheGpuTimeIsThatOfAFrameBefore([Values] BrainSharing brains, [Values(0, 3, 40)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        using AgentPopulation agents = Cloning(brains, FrameBudget.Steps(1));
        agents.Add(new ProbeAgent { Name = "asked", Observations = _ => [1, -1] });
        int late = Math.Max(1, delayFrames);
        List<double> times = [], told = [];
        for (int frame = 0; frame < 80; frame++)
        {
            agents.FrameBudget = FrameBudget.Steps(1 + (frame % 3));
            agents.Learns = frame % 4 != 3;
            times.AddRange(Frames(agents, 1));
            told.Add(agents.Progress.GpuTime.TotalNanoseconds);
        }

        Assert.That(times.Distinct().Count(), Is.GreaterThan(3));
        if (delayFrames < 16) Assert.That(told[20..], Is.EqualTo(times.GetRange(20 - late, 60)).Within(100.0), "a tick of TimeSpan");
        else Assert.That(told.Distinct(), Is.SubsetOf(times.Append(0)).And.Some.Positive, "of the frames that found a query");
    }

    /// <summary>The kernel family determines the number of workgroups of a step.</summary>
    private void SetCostOfAStep(BrainSharing brains, long nanoseconds)
    {
        using AgentPopulation agents = Cloning(brains, FrameBudget.Steps(1));
        Frames(agents, 20);
        (long steps, long groups) = (agents.Progress.TrainingSteps, gl.Groups);
        Frames(agents, 1);
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(steps + 1));
        gl.NanosecondsPerGroup = nanoseconds / (gl.Groups - groups);
    }

    private AgentPopulation Cloning(BrainSharing brains, FrameBudget budget)
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        return new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 4,
            Brains = brains,
            Learning = new BehaviorCloning { Demonstration = shown },
            FrameBudget = budget,
            TimeProvider = time,
        });
    }

    private List<double> Frames(AgentPopulation agents, int count) => [.. Enumerable.Range(0, count).Select(_ => (double)gl.RunFrame(agents.Update))];
}
