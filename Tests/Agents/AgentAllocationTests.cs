using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// A frame of the agents allocates nothing, once all have acted and learned. Tests/run also runs this fixture for the devices with a
/// thread of their own.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
[Category(Categories.Card)]
[Category(Categories.EveryFamily)]
internal sealed class AgentAllocationTests
{
    private const int MostFrames = 20_000;

    private readonly bool answersLater = TestDevice.IsInBackground;   // which allocates in the call

    [Test]
    public void AFrameOfAThousandAgentsAllocatesNothing([Values] BrainSharing sharing, [Values(null, 1)] int? latency, [Values] bool clones)
    {
        const int Count = 1000;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 16,
            NumStackedVectorObservations = clones ? 2 : 1,
            Actions = 4,
            HiddenUnits = 32,
            Capacity = Count,
            Brains = sharing,
            Latency = latency,
            Learning = clones ? new BehaviorCloning { BatchSize = 8, Capacity = 16 } : new PolicyGradient { BatchSize = 8, Horizon = 8 },
        });
        for (int i = 0; i < Count; i++) agents.Add(new QuietAgent { Demonstrates = clones && i % 2 == 0 });
        RunFrames(agents, frames: 40, steps: 2);
        long steps = agents.Progress.TrainingSteps, episodes = agents.Progress.Episodes;
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunFrames(agents, frames: 40, steps: 1);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.Zero);
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(steps));
        Assert.That(agents.Progress.Episodes, Is.GreaterThan(episodes));
    }

    /// <summary>As long as half a minute of a game.</summary>
    [Test]
    public void TwoThousandFramesAllocateNothing([Values(null, 0, 2)] int? latency)
    {
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 16,
            NumStackedVectorObservations = latency == 2 ? 3 : 1,
            Actions = 4,
            HiddenUnits = 32,
            Capacity = 100,
            Latency = latency,
            Learning = new PolicyGradient { BatchSize = 8, Horizon = 8, Epochs = 2 },
        });
        for (int i = 0; i < 100; i++) agents.Add(new QuietAgent { DecisionPeriod = 1 + (i % 2) });
        RunFrames(agents, frames: 100, steps: 10);
        long steps = agents.Progress.TrainingSteps;
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunFrames(agents, frames: 2000, steps: 101);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.Zero);
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(steps + 100));
    }

    /// <summary>With snapshots that are saved and drawn, and teams that change.</summary>
    [Test]
    public void SelfPlayAllocatesNothing([Values(null, 0, 1)] int? latency)
    {
        using AgentPopulation agents = new(TestDevice.Plain, NimTable.OptionsFor(16) with
        {
            Latency = latency,
            Learning = new ActorCritic { RolloutSize = 64, LeastRolloutPerAgent = 4 },
            SelfPlay = new SelfPlay { SaveSteps = 150, SwapSteps = 50, TeamChange = 400, Window = 3 },
        });
        NimTable.Fill(agents, 16);
        RunFrames(agents, frames: 400, steps: 10);
        int saved = agents.Mind.Opponents!.Saved;
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunFrames(agents, frames: 200, steps: 10);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.Zero);
        Assert.That(agents.Mind.Opponents.Saved, Is.GreaterThan(saved + 1));
    }

    /// <summary>This many frames and, on a device with a thread of its own, as many more as it takes to train and to end an episode, since its answers come later.</summary>
    private void RunFrames(AgentPopulation agents, int frames, int steps)
    {
        AgentProgress before = agents.Progress;
        for (int frame = 0; frame < frames || (answersLater && frame < MostFrames && !HasGoneOn()); frame++)
        {
            agents.Update();
            agents.Device.Finish();   // a game's frame lasts as long as the GPU's work; otherwise uploads accumulate, and what waits for the first time allocates
        }

        bool HasGoneOn() => agents.Progress.TrainingSteps >= before.TrainingSteps + steps && agents.Progress.Episodes > before.Episodes;
    }

    private sealed class QuietAgent : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            for (int i = 0; i < 14; i++) sensor.AddObservation((Index + i + StepCount) % 7 * 0.1f);
            sensor.AddOneHotObservation(Index % 2, 2);
        }

        public override void OnActionReceived(int action)
        {
            AddReward(action == 1 ? 1 : 0);
            if (StepCount == 5 + (Index % 3)) EndEpisode();
        }

        public override int Heuristic() => Index % 4;

        public override void WriteDiscreteActionMask(ActionMask mask) => mask.SetActionEnabled((Index + 1) % 4, false);
    }
}
