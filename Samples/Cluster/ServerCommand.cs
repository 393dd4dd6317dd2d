using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Cluster;

/// <summary>A game server: its agents learn in its frames, together with those of other servers.</summary>
internal sealed class ServerCommand : Command
{
    public ServerCommand() : base("server", "Runs a game server, whose agents balance poles and learn one brain together with those of other servers.")
    {
        Option<string?> redis = CommonOptions.Redis(), region = new("--region") { Description = "The region that it belongs to", HelpName = "NAME" };
        Option<string> brain = CommonOptions.Brain(), name = new Option<string>("--name") { Description = "The server's name", HelpName = "NAME" }.WithDefault($"{Environment.MachineName}-{Environment.ProcessId}");
        Option<int> gatewayPort = CommonOptions.GatewayPort();
        Option<int> number = NumberOption.Create("--number", "Seed of its worlds", 1, int.MaxValue).WithDefault(1);
        Option<int> agents = NumberOption.Create("--agents", "Agents", 1, 10_000).WithDefault(16);
        Option<long> frames = NumberOption.Create("--frames", "Frames to run; 0 for no end", 0, long.MaxValue).WithDefault(0);
        Option<int> rate = NumberOption.Create("--rate", "Frames per second; 0 for as many as possible", 0, 10_000).WithDefault(60);
        foreach (Option option in (Option[])[redis, brain, name, region, gatewayPort, number, agents, frames, rate]) Options.Add(option);
        SetAction(async (arguments, cancel) =>
        {
            using IHost host = Hosts.Client(arguments.GetValue(redis), arguments.GetValue(gatewayPort));
            Task connecting = host.StartAsync(cancel);   // not waited for: the game runs
            BrainClientOptions options = new() { Server = arguments.GetValue(name)!, Region = arguments.GetValue(region), EveryDecisions = PoleServer.Rollout, PollTime = TimeSpan.FromSeconds(2) };
            await using (PoleServer server = new(arguments.GetValue(number), arguments.GetValue(agents), host.Services.GetRequiredService<IClusterClient>(), arguments.GetValue(brain)!, options))
            {
                await RunAsync(server, arguments.GetValue(frames), arguments.GetValue(rate), cancel);
            }

            if (connecting.IsCompletedSuccessfully) await host.StopAsync(CancellationToken.None);
            return ExitCode.Success;
        });
    }

    private static async Task RunAsync(PoleServer server, long frames, int rate, CancellationToken cancel)
    {
        Stopwatch watch = Stopwatch.StartNew();
        long next = 0;
        for (long frame = 1; (frames == 0 || frame <= frames) && !cancel.IsCancellationRequested; frame++)
        {
            server.Frame();
            if (watch.ElapsedMilliseconds >= next || frame == frames)
            {
                next = watch.ElapsedMilliseconds + 1000;
                BrainClientStatus status = server.Client!.Status;
                Console.WriteLine(
                    Invariant($"frame {frame} state {status.State} version {status.Version} sent {status.Sent} adopted {status.Adopted} dropped {status.Dropped} refused {status.Refused} steps {server.Progress.TrainingSteps} mean {server.Log.RecentMean:F0}"));
            }

            double ahead = rate == 0 ? 0 : ((double)frame / rate) - watch.Elapsed.TotalSeconds;
            if (ahead > 0.001) await Task.Delay(TimeSpan.FromSeconds(ahead), cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
