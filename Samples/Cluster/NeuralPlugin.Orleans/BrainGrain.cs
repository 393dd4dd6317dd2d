using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Storage;
using Orleans.Utilities;

namespace NeuralPlugin.Orleans;

/// <summary>
/// A brain: its current version, and the open round. A version is written before it is announced, and under the provider's entity tag, so that no published version is lost or
/// goes back, whichever silo dies; the round in memory is lost with its silo, and the servers continue with the next.
/// </summary>
internal sealed partial class BrainGrain : Grain, IBrainGrain, IIncomingGrainCallFilter
{
    private const int MostRetryFactor = 16;

    private readonly string name;
    private readonly BrainOptions options;
    private readonly BrainStore<BrainRecord> store;
    private readonly SenderBook senders;
    private readonly ObserverManager<IBrainObserver> observers;
    private readonly Dictionary<string, DateTimeOffset> regions = [];
    private readonly ILogger<BrainGrain> logger;
    private readonly TimeProvider time;
    private IGrainTimer? timer;
    private BrainVersion? current;
    private BrainState? state;   // of the current version
    private BrainRound? round;
    private BrainRecord? closing;   // the round's version, until the storage has it
    private BrainRound? later;      // takes differences that arrive meanwhile
    private long roundTimestamp;
    private int failures;        // of the storage, since the last success
    private bool isEnding;       // the grain is being deactivated
    private GrainId? caller;     // of the call that starts

    public BrainGrain(
        IGrainContext context, [FromKeyedServices(BrainStorage.Name)] IGrainStorage storage, IOptionsMonitor<BrainOptions> options, ILogger<BrainGrain> logger, TimeProvider time)
    {
        name = context.GrainId.Key.ToString()!;
        this.options = options.Get(name);
        this.logger = logger;
        this.time = time;
        store = new BrainStore<BrainRecord>(storage, "brain", context.GrainId, this.options.StorageTimeout);
        senders = new SenderBook(this.options.MostNamedSenders);
        observers = new ObserverManager<IBrainObserver>(this.options.SubscriptionTime, logger);
    }

    /// <summary>Remembers the caller. Nothing else runs in the grain between this and the start of the method, which must read it before it awaits anything.</summary>
    public Task Invoke(IIncomingGrainCallContext context)
    {
        caller = context.SourceId;
        return context.Invoke();
    }

