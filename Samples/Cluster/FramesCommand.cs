using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Benchmarks;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Cluster;

/// <summary>
/// Frames of a server until the mean of the last 100 episodes of all servers is 475, with 1, 2, 4 and 8 servers of 16 agents. Servers run in lockstep, and a round is complete before the next frame
/// begins, so that the figures depend only on the seeds.
/// </summary>
internal sealed class FramesCommand : Command
{
    private const int Agents = 16, SolvedReward = 475, MostFrames = 20_000;

    private static readonly Row[] Rows = [new(1, 0, 1), new(2, 1, 0.65), new(4, 1, 0.5), new(8, 1, 0.4), new(8, 16, 0.55)];

    public FramesCommand() : base("frames", "Counts the frames in which servers learn to balance poles, and compares them with those of a single server.")
    {
        Option<int> seeds = NumberOption.Create("--seeds", "How many: 1, 2, ...", 1, 1000).WithDefault(24);
        Option<int> rows = NumberOption.Create("--rows", "The number of rows, from the first: 1, 2, 4 and 8 servers, and 8 with a round every 16 rollouts", 1, 5).WithDefault(5);
        Option<double> rate = NumberOption.Create("--server-rate", "The factor for the average of a round", 0.0, 100.0).WithDefault(1.25);
        Option<int> steps = NumberOption.Create("--steps", "The number of training steps per frame", 1, 1000).WithDefault(4);
        Option<double> momentum = NumberOption.Create("--momentum", "The server's momentum; 0 for plain averages", 0.0, 1.0).WithDefault(0.0);
        foreach (Option option in (Option[])[seeds, rows, rate, momentum, steps]) Options.Add(option);
        SetAction((arguments, cancel) => RunAsync(
            arguments.GetValue(seeds), Rows[..arguments.GetValue(rows)], arguments.GetValue(rate), arguments.GetValue(momentum), arguments.GetValue(steps), cancel));
    }

    private static async Task<int> RunAsync(int seeds, Row[] rows, double rate, double momentum, int steps, CancellationToken cancel)
    {
        (int siloPort, int gatewayPort) = (FreePort.Next(), FreePort.Next());
        using IHost host = Hosts.Silo(null, siloPort, gatewayPort, options =>
        {
            (options.RoundTime, options.ServerLearningRate) = (TimeSpan.FromMinutes(10), rate);
            if (momentum > 0) (options.Rule, options.Momentum) = (ServerRule.Momentum, momentum);
        });
        BrainOptionsByName rules = host.Services.GetRequiredService<BrainOptionsByName>();
        await host.StartAsync(cancel);
        IGrainFactory grains = host.Services.GetRequiredService<IGrainFactory>();
        double alone = 0;
        bool holds = true;
        Console.WriteLine("servers  rollouts a round  frames of a server: median (each seed)                             of one  versions  steps of all  bytes a round: up, down");
        foreach (Row row in rows)
        {
            List<Result> results = [];
            for (int seed = 1; seed <= seeds; seed++)
            {
                string name = $"poles-{row.Servers}-{row.Every}-{seed}";
                rules.Set(name, options => options.RoundDecisions = row.Servers * row.Every * (long)PoleServer.Rollout * 9 / 10);
                results.Add(await RunAsync(grains, name, row, seed, steps, cancel));
            }

            double median = Median(results.Select(result => (double)result.Frames));
            int unsolved = results.Count(result => !result.IsSolved);
            if (row.Servers == 1) alone = median;
            double share = median / alone;
            holds &= unsolved == 0 && (row.Servers == 1 || share <= row.MostShare);
            Console.WriteLine(
                Invariant($"{row.Servers,7}  {(row.Every == 0 ? "alone" : row.Every),16}  {median,6:F0} ({string.Join(' ', results.Select(result => result.IsSolved ? Invariant($"{result.Frames}") : "not solved"))})  {share,5:F2}  {Median(results.Select(result => (double)result.Versions)),8:F0}  {Median(results.Select(result => (double)result.Steps)),12:F0}  {Median(results.Select(result => result.BytesUp)),6:F0} {Median(results.Select(result => result.BytesDown)),6:F0}") +
                (row.Servers == 1 || share <= row.MostShare ? "" : Invariant($"  FALLS SHORT: at most {row.MostShare}")) +
                (unsolved == 0 ? "" : Invariant($"  NOT SOLVED within {MostFrames} frames: {unsolved} of {seeds}, which count as {MostFrames} frames")));
        }

        await host.StopAsync(CancellationToken.None);
        return holds ? ExitCode.Success : ExitCode.Failure;
    }

    private static async Task<Result> RunAsync(IGrainFactory grains, string name, Row row, int seed, int steps, CancellationToken cancel)
    {
        TaskLog log = new();
        List<PoleServer> servers = [];
        try
        {
            for (int i = 0; i < row.Servers; i++)
            {
                BrainClientOptions options = new() { Server = $"server {i + 1}", EveryDecisions = PoleServer.Rollout * (long)Math.Max(1, row.Every), PollTime = TimeSpan.FromMinutes(10) };
                servers.Add(new PoleServer((1000 * seed) + (100 * i), Agents, row.Every == 0 ? null : grains, name, options, log, steps));
                if (servers[i].Client is { } joining) await joining.SettleAsync(cancel);   // in sequence: the first one's brain is version 1
            }

            int frame = 0;
            while (frame < MostFrames && !(log.RecentMean >= SolvedReward))
            {
                frame++;
                foreach (PoleServer server in servers)
                {
                    server.Frame();
                    if (server.Client is not { IsExchanging: true } client) continue;
                    await client.SettleAsync(cancel);   // before the next one sends: the order of differences decides the bits
                    foreach (PoleServer other in servers) await other.Client!.SettleAsync(cancel);
                }
            }

            BrainClientStatus[] ends = [.. servers.Where(server => server.Client is not null).Select(server => server.Client!.Status)];
            double rounds = Math.Max(1, ends.Length == 0 ? 1 : ends.Max(end => end.Version) - 1);
            return new Result(frame, log.RecentMean >= SolvedReward, ends.Length == 0 ? 0 : ends.Max(end => end.Version), log.Steps, ends.Sum(end => end.BytesSent) / rounds / row.Servers, ends.Sum(end => end.BytesReceived) / rounds / row.Servers);
        }
        finally
        {
            foreach (PoleServer server in servers) await server.DisposeAsync();
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <param name="Servers">Servers.</param>
    /// <param name="Every">Rollouts of a round; 0 for a server alone.</param>
    /// <param name="MostShare">The limit, as a share of the frames that one server takes.</param>
    private sealed record Row(int Servers, int Every, double MostShare);

    private sealed record Result(int Frames, bool IsSolved, long Versions, long Steps, double BytesUp, double BytesDown);
}
