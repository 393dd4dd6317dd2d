using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Cluster;

/// <summary>The cost of taking part for a frame of the game: time and managed bytes of <see cref="BrainClient.Update"/>.</summary>
internal sealed class FrameCostCommand : Command
{
    private const double MostMilliseconds = 0.05;

    public FrameCostCommand() : base("frame-cost", "Measures the time that taking part costs a frame of a game, and fails if it is too long.")
    {
        Option<int> frames = NumberOption.Create("--frames", "Frames", 1000, 1_000_000).WithDefault(20_000);
        Options.Add(frames);
        SetAction((arguments, cancel) => RunAsync(arguments.GetValue(frames), cancel));
    }

    private static async Task<int> RunAsync(int frames, CancellationToken cancel)
    {
        (int siloPort, int gatewayPort) = (FreePort.Next(), FreePort.Next());
        using IHost silo = Hosts.Silo(null, siloPort, gatewayPort, CommonOptions.Rules(1, 1)), client = Hosts.Client(null, gatewayPort);
        await silo.StartAsync(cancel);
        await client.StartAsync(cancel);
        List<double> idle = [], adopting = [];
        long bytes = 0;
        await using (PoleServer server = new(1, 16, client.Services.GetRequiredService<IClusterClient>(), "poles", new BrainClientOptions { Server = "server", EveryDecisions = PoleServer.Rollout }))
        {
            await server.Client!.SettleAsync(cancel);
            for (int frame = -2000; frame < frames; frame++)   // the first ones warm up
            {
                server.UpdateAgents();
                (long adopted, long before, long start) = (server.Client.Status.Adopted, GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
                server.Client.Update();
                double took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                if (frame % 4 == 0) Thread.Sleep(1);   // a game waits for its screen
                if (frame < 0) continue;
                bool adopts = server.Client.Status.Adopted != adopted;
                (adopts ? adopting : idle).Add(took);
                if (!adopts) bytes += allocated;
            }

            BrainClientStatus status = server.Client.Status;
            idle.Sort();
            Console.WriteLine(Invariant($"{idle.Count} frames that adopted nothing: mean {idle.Average():F5} ms, 99th percentile {idle[idle.Count * 99 / 100]:F4} ms, longest {idle[^1]:F3} ms, {bytes} managed bytes"));
            if (adopting.Count > 0) Console.WriteLine(Invariant($"{adopting.Count} frames that adopted a version: mean {adopting.Average():F3} ms, longest {adopting.Max():F3} ms"));
            if (status.Sent > 0) Console.WriteLine(Invariant($"a round: {status.BytesSent / status.Sent} bytes up, {status.BytesReceived / Math.Max(1, status.Adopted)} down"));
        }

        bool holds = bytes == 0 && idle[idle.Count * 99 / 100] <= MostMilliseconds;
        if (!holds) Console.WriteLine(Invariant($"TOO MUCH: the limits are 0 bytes and {MostMilliseconds} ms."));
        await client.StopAsync(CancellationToken.None);
        await silo.StopAsync(CancellationToken.None);
        return holds ? ExitCode.Success : ExitCode.Failure;
    }
}
