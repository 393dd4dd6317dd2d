using System.CommandLine;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Cluster;

/// <summary>Options that several commands have.</summary>
internal static class CommonOptions
{
    public static Option<string?> Redis() => new("--redis")
    {
        Description = "Where silos and servers find each other, and brains are kept; without it there is one silo on this machine, and its memory",
        HelpName = "HOST:PORT",
    };

    public static Option<string> Brain() => new Option<string>("--brain") { Description = "The brain's name", HelpName = "NAME" }.WithDefault("poles");

    public static Option<int> GatewayPort() => NumberOption.Create("--gateway-port", "Where servers reach a silo", 1, ushort.MaxValue).WithDefault(30_000);

    public static Option<long> RoundDecisions() =>
        NumberOption.Create("--round-decisions", "A round closes with so many decisions", 1L, long.MaxValue).WithDefault(4L * PoleServer.Rollout * 9 / 10);

    public static Option<double> RoundSeconds() => NumberOption.Create("--round-seconds", "And at the latest after so many seconds", 0.01, 1e6).WithDefault(5.0);

    /// <summary>The rules of the sample's brains.</summary>
    public static Action<BrainOptions> Rules(long roundDecisions, double roundSeconds) => options =>
    {
        (options.RoundDecisions, options.RoundTime) = (roundDecisions, TimeSpan.FromSeconds(roundSeconds));
        options.MostStaleness = 2;
    };
}
