using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Storage;
using Orleans.Utilities;

namespace NeuralPlugin.Orleans;

/// <summary>
/// A region: averages its servers' differences, forwards the average to the brain once per version, and distributes versions. It stores each average, with the numbers of the differences in it, before the brain gets
/// it: whatever activation comes next sends the same average under the same number, and recognizes copies of its parts. The progress in an open round of a silo that dies is learned again; a silo that shuts down in an
/// orderly way completes its open rounds.
/// </summary>
internal sealed partial class RegionGrain : Grain, IRegionGrain
{
    private readonly string key;
    private readonly string name;
    private readonly BrainOptions options;
    private readonly BrainStore<RegionRecord> store;
    private readonly SenderBook senders;
    private readonly ObserverManager<IBrainObserver> observers;
    private readonly ILogger<RegionGrain> logger;
    private readonly TimeProvider time;
    private BrainVersion? current;
    private BrainState? state;
    private BrainRound? round;
    private readonly Queue<BrainDifference> ready = [];   // averages of complete rounds, until the brain has them
    private Dictionary<string, SenderCounters> averaged = [];   // the senders' counts without those of the open round
    private long stored;              // the number of the last average in the storage
    private readonly HashSet<long> unanswered = [];   // the numbers of the records whose writes may still succeed
    private long restored;            // and of the last one that an earlier activation stored
    private long oldestBase;          // of the differences in the round
    private bool isEnding;            // the grain is being deactivated
    private long handedOnFor;         // the version whose round the last average went into
    private BrainDifference? handedOn;   // this average, until that version has come
    private long sequence;
    private IGrainTimer? timer;
    private DateTimeOffset subscribedUntil;
    private Task? fetching;

    public RegionGrain(
        IGrainContext context, [FromKeyedServices(BrainStorage.Name)] IGrainStorage storage, IOptionsMonitor<BrainOptions> options, ILogger<RegionGrain> logger, TimeProvider time)
    {
        key = context.GrainId.Key.ToString()!;
        name = key[..Math.Max(0, key.LastIndexOf('/'))];
        this.options = options.Get(name);
        this.logger = logger;
        this.time = time;
        store = new BrainStore<RegionRecord>(storage, "region", context.GrainId, this.options.StorageTimeout);
        senders = new SenderBook(this.options.MostNamedSenders);
        observers = new ObserverManager<IBrainObserver>(this.options.SubscriptionTime, logger);
        sequence = time.GetUtcNow().Ticks;   // if the record is lost, averages are not mistaken for those sent before
    }

    private IBrainGrain Brain => GrainFactory.GetGrain<IBrainGrain>(name);

