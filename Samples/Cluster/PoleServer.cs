using NeuralPlugin.Benchmarks;
using NeuralPlugin.Orleans;

namespace NeuralPlugin.Cluster;

/// <summary>A game server whose agents balance poles on carts, on the processor.</summary>
internal sealed class PoleServer : IAsyncDisposable
{
    /// <summary>Decisions of a rollout: 64 from each of 16 agents.</summary>
    public const int Rollout = 1024;

    private readonly NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 1 });
    private readonly AgentPopulation agents;

    /// <param name="number">The seed of its agents' worlds and exploration.</param>
    /// <param name="agentCount">Agents.</param>
    /// <param name="grains">The cluster's grains; null to learn alone.</param>
    /// <param name="brain">The brain's name.</param>
    /// <param name="options">How it takes part.</param>
    /// <param name="log">Records the results of its episodes; null for a log of its own.</param>
    /// <param name="steps">Training steps per frame. With 4 a rollout is learned within a fifth of the next one, so that little of the next one precedes the new version.</param>
    public PoleServer(int number, int agentCount, IGrainFactory? grains, string brain, BrainClientOptions options, TaskLog? log = null, int steps = 4)
    {
        Log = log ?? new TaskLog();
        agents = new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = CartPoleAgent.Observations,
            Actions = CartPoleAgent.Actions,
            HiddenUnits = 64,
            Capacity = agentCount,
            Brains = BrainSharing.Shared,
            Latency = 0,
            Seed = number,
            FrameBudget = FrameBudget.Steps(steps),
            Learning = new ActorCritic { RolloutSize = Rollout },
        });
        for (int i = 0; i < agentCount; i++) agents.Add(new CartPoleAgent(Log, number, i));
        if (grains is not null) Client = new BrainClient(agents, grains, brain, options);
    }

    public TaskLog Log { get; }

    /// <summary>Its cluster client; null if it learns alone.</summary>
    public BrainClient? Client { get; }

    public AgentProgress Progress => agents.Progress;

    /// <summary>The agents' part of a frame.</summary>
    public void UpdateAgents() => agents.Update();

    public void Frame()
    {
        agents.Update();
        Client?.Update();
    }

    public async ValueTask DisposeAsync()
    {
        if (Client is not null) await Client.DisposeAsync();
        agents.Dispose();
        device.Dispose();
    }
}
