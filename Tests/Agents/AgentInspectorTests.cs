using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>An inspector shows an agent's observations and its brain's outputs.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentInspectorTests
{
    private static readonly AgentPopulationOptions Options = new()
    {
        Observations = 3,
        Actions = 4,
        HiddenUnits = 7,
        Capacity = 3,
        Latency = 1,
        Seed = 5,
        Learning = new ActorCritic(),
    };

    private static bool[] Mask => [true, false, true, true];

    [Test]
    public void ItShowsWhatTheBrainMadeOfTheObservations(
        [Values] BrainSharing brains, [Values(0, 1, 3)] int latency, [Values] bool normalizes)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Brains = brains, Latency = latency, NormalizeObservations = normalizes });
        Dictionary<long, float[]> observed = [];
        ProbeAgent agent = Observer(agents, observed);
        agents.Add(Observer(agents, []));
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        for (int frame = 0; frame < 12; frame++) agents.Update();
        agents.Learns = false;   // normalization stays as it is from here on
        for (int frame = 0; frame < 6; frame++) agents.Update();

        Assert.That(inspector.Agent, Is.SameAs(agent));
        Assert.That(inspector.IsByBrain);
        Assert.That(inspector.Frame, Is.EqualTo(agents.Frame - latency));
        Assert.That(inspector.Decisions, Is.EqualTo(18 - latency));
        Assert.That(inspector.Observations.ToArray(), Is.EqualTo(observed[inspector.Frame]));
        if (!normalizes) Assert.That(inspector.NormalizedObservations.ToArray(), Is.EqualTo(observed[inspector.Frame]));
        else Assert.That(inspector.NormalizedObservations.ToArray(), Is.Not.EqualTo(observed[inspector.Frame]).And.All.InRange(-5f, 5f));
        Assert.That(inspector.AllowedActions.ToArray(), Is.EqualTo(Mask));

        double[] outputs = Outputs(agents.GetBrain(brains == BrainSharing.OneEach ? agent.Index : 0), inspector.NormalizedObservations);
        double sum = outputs.Take(4).Where((_, action) => Mask[action]).Sum(Math.Exp);
        for (int action = 0; action < 4; action++)
        {
            Assert.That(inspector.Logits[action], Is.EqualTo(outputs[action]).Within(1e-5));
            Assert.That(inspector.Probabilities[action], Is.EqualTo(Mask[action] ? Math.Exp(outputs[action]) / sum : 0).Within(1e-5));
        }

        Assert.That(inspector.Value, Is.Zero, "no reward came yet");
        Assert.That(inspector.Means.Length + inspector.Deviations.Length, Is.Zero);
    }

    [Test]
    public void TheValueIsInRewards([Values] BrainSharing brains)
    {
        ActorCritic learning = new() { Discount = 0, RolloutSize = 8, LeastRolloutPerAgent = 8, Minibatches = 1, Epochs = 1 };
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Brains = brains, Latency = 0, Learning = learning, FrameBudget = FrameBudget.Steps(1) });
        Walker agent = new();
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        for (int frame = 0; frame < 200; frame++) agents.Update();
        Assert.That(inspector.Value, Is.EqualTo(2).Within(0.2));
    }

    [Test]
    public void ContinuousActionsHaveMeansAndDeviations()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with { ActionSpec = new ActionSpec(2, 2, 3), Brains = BrainSharing.Shared, Learning = null, Latency = 0 });
        Archer agent = new();
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        agents.Update();
        double[] outputs = Outputs(agents.GetBrain(0), inspector.NormalizedObservations);
        Assert.That(inspector.Probabilities[0] + inspector.Probabilities[1], Is.EqualTo(1).Within(1e-6));
        Assert.That(inspector.Probabilities[2] + inspector.Probabilities[3] + inspector.Probabilities[4], Is.EqualTo(1).Within(1e-6));
        for (int i = 0; i < 2; i++)
        {
            Assert.That(inspector.Means[i], Is.EqualTo(outputs[5 + i]).Within(1e-5));
            Assert.That(inspector.Deviations[i], Is.EqualTo(Math.Exp(outputs[7 + i])).Within(1e-4));
        }

        Assert.That(inspector.Value, Is.NaN, "nothing learns, so nothing estimates values");
    }

    [Test]
    public void WhoActsByHeuristicHasObservationsAlone()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options);
        ProbeAgent agent = new() { Observations = _ => [1, 2, 3], Demonstration = _ => 2, Mask = Hide, ActsByHeuristic = true };
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        agents.Update();
        Assert.That(inspector.IsByBrain, Is.False);
        Assert.That((inspector.Decisions, inspector.Frame), Is.EqualTo((1L, 1L)));
        Assert.That(inspector.Observations.ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
        Assert.That(inspector.AllowedActions.ToArray(), Is.EqualTo(Mask));
        Assert.That(inspector.Probabilities.ToArray(), Is.All.Zero);
        Assert.That(inspector.Value, Is.NaN);
    }

    [Test]
    public void ItEndsWithItsDisposeOrWhenTheAgentLeaves()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Latency = 0 });
        ProbeAgent agent = Observer(agents, []);
        agents.Add(agent);
        AgentInspector first = agents.Inspect(agent);
        Assert.That(agents.Inspect(agent), Is.SameAs(first));
        agents.Update();
        first.Dispose();
        agents.Update();
        Assert.That(first.Decisions, Is.EqualTo(1));

        AgentInspector second = agents.Inspect(agent);
        Assert.That(second, Is.Not.SameAs(first));
        first.Dispose();
        agents.Update();
        Assert.That(second.Decisions, Is.EqualTo(1), "the first one's Dispose ends nothing of the second");
        agents.Remove(agent);
        agents.Add(agent);
        agents.Update();
        Assert.That(second.Decisions, Is.EqualTo(1));
    }

    [Test]
    public void AQuestionWithoutAnAnswerIsNotShown()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Latency = 2 });
        Dictionary<long, float[]> observed = [];
        ProbeAgent agent = Observer(agents, observed);
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        for (int frame = 0; frame < 5; frame++) agents.Update();
        agent.EndEpisode();   // the answers to its questions of the last two frames are not carried out
        for (int frame = 0; frame < 5; frame++) agents.Update();
        Assert.That(inspector.Frame, Is.EqualTo(agents.Frame - 2));
        Assert.That(inspector.Observations.ToArray(), Is.EqualTo(observed[inspector.Frame]));
    }

    [Test]
    public void InspectionAllocatesNothingInAFrame()
    {
        if (TestDevice.IsInBackground) Assert.Ignore("Allocation is measured on this thread.");
        using AgentPopulation agents = new(TestDevice.Plain, Options);
        Walker agent = new();
        agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(agent);
        agents.Learns = false;
        for (int frame = 0; frame < 100; frame++) agents.Update();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 50; frame++) agents.Update();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(inspector.Decisions, Is.GreaterThan(100));
    }

    [Test]
    public void AnAgentOfAnotherPopulationIsRefused()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options);
        Assert.That(() => agents.Inspect(null!), Throws.ArgumentNullException);
        Assert.That(() => agents.Inspect(new ProbeAgent { Name = "stranger" }), Throws.TypeOf<AgentException>().With.Message.Contains("stranger"));
        agents.Dispose();
        Assert.That(() => agents.Inspect(new ProbeAgent()), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>It observes different numbers in each frame, and records them.</summary>
    private static ProbeAgent Observer(AgentPopulation agents, Dictionary<long, float[]> observed)
    {
        return new ProbeAgent
        {
            Observations = _ => observed[agents.Frame] = [MathF.Sin(agents.Frame), 10 + agents.Frame, agents.Frame % 3],
            Mask = Hide,
        };
    }

    private static void Hide(ActionMask mask) => mask.SetActionEnabled(1, false);

    private static double[] Outputs(ClassifierParameters brain, ReadOnlySpan<float> observations)
    {
        int hidden = brain.HiddenBiases.Length, outputs = brain.OutputBiases.Length;
        double[] result = [.. brain.OutputBiases];
        for (int j = 0; j < hidden; j++)
        {
            double unit = brain.HiddenBiases[j];
            for (int i = 0; i < observations.Length; i++) unit += (double)observations[i] * brain.HiddenWeights[(i * hidden) + j];
            for (int k = 0; k < outputs && unit > 0; k++) result[k] += unit * brain.OutputWeights[(j * outputs) + k];
        }

        return result;
    }

    /// <summary>It sees the same in each frame and is given a reward of 2.</summary>
    private sealed class Walker : Agent
    {
        private static readonly float[] Seen = [0.5f, -1, 2];

        public override void CollectObservations(VectorSensor sensor) => sensor.AddObservation(Seen);

        public override void OnActionReceived(int action) => AddReward(2);
    }

    private sealed class Archer : Agent
    {
        public override void CollectObservations(VectorSensor sensor) => sensor.AddObservation([0.5f, -1f, 2f]);

        public override void OnActionReceived(ActionBuffers actions)
        {
        }
    }
}
