using System.Diagnostics;

namespace NeuralPlugin.Orleans;

/// <summary>
/// A game's dealings with the cluster, away from the game's thread: it joins, sends differences, learns of versions and works out what the brain is to become. The game's thread hands brains over and takes
/// them, and never waits.
/// </summary>
internal sealed class BrainExchange : IBrainObserver, IAsyncDisposable
{
    /// <summary>How often it looks whether the game has handed something over: to wake it would allocate on the game's thread.</summary>
    private static readonly TimeSpan HandOverTime = TimeSpan.FromMilliseconds(5);

    private readonly IGrainFactory grains;
    private readonly string brain;
    private readonly BrainClientOptions options;
    private readonly SemaphoreSlim signal = new(0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private readonly Random random = new();
    private readonly Lock guard = new();

    // Handed from thread to thread; the one that has it writes it.
    private volatile BrainState? given;      // what the game has read
    private volatile bool isToAdopt;         // what for
    private volatile BrainState? target;     // what the game is to become
    private volatile bool hasVersion;
    private volatile bool takesDifferences;
    private volatile TaskCompletionSource? settled;
    private volatile Exception? refusal;     // the end of it all
    private long gave;                       // how often the game has handed something over
    private long finished;                   // how much of that has come to its end
    private long published;                  // the newest version that anybody told of

    // The worker's own.
    private BrainState start;                // the version that differences begin at
    private long startVersion;
    private long startDecisions;             // those of the population that it stands for
    private BrainState? sent;                // what the brain was in the difference that is in the round
    private long closesAs;
    private long sentUntil;                  // a timestamp: then the round is lost, and differences are sent again
    private BrainState? sending;             // what it was in the one that is under way
    private BrainDifference? difference;
    private BrainState? version;             // the newest one
    private long versionNumber;
    private bool startsAnew;                 // the next version is adopted as it is, and what was learned is dropped
    private long sequence;
    private bool hasJoined;
    private long nextPoll;
    private long taken;                      // how much of what the game gave was taken
    private IBrainObserver? reference;
    private Task? disposing;

    /// <summary>Asked for each time: a client that is still connecting may not have it.</summary>
    private IBrainSource Source => options.Region is null ? grains.GetGrain<IBrainGrain>(brain) : grains.GetGrain<IRegionGrain>($"{brain}/{options.Region}");

    private BrainClientStatus status = new(BrainClientState.Joining, 0, 0, 0, 0, 0, 0, 0, 0, null);

    public BrainExchange(IGrainFactory grains, string brain, BrainClientOptions options, BrainState first)
    {
        this.grains = grains;
        this.brain = brain;
        this.options = options;
        start = first;
        startDecisions = first.Decisions;
        sequence = DateTime.UtcNow.Ticks;   // a server that begins again is not taken for what it had sent before
        running = Task.Run(RunAsync);
    }

    public BrainClientStatus Status
    {
        get
        {
            lock (guard) return status;
        }
    }

    /// <summary>Whether it can be given a brain.</summary>
    public bool IsFree => given is null;

    /// <summary>Whether something that it was given has not come to its end.</summary>
    public bool IsBusy => Interlocked.Read(ref gave) != Interlocked.Read(ref finished);

    /// <summary>Whether there is a version to adopt.</summary>
    public bool HasVersion => hasVersion;

    /// <summary>Whether a difference would be sent.</summary>
    public bool TakesDifferences => takesDifferences;

    /// <summary>Takes what the game has read; it is not touched again until <see cref="IsFree"/>.</summary>
    public void Give(BrainState read, bool adopts)
    {
        isToAdopt = adopts;
        Interlocked.Increment(ref gave);
        given = read;
    }

    /// <summary>What the game's brain is to become, once.</summary>
    public BrainState? TakeTarget()
    {
        BrainState? taken = target;
        if (taken is not null) target = null;
        return taken;
    }

    public void NoteAdopted() => Change(now => now with { Adopted = now.Adopted + 1 });

    public Task SettleAsync(CancellationToken cancel)
    {
        TaskCompletionSource waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        settled = waiting;
        if (refusal is { } exception) waiting.TrySetException(exception);
        signal.Release();
        return waiting.Task.WaitAsync(cancel);
    }

    /// <inheritdoc/>
    Task IBrainObserver.Published(long number)
    {
        if (number <= Interlocked.Read(ref published)) return Task.CompletedTask;
        Interlocked.Exchange(ref published, number);
        signal.Release();
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => new(disposing ??= EndAsync());

    private async Task EndAsync()
    {
        await stop.CancelAsync();
        await running;
        Change(now => now with { State = BrainClientState.Stopped });
        settled?.TrySetCanceled();
        if (reference is not null) await LeaveAsync(reference);
        stop.Dispose();
    }

    /// <summary>As far as anybody is there to be told.</summary>
    private async Task LeaveAsync(IBrainObserver observer)
    {
        try
        {
            await Source.Unsubscribe(observer).WaitAsync(TimeSpan.FromSeconds(1));
            grains.DeleteObjectReference<IBrainObserver>(observer);
        }
        catch (Exception exception)
        {
            Change(now => now with { LastError = exception.Message });
        }
    }

    private async Task RunAsync()
    {
        int failures = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await StepAsync();
                if (failures > 0 || Status.State != BrainClientState.Connected) Change(now => now with { State = BrainClientState.Connected, Failures = 0 });
                failures = 0;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (BrainShapeException exception)
            {
                takesDifferences = false;
                Change(now => now with { State = BrainClientState.Refused, LastError = exception.Message });
                refusal = exception;
                settled?.TrySetException(exception);
                return;
            }
            catch (Exception exception)
            {
                failures++;
                nextPoll = 0;   // who had the subscription may be gone
                if (exception is UnknownBrainException) OfferAgain();
                Change(now => now with { State = hasJoined ? BrainClientState.Away : BrainClientState.Joining, Failures = failures, LastError = exception.Message });
                await Task.Delay(Wait(failures), stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The cluster has no such brain, or has it no more, as silos that kept it in their memory and are gone: the version that this one goes on from becomes the first.</summary>
    private void OfferAgain()
    {
        (hasJoined, hasVersion, startsAnew, version, sent, difference) = (false, false, false, null, null, null);
        versionNumber = 0;
        Interlocked.Exchange(ref published, 0);
        Show();
    }

    /// <summary>Double the wait with each failure, a quarter more or less.</summary>
    private TimeSpan Wait(int failures)
    {
        TimeSpan wait = options.FirstRetry * Math.Pow(2, Math.Min(failures - 1, 20));
        return (wait < options.LastRetry ? wait : options.LastRetry) * (0.75 + (0.5 * random.NextDouble()));
    }

    /// <summary>Does what there is to do; where there is nothing, waits for it.</summary>
    private async Task StepAsync()
    {
        if (!hasJoined) await JoinAsync();
        if (difference is not null)
        {
            await SendAsync();
        }
        else if (given is not null)
        {
            TakeGiven();
        }
        else if (Stopwatch.GetTimestamp() >= nextPoll || settled is not null || Interlocked.Read(ref published) > versionNumber)
        {
            TaskCompletionSource? waiting = settled;
            await FetchAsync();
            Show();
            if (waiting is not null && !IsBusy) Interlocked.CompareExchange(ref settled, null, waiting)?.TrySetResult();
        }
        else
        {
            TimeSpan left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), nextPoll);
            await signal.WaitAsync(left < TimeSpan.Zero ? TimeSpan.Zero : left < HandOverTime ? left : HandOverTime, stop.Token);
        }

        Show();
    }

    /// <summary>Tells the game's thread what it may do.</summary>
    private void Show()
    {
        takesDifferences = hasJoined && !hasVersion && !startsAnew && difference is null && (sent is null || Stopwatch.GetTimestamp() >= sentUntil);
        if (difference is null) Interlocked.Exchange(ref finished, taken);
    }

    private async Task JoinAsync()
    {
        BrainVersion offered = await Source.Offer(start.ToBytes()).WaitAsync(stop.Token);
        Received(offered);
        bool isOurs = offered.Version == 1 && offered.Brain.AsSpan().SequenceEqual(start.ToBytes());
        if (isOurs)
        {
            (startVersion, version) = (1, null);
            Change(now => now with { Version = 1 });
        }
        else
        {
            startsAnew = hasVersion = true;
        }

        hasJoined = true;
        await SubscribeAsync();
    }

    private async Task SubscribeAsync()
    {
        reference ??= grains.CreateObjectReference<IBrainObserver>(this);
        NotePublished(await Source.Subscribe(reference).WaitAsync(stop.Token));
        nextPoll = After(options.PollTime);
    }

    private async Task FetchAsync()
    {
        if (Stopwatch.GetTimestamp() >= nextPoll || reference is null) await SubscribeAsync();
        if (await Source.GetVersion(versionNumber).WaitAsync(stop.Token) is not { } newer || newer.Version <= versionNumber)
        {
            Interlocked.Exchange(ref published, versionNumber);   // who told of a newer one was early: the next one tells again
            return;
        }

        Received(newer);
        if (sent is not null && newer.Version < closesAs) version = null;   // what was sent is in a later one
        else hasVersion = true;
    }

    private void Received(BrainVersion received)
    {
        version = BrainState.Read(received.Brain, $"of version {received.Version} of the brain {brain}");
        versionNumber = received.Version;
        NotePublished(received.Version);
        Change(now => now with { BytesReceived = now.BytesReceived + received.Brain.Length });
    }

    private void TakeGiven()
    {
        BrainState read = given!;
        taken = Interlocked.Read(ref gave);
        try
        {
            if (!isToAdopt) Prepare(read);
            else if (version is not null) Adopt(read, version);
        }
        finally
        {
            given = null;
        }
    }

    /// <summary>Works out what the brain is to become.</summary>
    private void Adopt(BrainState read, BrainState next)
    {
        if (startsAnew)
        {
            target = next.Copy();
            startDecisions = read.Decisions;
        }
        else
        {
            BrainState from = sent ?? start;
            BrainState sum = BrainMath.Add(next, BrainMath.Difference(from, read), from);
            target = double.IsFinite(BrainMath.Norm(sum)) ? sum : next.Copy();
            if (sent is not null) startDecisions = sent.Decisions;
        }

        (start, startVersion, sent, version, startsAnew, hasVersion) = (next, versionNumber, null, null, false, false);
        Change(now => now with { Version = startVersion });
    }

    private void Prepare(BrainState read)
    {
        BrainState learned = BrainMath.Difference(start, read);
        learned.Decisions = Math.Max(0, read.Decisions - startDecisions);
        if (learned.Decisions == 0) return;
        sending = read.Copy();
        difference = new BrainDifference(options.Server, ++sequence, startVersion, learned.ToBytes(), BrainMath.ScaleOfDifference(start, read));
    }

    private async Task SendAsync()
    {
        BrainDifference now = difference!;
        Change(status => status with { BytesSent = status.BytesSent + now.Difference.Length });
        try
        {
            DifferenceReceipt receipt = await Source.Submit(now).WaitAsync(stop.Token);
            NotePublished(receipt.Version);
            if (receipt.Outcome == DifferenceOutcome.TooOld)
            {
                Change(status => status with { Dropped = status.Dropped + 1 });
                StartAnew();
            }
            else if (receipt.Outcome == DifferenceOutcome.Counted || receipt.Sequence == now.Sequence)
            {
                sent = sending;
                Change(status => status with { Sent = status.Sent + 1 });
            }

            sequence = Math.Max(sequence, receipt.Sequence);   // after a clock that went back, too
            closesAs = receipt.ClosesAs;
            sentUntil = After((2 * receipt.ClosesWithin) + options.FirstRetry);
        }
        catch (DifferenceRefusedException exception)
        {
            Change(status => status with { Refused = status.Refused + 1, LastError = exception.Message });
            StartAnew();
        }

        (difference, sending) = (null, null);
    }

    /// <summary>What was learned since the version is of no use to the others: the brain begins again at what they have, be it the same version.</summary>
    private void StartAnew() => (sent, startsAnew, versionNumber, nextPoll) = (null, true, 0, 0);

    private void NotePublished(long number)
    {
        if (number > Interlocked.Read(ref published)) Interlocked.Exchange(ref published, number);
    }

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    private void Change(Func<BrainClientStatus, BrainClientStatus> change)
    {
        lock (guard) status = change(status);
    }
}
