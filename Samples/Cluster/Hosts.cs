using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using Orleans.Configuration;
using Orleans.Persistence;
using Orleans.Storage;
using StackExchange.Redis;

namespace NeuralPlugin.Cluster;

/// <summary>Silos and clients of the sample. With Redis they find each other there, and brains are stored in it; otherwise everything is in the memory of this process.</summary>
internal static class Hosts
{
    private const string ClusterName = "neuralplugin-sample";

    /// <summary>A silo.</summary>
    /// <param name="redis">HOST:PORT; null for none.</param>
    /// <param name="siloPort">The port for other silos.</param>
    /// <param name="gatewayPort">The port for servers.</param>
    /// <param name="configure">The rules of brains.</param>
    public static IHost Silo(string? redis, int siloPort, int gatewayPort, Action<BrainOptions> configure)
    {
        HostApplicationBuilder builder = Begin();
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                // A silo that is gone is detected within some seconds; of three, one vote is enough.
                (options.ProbeTimeout, options.NumMissedProbesLimit, options.NumVotesForDeathDeclaration) = (TimeSpan.FromSeconds(1), 2, 1);
                (options.TableRefreshTimeout, options.DefunctSiloCleanupPeriod) = (TimeSpan.FromSeconds(3), TimeSpan.FromMinutes(10));
            });
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(10));
            if (redis is null)
            {
                silo.UseLocalhostClustering(siloPort, gatewayPort, serviceId: ClusterName, clusterId: ClusterName);
            }
            else
            {
                ConfigurationOptions connection = Connection(redis);
                silo.Configure<ClusterOptions>(Name);
                silo.ConfigureEndpoints(IPAddress.Loopback, siloPort, gatewayPort);
                silo.UseRedisClustering(options => options.ConfigurationOptions = connection);
                silo.AddRedisGrainStorage(BrainStorage.Name, options => options.ConfigurationOptions = connection);
                silo.Services.AddOptions<RedisStorageOptions>(BrainStorage.Name).Configure<IServiceProvider>((options, services) =>
                    options.GrainStorageSerializer = ActivatorUtilities.CreateInstance<OrleansGrainStorageSerializer>(services));   // bytes as bytes
            }

            silo.AddBrains(configure);
            silo.Services.AddSingleton<BrainOptionsByName>();
            silo.Services.AddSingleton<IConfigureOptions<BrainOptions>>(services => services.GetRequiredService<BrainOptionsByName>());
        });
        return builder.Build();
    }

    /// <summary>The client that connects a game to the silos, and retries as long as there are none.</summary>
    /// <param name="redis">HOST:PORT at which they find each other; null for a silo on this machine.</param>
    /// <param name="gatewayPort">Of that silo.</param>
    public static IHost Client(string? redis, int gatewayPort)
    {
        HostApplicationBuilder builder = Begin();
        builder.UseOrleansClient(client =>
        {
            client.UseConnectionRetryFilter(async (_, cancel) =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), cancel);
                return true;
            });
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(10));
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(2));
            if (redis is null)
            {
                client.UseLocalhostClustering(gatewayPort, serviceId: ClusterName, clusterId: ClusterName);
            }
            else
            {
                client.Configure<ClusterOptions>(Name);
                client.UseRedisClustering(options => options.ConfigurationOptions = Connection(redis));
            }
        });
        return builder.Build();
    }

    private static HostApplicationBuilder Begin()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Error).AddSimpleConsole(options => options.SingleLine = true);
        builder.Logging.AddFilter("Orleans.Runtime.HostedClient", LogLevel.None);   // warns if a server of this process has gone while being notified of a version
        return builder;
    }

    private static void Name(ClusterOptions options) => (options.ClusterId, options.ServiceId) = (ClusterName, ClusterName);

    private static ConfigurationOptions Connection(string redis)
    {
        try
        {
            ConfigurationOptions options = ConfigurationOptions.Parse(redis);
            (options.AbortOnConnectFail, options.ConnectTimeout, options.AsyncTimeout) = (false, 2000, 2000);
            return options;
        }
        catch (ArgumentException exception)
        {
            throw new UserErrorException($"--redis needs HOST:PORT, but got '{redis}': {exception.Message}", exception);
        }
    }
}
