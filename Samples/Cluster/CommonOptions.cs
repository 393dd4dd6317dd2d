using System.CommandLine;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Cluster;

/// <summary>Options shared by several commands.</summary>
internal static class CommonOptions
{
    public static Option<string?> Redis() => new("--redis")
    {
        Description = "The Redis server through which silos and servers find each other, and which stores brains; without it there is one silo on this machine, which keeps brains in memory",
        HelpName = "HOST:PORT",
    };

    public static Option<string> Brain() => new Option<string>("--brain") { Description = "The brain's name", HelpName = "NAME" }.WithDefault("poles");

    public static Option<int> GatewayPort() => NumberOption.Create("--gateway-port", "The port for servers", 1, ushort.MaxValue).WithDefault(30_000);

    public static Option<long> RoundDecisions() =>
        NumberOption.Create("--round-decisions", "The number of decisions that closes a round", 1L, long.MaxValue).WithDefault(4L * PoleServer.Rollout * 9 / 10);

    public static Option<double> RoundSeconds() => NumberOption.Create("--round-seconds", "The number of seconds after which a round closes at the latest", 0.01, 1e6).WithDefault(5.0);

    /// <summary>The rules of the sample's brains.</summary>
    public static Action<BrainOptions> Rules(long roundDecisions, double roundSeconds) => options =>
    {
        (options.RoundDecisions, options.RoundTime) = (roundDecisions, TimeSpan.FromSeconds(roundSeconds));
        options.MostStaleness = 2;
    };
}
