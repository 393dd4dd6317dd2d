using NeuralPlugin.Orleans;
using NUnit.Framework;
using Orleans.Core.Internal;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>A tree of two levels: regions average for their servers, and the brain for its regions.</summary>
[TestFixture]
internal sealed class RegionTests
{
    /// <summary>Six servers in two regions give the same result as in one round, except for the rounding of the averages.</summary>
    [Test]
    public async Task TheMeanOfTheRegionsMeansIsTheMeanOfAll()
    {
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RegionDecisions, options.RoundDecisions, options.RegionTime, options.RoundTime) = (260, 600, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30)));
        BrainState first = TestBrains.Brain(1, 1, 5, 2);
        await silos.Brain().Offer(first.ToBytes());
        BrainRound flat = new(first, 0);
        IRegionGrain[] regions = [silos.Client.GetGrain<IRegionGrain>("walkers/east"), silos.Client.GetGrain<IRegionGrain>("walkers/west")];
        for (int i = 0; i < 6; i++)
        {
            BrainState difference = TestBrains.Difference(i + 2, 80 + (10 * i), valueMean: i, valueDeviation: 1 + i);
            flat.Add($"server {i}", 1, difference);
            DifferenceReceipt receipt = await regions[i % 2].Submit(TestBrains.Sent($"server {i}", 1, difference));
            Assert.That((receipt.Outcome, receipt.ClosesAs), Is.EqualTo((DifferenceOutcome.Counted, 2L)));
        }

        await TestSilos.UntilAsync(async () => await silos.Brain().GetVersion(1) is not null, "the brain's round closes");
        BrainReport report = await silos.Brain().GetReport();
        Assert.That(report.Senders.Keys, Is.EquivalentTo(new[] { "walkers/east", "walkers/west" }));
        Assert.That((report.Total.Counted, report.Total.Decisions), Is.EqualTo((2L, 630L)));
        BrainState next = BrainState.Read((await silos.Brain().GetVersion(0))!.Brain, "it"), expected = flat.Close(ServerMemory.None, new BrainOptions()).Next;
        Assert.That(TestBrains.All(next), Is.EqualTo(TestBrains.All(expected)).Within(1e-6f));
        Assert.That((next.ObservationCount, next.Decisions), Is.EqualTo((expected.ObservationCount, expected.Decisions)));
        Assert.That(next.ObservationMeans.ToArray(), Is.EqualTo(expected.ObservationMeans.ToArray()).Within(1e-12));
        Assert.That(next.ObservationSquares.ToArray(), Is.EqualTo(expected.ObservationSquares.ToArray()).Within(1e-9));
        foreach (IRegionGrain region in regions)
            await TestSilos.UntilAsync(async () => await region.GetVersion(0) is { Version: 2 }, "the regions hand the version out");
    }

    [Test]
    public async Task GamesLearnThroughRegionsWithCallsThatFail()
    {
        await using TestSilos silos = await TestSilos.StartAsync(
            silos: 2,
            configure: options => (options.RegionDecisions, options.RoundDecisions, options.RegionTime, options.RoundTime, options.MostStaleness) = (120, 240, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1), 3),
            more: silo => silo.AddIncomingGrainCallFilter(new FaultyCalls(0.05, seed: 5)));
        Game[] games = [.. Enumerable.Range(0, 4).Select(i => new Game(silos.Client, i + 1, Game.Quick($"game {i}") with { Region = i < 2 ? "east" : "west" }))];
        await games[0].UntilAsync(() =>
        {
            foreach (Game game in games[1..]) game.Frame();
            return games.All(game => game.Status.Version >= 10);
        }, "versions come");
        foreach (Game game in games)
        {
            Assert.That((game.Status.Refused, game.Status.State), Is.EqualTo((0L, BrainClientState.Connected)).Or.EqualTo((0L, BrainClientState.Away)));
            await game.DisposeAsync();
        }
    }

    /// <summary>The brain rejects averages for a while, during which new versions appear: each average is kept, goes into a version once the brain accepts them again, and records the version that it started from.</summary>
    [Test]
    public async Task AveragesThatWaitAreKept()
    {
        AveragesOfRegions averages = new() { AreLost = true };
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RegionDecisions, options.RoundDecisions, options.MostStaleness) = (100, 150, 4), more: silo => silo.AddIncomingGrainCallFilter(averages));
        IBrainGrain brain = silos.Brain();
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        await region.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 100)));
        await NextAsync(1);
        await region.Submit(TestBrains.Sent("c", 1, TestBrains.Difference(4, 100)));
        await NextAsync(2);
        averages.AreLost = false;
        for (int counted = 1; counted <= 3; counted++)
        {
            await TestSilos.UntilAsync(async () => (await brain.GetReport()).Senders.GetValueOrDefault("walkers/east")?.Counted == counted, $"{counted} averages come");
            await NextAsync(2 + counted);
        }

        Assert.That((await brain.GetReport()).Senders["walkers/east"].Decisions, Is.EqualTo(300));
        Assert.That(averages.Bases, Is.EqualTo(new long[] { 1, 1, 1 }));

        async Task NextAsync(long version)
        {
            await brain.Submit(TestBrains.Sent("other", version, TestBrains.Difference(5, 150), version));
            await TestSilos.UntilAsync(async () => await region.GetVersion(0) is { } now && now.Version == version + 1, "the region has the version");
        }
    }

    /// <summary>Like silos that kept it in memory and restarted, while the region's silo kept running.</summary>
    [Test]
    public async Task ARegionWhoseBrainIsLostGetsItBackFromItsServers()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.RegionDecisions) = (1, 1));
        await using Game game = new(silos.Client, 1, Game.Quick("game 1") with { Region = "east" });
        await game.UntilAsync(() => game.Status.Version >= 4, "it takes part");
        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: > 3 } stored) (stored.Version, stored.Previous) = (0, []);   // as if there were none
        };
        await silos.Brain().AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await game.UntilAsync(() => game.Status.Version is 1 or 2, "it offers what it has");
        FaultyStorage.Damage = null;
        await game.UntilAsync(() => game.Status is { State: BrainClientState.Connected, Version: >= 5 }, "it continues");
    }

    [Test]
    public async Task ARegionThatIsPutToSleepHandsOnWhatItHas()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionTime, options.RoundTime) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(20)));
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        await region.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await TestSilos.UntilAsync(async () => (await silos.Brain().GetReport()).Total.Decisions == 100, "it is handed on");
    }

    /// <summary>A difference that closes a round of a region and is sent again counts once.</summary>
    [Test]
    public async Task WhatIsSentToARegionAgainCountsOnce()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionDecisions, options.RoundDecisions) = (1, 1));
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        BrainDifference difference = TestBrains.Sent("a", 1, TestBrains.Difference(2, 100));
        await region.Submit(difference);
        DifferenceReceipt again = await region.Submit(difference);
        Assert.That((again.Outcome, again.Sequence, again.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L)));
        Assert.That((await silos.Brain().GetReport()).Total.Decisions, Is.EqualTo(100));
    }

    /// <summary>A region dies after it has handed an average on and before its server has the answer. The server sends its difference again, and the next activation recognizes it.</summary>
    [Test]
    public async Task ADifferenceCountsOnceIfItsRegionDiesBeforeItAnswers()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionDecisions, options.RoundDecisions, options.MostStaleness) = (1, 1, 3));
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        BrainDifference difference = TestBrains.Sent("a", 1, TestBrains.Difference(2, 100));
        await region.Submit(difference);   // the answer is lost
        for (int deaths = 0; deaths < 2; deaths++)
        {
            await region.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
            DifferenceReceipt again = await region.Submit(difference);
            Assert.That((again.Outcome, again.Sequence, again.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L)));
            Assert.That((await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(3, 150), 2))).Outcome, Is.EqualTo(DifferenceOutcome.AlreadyCounted), "it contains the first one");
            Assert.That((await silos.Brain().GetReport()).Total.Decisions, Is.EqualTo(100));
        }

        Assert.That((await region.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(4, 50), 3))).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        Assert.That((await silos.Brain().GetReport()).Total.Decisions, Is.EqualTo(150));
    }

    /// <summary>The brain does not answer, or the storage does not, or its answer is lost, while a region completes rounds; then the region dies. Each average reaches the brain once, and keeps its number.</summary>
    [Test]
    public async Task AveragesOutliveTheirRegion()
    {
        AveragesOfRegions averages = new() { AreLost = true };
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RegionDecisions, options.RoundDecisions, options.MostStaleness, options.StorageRetry) = (100, 150, 4, TimeSpan.FromMilliseconds(20)),
            more: silo => silo.AddIncomingGrainCallFilter(averages));
        IBrainGrain brain = silos.Brain();
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        await region.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 100)));   // in the open round, which the deactivation completes
        await region.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await Assert.ThatAsync(async () => (await region.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 100)))).Outcome, Is.EqualTo(DifferenceOutcome.AlreadyCounted));
        Assert.That((await region.GetReport()).Total.Decisions, Is.EqualTo(200));
        averages.AreLost = false;
        await CountedAsync(100);
        await brain.Submit(TestBrains.Sent("other", 1, TestBrains.Difference(5, 150)));
        await CountedAsync(200);
        await brain.Submit(TestBrains.Sent("other", 2, TestBrains.Difference(5, 150), 2));
        await TestSilos.UntilAsync(async () => await region.GetVersion(0) is { Version: 3 }, "the region has the version");
        FaultyStorage.LosesAnswers = true;
        await region.Submit(TestBrains.Sent("c", 1, TestBrains.Difference(4, 100)));
        await CountedAsync(300);

        async Task CountedAsync(long decisions) =>
            await TestSilos.UntilAsync(async () => (await brain.GetReport()).Senders.GetValueOrDefault("walkers/east")?.Decisions == decisions, $"{decisions} decisions come");
    }

    /// <summary>The write of an average takes too long and succeeds later, after more has arrived: all averages reach the brain once.</summary>
    [Test]
    public async Task AWriteThatSucceedsLateLosesNoAverage()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options =>
            (options.RegionDecisions, options.RoundDecisions, options.MostStaleness, options.StorageTimeout, options.StorageRetry) = (100, 150, 4, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1)));
        IBrainGrain brain = silos.Brain();
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        TaskCompletionSource late = new();
        FaultyStorage.Gate = late.Task;
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        FaultyStorage.Gate = Task.CompletedTask;
        int writes = FaultyStorage.Writes;
        late.SetResult();
        await TestSilos.UntilAsync(() => Task.FromResult(FaultyStorage.Writes > writes), "the write succeeds");
        Assert.That((await region.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 50)))).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        await brain.Submit(TestBrains.Sent("other", 1, TestBrains.Difference(5, 150)));   // its version completes the region's round
        await CountedAsync(100);
        await brain.Submit(TestBrains.Sent("other", 2, TestBrains.Difference(5, 150), 2));
        await CountedAsync(150);
        Assert.That((await region.GetReport()).Total.Decisions, Is.EqualTo(150));

        async Task CountedAsync(long decisions) =>
            await TestSilos.UntilAsync(async () => (await brain.GetReport()).Senders.GetValueOrDefault("walkers/east")?.Decisions == decisions, $"{decisions} decisions come", seconds: 10);
    }

    /// <summary>A damaged record of a region counts as none: a warning, and no error of its servers' calls.</summary>
    [Test]
    public async Task ADamagedRecordOfARegionCountsAsNone()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionDecisions, options.RoundDecisions) = (1, 1));
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        Action<RegionRecord>[] damages =
        [
            record => record.Averages[0].Difference[^1] ^= 1,
            record => record.Averages[0] = record.Averages[0] with { Sender = "walkers/west" },
            record => record.Averages[0] = record.Averages[0] with { Difference = null! },
            record => record.Averages = [null!],
            record => record.Averages = null!,
            record => record.Checksum = null!,
            record => record.Senders["a"].LastSequence++,
            record => record.Senders["a"] = null!,
            record => record.Senders = null!,
            record => record.Sequence = long.MaxValue,
            record => record.Sequence = 0,
        ];
        foreach (Action<RegionRecord> damage in damages)
        {
            FaultyStorage.Damage = record =>
            {
                if (record is RegionRecord stored) damage(stored);
            };
            await region.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
            Assert.That((await region.GetReport()).Total.Decisions, Is.Zero);
        }

        FaultyStorage.Damage = null;
        Assert.That((await region.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(3, 50), 2))).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        Assert.That((await silos.Brain().GetReport()).Total.Decisions, Is.EqualTo(150));
        FaultyStorage.Fails = true;
        await region.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await Assert.ThrowsAsync<StoredBrainException>(() => region.GetVersion(0));
        FaultyStorage.Fails = false;
        Assert.That((await region.GetVersion(0))!.Version, Is.EqualTo(3));
    }

    /// <summary>The brain's grain ends without its open round, which had the region's average. The server waits in vain, and sends all since its version: the region hands the same average on again.</summary>
    [Test]
    public async Task AnAverageThatTheBrainLostIsHandedOnAgainWhenItsServersAsk()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionDecisions, options.RoundDecisions, options.RoundTime, options.SubscriptionTime) = (100, 200, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(2)));
        IBrainGrain brain = silos.Brain();
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await region.Offer(TestBrains.Brain().ToBytes());
        await region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100), 1));
        BrainDifference all = TestBrains.Sent("a", 1, TestBrains.Difference(3, 150), 2);
        for (int time = 0; time < 2; time++)
        {
            DifferenceReceipt receipt = await region.Submit(all);
            Assert.That((receipt.Outcome, receipt.Sequence, receipt.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L)));
            Assert.That((await brain.GetReport()).RoundDecisions, Is.EqualTo(100), time == 0 ? "it is still there" : "it is there again");
            if (time > 0) break;
            FaultyStorage.Fails = true;   // or the grain would publish its round
            await brain.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
            await Task.Delay(300);
            FaultyStorage.Fails = false;
            Assert.That((await brain.GetReport()).RoundDecisions, Is.Zero);
        }

        await brain.Submit(TestBrains.Sent("other", 1, TestBrains.Difference(4, 100)));
        await TestSilos.UntilAsync(async () => await region.GetVersion(0) is { Version: 2 }, "the version comes");
        Assert.That((await region.Submit(all)).Outcome, Is.EqualTo(DifferenceOutcome.AlreadyCounted), "the version has a part of it");
        Assert.That((await region.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(5, 50), 3))).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        Assert.That((await brain.GetReport()).Total.Decisions, Is.EqualTo(200));
    }

    [Test]
    public async Task ARegionRefusesAsTheBrainDoes()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.MostNorm = 5);
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        await Assert.ThrowsAsync<UnknownBrainException>(() => region.GetVersion(0));
        await region.Offer(TestBrains.Brain().ToBytes());
        Assert.That((await region.GetVersion(0))!.Version, Is.EqualTo(1));
        await Assert.ThrowsAsync<DifferenceRefusedException>(() => region.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100, scale: 10))));
        Assert.That((await region.GetReport()).Senders["a"].Refused, Is.EqualTo(1));
        await Assert.ThrowsAsync<BrainShapeException>(() => region.Offer(TestBrains.OfPopulation(TestBrains.Options(hidden: 9)).ToBytes()));
    }

    /// <summary>Holds averages of regions back from the brain, and records the versions that they start from when they reach it.</summary>
    private sealed class AveragesOfRegions : IIncomingGrainCallFilter
    {
        private readonly SortedDictionary<long, long> bases = [];

        public bool AreLost { get; set; }

        public IEnumerable<long> Bases
        {
            get
            {
                lock (bases) return [.. bases.Values];
            }
        }

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            if (context.Grain is BrainGrain && context.Request.GetMethodName() == "Submit" && context.Request.GetArgument(0) is BrainDifference difference && difference.Sender.Contains('/'))
            {
                if (AreLost) throw new TimeoutException("A test lets this call fail.");
                lock (bases) bases[difference.Sequence] = difference.BaseVersion;
            }

            await context.Invoke();
        }
    }
}