    /// <summary>A silo that shuts down in an orderly way stores the averages of its open rounds, and forwards one.</summary>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        isEnding = true;
        if (current is not null) await HandOnAsync().WaitAsync(cancellationToken);
    }

    public async Task<BrainVersion> Offer(byte[] brain)
    {
        await ReadAsync();
        long known = current?.Version ?? 0;
        BrainVersion offered = await Brain.Offer(brain);
        if (offered.Version < known) Lost();
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
        long closesAs = current.Version + 1;
        SenderCounters sender = senders.Of(difference.Sender, current.Version - options.MostStaleness);
        BrainState read = sender.Check(() => DifferenceCheck.Read(name, difference, state!, current.Version, options, isOfRegion: false));
        if (difference.Sequence <= sender.LastSequence) return Receipt(DifferenceOutcome.AlreadyCounted, sender.LastSequence, sender.LastVersion);
        if (current.Version - difference.BaseVersion > options.MostStaleness)
        {
            sender.TooOld++;
            return Receipt(DifferenceOutcome.TooOld, 0, closesAs);
        }

        if (round!.SequenceOf(difference.Sender) is > 0 and var counted) return Receipt(DifferenceOutcome.AlreadyCounted, counted, closesAs);
        if (difference.BaseVersion < sender.LastVersion)
        {
            if (sender.LastVersion > current.Version) await HandOnAgainAsync();
            return current is null ? throw Lost() : Receipt(DifferenceOutcome.AlreadyCounted, sender.LastSequence, sender.LastVersion);
        }

        if (round.Senders == 0) BeginTimer(options.RegionTime);
        oldestBase = round.Senders == 0 ? difference.BaseVersion : Math.Min(oldestBase, difference.BaseVersion);
        round.Add(difference.Sender, difference.Sequence, read);
        senders.Count(difference.Sender, difference.Sequence, read.Decisions, closesAs);
        DifferenceReceipt receipt = Receipt(DifferenceOutcome.Counted, difference.Sequence, closesAs);
        if (round.Decisions >= options.RegionDecisions) await HandOnAsync();
        return current is null ? throw Lost() : receipt;
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

    private DifferenceReceipt Receipt(DifferenceOutcome outcome, long number, long closesAs) =>
        new(outcome, number, closesAs, options.RoundTime + options.RegionTime, current!.Version);

    /// <summary>The brain is gone, or has restarted because silos kept it in memory: the region forgets its state of it, and the servers offer it again.</summary>
    private UnknownBrainException Lost()
    {
        (current, state, round, fetching, handedOnFor, handedOn) = (null, null, null, null, 0, null);
        subscribedUntil = default;
        ready.Clear();
        senders.Load(new Dictionary<string, SenderCounters>());
        timer?.Dispose();
        timer = null;
        return new UnknownBrainException(name, "the cluster has lost it. Offer it again.");
    }

    private async Task RequireCurrentAsync()
    {
        await ReadAsync();
        if (current is null) await FetchAsync();
        await SubscribeAsync();
    }

    private Task ReadAsync()
    {
        if (name.Length == 0) throw new UnknownBrainException(key, "a region's name is that of its brain, a slash and its own.");
        return store.ReadOnceAsync(key, Restore);
    }

    /// <summary>Continues from the stored record: its averages are sent again, and the brain recognizes those that it has. A damaged record counts as none.</summary>
    private void Restore()
    {
        RegionRecord record = store.Record;
        ready.Clear();
        if (store.RecordExists && !record.IsWhole)
        {
            LogDamaged(key);
            record = new RegionRecord();
        }

        senders.Load(record.Senders);
        averaged = senders.Copy();
        Array.ForEach(record.Averages, ready.Enqueue);
        (stored, restored, sequence) = (record.Sequence, record.Sequence, Math.Max(sequence, record.Sequence));
        (handedOnFor, handedOn) = (0, null);
        if (state is null) return;
        round = new BrainRound(state, options.TrimmedShare);
        if (ready.Count > 0) BeginTimer(TimeSpan.Zero);
    }

    /// <summary>Stores all averages that wait, before the brain gets one of them.</summary>
    /// <returns>Whether the oldest one is in the storage.</returns>
    private async Task<bool> StoreAsync()
    {
        if (ready.Count == 0 || ready.Last().Sequence <= stored) return true;
        try
        {
            await WriteAsync(RegionRecord.Of([.. ready], averaged));
        }
        catch (Exception exception)
        {
            return Waits(exception);
        }

        return true;
    }

    /// <summary>
    /// Writes a record. If the storage has another one than this activation knew, either an abandoned write of this activation has succeeded, and the record, which has all averages of that one and later ones, replaces it;
    /// or another activation took over, and this one continues from what that stored.
    /// </summary>
    private async Task WriteAsync(RegionRecord record)
    {
        unanswered.Add(record.Sequence);
        try
        {
            await store.WriteAsync(record);
        }
        catch (InconsistentStateException)
        {
            await store.ReadAsync();
            long found = store.Record.Sequence;
            if (!unanswered.Contains(found))
            {
                unanswered.Clear();
                Restore();
                return;
            }

            if (found != record.Sequence) await store.WriteAsync(record);
        }

        unanswered.Clear();
        stored = record.Sequence;
    }

    /// <summary>The storage does not answer: the averages wait.</summary>
    private bool Waits(Exception exception)
    {
        LogStorage(exception, key);
        BeginTimer(options.StorageRetry * 4);
        return false;
    }

    private async Task SubscribeAsync()
    {
        if (time.GetUtcNow() < subscribedUntil) return;
        subscribedUntil = time.GetUtcNow() + (options.SubscriptionTime / 4);
        try
        {
            long known = current?.Version ?? 0, version = await Brain.SubscribeRegion(key);
            if (version < known) throw Lost();
            if (current is null || version > current.Version) await FetchAsync();
        }
        catch
        {
            subscribedUntil = default;
            throw;
        }
    }

    /// <summary>Gets the brain's version; calls that arrive meanwhile wait for the same one.</summary>
    private Task FetchAsync()
    {
        if (fetching is null || fetching.IsCompleted) fetching = FetchOnceAsync();
        return fetching;
    }

    private async Task FetchOnceAsync()
    {
        long known = current?.Version ?? 0;
        BrainVersion? version;
        try
        {
            version = await Brain.GetVersion(known);
        }
        catch (UnknownBrainException) when (known > 0)
        {
            throw Lost();
        }

        if (version is null) return;
        if (version.Version < known) throw Lost();
        Take(version);
        await observers.Notify(observer => observer.Published(version.Version));
    }

    /// <summary>Continues with a new version. The round's differences from the previous one are forwarded unchanged, one version late, after those that already wait.</summary>
    private void Take(BrainVersion version)
    {
        if (current is not null && version.Version <= current.Version) return;
        if (round is { Senders: > 0 }) Complete();
        (current, handedOn) = (version, null);
        state = DifferenceCheck.ReadBrain(name, key, version.Brain);
        round = new BrainRound(state, options.TrimmedShare);
        if (ready.Count > 0) BeginTimer(TimeSpan.Zero);
    }

    private void BeginTimer(TimeSpan due)
    {
        if (isEnding) return;
        timer?.Dispose();
        timer = this.RegisterGrainTimer(HandOnAsync, new GrainTimerCreationOptions(due, Timeout.InfiniteTimeSpan) { KeepAlive = true });
    }

    /// <summary>Averages the round. The average counts as as old as the oldest difference in it, so that the brain can decide what is too old.</summary>
    private void Complete()
    {
        BrainState mean = round!.Mean();
        ready.Enqueue(new BrainDifference(key, ++sequence, oldestBase, mean.ToBytes(), BrainMath.ScaleOfDifference(state!, mean)));
        averaged = senders.Copy();
        round = new BrainRound(state!, options.TrimmedShare);
    }

    /// <summary>Forwards the oldest average, if the brain's round has none from this region yet.</summary>
    private async Task HandOnAsync()
    {
        if (round is { Senders: > 0 } && (isEnding || (ready.Count == 0 && handedOnFor != current!.Version))) Complete();
        if (!await StoreAsync() || !ready.TryPeek(out BrainDifference? oldest)) return;   // the next version completes the round
        try
        {
            DifferenceReceipt receipt = await Brain.Submit(oldest);
            handedOnFor = receipt.Outcome == DifferenceOutcome.TooOld ? handedOnFor : receipt.ClosesAs - 1;
            bool isDone = receipt.Outcome != DifferenceOutcome.AlreadyCounted || receipt.Sequence == oldest.Sequence || (receipt.Sequence > oldest.Sequence && oldest.Sequence <= restored);
            if (isDone) Remove(oldest);
            if (receipt.Outcome == DifferenceOutcome.TooOld) Release();
            else if (isDone) handedOn = oldest;
            else if (receipt.Sequence > oldest.Sequence) Renumber(receipt.Sequence);
            if (!isEnding && (current is null || receipt.Version > current.Version || isDone)) await FetchAsync();
            if (receipt.Outcome == DifferenceOutcome.TooOld && ready.Count > 0) BeginTimer(TimeSpan.Zero);
        }
        catch (UnknownBrainException exception)
        {
            LogRefused(exception, key);
            Lost();
        }
        catch (BrainException exception) when (exception is not StoredBrainException)
        {
            LogRefused(exception, key);
            Remove(oldest);
            Release();
            subscribedUntil = default;   // a restarted brain does not know the version: the next call finds out
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogAway(exception, key);
            BeginTimer(options.StorageRetry * 4);
        }
    }

    /// <summary>
    /// Submits the last average again: servers that waited in vain for its version, and send its differences once more with new ones, show that the brain may have lost it with its silo. The brain recognizes a copy.
    /// </summary>
    private async Task HandOnAgainAsync()
    {
        if (ready.Count > 0 || handedOn is not { } last) return;
        ready.Enqueue(last);
        await HandOnAsync();
    }

    /// <summary>The brain dropped an average: the next differences of its servers may start from the same version.</summary>
    private void Release()
    {
        if (current is not null) senders.Release(current.Version, round!);
    }

    /// <summary>Removes an average that the brain has accepted or rejected; all may have been forgotten in the meantime.</summary>
    private void Remove(BrainDifference done)
    {
        if (ready.TryPeek(out BrainDifference? oldest) && oldest == done) ready.Dequeue();
    }

    /// <summary>An earlier activation of this region, whose record is lost, sent larger numbers because its clock was ahead.</summary>
    private void Renumber(long last)
    {
        sequence = Math.Max(sequence, last);
        BrainDifference[] waiting = [.. ready];
        ready.Clear();
        foreach (BrainDifference difference in waiting) ready.Enqueue(difference with { Sequence = ++sequence });
        BeginTimer(options.StorageRetry);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The brain of the region {Region} refuses its average, which is dropped.")]
    private partial void LogRefused(Exception exception, string region);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The brain of the region {Region} does not answer. The average will be sent again.")]
    private partial void LogAway(Exception exception, string region);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The storage did not accept the average of the region {Region}. It will be written again later, and then sent.")]
    private partial void LogStorage(Exception exception, string region);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The stored record of the region {Region} is damaged. Its averages are dropped.")]
    private partial void LogDamaged(string region);
}
