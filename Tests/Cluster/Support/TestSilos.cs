using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NeuralPlugin.Orleans;
using Orleans.Configuration;
using Orleans.Storage;
using Orleans.TestingHost;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Silos in this process, with a common storage that outlives them.</summary>
internal sealed class TestSilos : IAsyncDisposable
{
    private TestSilos(InProcessTestCluster cluster) => Cluster = cluster;

    public InProcessTestCluster Cluster { get; }

    public IClusterClient Client => Cluster.Client;

    public static async Task<TestSilos> StartAsync(int silos = 1, Action<BrainOptions>? configure = null, Action<ISiloBuilder>? more = null)
    {
        FaultyStorage.Reset();
        FaultyStorage shared = new();
        InProcessTestClusterBuilder builder = new((short)silos);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddKeyedSingleton<IGrainStorage>(BrainStorage.Name, (_, _) => shared);
            silo.AddBrains(options =>
            {
                options.StorageRetry = TimeSpan.FromMilliseconds(50);
                configure?.Invoke(options);
            });
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = TimeSpan.FromMilliseconds(300);
                options.NumMissedProbesLimit = 2;
                options.NumVotesForDeathDeclaration = 1;
                options.TableRefreshTimeout = TimeSpan.FromSeconds(1);
            });
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(5));
            more?.Invoke(silo);
        });
        builder.ConfigureClient(client => client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(5)));
        builder.ConfigureHost(host => host.Logging.ClearProviders());
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        return new TestSilos(cluster);
    }

    public IBrainGrain Brain(string name = "walkers") => Client.GetGrain<IBrainGrain>(name);

    public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();

    /// <summary>Waits for a condition.</summary>
    public static Task UntilAsync(Func<Task<bool>> isSo, string what, int seconds = 30) => UntilAsync(isSo, () => what, seconds);

    /// <summary>The same, with a message that is created if the condition never holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> isSo, Func<string> what, int seconds = 30)
    {
        long start = Environment.TickCount64;
        while (!await isSo())
        {
            NUnit.Framework.Assert.That(Environment.TickCount64 - start, NUnit.Framework.Is.LessThan(seconds * 1000L), what);
            await Task.Delay(20);
        }
    }
}
