using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NeuralPlugin.Orleans;
using NUnit.Framework;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Games that learn one brain: what they send and adopt, without any effect on their frames.</summary>
[TestFixture]
internal sealed class BrainClientTests
{
    [Test]
    public async Task TwoGamesLearnOneBrain()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.RoundTime) = (120, TimeSpan.FromSeconds(2)));
        await using Game first = new(silos.Client, 1), second = new(silos.Client, 2);
        await first.UntilAsync(() => first.Status.Version == 1, "it joins");
        await first.UntilAsync(Both(() => first.Status.Version >= 6 && second.Status.Version >= 6), "versions come");
        Assert.That((first.Status.State, second.Status.State), Is.EqualTo((BrainClientState.Connected, BrainClientState.Connected)));
        Assert.That(second.Status.Sent, Is.GreaterThan(2));
        Assert.That(first.Status.BytesSent, Is.GreaterThan(first.Status.Sent * 500));
        Assert.That(first.Agents.Progress.TrainingSteps, Is.GreaterThan(10), "it learns on");
        BrainReport report = await silos.Brain().GetReport();
        Assert.That(report.Senders.Keys, Is.EquivalentTo(new[] { "game 1", "game 2" }));
        Assert.That(report.Total.Refused, Is.Zero);

        // When nobody learns any more, all have the cluster's brain.
        first.Agents.Learns = second.Agents.Learns = false;
        long version = (await silos.Brain().GetVersion(0))!.Version;
        await first.UntilAsync(Both(() => first.Status.Version > version + 3 && second.Status.Version == first.Status.Version && first.Status.Version == Newest()), "they agree");
        BrainState ours = first.Agents.GetBrainState(0), theirs = second.Agents.GetBrainState(0);
        Assert.That(TestBrains.All(ours), Is.EqualTo(TestBrains.All(theirs)).Within(1e-4f));
        Assert.That(ours.ObservationMeans.ToArray(), Is.EqualTo(theirs.ObservationMeans.ToArray()).Within(1e-6));

        Func<bool> Both(Func<bool> isSo) => () =>
        {
            second.Frame();
            return isSo();
        };
        long Newest() => silos.Brain().GetVersion(0).GetAwaiter().GetResult()!.Version;
    }

    /// <summary>A single game: each version is the one that it sent, so nothing that it learned in the meantime may be lost when it adopts it.</summary>
    [Test]
    public async Task WhatWasLearnedSinceIsKeptWhenAVersionComes()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version >= 2, "versions come");
        int adopted = 0;
        for (int frame = 0; frame < 4000 && adopted < 5; frame++)
        {
            game.Agents.Update();
            BrainState before = game.Agents.GetBrainState(0);
            long already = game.Status.Adopted;
            game.Client!.Update();
            if (game.Status.Adopted == already)
            {
                await Task.Delay(1);
                continue;
            }

            BrainState after = game.Agents.GetBrainState(0);
            if (game.Agents.Progress.StepsThisFrame == 0)
            {
                adopted++;
                Assert.That(ValueWeights(after), Is.EqualTo(ValueWeights(before)).Within(1e-3), "in rewards");
                Assert.That(after.Parameters.HiddenWeights, Is.EqualTo(before.Parameters.HiddenWeights).Within(1e-4f));
                Assert.That(after.ObservationCount, Is.InRange(before.ObservationCount - 40, before.ObservationCount));
            }
        }

        Assert.That(adopted, Is.EqualTo(5));
        static double[] ValueWeights(BrainState brain) =>
            [.. brain.Parameters.OutputWeights.Where((_, i) => i % 3 == 2).Select(weight => weight * (brain.ValueDeviation > 0 ? brain.ValueDeviation : 1.0))];
    }

    /// <summary>A game says which scale of values its weights are differences in: that of the version, or its own where the version has none.</summary>
    [Test]
    public async Task ADifferenceTellsTheScaleOfItsValues()
    {
        SentAndPublished seen = new();
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1, more: silo => silo.AddIncomingGrainCallFilter(seen));
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version >= 5, "versions come");
        await game.DisposeAsync();
        Assert.That(seen.Differences, Has.Count.GreaterThanOrEqualTo(4));
        foreach (BrainDifference difference in seen.Differences)
        {
            float own = BrainState.Read(difference.Difference, "it").ValueDeviation;
            float? version = seen.Versions.TryGetValue(difference.BaseVersion, out byte[]? brain) ? BrainState.Read(brain, "it").ValueDeviation : null;
            Assert.That(difference.ValueScale, Is.Positive.And.EqualTo(difference.BaseVersion == 1 ? own : version));
        }
    }

    [Test]
    public async Task AFrameAllocatesNothingAndTakesNoTimeWhereNothingIsAdopted()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version >= 5, "it has run warm");
        long allocated = 0, ticks = 0, sent = game.Status.Sent;
        int frames = 0;
        while (frames < 2000 || game.Status.Sent < sent + 5)
        {
            game.Agents.Update();
            long adopted = game.Status.Adopted, before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            game.Client!.Update();
            long took = Stopwatch.GetTimestamp() - start, bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            if (game.Status.Adopted != adopted) continue;
            frames++;
            (allocated, ticks) = (allocated + bytes, ticks + took);
            if (frames % 10 == 0) Thread.Sleep(1);
        }

        Assert.That(allocated, Is.Zero);
        Assert.That(ticks * 1e3 / Stopwatch.Frequency / frames, Is.LessThan(0.05), "milliseconds, on average");
    }

    // ---- the cluster is unavailable ----

    [Test]
    public async Task AClusterThatIsNotThereChangesNoBit()
    {
        await using Game alone = new(null);
        using IHost nowhere = Unconnected();
        await using Game waiting = new(nowhere.Services.GetRequiredService<IClusterClient>());
        for (int frame = 0; frame < 300; frame++)
        {
            alone.Frame();
            waiting.Frame();
        }

        Assert.That(TestBrains.All(waiting.Agents.GetBrainState(0)), Is.EqualTo(TestBrains.All(alone.Agents.GetBrainState(0))));
        await waiting.UntilAsync(() => waiting.Status.Failures > 1, "it tries again");
        Assert.That(waiting.Status.State, Is.EqualTo(BrainClientState.Joining));
        Assert.That(waiting.Status.LastError, Is.Not.Empty);
    }

    [Test]
    public async Task AGameGoesOnWhileTheClusterIsAwayAndTakesPartAgain()
    {
        FaultyCalls faulty = new(0, seed: 3);
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1, more: silo => silo.AddIncomingGrainCallFilter(faulty));
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version >= 2, "it takes part");
        faulty.Share = 1;
        long steps = game.Agents.Progress.TrainingSteps;
        await game.UntilAsync(() => game.Status.State == BrainClientState.Away && game.Status.Failures > 2, "it is away");
        await game.UntilAsync(() => game.Agents.Progress.TrainingSteps > steps + 50, "it learns on");
        long version = game.Status.Version;
        faulty.Share = 0;
        await game.UntilAsync(() => game.Status.State == BrainClientState.Connected && game.Status.Version > version, "it is back");
        Assert.That(game.Status.Failures, Is.Zero);
    }

    /// <summary>Like silos that kept it in memory and restarted.</summary>
    [Test]
    public async Task AClusterThatHasLostTheBrainGetsItBack()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version >= 4, "it takes part");
        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: > 3 } stored) (stored.Version, stored.Previous) = (0, []);   // as if there were none
        };
        await silos.Client.GetGrain<global::Orleans.Runtime.IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
        await game.UntilAsync(() => game.Status.Version is 1 or 2, "it offers what it has");
        FaultyStorage.Damage = null;
        await game.UntilAsync(() => game.Status is { State: BrainClientState.Connected, Version: >= 5 }, "it continues");
    }

    /// <summary>Half of them do not reach the grain; for the other half the answer is lost.</summary>
    [Test]
    public async Task FiveOfAHundredCallsFail()
    {
        FaultyCalls faulty = new(0.05, seed: 3);
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RoundDecisions, options.RoundTime, options.MostStaleness) = (120, TimeSpan.FromSeconds(1), 3), more: silo => silo.AddIncomingGrainCallFilter(faulty));
        await using Game first = new(silos.Client, 1), second = new(silos.Client, 2);
        await first.UntilAsync(() =>
        {
            second.Frame();
            return first.Status.Version >= 40 && faulty.Failed >= 5;
        }, "versions come");
        Assert.That(second.Status.Version, Is.GreaterThan(30));
        faulty.Share = 0;   // and no frame sends anything: pending calls complete
        BrainReport? report = null;
        await TestSilos.UntilAsync(async () =>
        {
            try
            {
                report = await silos.Brain().GetReport();
                return report.Senders["game 1"].Counted == first.Status.Sent && report.Senders["game 2"].Counted == second.Status.Sent;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }, () => $"each counts once: {report?.Senders["game 1"].Counted} of {first.Status.Sent} and {report?.Senders["game 2"].Counted} of {second.Status.Sent}", seconds: 10);
        Assert.That(report!.Total.Refused, Is.Zero);
    }

    /// <summary>It has gone after sending its difference for the round: the round closes on time, and the others continue.</summary>
    [Test]
    public async Task AServerIsGoneInTheMiddleOfARound()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.RoundTime) = (1_000_000, TimeSpan.FromSeconds(1)));
        await using Game stays = new(silos.Client, 1);
        await using (Game goes = new(silos.Client, 2))
        {
            await goes.UntilAsync(() => goes.Status.Sent > 0, "it has sent");
            Assert.That((await silos.Brain().GetReport()).RoundSenders, Is.EqualTo(1));
        }

        await stays.UntilAsync(() => stays.Status.Version >= 4, "the round closes");
        Assert.That((await silos.Brain().GetReport()).Senders["game 2"].Counted, Is.EqualTo(1));
    }

    /// <summary>If only the current version is accepted, some differences of two games arrive too late: they are dropped, and the games restart from the current version.</summary>
    [Test]
    public async Task WhatComesTooLateIsDroppedAndTheGameGoesOnFromTheVersion()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostStaleness) = (1, 0));
        await using Game first = new(silos.Client, 1), second = new(silos.Client, 2);
        await first.UntilAsync(() =>
        {
            second.Frame();
            return first.Status.Dropped + second.Status.Dropped > 0;
        }, "one comes too late");
        (long dropped, long version) = (first.Status.Dropped + second.Status.Dropped, Math.Max(first.Status.Version, second.Status.Version));
        Assert.That((await silos.Brain().GetReport()).Total.TooOld, Is.AtLeast(dropped));
        await first.UntilAsync(() =>
        {
            second.Frame();
            return first.Status.Version > version + 3 && second.Status.Version > version + 3;
        }, "they go on");
    }

    // ---- refusals ----

    [Test]
    public async Task WhatIsRefusedLetsAGameBeginAgainAtTheVersion()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.MostNorm = 1e-9);
        await using Game game = new(silos.Client);
        byte[] first = [];
        await game.UntilAsync(() => game.Status.Version == 1, "it joins");
        first = (await silos.Brain().GetVersion(0))!.Brain;
        await game.UntilAsync(() => game.Status.Refused >= 2 && game.Status.Adopted >= 2, "it is refused, and begins again");
        Assert.That(game.Status.State, Is.EqualTo(BrainClientState.Connected));
        Assert.That(game.Status.LastError, Does.Contain("MostNorm"));
        byte[] now = (await silos.Brain().GetVersion(0))!.Brain;   // only from differences without a step
        Assert.That(TestBrains.All(BrainState.Read(now, "now")), Is.EqualTo(TestBrains.All(BrainState.Read(first, "first"))).Within(1e-8f));
    }

    [Test]
    public async Task AGameWithAnotherShapeIsToldSoAndGoesOnAlone()
    {
        await using TestSilos silos = await TestSilos.StartAsync();
        await silos.Brain().Offer(TestBrains.OfPopulation(TestBrains.Options(hidden: 12)).ToBytes());
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.State == BrainClientState.Refused, "it is refused");
        Assert.That(game.Status.LastError, Does.Contain("12 hidden units").And.Contain("8 hidden units"));
        long steps = game.Agents.Progress.TrainingSteps;
        await game.UntilAsync(() => game.Agents.Progress.TrainingSteps > steps + 5, "it learns on");
        await Assert.ThrowsAsync<BrainShapeException>(() => game.Client!.SettleAsync().WaitAsync(TimeSpan.FromSeconds(10)));
    }

    /// <summary>The answer to each difference that closes a round is lost: it is sent again, and counts in one version only.</summary>
    [Test]
    public async Task TheAnswerToWhatClosesARoundIsLost()
    {
        LostAnswers lost = new();
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1, more: silo => silo.AddIncomingGrainCallFilter(lost));
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Sent == 1, "it sends");
        await TestSilos.UntilAsync(() => Task.FromResult(game.Status.Failures == 0), "all is sent");
        BrainReport report = await silos.Brain().GetReport();
        Assert.That((lost.Lost, report.Total.Counted, report.Version), Is.EqualTo((1, 1L, 2L)));
        await game.UntilAsync(() => game.Status.Sent >= 5, "it continues");
        await TestSilos.UntilAsync(async () => (await silos.Brain().GetReport()).Total.Counted == game.Status.Sent, "each counts once", seconds: 10);
        Assert.That(lost.Lost, Is.GreaterThanOrEqualTo(5));
    }

    /// <summary>A round is written so late that its server, which takes it for lost, sends all since its version: that is not counted, and the server goes on from the version without losing a step.</summary>
    [Test]
    public async Task AServerSendsAgainWhatARoundHadThatComesLate()
    {
        SentAndPublished seen = new();
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RoundDecisions, options.RoundTime) = (1_000_000, TimeSpan.FromMilliseconds(300)), more: silo => silo.AddIncomingGrainCallFilter(seen));
        await using Game game = new(silos.Client);
        await game.UntilAsync(() => game.Status.Version == 1, "it joins");
        TaskCompletionSource written = new();
        FaultyStorage.Gate = written.Task;
        await game.UntilAsync(() => game.Status.Sent == 1, "it sends");
        long bytes = game.Status.BytesSent;
        await game.UntilAsync(() => game.Status.BytesSent > bytes, "it sends again, and waits for the grain");
        await Task.Delay(200);
        written.SetResult();
        await game.UntilAsync(() => game.Status.Version >= 3, "it goes on");
        Assert.That((game.Status.Dropped, game.Status.Refused), Is.EqualTo((0L, 0L)));
        Assert.That(seen.Differences.Count(difference => difference.BaseVersion == 1), Is.EqualTo(2));
        Assert.That(seen.Outcomes.Take(2), Is.EqualTo(new[] { DifferenceOutcome.Counted, DifferenceOutcome.AlreadyCounted }));
    }

    [Test]
    public async Task WhatCannotTakePartIsRefusedAtOnce()
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor();
        using AgentPopulation own = new(device, TestBrains.Options() with { Brains = BrainSharing.OneEach }), shared = new(device, TestBrains.Options());
        using IHost nowhere = Unconnected();
        IGrainFactory grains = nowhere.Services.GetRequiredService<IClusterClient>();
        Assert.That(() => new BrainClient(own, grains, "walkers"), Throws.ArgumentException.With.Message.Contains("IslandClient"));
        Assert.That(() => new BrainClient(shared, grains, "a/b"), Throws.ArgumentException);
        Assert.That(() => new IslandClient(shared, grains, "walkers", _ => 0), Throws.ArgumentException.With.Message.Contains("BrainClient"));
        foreach (string server in (string[])["", new string('a', 129), "walkers/east"])
            Assert.That(() => new BrainClient(shared, grains, "walkers", new BrainClientOptions { Server = server }), Throws.ArgumentException.With.Message.Contains("Server"));
        foreach (string region in (string[])["", "north/east", new string('a', 101)])
            Assert.That(() => new BrainClient(shared, grains, "walkers", new BrainClientOptions { Region = region }), Throws.ArgumentException.With.Message.Contains("region"));
        Assert.That(() => new BrainClient(shared, grains, new string('w', 64), new BrainClientOptions { Region = new string('e', 64) }), Throws.ArgumentException.With.Message.Contains("128"));
        Assert.That(() => new BrainClientOptions { EveryDecisions = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        await Task.CompletedTask;
    }

    // ---- islands ----

    /// <summary>An untrained island gets the best brain of another one in place of its worst.</summary>
    [Test]
    public async Task IslandsExchangeTheirBest()
    {
        await using TestSilos silos = await TestSilos.StartAsync();
        AgentPopulationOptions options = TestBrains.Options() with { Brains = BrainSharing.OneEach };
        await using Game good = new(null, 1, population: options), poor = new(null, 2, population: options);
        IslandClientOptions every = new() { EveryDecisions = 50 };
        await using IslandClient goods = new(good.Agents, silos.Client, "islanders", i => i == 2 ? 500 : 100, every with { Server = "good" });
        await using IslandClient poors = new(poor.Agents, silos.Client, "islanders", i => 10 + i, every with { Server = "poor" });
        await good.UntilAsync(() =>
        {
            goods.Update();
            return silos.Client.GetGrain<IIslandGrain>("islanders").GetChampions().GetAwaiter().GetResult().Count > 0;
        }, "the best is shown");
        Assert.That(goods.Adopted, Is.Zero, "nobody is better");
        await poor.UntilAsync(() =>
        {
            poors.Update();
            return poors.Adopted > 0;
        }, "a better one comes");
        IReadOnlyList<Champion> champions = await silos.Client.GetGrain<IIslandGrain>("islanders").GetChampions();
        Assert.That(champions.Select(one => (one.Sender, one.Score)), Is.EqualTo(new[] { ("good", 500.0), ("poor", 13.0) }));
        BrainState best = BrainState.Read(champions[0].Brain, "the best"), taken = poor.Agents.GetBrainState(0);
        Assert.That(taken.Parameters.OutputWeights.Zip(best.Parameters.OutputWeights).Count(pair => Math.Abs(pair.First - pair.Second) < 1e-4), Is.GreaterThan(taken.Parameters.OutputWeights.Length / 2));
        await Assert.ThrowsAsync<BrainShapeException>(() => silos.Client.GetGrain<IIslandGrain>("islanders").Exchange(new Champion(TestBrains.OfPopulation(TestBrains.Options(hidden: 9)).ToBytes(), 1, "x"), 0));
        await Assert.ThrowsAsync<DifferenceRefusedException>(() => silos.Client.GetGrain<IIslandGrain>("islanders").Exchange(champions[0] with { Score = double.NaN }, 0));
    }

    /// <summary>Notes the differences that reach a brain, and the versions that it hands out.</summary>
    private sealed class SentAndPublished : IIncomingGrainCallFilter
    {
        public List<BrainDifference> Differences { get; } = [];

        public List<DifferenceOutcome> Outcomes { get; } = [];

        public ConcurrentDictionary<long, byte[]> Versions { get; } = [];

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            await context.Invoke();
            if (context.Grain is not BrainGrain) return;
            if (context.Request.GetArgumentCount() == 1 && context.Request.GetArgument(0) is BrainDifference difference) Differences.Add(difference);
            if (context.Result is DifferenceReceipt receipt) Outcomes.Add(receipt.Outcome);
            if (context.Result is BrainVersion version) Versions[version.Version] = version.Brain;
        }
    }

    /// <summary>Loses the answer to each difference, the first time.</summary>
    private sealed class LostAnswers : IIncomingGrainCallFilter
    {
        private long last;

        public int Lost { get; private set; }

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            await context.Invoke();
            if (context.Grain is not BrainGrain || context.Request.GetMethodName() != "Submit" || context.Request.GetArgument(0) is not BrainDifference difference || difference.Sequence == last) return;
            last = difference.Sequence;
            Lost++;
            throw new TimeoutException("A test loses this answer.");
        }
    }

    /// <summary>The cluster client of a game whose cluster is unavailable.</summary>
    private static IHost Unconnected() => Host.CreateDefaultBuilder().UseOrleansClient(client => client.UseLocalhostClustering(gatewayPort: 1)).ConfigureLogging(logging => logging.ClearProviders()).Build();
}
