using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NeuralPlugin.Orleans;
using NUnit.Framework;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Rounds and versions of a brain's grain, its refusals, and the faults that it survives.</summary>
[TestFixture]
internal sealed class BrainGrainTests
{
    private static readonly byte[] First = TestBrains.Brain().ToBytes();

    // ---- rounds ----

    [Test]
    public async Task TheFirstBrainIsVersionOneAndAllGetIt()
    {
        await using TestSilos silos = await TestSilos.StartAsync();
        BrainVersion first = await silos.Brain().Offer(First);
        BrainVersion second = await silos.Brain().Offer(TestBrains.Brain(2).ToBytes());
        Assert.That(first.Version, Is.EqualTo(1));
        Assert.That(TestBrains.All(BrainState.Read(first.Brain, "it")), Is.EqualTo(TestBrains.All(TestBrains.Brain())));
        Assert.That(second.Brain, Is.EqualTo(first.Brain));
        Assert.That(await silos.Brain().GetVersion(1), Is.Null);
        Assert.That((await silos.Brain().GetVersion(0))!.Version, Is.EqualTo(1));
    }

    [Test]
    public async Task ARoundClosesWithEnoughDecisionsOrInTime()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.RoundTime) = (300, TimeSpan.FromSeconds(1)));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        DifferenceReceipt receipt = await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        Assert.That((receipt.Outcome, receipt.ClosesAs, receipt.Version), Is.EqualTo((DifferenceOutcome.Counted, 2L, 1L)));
        Assert.That((await brain.GetReport()).RoundDecisions, Is.EqualTo(100));
        await brain.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 200)));
        BrainVersion second = (await brain.GetVersion(1))!;
        Assert.That(second.Version, Is.EqualTo(2));
        BrainRound round = new(TestBrains.Brain(), 0);
        round.Add("a", 1, TestBrains.Difference(2, 100));
        round.Add("b", 1, TestBrains.Difference(3, 200));
        Assert.That(second.Brain, Is.EqualTo(round.Close(ServerMemory.None, new BrainOptions()).Next.ToBytes()));

        await brain.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(4, 10), sequence: 2));
        Assert.That(await brain.GetVersion(2), Is.Null);
        await TestSilos.UntilAsync(async () => await brain.GetVersion(2) is not null, "the time of the round is over");
        Assert.That((await brain.GetReport()).Total.Decisions, Is.EqualTo(310));
    }

    [Test]
    public async Task ObserversAreToldOfEachVersion()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        Listener listener = new();
        Assert.That(await brain.Subscribe(silos.Client.CreateObjectReference<IBrainObserver>(listener)), Is.EqualTo(1));
        for (int version = 1; version <= 3; version++) await brain.Submit(TestBrains.Sent("a", version, TestBrains.Difference(2, 100), version));
        await TestSilos.UntilAsync(() => Task.FromResult(listener.Newest == 4), "the observer");
        GC.KeepAlive(listener);
    }

    [Test]
    public async Task WhatIsSentAgainCountsOnce()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1000);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        BrainDifference difference = TestBrains.Sent("a", 1, TestBrains.Difference(2, 100), sequence: 5);
        await brain.Submit(difference);
        DifferenceReceipt again = await brain.Submit(difference), later = await brain.Submit(difference with { Sequence = 6 });
        Assert.That((again.Outcome, again.Sequence), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 5L)));
        Assert.That((later.Outcome, later.Sequence), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 5L)));
        Assert.That((await brain.GetReport()).RoundDecisions, Is.EqualTo(100));
    }

    [Test]
    public async Task WhatIsTooOldIsDroppedAndCounted()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostStaleness) = (1, 1));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        for (int version = 1; version <= 3; version++) await brain.Submit(TestBrains.Sent("new", version, TestBrains.Difference(2, 100), version));
        DifferenceReceipt late = await brain.Submit(TestBrains.Sent("late", 3, TestBrains.Difference(3, 100))), old = await brain.Submit(TestBrains.Sent("old", 3, TestBrains.Difference(3, 100)));
        Assert.That((late.Outcome, old.Outcome), Is.EqualTo((DifferenceOutcome.Counted, DifferenceOutcome.TooOld)));
        BrainReport report = await brain.GetReport();
        Assert.That((report.Version, report.Total.Counted, report.Total.TooOld, report.Senders["old"].TooOld), Is.EqualTo((5L, 4L, 1L, 1L)));
    }

    [Test]
    public async Task TheSameDifferencesInTheSameOrderGiveTheSameBitsOfEveryVersion([Values] ServerRule rule)
    {
        List<byte[]>[] runs = [[], []];
        foreach (List<byte[]> versions in runs)
        {
            await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.Rule) = (250, rule));
            IBrainGrain brain = silos.Brain();
            await brain.Offer(First);
            for (int i = 0; i < 12; i++)
            {
                BrainVersion current = (await brain.GetVersion(0))!;
                await brain.Submit(TestBrains.Sent($"server {i % 3}", current.Version, TestBrains.Difference(i + 2, 100, valueMean: i, valueDeviation: 1 + i), i + 1));
                versions.Add((await brain.GetVersion(0))!.Brain);
            }
        }

        Assert.That(runs[0], Is.EqualTo(runs[1]));
        Assert.That(runs[0].Distinct().Count(), Is.GreaterThan(3));
    }

    /// <summary>A difference closes its round and the answer is lost: sent again, it is recognized, whatever the version, and also after the grain was reactivated.</summary>
    [Test]
    public async Task WhatClosedARoundAndIsSentAgainCountsOnce()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostStaleness) = (100, 3));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        BrainDifference difference = TestBrains.Sent("a", 1, TestBrains.Difference(2, 100), sequence: 7);
        await brain.Submit(difference);
        DifferenceReceipt again = await brain.Submit(difference), earlier = await brain.Submit(difference with { Sequence = 6 });
        Assert.That((again.Outcome, again.Sequence, again.ClosesAs, again.Version), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 7L, 2L, 2L)));
        Assert.That(earlier, Is.EqualTo(again));
        await brain.Submit(TestBrains.Sent("b", 2, TestBrains.Difference(3, 100)));
        await ForgetAsync(silos);
        DifferenceReceipt late = await brain.Submit(difference);
        Assert.That((late.Outcome, late.ClosesAs, late.Version), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 2L, 3L)));
        Assert.That((await brain.GetReport()).Total.Counted, Is.EqualTo(2));
    }

    /// <summary>
    /// A write hangs for so long that the server sends all since its version again, as a difference with a new number. The version comes, and has the first part of it: that counts once.
    /// </summary>
    [Test]
    public async Task WhatContainsACountedDifferenceIsNotCounted()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 100);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        TaskCompletionSource written = new();
        FaultyStorage.Gate = written.Task;
        Task<DifferenceReceipt> part = brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100), sequence: 1));
        await Task.Delay(200);
        Task<DifferenceReceipt> all = brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 150), sequence: 2));
        await Task.Delay(200);
        written.SetResult();
        Assert.That((await part).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        DifferenceReceipt overlaps = await all;
        Assert.That((overlaps.Outcome, overlaps.Sequence, overlaps.ClosesAs, overlaps.Version), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L, 2L)));
        DifferenceReceipt since = await brain.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(3, 50), sequence: 3));
        Assert.That(since.Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        Assert.That((await brain.GetReport()).Total.Decisions, Is.EqualTo(150));
    }

    // ---- trust ----

    [Test]
    public async Task WhatIsRefusedHasATypedErrorIsCountedByItsSenderAndChangesNothing()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostNorm, options.MostDecisions) = (1000, 5, 10_000));
        IBrainGrain brain = silos.Brain();
        BrainVersion first = await brain.Offer(First);
        byte[] notFinite = TestBrains.Difference(2, 100).ToBytes();
        BitConverter.TryWriteBytes(notFinite.AsSpan(8 + (int)BitConverter.ToInt64(notFinite)), float.NaN);
        BrainState otherShape = TestBrains.OfPopulation(TestBrains.Options(hidden: 9));
        otherShape.Decisions = 5;
        (RefusalReason Reason, BrainDifference Difference)[] wrong =
        [
            (RefusalReason.Damaged, new BrainDifference("damaged", 1, 1, [1, 2, 3])),
            (RefusalReason.WrongShape, TestBrains.Sent("shape", 1, otherShape)),
            (RefusalReason.NotFinite, new BrainDifference("nan", 1, 1, notFinite)),
            (RefusalReason.TooLarge, TestBrains.Sent("large", 1, TestBrains.Difference(2, 100, scale: 10))),
            (RefusalReason.Decisions, TestBrains.Sent("greedy", 1, TestBrains.Difference(2, 10_001))),
            (RefusalReason.Decisions, TestBrains.Sent("idle", 1, TestBrains.Brain())),
            (RefusalReason.UnknownVersion, TestBrains.Sent("future", 2, TestBrains.Difference(2, 100))),
            (RefusalReason.Sender, TestBrains.Sent("", 1, TestBrains.Difference(2, 100))),
        ];
        foreach ((RefusalReason reason, BrainDifference difference) in wrong)
        {
            DifferenceRefusedException refused = (await Assert.ThrowsAsync<DifferenceRefusedException>(() => brain.Submit(difference)))!;
            Assert.That((refused.Reason, refused.Sender, refused.Brain), Is.EqualTo((reason, difference.Sender, "walkers")));
            Assert.That(refused.Message, Does.Contain("walkers"));
        }

        BrainReport report = await brain.GetReport();
        Assert.That((report.Version, report.RoundSenders, report.Total.Refused), Is.EqualTo((1L, 0, 8L)));
        Assert.That((report.Senders["nan"].Refused, report.Senders["nan"].LastRefusal), Is.EqualTo((1L, RefusalReason.NotFinite)));
        Assert.That((await brain.GetVersion(0))!.Brain, Is.EqualTo(first.Brain));
    }

    /// <summary>Statistics and scales whose sum could not be written or read again are refused, and the open round closes.</summary>
    [Test]
    public async Task StatisticsAndScalesAreBounded()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 200);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(TestBrains.Brain(1, 1, 0, 1).ToBytes());
        await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100, valueMean: 1, valueDeviation: 2)));
        (RefusalReason Reason, Action<BrainState> Change)[] poisons =
        [
            (RefusalReason.Decisions, one => one.SetObservations(1L << 50, new double[4], new double[4])),
            (RefusalReason.TooLarge, one => one.SetObservations(10, [0, 3e38, 0, 0], new double[4])),
            (RefusalReason.TooLarge, one => one.SetObservations(10, new double[4], [0, 0, 0, 1e30])),
            (RefusalReason.TooLarge, one => (one.ValueMean, one.ValueDeviation) = (3e38f, 1)),
            (RefusalReason.TooLarge, one => (one.ValueMean, one.ValueDeviation) = (0, float.MaxValue)),
            (RefusalReason.TooLarge, one => (one.ValueMean, one.ValueDeviation) = (0, float.Epsilon)),
        ];
        foreach ((RefusalReason reason, Action<BrainState> change) in poisons)
        {
            BrainState poison = TestBrains.Difference(3, 100);
            change(poison);
            Assert.That((await Assert.ThrowsAsync<DifferenceRefusedException>(() => brain.Submit(TestBrains.Sent("liar", 1, poison))))!.Reason, Is.EqualTo(reason));
        }

        foreach (float scale in (float[])[float.NaN, -1, 1e-13f, 1e13f, 1e4f])   // the last one is allowed, but makes the weights of the value too large
        {
            BrainDifference scaled = TestBrains.Sent("liar", 1, TestBrains.Difference(3, 100), valueScale: scale);
            Assert.That((await Assert.ThrowsAsync<DifferenceRefusedException>(() => brain.Submit(scaled)))!.Reason, Is.EqualTo(RefusalReason.TooLarge));
        }

        await brain.Submit(TestBrains.Sent("b", 1, TestBrains.Difference(3, 100, valueMean: (float)1e12, valueDeviation: (float)1e12)));
        BrainVersion second = (await brain.GetVersion(1))!;
        Assert.That(second.Version, Is.EqualTo(2));
        Assert.That(() => BrainState.Read(second.Brain, "it"), Throws.Nothing);
    }

    /// <summary>A rule turns valid differences into values that no file can store: the round is dropped, and the next one closes.</summary>
    [Test]
    public async Task ARoundThatComesToNoBrainIsDropped()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostNorm, options.ServerLearningRate) = (1, 1e39, 1e10));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        await brain.Submit(TestBrains.Sent("large", 1, TestBrains.Difference(2, 100, scale: 1e30f)));
        BrainReport report = await brain.GetReport();
        Assert.That((report.Version, report.RoundSenders, report.IsWaitingForStorage), Is.EqualTo((1L, 0, false)));
        await brain.Submit(TestBrains.Sent("small", 1, TestBrains.Difference(2, 100, scale: 1e-9f)));
        Assert.That((await brain.GetVersion(1))!.Version, Is.EqualTo(2));
    }

    /// <summary>A region stands for the decisions of all its servers, which one server may not claim.</summary>
    [Test]
    public async Task RegionsHaveABoundOfDecisionsOfTheirOwn()
    {
        await using TestSilos silos = await TestSilos.StartAsync(
            configure: options => (options.RoundDecisions, options.RegionDecisions, options.MostDecisions, options.MostRegionDecisions) = (600, 600, 200, 700));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        for (int i = 0; i < 3; i++) await region.Submit(TestBrains.Sent($"server {i}", 1, TestBrains.Difference(i + 2, 200)));
        await TestSilos.UntilAsync(async () => await brain.GetVersion(1) is not null, "the sum of a region counts");
        Assert.That((await brain.GetReport()).Total.Decisions, Is.EqualTo(600));
        await Assert.ThrowsAsync<DifferenceRefusedException>(() => brain.Submit(TestBrains.Sent("server 1", 2, TestBrains.Difference(2, 201))));
        await Assert.ThrowsAsync<DifferenceRefusedException>(() => region.Submit(TestBrains.Sent("server 1", 2, TestBrains.Difference(2, 201), 2)));
        for (int i = 0; i < 4; i++) await region.Submit(TestBrains.Sent($"server {i}", 2, TestBrains.Difference(i + 2, i < 3 ? 199 : 200), 3));
        SenderCounters east = (await brain.GetReport()).Senders["walkers/east"];
        Assert.That((east.Counted, east.Refused, east.LastRefusal), Is.EqualTo((1L, 1L, (RefusalReason?)RefusalReason.Decisions)), "797 decisions are too many for a region too");
    }

    /// <summary>What a client says under the name of a region is refused by the brain and by the region: regions have other bounds.</summary>
    [Test]
    public async Task AClientDoesNotPassForARegion()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RegionDecisions, options.RoundDecisions) = (1, 1));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        IRegionGrain region = silos.Client.GetGrain<IRegionGrain>("walkers/east");
        BrainDifference claimed = TestBrains.Sent("walkers/east", 1, TestBrains.Difference(2, 100));
        foreach (IBrainSource source in (IBrainSource[])[brain, region])
        {
            DifferenceRefusedException refused = (await Assert.ThrowsAsync<DifferenceRefusedException>(() => source.Submit(claimed)))!;
            Assert.That((refused.Reason, refused.Sender), Is.EqualTo((RefusalReason.Sender, "walkers/east")));
            Assert.That((await source.GetReport()).Senders["walkers/east"].Refused, Is.EqualTo(1));
        }

        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => brain.SubscribeRegion("walkers/east"));
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => brain.SubscribeRegion("east"));
        await region.Submit(TestBrains.Sent("server", 1, TestBrains.Difference(2, 100)));
        await TestSilos.UntilAsync(async () => (await brain.GetReport()).Senders["walkers/east"].Counted == 1, "the region itself is heard");
    }

    [Test]
    public async Task WhoInventsNamesIsCountedWithTheOthers()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostNamedSenders) = (1_000_000, 3));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        for (int i = 0; i < 10; i++) await Assert.ThrowsAsync<DifferenceRefusedException>(() => brain.Submit(new BrainDifference($"name {i}", 1, 1, [])));
        BrainReport report = await brain.GetReport();
        Assert.That((report.Senders.Count, report.Senders["(others)"].Refused), Is.EqualTo((4, 7L)));
    }

    /// <summary>Servers come and go under new names: those that were heard of last keep theirs, and a copy of what a forgotten one sent is too old.</summary>
    [Test]
    public async Task NamesOfServersThatAreGoneAreForgotten()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.MostNamedSenders) = (1, 3));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        for (int i = 1; i <= 6; i++)
        {
            BrainDifference difference = TestBrains.Sent($"server {i}", i, TestBrains.Difference(i + 1, 100));
            Assert.That((await brain.Submit(difference)).Outcome, Is.EqualTo(DifferenceOutcome.Counted));
            Assert.That((await brain.Submit(difference)).Outcome, Is.EqualTo(DifferenceOutcome.AlreadyCounted), "it has a name");
        }

        BrainReport report = await brain.GetReport();
        Assert.That(report.Senders.Keys, Is.EquivalentTo(new[] { "server 4", "server 5", "server 6", "(others)" }));
        Assert.That((report.Senders["(others)"].Counted, report.Total.Counted, report.Total.Decisions), Is.EqualTo((3L, 6L, 600L)));
        Assert.That((await brain.Submit(TestBrains.Sent("server 1", 1, TestBrains.Difference(2, 100)))).Outcome, Is.EqualTo(DifferenceOutcome.TooOld));
    }

    [Test]
    public async Task ANameThatIsNoBrainAndTwoShapesUnderOneNameAreTypedErrors()
    {
        await using TestSilos silos = await TestSilos.StartAsync();
        Assert.That((await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Brain("nobody").GetVersion(0)))!.Brain, Is.EqualTo("nobody"));
        await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Brain("nobody").Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 10))));
        await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Brain("nobody").GetReport());
        await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Brain("no name/").Offer(First));
        await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Client.GetGrain<IRegionGrain>("europe").GetVersion(0));
        await silos.Brain().Offer(First);
        BrainShapeException shape = (await Assert.ThrowsAsync<BrainShapeException>(() => silos.Brain().Offer(TestBrains.OfPopulation(TestBrains.Options(observations: 5)).ToBytes())))!;
        Assert.That(shape.Message, Does.Contain("5 normalized observations").And.Contain("4 normalized observations"));
        await Assert.ThrowsAsync<DifferenceRefusedException>(() => silos.Brain("third").Offer([7]));
        BrainState counted = TestBrains.Brain(), scaled = TestBrains.Brain(1, 1, 3e38f, 1);
        counted.Decisions = 1L << 50;   // so many that no round could add to it
        foreach (BrainState poison in (BrainState[])[counted, scaled])
            Assert.That((await Assert.ThrowsAsync<DifferenceRefusedException>(() => silos.Brain("third").Offer(poison.ToBytes())))!.Reason, Is.EqualTo(RefusalReason.TooLarge));
        Assert.That((await silos.Brain().GetVersion(0))!.Version, Is.EqualTo(1));
    }

    [Test]
    public async Task NewNamesCanBeForbidden()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.AllowsNewBrains = false);
        await Assert.ThrowsAsync<UnknownBrainException>(() => silos.Brain().Offer(First));
    }

    [Test]
    public async Task OptionsOutOfRangeAreRefusedWhenTheyAreSetAndWhenTheSiloStarts()
    {
        Action<BrainOptions>[] wrong =
        [
            options => options.RoundDecisions = 0, options => options.RoundTime = TimeSpan.Zero, options => options.MostStaleness = -1, options => options.TrimmedShare = 0.5,
            options => options.TrimmedShare = double.NaN, options => options.ServerLearningRate = double.PositiveInfinity, options => options.SecondMomentum = 1, options => options.MostNorm = double.NaN,
        ];
        foreach (Action<BrainOptions> set in wrong) Assert.That(() => set(new BrainOptions()), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Expected"));
        using IHost silo = Host.CreateDefaultBuilder().ConfigureLogging(log => log.ClearProviders())
            .UseOrleans(builder => builder.UseLocalhostClustering(FreePort.Next(), FreePort.Next()).AddBrains(wrong[3])).Build();
        ArgumentOutOfRangeException refused = (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => silo.StartAsync()))!;
        Assert.That(refused.ParamName, Is.EqualTo("TrimmedShare"));
    }

    // ---- the storage ----

    [Test]
    public async Task ARecordThatIsDamagedIsATypedErrorNothingIsWrittenOverItAndTheVersionBeforeCanTakeItsPlace([Values] bool isCutOff)
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        IBrainGrain brain = silos.Brain();
        BrainVersion first = await brain.Offer(First);
        await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        BrainVersion second = (await brain.GetVersion(0))!;
        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: 2 } stored) stored.Brain = isCutOff ? stored.Brain[..100] : [.. stored.Brain[..^200], (byte)(stored.Brain[^200] ^ 1), .. stored.Brain[^199..]];
        };
        await ForgetAsync(silos);
        int writes = FaultyStorage.Writes;
        await Assert.ThrowsAsync<StoredBrainException>(() => brain.GetVersion(0));
        await Assert.ThrowsAsync<StoredBrainException>(() => brain.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(3, 100))));
        Assert.That((await Assert.ThrowsAsync<StoredBrainException>(() => brain.Offer(First)))!.Brain, Is.EqualTo("walkers"));
        Assert.That(FaultyStorage.Writes, Is.EqualTo(writes), "nothing is written over it");
        FaultyStorage.Damage = null;
        Assert.That((await brain.GetVersion(0))!.Brain, Is.EqualTo(second.Brain), "once it is brought back");

        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: 2 } stored) stored.Brain = [];
        };
        await ForgetAsync(silos);
        Assert.That(await brain.Recover(), Is.EqualTo(3));
        BrainVersion third = (await brain.GetVersion(0))!;
        Assert.That((third.Version, TestBrains.All(BrainState.Read(third.Brain, "it"))), Is.EqualTo((3L, TestBrains.All(BrainState.Read(first.Brain, "it")))));
    }

    /// <summary>The moments of a rule go into every later version: they are checked as the brain is.</summary>
    [Test]
    public async Task MomentsThatAreDamagedAreATypedError()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.Rule) = (1, ServerRule.Momentum));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: 2 } stored) stored.FirstMoment[3] = float.NaN;
        };
        await ForgetAsync(silos);
        Assert.That((await Assert.ThrowsAsync<StoredBrainException>(() => brain.Submit(TestBrains.Sent("a", 2, TestBrains.Difference(3, 100), 2))))!.Message, Does.Contain("moments"));
        Assert.That(await brain.Recover(), Is.EqualTo(3));
        FaultyStorage.Damage = null;
        await brain.Submit(TestBrains.Sent("a", 3, TestBrains.Difference(3, 100), 2));
        Assert.That((await brain.GetVersion(0))!.Version, Is.EqualTo(4), "rounds close again");
    }

    /// <summary>A number that is damaged would go back, or stand for other bytes: it is checked, and the number of the recovered version is larger than all.</summary>
    [TestCase(0)]
    [TestCase(2)]
    [TestCase(9)]
    public async Task AVersionNumberThatIsDamagedIsATypedError(long number)
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 1);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        for (int version = 1; version <= 2; version++) await brain.Submit(TestBrains.Sent("a", version, TestBrains.Difference(2, 100), version));
        FaultyStorage.Damage = record =>
        {
            if (record is BrainRecord { Version: 3 } stored) stored.Version = number;
        };
        await ForgetAsync(silos);
        Assert.That((await Assert.ThrowsAsync<StoredBrainException>(() => brain.GetVersion(0)))!.Message, Does.Contain("number"));
        await Assert.ThrowsAsync<StoredBrainException>(() => brain.Offer(First));
        Assert.That(await brain.Recover(), Is.EqualTo(Math.Max(number, 3) + 1));
    }

    /// <summary>A storage that cannot be read is no damaged record: the error asks to try again, and not to restore anything.</summary>
    [Test]
    public async Task AStorageThatDoesNotAnswerIsNotTakenForADamagedRecord()
    {
        await using TestSilos silos = await TestSilos.StartAsync();
        IBrainGrain brain = silos.Brain();
        BrainVersion first = await brain.Offer(First);
        await ForgetAsync(silos);
        FaultyStorage.Fails = true;
        foreach (Func<Task> call in (Func<Task>[])[() => brain.GetVersion(0), brain.Recover])
        {
            StoredBrainException away = (await Assert.ThrowsAsync<StoredBrainException>(() => call()))!;
            Assert.That((away.IsDamaged, away.Brain), Is.EqualTo((false, "walkers")));
            Assert.That(away.Message, Does.Contain("IOException").And.Contain("retry").And.Not.Contain("Recover"));
        }

        FaultyStorage.Fails = false;
        Assert.That((await brain.GetVersion(0))!.Brain, Is.EqualTo(first.Brain));
        FaultyStorage.Damage = record => ((BrainRecord)record).Checksum = [];
        await ForgetAsync(silos);
        StoredBrainException damaged = (await Assert.ThrowsAsync<StoredBrainException>(() => brain.GetVersion(0)))!;
        Assert.That(damaged.IsDamaged, Is.True);
        Assert.That(damaged.Message, Does.Contain("Recover"));
    }

    [Test]
    public async Task AStorageThatIsAwayForTenSecondsDelaysAVersionAndLosesNone()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 100);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        FaultyStorage.Fails = true;
        long start = Environment.TickCount64;
        DifferenceReceipt receipt = await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        Assert.That(receipt.Outcome, Is.EqualTo(DifferenceOutcome.Counted));
        for (int second = 0; Environment.TickCount64 - start < 10_000; second++)
        {
            await brain.Submit(TestBrains.Sent($"server {second}", 1, TestBrains.Difference(3, 50)));
            BrainReport during = await brain.GetReport();
            Assert.That((during.Version, during.IsWaitingForStorage), Is.EqualTo((1L, true)));
            await Task.Delay(500);
        }

        FaultyStorage.Fails = false;
        await TestSilos.UntilAsync(async () => await brain.GetVersion(0) is { Version: 3 }, "the round is closed when the storage is back, and then the one of what came meanwhile");
        BrainReport report = await brain.GetReport();
        Assert.That((report.Version, report.IsWaitingForStorage, report.RoundSenders), Is.EqualTo((3L, false, 0)));
        Assert.That((report.Total.Counted, report.Total.TooOld), Is.EqualTo((report.Senders.Count, 0)), "each of them is in a version");
        Assert.That((await brain.GetVersion(0))!.Brain, Is.Not.EqualTo(First));
    }

    /// <summary>The write succeeds, but the grain gets an error: then the stored version counts, once.</summary>
    [Test]
    public async Task AWriteWhoseAnswerIsLostIsNotDoneTwice()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundDecisions = 100);
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        FaultyStorage.LosesAnswers = true;
        await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        FaultyStorage.LosesAnswers = false;
        await TestSilos.UntilAsync(async () => await brain.GetVersion(1) is not null, "what has landed is found");
        BrainRound round = new(TestBrains.Brain(), 0);
        round.Add("a", 1, TestBrains.Difference(2, 100));
        Assert.That((await brain.GetVersion(0))!.Brain, Is.EqualTo(round.Close(ServerMemory.None, new BrainOptions()).Next.ToBytes()));
        Assert.That((await brain.GetReport()).Version, Is.EqualTo(2));
    }

    /// <summary>The same, but before the grain notices, another server's difference is acknowledged: it is in the next version.</summary>
    [Test]
    public async Task WhatComesWhileAWriteIsInDoubtGoesIntoTheNextVersion()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.StorageRetry) = (100, TimeSpan.FromSeconds(2)));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        FaultyStorage.LosesAnswers = true;
        BrainDifference first = TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)), second = TestBrains.Sent("b", 1, TestBrains.Difference(3, 100));
        await brain.Submit(first);
        DifferenceReceipt meanwhile = await brain.Submit(second), again = await brain.Submit(first), next = await brain.Submit(first with { Sequence = 2 }), copy = await brain.Submit(second);
        FaultyStorage.LosesAnswers = false;
        Assert.That((meanwhile.Outcome, meanwhile.ClosesAs, meanwhile.Version), Is.EqualTo((DifferenceOutcome.Counted, 3L, 1L)));
        Assert.That((again.Outcome, again.Sequence, again.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L)));
        Assert.That((next.Outcome, next.Sequence, next.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 2L)));
        Assert.That((copy.Outcome, copy.Sequence, copy.ClosesAs), Is.EqualTo((DifferenceOutcome.AlreadyCounted, 1L, 3L)));
        await TestSilos.UntilAsync(async () => await brain.GetVersion(0) is { Version: 3 }, "both rounds close");
        BrainRound one = new(TestBrains.Brain(), 0);
        one.Add("a", 1, TestBrains.Difference(2, 100));
        BrainState between = one.Close(ServerMemory.None, new BrainOptions()).Next;
        BrainRound two = new(between, 0);
        two.Add("b", 1, TestBrains.Difference(3, 100));
        Assert.That((await brain.GetVersion(0))!.Brain, Is.EqualTo(two.Close(ServerMemory.None, new BrainOptions()).Next.ToBytes()));
        Assert.That((await brain.GetReport()).Total.Counted, Is.EqualTo(2));
    }

    [Test]
    public async Task WhatARuleRemembersOutlivesTheGrain()
    {
        byte[][] last = new byte[2][];
        for (int run = 0; run < 2; run++)
        {
            await using TestSilos silos = await TestSilos.StartAsync(configure: options => (options.RoundDecisions, options.Rule) = (1, ServerRule.Momentum));
            IBrainGrain brain = silos.Brain();
            await brain.Offer(First);
            for (int version = 1; version <= 4; version++)
            {
                await brain.Submit(TestBrains.Sent("a", version, TestBrains.Difference(version + 1, 100, valueMean: version, valueDeviation: version), version));
                if (run == 1) await ForgetAsync(silos);
            }

            last[run] = (await brain.GetVersion(0))!.Brain;
            Assert.That((await brain.GetReport()).Total.Counted, Is.EqualTo(4));
        }

        Assert.That(last[1], Is.EqualTo(last[0]));
    }

    [Test]
    public async Task AGrainThatIsPutToSleepPublishesWhatItsRoundHas()
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options => options.RoundTime = TimeSpan.FromMinutes(10));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        await brain.Submit(TestBrains.Sent("a", 1, TestBrains.Difference(2, 100)));
        await ForgetAsync(silos);
        await TestSilos.UntilAsync(async () => await brain.GetVersion(1) is { Version: 2 }, "it is published");
        Assert.That((await brain.GetReport()).RoundSenders, Is.Zero);
    }

    // ---- faults ----

    /// <summary>
    /// Of the writes many fail, land without an answer, or land when they were given up long ago, and some differences are sent again: each that was acknowledged is in one version, and once.
    /// </summary>
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(3, Category = Categories.Nightly)]
    public async Task WhatIsAcknowledgedCountsOnceWhateverTheStorageDoes(int seed)
    {
        await using TestSilos silos = await TestSilos.StartAsync(configure: options =>
            (options.RoundDecisions, options.RoundTime, options.MostStaleness, options.StorageTimeout, options.StorageRetry) =
            (300, TimeSpan.FromMilliseconds(300), 3, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(20)));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        Random random = new(seed);
        FaultyStorage.Chaos = new Random(seed + 100);
        Dictionary<(string, long), long> acknowledged = [];
        Dictionary<string, long> closes = [];
        List<BrainDifference> sent = [];
        long newest = 1;
        for (int i = 1; i <= 150; i++)
        {
            bool isCopy = sent.Count > 0 && random.Next(4) == 0;
            long decisions = random.Next(20, 200);
            BrainVersion version = (await brain.GetVersion(0))!;
            Assert.That(version.Version, Is.GreaterThanOrEqualTo(newest));
            newest = version.Version;
            BrainDifference difference = isCopy ? sent[random.Next(Math.Max(0, sent.Count - 5), sent.Count)]
                : TestBrains.Sent($"server {random.Next(12)}", Math.Max(1, version.Version - random.Next(3)), TestBrains.Difference(i, decisions, scale: 0.001f), i);
            DifferenceReceipt receipt = await brain.Submit(difference);
            if (receipt.Outcome == DifferenceOutcome.Counted)
            {
                Assert.That(acknowledged.TryAdd((difference.Sender, difference.Sequence), BrainState.Read(difference.Difference, "it").Decisions), "it counts twice");
                Assert.That(difference.BaseVersion, Is.GreaterThanOrEqualTo(closes.GetValueOrDefault(difference.Sender)), "it contains what the sender's last one has counted");
                closes[difference.Sender] = receipt.ClosesAs;
            }

            if (!isCopy) sent.Add(difference);
            if (random.Next(3) == 0) await Task.Delay(random.Next(30));
        }

        FaultyStorage.Chaos = null;
        await TestSilos.UntilAsync(async () => await brain.GetReport() is { RoundSenders: 0, IsWaitingForStorage: false }, "all rounds close");
        BrainState last = BrainState.Read((await brain.GetVersion(0))!.Brain, "the last version");
        Assert.That(acknowledged, Has.Count.GreaterThan(20));
        Assert.That(last.Decisions, Is.EqualTo(acknowledged.Values.Sum()));
        Assert.That((await brain.GetReport()).Total.Counted, Is.EqualTo(acknowledged.Count));
    }

    /// <summary>The one of three silos that has the brain dies while servers keep sending: no published version is lost or goes back, and rounds close.</summary>
    [Test]
    public async Task ASiloOfThreeIsKilledWhileRoundsClose()
    {
        await using TestSilos silos = await TestSilos.StartAsync(silos: 3, options => (options.RoundDecisions, options.RoundTime, options.MostStaleness) = (300, TimeSpan.FromSeconds(1), 4));
        IBrainGrain brain = silos.Brain();
        await brain.Offer(First);
        using CancellationTokenSource stop = new();
        long[] newest = new long[4];
        Dictionary<long, byte[]> seen = [];
        int wentBack = 0, differed = 0;
        Exception? last = null;
        Task[] servers = [.. Enumerable.Range(0, 4).Select(i => Task.Run(() => ServeAsync(i)))];
        await TestSilos.UntilAsync(() => Task.FromResult(newest.Min() >= 5), "rounds close");
        SiloAddress home = (await Home(silos))!;
        await silos.Cluster.KillSiloAsync(silos.Cluster.Silos.Single(silo => silo.SiloAddress.Equals(home)));
        long atDeath = newest.Max();
        await TestSilos.UntilAsync(() => Task.FromResult(newest.Min() >= atDeath + 5), () => $"rounds close again: {last}", seconds: 40);
        await stop.CancelAsync();
        await Task.WhenAll(servers);
        Assert.That((wentBack, differed), Is.EqualTo((0, 0)));

        async Task ServeAsync(int server)
        {
            for (long sequence = 1; !stop.IsCancellationRequested; sequence++)
            {
                try
                {
                    BrainVersion version = (await brain.GetVersion(0))!;
                    if (version.Version < newest[server]) Interlocked.Increment(ref wentBack);
                    newest[server] = version.Version;
                    lock (seen)
                    {
                        if (seen.TryGetValue(version.Version, out byte[]? bytes) && !bytes.AsSpan().SequenceEqual(version.Brain)) differed++;
                        seen[version.Version] = version.Brain;
                    }

                    await brain.Submit(TestBrains.Sent($"server {server}", version.Version, TestBrains.Difference(server + 2, 100, scale: 0.001f), sequence));
                }
                catch (Exception exception) when (exception is not AssertionException)
                {
                    last = exception;
                    await Task.Delay(50);   // as a client does that backs off
                }

                await Task.Delay(10);
            }
        }

        static async Task<SiloAddress?> Home(TestSilos silos) =>
            await silos.Client.GetGrain<IManagementGrain>(0).GetActivationAddress(silos.Brain());
    }

    private static async Task ForgetAsync(TestSilos silos)
    {
        await silos.Client.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
        await Task.Delay(100);
    }

    private sealed class Listener : IBrainObserver
    {
        public long Newest { get; private set; }

        public Task Published(long version)
        {
            Newest = Math.Max(Newest, version);
            return Task.CompletedTask;
        }
    }
}
