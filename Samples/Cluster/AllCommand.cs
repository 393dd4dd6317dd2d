using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Benchmarks;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Cluster;

/// <summary>A silo and some servers in this process, until they have learned to balance their poles.</summary>
internal sealed class AllCommand : Command
{
    private const int SolvedReward = 475;

    public AllCommand() : base("all", "Runs a silo and several servers in one process, with no other program, until they balance the poles.")
    {
        Option<int> servers = NumberOption.Create("--servers", "Servers", 1, 64).WithDefault(4), agents = NumberOption.Create("--agents", "Agents per server", 1, 10_000).WithDefault(16);
        Option<int> seed = NumberOption.Create("--seed", "Seed of all worlds", 1, 1_000_000).WithDefault(1), most = NumberOption.Create("--frames", "The maximum number of frames", 1, int.MaxValue).WithDefault(20_000);
        Option<string?> redis = CommonOptions.Redis();
        foreach (Option option in (Option[])[servers, agents, seed, most, redis]) Options.Add(option);
        SetAction(async (arguments, cancel) =>
        {
            int count = arguments.GetValue(servers);
            (int siloPort, int gatewayPort) = (FreePort.Next(), FreePort.Next());
            using IHost host = Hosts.Silo(arguments.GetValue(redis), siloPort, gatewayPort, CommonOptions.Rules(count * (long)PoleServer.Rollout * 9 / 10, 5));
            await host.StartAsync(cancel);
            bool isSolved = await RunAsync(host.Services.GetRequiredService<IGrainFactory>(), count, arguments.GetValue(agents), arguments.GetValue(seed), arguments.GetValue(most), cancel);
            await host.StopAsync(CancellationToken.None);
            return isSolved ? ExitCode.Success : ExitCode.Failure;
        });
    }

    private static async Task<bool> RunAsync(IGrainFactory grains, int count, int agents, int seed, int most, CancellationToken cancel)
    {
        List<PoleServer> servers = [];
        TaskLog log = new();
        try
        {
            for (int i = 0; i < count; i++)
                servers.Add(new PoleServer((1000 * seed) + i, agents, grains, "poles", new BrainClientOptions { Server = $"server {i + 1}", EveryDecisions = PoleServer.Rollout }, log));
            int frame = 0;
            while (frame++ < most && !(log.RecentMean >= SolvedReward) && !cancel.IsCancellationRequested)
            {
                foreach (PoleServer server in servers) server.Frame();
                if (frame % 4 == 0) await Task.Delay(1, cancel);   // leaves time for the silo on these processors
                if (frame % 250 == 0)
                    Console.WriteLine(Invariant($"frame {frame}: version {servers.Max(server => server.Client!.Status.Version)}, mean reward of 100 episodes {log.RecentMean:F0}"));
            }

            bool isSolved = log.RecentMean >= SolvedReward;
            Console.WriteLine(Invariant($"{(isSolved ? "Solved" : "Not solved")} after {frame} frames of {count} servers, {log.Steps} steps: version {servers.Max(server => server.Client!.Status.Version)}."));
            return isSolved;
        }
        finally
        {
            foreach (PoleServer server in servers) await server.DisposeAsync();
        }
    }
}
