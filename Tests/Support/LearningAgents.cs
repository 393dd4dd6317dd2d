namespace NeuralPlugin.Tests;

/// <summary>
/// Agents that learn in every way that has kernels or frames of its own, in rollouts and batches so small that they do it all the time. <see cref="PublicCalls"/> has those that learn by
/// <see cref="PolicyGradient"/>.
/// </summary>
internal sealed class LearningAgents : IDisposable
{
    private const int Observations = 3;
    private const int Actions = 3;
    private const int Count = 4;

    public LearningAgents(NeuralDevice device)
    {
        Demonstration shown = new(Observations, Actions);
        for (int i = 0; i < 20; i++) shown.Add([i % 2, i % 3, -1], i % Actions);
        ActorCritic critic = new() { RolloutSize = 4, LeastRolloutPerAgent = 2, Minibatches = 1, Epochs = 2 };
        AgentPopulationOptions options = new() { Observations = Observations, Actions = Actions, HiddenUnits = 5, Capacity = Count };
        All =
        [
            ("ActorCritic, brains of their own", Make(device, options with { Learning = critic })),
            ("ActorCritic, one brain", Make(device, options with { Brains = BrainSharing.Shared, Learning = critic })),
            ("ActorCritic, continuous actions", Make(device, new AgentPopulationOptions { Observations = Observations, HiddenUnits = 5, Capacity = Count, ActionSpec = new ActionSpec(2, 3), Brains = BrainSharing.Shared, Learning = critic })),
            ("ActorCritic, self-play", Make(device, options with
            {
                Brains = BrainSharing.Shared,
                Learning = critic,
                SelfPlay = new SelfPlay { SaveSteps = 4, SwapSteps = 4, TeamChange = 12, Window = 2 },
            })),
            ("BehaviorCloning, brains of their own", Make(device, options with { Learning = new BehaviorCloning { Demonstration = shown } })),
            ("BehaviorCloning, one brain", Make(device, options with { Brains = BrainSharing.Shared, Learning = new BehaviorCloning { Demonstration = shown } })),
        ];
    }

    public IReadOnlyList<(string Name, AgentPopulation Agents)> All { get; }

    /// <summary>Runs a frame of one; returns whether it reported skipped dispatches.</summary>
    public static bool TellsOfSkips(AgentPopulation agents)
    {
        try
        {
            agents.Update();
            return false;
        }
        catch (DispatchesSkippedException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        foreach ((_, AgentPopulation agents) in All) agents.Dispose();
    }

    private static AgentPopulation Make(NeuralDevice device, AgentPopulationOptions options)
    {
        AgentPopulation agents = new(device, options);
        for (int i = 0; i < Count; i++) agents.Add(new Player { TeamId = i % 2 });
        return agents;
    }

    private sealed class Player : Agent
    {
        private int decisions;

        public override void CollectObservations(VectorSensor sensor) => sensor.AddObservation([decisions % 2, decisions % 3, -1f]);

        public override void OnActionReceived(int action) => Reward(action);

        public override void OnActionReceived(ActionBuffers actions) => Reward(1);

        private void Reward(int reward)
        {
            AddReward(reward * (decisions % 7));
            if (++decisions % 5 == 0) EndEpisode();
        }
    }
}
