using NeuralPlugin.Benchmarks;
using NeuralPlugin.Orleans;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>A game with agents that balance poles, on the processor.</summary>
internal sealed class Game : IAsyncDisposable
{
    private readonly NeuralDevice device = NeuralDevice.CreateOnProcessor();

    public Game(IGrainFactory? grains, int seed = 1, BrainClientOptions? options = null, string brain = "walkers", AgentPopulationOptions? population = null)
    {
        AgentPopulationOptions own = population ?? TestBrains.Options(seed: seed);
        Agents = new AgentPopulation(device, own);
        TaskLog log = new();
        for (int i = 0; i < own.Capacity; i++) Agents.Add(new CartPoleAgent(log, seed, i));
        if (grains is not null) Client = new BrainClient(Agents, grains, brain, options ?? Quick($"game {seed}"));
    }

    public AgentPopulation Agents { get; }

    public BrainClient? Client { get; }

    public BrainClientStatus Status => Client!.Status;

    /// <summary>Options for tests, with short waits.</summary>
    public static BrainClientOptions Quick(string server) => new()
    {
        Server = server,
        EveryDecisions = 64,
        PollTime = TimeSpan.FromMilliseconds(200),
        FirstRetry = TimeSpan.FromMilliseconds(20),
        LastRetry = TimeSpan.FromMilliseconds(200),
    };

    public void Frame()
    {
        Agents.Update();
        Client?.Update();
    }

    /// <summary>Runs frames, as a game does, until a condition holds.</summary>
    public async Task UntilAsync(Func<bool> isSo, string what, int seconds = 30)
    {
        long start = Environment.TickCount64;
        while (!isSo())
        {
            NUnit.Framework.Assert.That(Environment.TickCount64 - start, NUnit.Framework.Is.LessThan(seconds * 1000L), () => $"{what}: {Client?.Status}");
            Frame();
            await Task.Delay(1);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Client is not null) await Client.DisposeAsync();
        Agents.Dispose();
        device.Dispose();
    }
}
