using NUnit.Framework;
using StackExchange.Redis;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>The Redis that Tests/run starts on loopback.</summary>
internal static class Redis
{
    private const string Variable = "NEURALPLUGIN_TEST_REDIS";

    /// <summary>HOST:PORT; inconclusive without one. Deletes entries of silos that earlier tests left there.</summary>
    public static async Task<string> RequireAsync()
    {
        string? address = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(address)) Assert.Inconclusive($"There is no Redis: Tests/run starts redis-server where it is installed. Or start one, and set {Variable} to HOST:PORT.");
        await using ConnectionMultiplexer connection = await ConnectAsync(address!);
        await connection.GetServer(address!).FlushAllDatabasesAsync();
        return address!;
    }

    /// <summary>Stops it from answering for some time.</summary>
    public static async Task PauseAsync(string address, TimeSpan time)
    {
        await using ConnectionMultiplexer connection = await ConnectAsync(address);
        await connection.GetServer(address).ExecuteAsync("CLIENT", "PAUSE", (int)time.TotalMilliseconds, "ALL");
    }

    private static Task<ConnectionMultiplexer> ConnectAsync(string address) => ConnectionMultiplexer.ConnectAsync($"{address},allowAdmin=true");
}
