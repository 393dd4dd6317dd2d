using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Utilities;

namespace NeuralPlugin.Orleans;

/// <summary>
/// A region: averages what its servers have learned, hands the average on to the brain once a version, and hands versions out. It keeps nothing in the storage: what a dead silo had of a round is learned
/// again.
/// </summary>
internal sealed partial class RegionGrain : Grain, IRegionGrain
{
    private readonly string key;
    private readonly string name;
    private readonly BrainOptions options;
    private readonly SenderBook senders;
    private readonly ObserverManager<IBrainObserver> observers;
    private readonly ILogger<RegionGrain> logger;
    private readonly TimeProvider time;
    private BrainVersion? current;
    private BrainState? state;
    private BrainRound? round;
    private BrainDifference? ready;   // of a round that is complete, until the brain has it
    private long handedOnFor;         // the version whose round the last one went into
    private long sequence;
    private IGrainTimer? timer;
    private DateTimeOffset subscribedUntil;
    private Task? fetching;

    public RegionGrain(IGrainContext context, IOptionsMonitor<BrainOptions> options, ILogger<RegionGrain> logger, TimeProvider time)
    {
        key = context.GrainId.Key.ToString()!;
        name = key[..Math.Max(0, key.LastIndexOf('/'))];
        this.options = options.Get(name);
        this.logger = logger;
        this.time = time;
        senders = new SenderBook(this.options.MostNamedSenders);
        observers = new ObserverManager<IBrainObserver>(this.options.SubscriptionTime, logger);
        sequence = time.GetUtcNow().Ticks;   // a region that comes to life again is not taken for what it had sent before
    }

    private IBrainGrain Brain => GrainFactory.GetGrain<IBrainGrain>(name);

    public async Task<BrainVersion> Offer(byte[] brain)
    {
        if (name.Length == 0) throw new UnknownBrainException(key, "a region's name is that of its brain, a slash and its own.");
        BrainVersion offered = await Brain.Offer(brain);
        Take(offered);
        await SubscribeAsync();
        return offered;
    }

    public async Task<BrainVersion?> GetVersion(long known)
    {
        await RequireCurrentAsync();
        return current!.Version == known ? null : current;
    }

    public async Task<DifferenceReceipt> Submit(BrainDifference difference)
    {
        await RequireCurrentAsync();
        if (difference.BaseVersion > current!.Version) await FetchAsync();
        SenderCounters sender = senders.Of(difference.Sender);
        BrainState read = sender.Check(() => DifferenceCheck.Read(name, difference, state!, current.Version, options));
        if (current.Version - difference.BaseVersion > options.MostStaleness)
        {
            sender.TooOld++;
            return Receipt(DifferenceOutcome.TooOld, 0);
        }

        if (round!.SequenceOf(difference.Sender) is > 0 and var counted) return Receipt(DifferenceOutcome.AlreadyCounted, counted);
        if (round.Senders == 0) BeginTimer(options.RegionTime);
        round.Add(difference.Sender, difference.Sequence, read);
        sender.Count(read.Decisions);
        DifferenceReceipt receipt = Receipt(DifferenceOutcome.Counted, difference.Sequence);
        if (round.Decisions >= options.RegionDecisions) await HandOnAsync();
        return receipt;
    }

    public Task Unsubscribe(IBrainObserver observer)
    {
        observers.Unsubscribe(observer);
        return Task.CompletedTask;
    }

    public async Task<long> Subscribe(IBrainObserver observer)
    {
        observers.Subscribe(observer, observer);
        await SubscribeAsync();
        return current?.Version ?? 0;
    }

    public async Task<BrainReport> GetReport()
    {
        await RequireCurrentAsync();
        return new BrainReport(current!.Version, round!.Senders, round.Decisions, IsWaitingForStorage: false, senders.Total(), senders.Copy());
    }

    public async Task Published(long version)
    {
        if (current is null || version > current.Version) await FetchAsync();
    }

    private DifferenceReceipt Receipt(DifferenceOutcome outcome, long number) =>
        new(outcome, number, current!.Version + 1, options.RoundTime + options.RegionTime, current.Version);

    private async Task RequireCurrentAsync()
    {
        if (name.Length == 0) throw new UnknownBrainException(key, "a region's name is that of its brain, a slash and its own.");
        if (current is null) await FetchAsync();
        await SubscribeAsync();
    }

    private async Task SubscribeAsync()
    {
        if (time.GetUtcNow() < subscribedUntil) return;
        subscribedUntil = time.GetUtcNow() + (options.SubscriptionTime / 4);
        try
        {
            long version = await Brain.SubscribeRegion(key);
            if (current is null || version > current.Version) await FetchAsync();
        }
        catch
        {
            subscribedUntil = default;
            throw;
        }
    }

    /// <summary>Gets the brain's version; calls that come meanwhile wait for the same one.</summary>
    private Task FetchAsync()
    {
        if (fetching is null || fetching.IsCompleted) fetching = FetchOnceAsync();
        return fetching;
    }

    private async Task FetchOnceAsync()
    {
        if (await Brain.GetVersion(current?.Version ?? 0) is not { } version) return;
        Take(version);
        await observers.Notify(observer => observer.Published(version.Version));
        if (ready is not null) BeginTimer(TimeSpan.Zero);
    }

    /// <summary>Goes on with a version. What the round has of the one before is handed on as it is, one version late.</summary>
    private void Take(BrainVersion version)
    {
        if (current is not null && version.Version <= current.Version) return;
        if (round is { Senders: > 0 } && ready is null) Complete();
        current = version;
        state = DifferenceCheck.ReadBrain(name, key, version.Brain);
        round = new BrainRound(state, options.TrimmedShare);
        if (ready is not null) BeginTimer(TimeSpan.Zero);
    }

    private void BeginTimer(TimeSpan due)
    {
        timer?.Dispose();
        timer = this.RegisterGrainTimer(HandOnAsync, new GrainTimerCreationOptions(due, Timeout.InfiniteTimeSpan) { KeepAlive = true });
    }

    private void Complete()
    {
        ready = new BrainDifference(key, ++sequence, current!.Version, round!.Mean().ToBytes());
        round = new BrainRound(state!, options.TrimmedShare);
    }

    /// <summary>Hands the average on, where the brain's round does not have one of this region yet.</summary>
    private async Task HandOnAsync()
    {
        if (ready is null && round is { Senders: > 0 } && handedOnFor != current!.Version) Complete();
        if (ready is null) return;   // the next version completes the round
        try
        {
            DifferenceReceipt receipt = await Brain.Submit(ready);
            handedOnFor = receipt.Version;
            if (receipt.Outcome != DifferenceOutcome.AlreadyCounted || receipt.Sequence == ready.Sequence) ready = null;
            if (receipt.Version > current!.Version || ready is null) await FetchAsync();
        }
        catch (BrainException exception)
        {
            LogRefused(exception, key);
            ready = null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogAway(exception, key);
            BeginTimer(options.StorageRetry * 4);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The brain of the region {Region} refuses its average, which is dropped.")]
    private partial void LogRefused(Exception exception, string region);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The brain of the region {Region} does not answer. Its average is sent again.")]
    private partial void LogAway(Exception exception, string region);
}
