using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using NUnit.Framework;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Silos and servers as separate processes on loopback, with Redis as their storage, and the effects of losing some of them.</summary>
[TestFixture]
internal sealed class ProcessTests
{
    /// <summary>
    /// Three silos and three servers. A server is killed in the middle of a round, and then two silos, one after the other. Rounds close, and the version that silos publish does not go back. A server would
    /// not notice, because it ignores lower numbers, so a client without a version asks the grain.
    /// </summary>
    [Test]
    public async Task SilosAndAServerAreKilledWhileRoundsClose()
    {
        string redis = await Redis.RequireAsync();
        SampleProcess[] silos = [Silo(redis), Silo(redis), Silo(redis)];
        List<SampleProcess> servers = [];
        try
        {
            foreach (SampleProcess silo in silos) await UntilAsync(() => silo.Output.Contains("ready", StringComparison.Ordinal), silo, "the silo starts");
            for (int i = 1; i <= 3; i++) servers.Add(Server(redis, i));
            await UntilAllAsync(servers, 3, "rounds close");
            SenderCounters killed = await AskAsync(redis, async brain =>
            {
                SenderCounters? sent = null;
                await TestSilos.UntilAsync(
                    async () => await brain.GetReport() is var report && report.Senders.TryGetValue("server 3", out sent) && sent.LastVersion > report.Version, "the open round has a difference of server 3", seconds: 60);
                servers[2].Kill();
                return sent!;
            });
            await UntilAllAsync(servers[..2], servers[0].Versions[^1] + 2, "rounds close without the server that is gone");
            BrainReport closed = await AskAsync(redis, brain => brain.GetReport());
            Assert.That(closed.Version, Is.GreaterThanOrEqualTo(killed.LastVersion));
            Assert.That(closed.Senders["server 3"].Counted, Is.GreaterThanOrEqualTo(killed.Counted), "what it had sent counts");
            for (int i = 0; i < 2; i++)
            {
                BrainVersion before = await PublishedAsync(redis);
                silos[i].Kill();
                BrainVersion after = await PublishedAsync(redis);
                Assert.That(after.Version, Is.GreaterThanOrEqualTo(before.Version), "no version goes back");
                if (after.Version == before.Version) Assert.That(after.Brain, Is.EqualTo(before.Brain), "no number stands for other bytes");
                await UntilAllAsync(servers[..2], after.Version + 2, "rounds close without the silo that is gone");
            }

            Assert.That(servers[0].Output, Does.Not.Contain("Refused"));
        }
        finally
        {
            foreach (SampleProcess process in servers.Concat(silos)) process.Dispose();
        }
    }

    /// <summary>No version can be written for ten seconds: games continue, and the round closes when the storage is back.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public async Task TheStorageIsAwayForTenSeconds()
    {
        string redis = await Redis.RequireAsync();
        using SampleProcess silo = Silo(redis);
        await UntilAsync(() => silo.Output.Contains("ready", StringComparison.Ordinal), silo, "the silo starts");
        using SampleProcess first = Server(redis, 1), second = Server(redis, 2);
        SampleProcess[] servers = [first, second];
        await UntilAllAsync(servers, 3, "rounds close");
        await Redis.PauseAsync(redis, TimeSpan.FromSeconds(10));
        long before = FramesOf(first), version = first.Versions[^1];
        await Task.Delay(9000);
        Assert.That(FramesOf(first), Is.GreaterThan(before + 60), "the game continues");
        await UntilAllAsync(servers, version + 3, "rounds close again");
        Assert.That((await PublishedAsync(redis)).Version, Is.GreaterThanOrEqualTo(version + 3));
    }

    [Test]
    public async Task AllOfItRunsInOneProcess()
    {
        using SampleProcess all = new("all", "--servers", "2", "--agents", "8", "--frames", "600");
        await UntilAsync(() => !all.IsRunning, all, "it ends");
        Assert.That(all.Output, Does.Match("frame 500: version [1-9]").And.Contain("Not solved after 601 frames of 2 servers").Or.Contain("Not solved after 600 frames of 2 servers"));
    }

    /// <summary>The figures of Documentation~/cluster.md: the program checks whether they hold.</summary>
    [TestCase("frames")]
    [TestCase("frame-cost")]
    [Category(Categories.Nightly)]
    public async Task TheFiguresHold(string command)
    {
        using SampleProcess figures = new(command);
        await TestSilos.UntilAsync(() => Task.FromResult(!figures.IsRunning), () => figures.Output, seconds: 600);
        Assert.That(figures.ExitCode, Is.Zero, figures.Output);
    }

    /// <summary>The version that the silos publish, requested by a separate client; its bytes must be readable.</summary>
    private static async Task<BrainVersion> PublishedAsync(string redis)
    {
        BrainVersion? published = null;
        await AskAsync(redis, async brain =>
        {
            await TestSilos.UntilAsync(async () =>
            {
                try
                {
                    published = await brain.GetVersion(0).WaitAsync(TimeSpan.FromSeconds(15));
                    return true;
                }
                catch (Exception exception) when (exception is TimeoutException or global::Orleans.Runtime.OrleansException)
                {
                    return false;
                }
            }, "a silo answers", seconds: 60);
            return published;
        });
        Assert.That(() => BrainState.Read(published!.Brain, "the version"), Throws.Nothing);
        return published!;
    }

    /// <summary>Asks the brain's grain, as a separate client.</summary>
    private static async Task<T> AskAsync<T>(string redis, Func<IBrainGrain, Task<T>> ask)
    {
        using IHost host = Hosts.Client(redis, 0);
        await host.StartAsync().WaitAsync(TimeSpan.FromSeconds(60));
        T answer = await ask(host.Services.GetRequiredService<IClusterClient>().GetGrain<IBrainGrain>("poles"));
        await host.StopAsync();
        return answer;
    }

    private static SampleProcess Silo(string redis) => new(
        "silo", "--redis", redis, "--silo-port", Number(FreePort.Next()), "--gateway-port", Number(FreePort.Next()), "--round-decisions", "1800", "--round-seconds", "1");

    private static SampleProcess Server(string redis, int number) => new("server", "--redis", redis, "--name", $"server {number}", "--number", Number(number), "--rate", "120");

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static long FramesOf(SampleProcess server) => long.Parse(server.Output.Split('\n').Last(line => line.StartsWith("frame ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    private static async Task UntilAllAsync(IEnumerable<SampleProcess> servers, long version, string what)
    {
        foreach (SampleProcess server in servers) await UntilAsync(() => server.Versions is [.., var newest] && newest >= version, server, $"{what}: version {version}");
    }

    private static Task UntilAsync(Func<bool> isSo, SampleProcess process, string what) =>
        TestSilos.UntilAsync(() => Task.FromResult(isSo()), () => $"{what}:\n{process.Output}", seconds: 60);
}