    /// <summary>A silo that shuts down in an orderly way publishes its open rounds.</summary>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        isEnding = true;
        if (current is not null) await CloseAsync();
    }

    public async Task<BrainVersion> Offer(byte[] brain)
    {
        await ReadAsync();
        BrainState offered = DifferenceCheck.ReadBrain(name, "", brain);
        if (current is not null)
        {
            return offered.HasShapeOf(state!) ? current : throw new BrainShapeException(name, state!.Shape, offered.Shape);
        }

        if (DifferenceCheck.FindFaultOfName(name) is { } fault) throw new UnknownBrainException(name, fault);
        if (!options.AllowsNewBrains) throw new UnknownBrainException(name, "BrainOptions.AllowsNewBrains is false. Offer its first version to a silo on which it is true.");
        DifferenceCheck.RequireFirst(name, offered);
        await WriteAsync(RecordOf(1, offered.ToBytes(), ServerMemory.None));
        Begin();
        return current!;
    }

    public async Task<BrainVersion?> GetVersion(long known)
    {
        await ReadAsync();
        BrainVersion version = current ?? throw Unknown();
        return version.Version == known ? null : version;
    }

    public async Task<DifferenceReceipt> Submit(BrainDifference difference)
    {
        bool isOfRegion = DifferenceCheck.IsOfRegion(name, difference.Sender) && IsCalledBy(difference.Sender);
        await ReadAsync();
        if (current is null) throw Unknown();
        SenderCounters sender = senders.Of(difference.Sender, current.Version - options.MostStaleness);
        BrainState read = sender.Check(() => DifferenceCheck.Read(name, difference, state!, current.Version, options, isOfRegion));
        if (difference.Sequence <= sender.LastSequence) return Receipt(DifferenceOutcome.AlreadyCounted, sender.LastSequence, sender.LastVersion);
        long closesAs = current.Version + 1;
        if (round!.SequenceOf(difference.Sender) is > 0 and var counted) return Receipt(DifferenceOutcome.AlreadyCounted, counted, closesAs);
        if (later is not null) closesAs++;
        if (closesAs - 1 - difference.BaseVersion > options.MostStaleness)
        {
            sender.TooOld++;
            return Receipt(DifferenceOutcome.TooOld, 0, closesAs);
        }

        if (later?.SequenceOf(difference.Sender) is > 0 and var waiting) return Receipt(DifferenceOutcome.AlreadyCounted, waiting, closesAs);
        bool overlaps = !isOfRegion && difference.BaseVersion < sender.LastVersion && sender.LastVersion <= current.Version;   // the number of a version that did not come to be is free
        if (overlaps) return Receipt(DifferenceOutcome.AlreadyCounted, sender.LastSequence, sender.LastVersion);
        if (round.Senders == 0) BeginTimer(options.RoundTime);
        (later ?? round).Add(difference.Sender, difference.Sequence, read);
        senders.Count(difference.Sender, difference.Sequence, read.Decisions, closesAs);
        DifferenceReceipt receipt = Receipt(DifferenceOutcome.Counted, difference.Sequence, closesAs);
        if (later is null && round.Decisions >= options.RoundDecisions) await CloseAsync();
        return receipt;
    }

    public Task Unsubscribe(IBrainObserver observer)
    {
        observers.Unsubscribe(observer);
        return Task.CompletedTask;
    }

    public async Task<long> Subscribe(IBrainObserver observer)
    {
        await ReadAsync();
        observers.Subscribe(observer, observer);
        return current?.Version ?? 0;
    }

    public async Task<long> SubscribeRegion(string region)
    {
        if (!DifferenceCheck.IsOfRegion(name, region) || !IsCalledBy(region)) throw new UnauthorizedAccessException($"'{region}' is no region of the brain '{name}', or did not call itself.");
        await ReadAsync();
        regions[region] = time.GetUtcNow() + options.SubscriptionTime;
        return current?.Version ?? 0;
    }

    public async Task<BrainReport> GetReport()
    {
        await ReadAsync();
        return current is null ? throw Unknown()
            : new BrainReport(
                current.Version, round!.Senders + (later?.Senders ?? 0), round.Decisions + (later?.Decisions ?? 0), closing is not null, senders.Total(), senders.Copy());
    }

    public async Task<long> Recover()
    {
        try
        {
            await ReadAsync();
            return current?.Version ?? throw Unknown();
        }
        catch (StoredBrainException exception) when (exception.IsDamaged)
        {
            BrainRecord stored = store.Record;
            BrainState before = BrainStorage.Read(name, stored.Previous, stored.PreviousChecksum);
            senders.Load(stored.Senders);
            long newest = stored.Senders.Values.Select(sender => sender.LastVersion).Append(stored.Version).Max();   // the number itself may be damaged
            await WriteAsync(RecordOf(newest + 1, before.ToBytes(), ServerMemory.None, keepsPrevious: false));
            Begin();
            LogRecovered(name, current!.Version);
            await PublishAsync();
            return current.Version;
        }
    }

    /// <summary>Whether the call comes from the region of this name. Orleans tells who called; a client of its library cannot pass for a grain.</summary>
    private bool IsCalledBy(string region) => caller == GrainFactory.GetGrain<IRegionGrain>(region).GetGrainId();

    private UnknownBrainException Unknown() =>
        new(name, DifferenceCheck.FindFaultOfName(name) ?? "no server has offered one under this name. Make a BrainClient, or call Offer.");

    private DifferenceReceipt Receipt(DifferenceOutcome outcome, long sequence, long closesAs)
    {
        TimeSpan left = round!.Senders == 0 || closing is not null ? options.RoundTime : options.RoundTime - time.GetElapsedTime(roundTimestamp);
        return new DifferenceReceipt(outcome, sequence, closesAs, left > TimeSpan.Zero ? left : TimeSpan.Zero, current!.Version);
    }

    private Task ReadAsync() => store.ReadOnceAsync(name, Restore);

    private void Restore()
    {
        BrainRecord record = store.Record;
        if (record.Version == 0 && record.Previous.Length == 0) return;
        senders.Load(record.Senders);
        Begin();
    }

    /// <summary>Continues from the stored record, with a new round, or with the one that was begun while the storage did not answer.</summary>
    private void Begin()
    {
        BrainRecord record = store.Record;
        if (current?.Version != record.Version) state = BrainStorage.Read(name, record);
        current = new BrainVersion(record.Version, record.Brain);
        round = later ?? new BrainRound(state!, options.TrimmedShare);
        round.GoOnFrom(state!);
        (closing, later) = (null, null);
        timer?.Dispose();
        timer = null;
        if (round.Senders > 0 && !isEnding) BeginTimer(options.RoundTime);
    }

    private void BeginTimer(TimeSpan due)
    {
        roundTimestamp = time.GetTimestamp();
        Restart(due);
    }

    private void Restart(TimeSpan due)
    {
        timer?.Dispose();
        timer = this.RegisterGrainTimer(CloseAsync, new GrainTimerCreationOptions(due, Timeout.InfiniteTimeSpan) { KeepAlive = true });
    }

    /// <summary>Closes the open round, and the next one too if that already has enough or the grain is being deactivated.</summary>
    private async Task CloseAsync()
    {
        while (await CloseRoundAsync() && round!.Senders > 0 && (isEnding || round.Decisions >= options.RoundDecisions))
        {
        }
    }

    /// <summary>
    /// Writes the next version, and then publishes it. If the storage does not accept it, the same bytes are written again later, because an abandoned write may have succeeded, and this grain must continue
    /// from what it wrote. Differences that arrive until then belong to the version after it.
    /// </summary>
    /// <returns>Whether there is a new version.</returns>
    private async Task<bool> CloseRoundAsync()
    {
        if (round is not { Senders: > 0 }) return false;
        try
        {
            closing ??= Close(round);
        }
        catch (Exception exception)
        {
            LogDropped(exception, name, current!.Version);   // each difference was valid, but the rule's result is not
            Begin();
            return false;
        }

        later ??= new BrainRound(state!, options.TrimmedShare);
        try
        {
            await WriteAsync(closing);
        }
        catch (Exception exception)
        {
            failures++;
            LogStorage(exception, name, closing.Version, failures);
            if (!isEnding) Restart(options.StorageRetry * Math.Min(1 << Math.Min(failures - 1, 8), MostRetryFactor));
            return false;
        }

        Begin();
        await PublishAsync();
        return true;
    }

    /// <summary>Makes a version of a round.</summary>
    /// <exception cref="Exception">The result could not be read again.</exception>
    private BrainRecord Close(BrainRound closed)
    {
        (BrainState next, ServerMemory memory) = closed.Close(new ServerMemory(store.Record.FirstMoment, store.Record.SecondMoment), options);
        byte[] brain = next.ToBytes();
        BrainState.Read(brain, "of the next version");
        if (!memory.IsFinite) throw new ArithmeticException("The moments of the server's rule are not finite.");
        return RecordOf(current!.Version + 1, brain, memory);
    }

    /// <summary>Writes a version. If the storage has another record than this grain knew, the newer one counts.</summary>
    private async Task WriteAsync(BrainRecord record)
    {
        try
        {
            await store.WriteAsync(record);
        }
        catch (InconsistentStateException)
        {
            await store.ReadAsync();   // another activation has closed this round, or an abandoned write has succeeded
            if (store.Record.Version < record.Version)
            {
                await store.WriteAsync(record);
            }
            else if (store.Record.Version > record.Version || !store.Record.Checksum.AsSpan().SequenceEqual(record.Checksum))
            {
                senders.Load(store.Record.Senders);   // the counts of this activation are in no version
                later = null;
            }
        }

        failures = 0;
    }

    private BrainRecord RecordOf(long version, byte[] brain, ServerMemory memory, bool keepsPrevious = true)
    {
        BrainRecord before = store.Record;
        keepsPrevious &= before.Version > 0;
        return new BrainRecord
        {
            Version = version,
            Brain = brain,
            Checksum = BrainStorage.ChecksumOf(brain),
            Previous = keepsPrevious ? before.Brain : brain,
            PreviousChecksum = keepsPrevious ? before.Checksum : BrainStorage.ChecksumOf(brain),
            FirstMoment = memory.First,
            SecondMoment = memory.Second,
            StateChecksum = BrainStorage.ChecksumOf(version, memory.First, memory.Second),
            Senders = senders.Copy(),
        };
    }

    private async Task PublishAsync()
    {
        long version = current!.Version;
        await observers.Notify(observer => observer.Published(version));
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string region, DateTimeOffset until) in regions.ToArray())
        {
            if (until < now) regions.Remove(region);
            else await GrainFactory.GetGrain<IRegionGrain>(region).Published(version);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The storage did not accept version {Version} of the brain {Brain} ({Failures} times). It will be written again later.")]
    private partial void LogStorage(Exception exception, string brain, long version, int failures);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The differences of a round of the brain {Brain} do not add up to a valid brain. They are dropped, and version {Version} stays.")]
    private partial void LogDropped(Exception exception, string brain, long version);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The brain {Brain} was damaged in the storage. The version before it was published again as {Version}.")]
    private partial void LogRecovered(string brain, long version);
}
