using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Cluster;

/// <summary>
/// Rounds per second of one grain: each simulated server sends a difference and gets the next version, over TCP on loopback. Silo, servers and storage (memory) share this machine.
/// </summary>
internal sealed class RoundsCommand : Command
{
    /// <summary>So many calls are under way at a time; the servers take turns.</summary>
    private const int Calls = 32;

    public RoundsCommand() : base("rounds", "Measures how many rounds per second one grain closes with simulated servers, for small and large brains.")
    {
        Option<int> servers = NumberOption.Create("--servers", "Simulated servers", 1, 100_000).WithDefault(1000);
        Option<double> seconds = NumberOption.Create("--seconds", "Minimum time for each size", 0.1, 3600).WithDefault(10.0);
        Options.Add(servers);
        Options.Add(seconds);
        SetAction(async (arguments, cancel) =>
        {
            (int siloPort, int gatewayPort) = (FreePort.Next(), FreePort.Next());
            int count = arguments.GetValue(servers);
            using IHost silo = Hosts.Silo(null, siloPort, gatewayPort, CommonOptions.Rules(count, 600)), client = Hosts.Client(null, gatewayPort);
            await silo.StartAsync(cancel);
            await client.StartAsync(cancel);
            IBrainGrain Brain(string name) => client.Services.GetRequiredService<IClusterClient>().GetGrain<IBrainGrain>(name);
            await RunAsync(Brain("small"), count, observations: 4, hidden: 40, arguments.GetValue(seconds), cancel);
            await RunAsync(Brain("large"), count, observations: 180, hidden: 540, arguments.GetValue(seconds), cancel);
            await client.StopAsync(CancellationToken.None);
            await silo.StopAsync(CancellationToken.None);
            return ExitCode.Success;
        });
    }

    private static async Task RunAsync(IBrainGrain brain, int servers, int observations, int hidden, double seconds, CancellationToken cancel)
    {
        byte[] first, difference;
        using (NeuralDevice device = NeuralDevice.CreateOnProcessor())
        {
            using AgentPopulation agents = new(device, new AgentPopulationOptions { Observations = observations, Actions = 2, HiddenUnits = hidden, Brains = BrainSharing.Shared });
            BrainState state = agents.GetBrainState(0);
            first = state.ToBytes();
            ClassifierParameters parameters = state.Parameters;
            foreach (float[] array in (float[][])[parameters.HiddenWeights, parameters.HiddenBiases, parameters.OutputWeights, parameters.OutputBiases])
            {
                for (int i = 0; i < array.Length; i++) array[i] = 1e-4f;
            }

            state.Decisions = 1;
            difference = state.ToBytes();
        }

        await brain.Offer(first);
        long version = 1;
        int rounds = 0;
        Stopwatch watch = new();
        do
        {
            if (rounds == 1) watch.Restart();   // the first one warms up
            long current = version;
            await Parallel.ForEachAsync(Enumerable.Range(0, servers), new ParallelOptions { MaxDegreeOfParallelism = Calls, CancellationToken = cancel }, async (server, _) =>
                await brain.Submit(new BrainDifference($"server {server}", current, current, difference)));
            await Parallel.ForEachAsync(Enumerable.Range(0, servers), new ParallelOptions { MaxDegreeOfParallelism = Calls, CancellationToken = cancel }, async (_, _) =>
            {
                if (await brain.GetVersion(current) is { } next) Interlocked.Exchange(ref version, next.Version);
            });
            if (version != current + 1) throw new InvalidOperationException($"The round after version {current} did not close: the version is {version}.");
            rounds++;
        }
        while (rounds < 2 || watch.Elapsed.TotalSeconds < seconds);

        double took = watch.Elapsed.TotalSeconds / (rounds - 1);
        Console.WriteLine(
            Invariant($"{servers} servers, {Calls} calls at a time, a brain of {first.Length / 1e3:F1} kB: {1 / took:F2} rounds per second, {servers / took:F0} differences and as many versions, {2e-6 * servers * first.Length / took:F0} MB per second"));
    }
}
