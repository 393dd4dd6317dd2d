using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NeuralPlugin;
using NeuralPlugin.Orleans;

/// <summary>The forty lines of Documentation~/cluster.md.</summary>
internal static class FortyLines
{
    // Where brains live: any number of such machines.
    public static IHost Silo(int siloPort, int gatewayPort) => Host.CreateDefaultBuilder()
        .ConfigureLogging(log => log.SetMinimumLevel(LogLevel.Warning))
        .UseOrleans(silo => silo
            .UseLocalhostClustering(siloPort, gatewayPort)      // in production: UseRedisClustering, a database, a cloud's tables
            .AddBrains(brains => brains.RoundDecisions = 4096)) // kept in memory, unless a grain storage named "brains" was added before
        .Build();

    // A game server: any number of them, too.
    public static async Task<BrainClientStatus> PlayAsync(int gatewayPort, TimeSpan time)
    {
        using IHost cluster = Host.CreateDefaultBuilder()
            .ConfigureLogging(log => log.SetMinimumLevel(LogLevel.Warning))
            .UseOrleansClient(client => client.UseLocalhostClustering(gatewayPort).UseConnectionRetryFilter(async (_, cancel) =>
            {
                await Task.Delay(500, cancel);
                return true;
            }))
            .Build();
        Task connecting = cluster.StartAsync();                 // not waited for: the game plays and learns meanwhile

        using NeuralDevice device = NeuralDevice.CreateOnProcessor();
        using AgentPopulation agents = new(device, new() { Observations = 2, Actions = 3, Capacity = 16, Brains = BrainSharing.Shared });
        for (int i = 0; i < 16; i++) agents.Add(new Walker());
        await using BrainClient brain = new(agents, cluster.Services.GetRequiredService<IClusterClient>(), "walkers");
        DateTime end = DateTime.UtcNow + time;
        while (DateTime.UtcNow < end)
        {
            agents.Update();
            brain.Update();                                     // sends and adopts between two steps, and waits for nothing
            await Task.Delay(1);                                // here the game draws its frame
        }

        await connecting;
        return brain.Status;                                    // Connected, Away, ...; the version; what was sent, adopted, refused
    }
}
