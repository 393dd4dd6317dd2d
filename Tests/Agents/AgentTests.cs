using System.Numerics;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Each member of the agents' API does what its documentation says.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class AgentTests
{
    private static AgentPopulation Make(
        BrainSharing brains = BrainSharing.OneEach, int observations = 1, int actions = 2, int capacity = 3, int? latency = 1, AgentLearning? learning = null)
    {
        return new AgentPopulation(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = observations,
            Actions = actions,
            Capacity = capacity,
            HiddenUnits = 5,
            Brains = brains,
            Latency = latency,
            Learning = learning,
        });
    }

    // ---- the sensor ----

    [Test]
    public void ASensorTakesEveryKindOfObservationInOrder()
    {
        float[] values = new float[19];
        VectorSensor sensor = new();
        sensor.Begin(values, 1, 18);
        sensor.AddObservation(0.5f);
        sensor.AddObservation(7);
        sensor.AddObservation(true);
        sensor.AddObservation(false);
        sensor.AddObservation(new Vector2(1, 2));
        sensor.AddObservation(new Vector3(3, 4, 5));
        sensor.AddObservation(new Quaternion(6, 7, 8, 9));
        sensor.AddOneHotObservation(1, 3);
        sensor.AddObservation([10f, 11f]);
        Assert.That(sensor.Count, Is.EqualTo(18));
        Assert.That(values, Is.EqualTo(new float[] { 0, 0.5f, 7, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 10, 11 }));
    }

    [Test]
    public void ASensorCountsWhatIsTooMuchAndWritesNoneOfIt()
    {
        float[] values = new float[5];
        VectorSensor sensor = new();
        sensor.Begin(values, 1, 2);
        for (int i = 0; i < 4; i++) sensor.AddObservation(1f);
        Assert.That(sensor.Count, Is.EqualTo(4));
        Assert.That(values, Is.EqualTo(new float[] { 0, 1, 1, 0, 0 }));
    }

    [TestCase(-1)]
    [TestCase(3)]
    public void AOneHotOutsideItsRangeIsAllZero(int value)
    {
        float[] values = [9, 9, 9];
        VectorSensor sensor = new();
        sensor.Begin(values, 0, 3);
        sensor.AddOneHotObservation(value, 3);
        Assert.That(values, Is.All.Zero);
    }

    // ---- frames ----

    [Test]
    public void WithALatencyOfZeroEachFrameAsksAndActs()
    {
        using AgentPopulation agents = Make(latency: 0);
        ProbeAgent agent = new();
        agents.Add(agent);
        for (int frame = 0; frame < 3; frame++) agents.Update();
        Assert.That(agent.Calls.Select(call => call[..3]), Is.EqualTo(new[] { "beg", "obs", "act", "obs", "act", "obs", "act" }));
    }

    [Test]
    public void AnAnswerComesExactlyTheLatencyLater([Values(1, 2, 3, 7)] int latency, [Values] BrainSharing brains)
    {
        using AgentPopulation agents = Make(brains, latency: latency);
        List<long> asked = [], acted = [];
        ProbeAgent agent = new()
        {
            DecisionPeriod = 10,
            Observations = _ => { asked.Add(agents.Frame); return [1]; },
            Act = (_, _) => acted.Add(agents.Frame),
        };
        agents.Add(agent);
        for (int frame = 0; frame < 13; frame++) agents.Update();
        Assert.That(asked, Is.EqualTo(new long[] { 1, 11 }));
        Assert.That(acted[0], Is.EqualTo(1 + latency));
        Assert.That(acted, Has.Count.EqualTo(13 - latency), "the action is repeated in every frame");
    }

    [Test]
    public void ActionsComeInTheOrderOfTheirQuestions()
    {
        using AgentPopulation agents = Make(actions: 9, latency: 3);
        agents.Explores = false;
        int frame = 0;
        List<int> allowed = [];
        ProbeAgent agent = new()
        {
            Mask = mask =>
            {
                for (int i = 0; i < 9; i++) mask.SetActionEnabled(i, i == frame % 9);
                allowed.Add(frame % 9);
            },
        };
        agents.Add(agent);
        for (; frame < 20; frame++) agents.Update();
        Assert.That(agent.ActionsReceived, Is.EqualTo(allowed.Take(17)));
    }

    [Test]
    public void WithoutALatencyTheAnswerComesWithTheFirstFrameThatFindsItDone()
    {
        using AgentPopulation agents = Make(latency: null);
        ProbeAgent agent = new();
        agents.Add(agent);
        for (int frame = 0; frame < 3; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        Assert.That(agent.Calls.Count(call => call == "observe"), Is.EqualTo(3));
        Assert.That(agent.ActionsReceived, Has.Count.EqualTo(2));
    }

    [Test]
    public void ADecisionIsRepeatedUntilTheNextOne()
    {
        using AgentPopulation agents = Make(actions: 5, latency: 0);
        ProbeAgent agent = new() { DecisionPeriod = 4 };
        agents.Add(agent);
        for (int frame = 0; frame < 20; frame++) agents.Update();
        Assert.That(agent.Calls.Count(call => call == "observe"), Is.EqualTo(5));
        Assert.That(agent.ActionsReceived, Has.Count.EqualTo(20));
        foreach (int[] block in agent.ActionsReceived.Chunk(4)) Assert.That(block.Distinct().Count(), Is.EqualTo(1));
    }

    // ---- episodes and rewards ----

    [Test]
    public void AnEpisodeEndsAtOnceAndTheNextBeginsInTheNextUpdate()
    {
        using AgentPopulation agents = Make(latency: 0);
        ProbeAgent agent = new();
        agents.Add(agent);
        agents.Update();
        agent.AddReward(2);
        agent.EndEpisode();
        agent.EndEpisode();
        Assert.That(agent.IsEpisodeOver);
        Assert.That(agent.CompletedEpisodes, Is.EqualTo(1));
        Assert.That(agent.CumulativeReward, Is.EqualTo(2));
        agents.Update();
        Assert.That(agent.IsEpisodeOver, Is.False);
        Assert.That(agent.CumulativeReward, Is.Zero);
        Assert.That(agent.Calls.Count(call => call == "begin"), Is.EqualTo(2));
        Assert.That(agents.Progress.Episodes, Is.EqualTo(1));
        Assert.That(agents.Progress.MeanEpisodeReward, Is.EqualTo(2));
    }

    /// <summary>An answer to a question from an agent's previous episode is not carried out in the new one.</summary>
    [Test]
    public void AnAnswerToAnEarlierEpisodeIsDropped()
    {
        using AgentPopulation agents = Make(latency: 2);
        ProbeAgent agent = new();
        agents.Add(agent);
        agents.Update();   // 1: asks
        agent.EndEpisode();
        agents.Update();   // 2: begins, asks
        agents.Update();   // 3: the first answer is due
        Assert.That(agent.ActionsReceived, Is.Empty);
        Assert.That(agent.Action, Is.EqualTo(-1));
        agents.Update();
        Assert.That(agent.ActionsReceived, Has.Count.EqualTo(1));
    }

    [Test]
    public void SetRewardReplacesAndAddRewardAdds()
    {
        using AgentPopulation agents = Make(latency: 0);
        ProbeAgent agent = new();
        agents.Add(agent);
        agents.Update();
        agent.AddReward(1);
        agent.AddReward(2);
        agent.SetReward(10);
        agent.AddReward(0.5f);
        Assert.That(agent.CumulativeReward, Is.EqualTo(10.5f));
        agents.Update();   // another decision: earlier state stays
        agent.SetReward(1);
        Assert.That(agent.CumulativeReward, Is.EqualTo(11.5f));
    }

    // ---- masks, greed, heuristics ----

    [Test]
    public void AMaskedActionIsNeverChosen([Values] bool explores, [Values] BrainSharing brains)
    {
        using AgentPopulation agents = Make(brains, actions: 4, latency: 0);
        agents.Explores = explores;
        ProbeAgent agent = new() { Mask = mask => { mask.SetActionEnabled(0, false); mask.SetActionEnabled(2, false); } };
        agents.Add(agent);
        for (int frame = 0; frame < 60; frame++) agents.Update();
        Assert.That(agent.ActionsReceived.Distinct(), Is.SubsetOf(new[] { 1, 3 }));
        if (explores) Assert.That(agent.ActionsReceived.Distinct().Count(), Is.EqualTo(2));
    }

    /// <summary>Of many raw observations, each with its most probable action masked, the next one is taken.</summary>
    [Test]
    public void OfTheAllowedActionsTheMostProbableIsTaken([Values] BrainSharing brains)
    {
        const int Questions = 500, Actions = 4, Observations = 3, Hidden = 8;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = Observations, Actions = Actions, HiddenUnits = Hidden, Brains = brains, Latency = 0, Learning = null, NormalizeObservations = false,
        });
        agents.Explores = false;
        ClassifierParameters w = agents.GetBrain(0);
        SeededRandom random = new(6);
        int expected = 0, best = 0;
        float[] Observe()
        {
            float[] x = [.. Enumerable.Range(0, Observations).Select(_ => 200 * (random.NextSingle() - 0.5f))];
            double[] h = [.. Enumerable.Range(0, Hidden).Select(k => Math.Max(0, w.HiddenBiases[k] + x.Select((v, i) => (double)v * w.HiddenWeights[(i * Hidden) + k]).Sum()))];
            double[] z = [.. Enumerable.Range(0, Actions).Select(j => w.OutputBiases[j] + h.Select((unit, k) => unit * w.OutputWeights[(k * Actions) + j]).Sum())];
            int[] order = [.. Enumerable.Range(0, Actions).OrderByDescending(j => z[j])];
            (best, expected) = (order[0], order[1]);
            return x;
        }

        ProbeAgent agent = new() { Observations = _ => Observe(), Mask = mask => mask.SetActionEnabled(best, false) };
        agents.Add(agent);
        int wrong = 0;
        for (int i = 0; i < Questions; i++)
        {
            agents.Update();
            if (agent.Action != expected) wrong++;
        }

        Assert.That(wrong, Is.Zero);
        Assert.That(agent.ActionsReceived.Distinct().Count(), Is.GreaterThan(2));
    }

    [Test]
    public void WithoutExplorationTheMostProbableActionIsTaken([Values] BrainSharing brains)
    {
        using AgentPopulation agents = Make(brains, latency: 0);
        agents.Explores = false;
        ClassifierParameters brain = agents.GetBrain(0);
        agents.SetBrain(0, brain with { OutputWeights = new float[brain.OutputWeights.Length], OutputBiases = [0, 0.01f] });
        ProbeAgent agent = new();
        agents.Add(agent);
        for (int frame = 0; frame < 20; frame++) agents.Update();
        Assert.That(agent.ActionsReceived, Is.All.EqualTo(1));
    }

    /// <summary>Frequencies follow the probabilities: 3 to 1.</summary>
    [Test]
    public void ExplorationFollowsTheProbabilities()
    {
        using AgentPopulation agents = Make(BrainSharing.Shared, capacity: 50, latency: 0);
        ClassifierParameters brain = agents.GetBrain(0);
        agents.SetBrain(0, brain with { OutputWeights = new float[brain.OutputWeights.Length], OutputBiases = [MathF.Log(3), 0] });
        ProbeAgent[] all = [.. Enumerable.Range(0, 50).Select(_ => new ProbeAgent())];
        foreach (ProbeAgent agent in all) agents.Add(agent);
        for (int frame = 0; frame < 80; frame++) agents.Update();
        double share = all.SelectMany(agent => agent.ActionsReceived).Average(action => action == 0 ? 1.0 : 0.0);
        Assert.That(share, Is.EqualTo(0.75).Within(4 * Math.Sqrt(0.75 * 0.25 / 4000)));
    }

    [Test]
    public void AHeuristicActsAtOnceAndIsRecorded()
    {
        using AgentPopulation agents = Make(observations: 2, actions: 3, latency: 2);
        Demonstration recording = new(2, 3);
        agents.Recording = recording;
        ProbeAgent agent = new()
        {
            ActsByHeuristic = true,
            Demonstrates = true,
            Observations = probe => [probe.StepCount, 7],
            Demonstration = probe => (int)(probe.StepCount % 2),
            Mask = mask => mask.SetActionEnabled(2, false),
        };
        agents.Add(agent);
        for (int frame = 0; frame < 4; frame++) agents.Update();
        Assert.That(recording.Count, Is.EqualTo(4));
        Assert.That(recording.Observation(3).ToArray(), Is.EqualTo(new float[] { 3, 7 }), "raw");
        Assert.That(recording.AllowedActions(3).ToArray(), Is.EqualTo(new[] { true, true, false }));
        Assert.That(Enumerable.Range(0, 4).Select(recording.Action), Is.EqualTo(new[] { 0, 1, 0, 1 }));
        Assert.That(agent.ActionsReceived, Is.EqualTo(new[] { 0, 1, 0 }), "without the latency of a brain");
    }

    // ---- adding and removing ----

    [Test]
    public void AnAgentThatIsAddedTakesTheFirstFreePlaceAndItsBrain()
    {
        using AgentPopulation agents = Make(latency: 0);
        ProbeAgent[] all = [new(), new(), new(), new()];
        foreach (ProbeAgent agent in all[..3]) agents.Add(agent);
        Assert.That(() => agents.Add(all[3]), Throws.InvalidOperationException.With.Message.Contains("3 agents"));
        ClassifierParameters brain = agents.GetBrain(1);
        agents.Remove(all[1]);
        Assert.That((all[1].Index, all[1].Population, agents.Count), Is.EqualTo((-1, (AgentPopulation?)null, 2)));
        agents.Update();
        agents.Add(all[3]);
        Assert.That(all[3].Index, Is.EqualTo(1));
        Assert.That(agents.GetBrain(1).HiddenWeights, Is.EqualTo(brain.HiddenWeights));
        agents.Update();
        Assert.That(all[1].ActionsReceived, Is.Empty);
        Assert.That(all[3].ActionsReceived, Has.Count.EqualTo(1));
    }

    [Test]
    public void AgentsMayComeAndGoInTheirOwnCallbacks()
    {
        using AgentPopulation agents = Make(latency: 1);
        ProbeAgent child = new();
        ProbeAgent parent = new()
        {
            Act = (self, _) =>
            {
                if (child.Population is null) agents.Add(child);
                agents.Remove(self);
            },
        };
        agents.Add(parent);
        for (int frame = 0; frame < 4; frame++) agents.Update();
        Assert.That(agents.Count, Is.EqualTo(1));
        Assert.That(parent.ActionsReceived, Has.Count.EqualTo(1));
        Assert.That(child.ActionsReceived, Has.Count.GreaterThan(0));
    }

    /// <summary>No frame compiles: all kernels are compiled with the population.</summary>
    [Test]
    public void WhatTrainingNeedsIsThereBeforeTheFirstFrame([Values] BrainSharing brains, [Values] bool clones)
    {
        using NeuralDevice device = TestDevice.Create();
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 3,
            HiddenUnits = 5,
            Brains = brains,
            Learning = clones ? new BehaviorCloning { BatchSize = 4 } : new PolicyGradient { BatchSize = 4, Horizon = 4, Epochs = 2 },
        });
        agents.Add(new ProbeAgent { Demonstrates = clones, Observations = _ => [1, 2], Demonstration = _ => 1 });
        DeviceMemory before = device.Memory;
        for (int frame = 0; frame < 20; frame++)
        {
            agents.Update();
            TestDevice.EndFrame(device);
        }

        Assert.That(agents.Progress.TrainingSteps, Is.Positive);
        Assert.That(device.Memory, Is.EqualTo(before));
        TestDevice.Plain.MakeCurrent();
    }

    [Test]
    public void DisposeFreesEverythingAndLetsTheAgentsGo([Values] BrainSharing brains)
    {
        NeuralDevice device = TestDevice.Plain;
        device.Update();
        DeviceMemory before = device.Memory;
        AgentPopulation agents = Make(brains, learning: new PolicyGradient { BatchSize = 2, Horizon = 2 });
        ProbeAgent agent = new();
        agents.Add(agent);
        for (int frame = 0; frame < 10; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.Positive);
        agents.Dispose();
        agents.Dispose();
        device.Update();
        Assert.That(device.Memory with { Programs = 0 }, Is.EqualTo(before with { Programs = 0 }));
        Assert.That(agent.Population, Is.Null);
        Assert.That(agents.Update, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => agents.Add(agent), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => agents.Remove(agent), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => agents.GetBrain(0), Throws.TypeOf<ObjectDisposedException>());
    }
}
