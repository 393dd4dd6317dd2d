using System.Diagnostics;

namespace NeuralPlugin.Orleans;

/// <summary>
/// A game's communication with the cluster, away from the game's thread: it joins, sends differences, receives versions and computes the brain to adopt. The game's thread passes brains in and takes
/// them out, and never waits.
/// </summary>
internal sealed class BrainExchange : IBrainObserver, IAsyncDisposable
{
    /// <summary>How often it polls for a brain from the game: waking it would allocate on the game's thread.</summary>
    private static readonly TimeSpan HandOverTime = TimeSpan.FromMilliseconds(5);

    private readonly IGrainFactory grains;
    private readonly string brain;
    private readonly BrainClientOptions options;
    private readonly SemaphoreSlim signal = new(0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private readonly Random random = new();
    private readonly Lock guard = new();

    // Passed between the threads; only the thread that has it writes it.
    private volatile BrainState? given;      // the brain that the game has read
    private volatile bool isToAdopt;         // and its purpose
    private volatile BrainState? target;     // the brain that the game is to adopt
    private volatile bool hasVersion;
    private volatile bool takesDifferences;
    private volatile TaskCompletionSource? settled;
    private volatile Exception? refusal;     // the final error
    private long gave;                       // how many brains the game has passed in
    private long finished;                   // how many of these are finished
    private long published;                  // the newest version that was announced

    // The worker's own.
    private BrainState start;                // the version that differences start from
    private long startVersion;
    private long startDecisions;             // the decisions of the population up to it
    private BrainState? sent;                // the brain of the difference that is in the round
    private long closesAs;
    private long sentUntil;                  // a timestamp after which the round counts as lost, and differences are sent again
    private BrainState? sending;             // the brain of the pending difference
    private BrainDifference? difference;
    private BrainState? version;             // the newest one
    private long versionNumber;
    private bool startsAnew;                 // the next version is adopted unchanged, and progress is dropped
    private long sequence;
    private bool hasJoined;
    private long nextPoll;
    private long taken;                      // how many of the game's brains were taken
    private IBrainObserver? reference;
    private Task? disposing;

    /// <summary>Requested each time, because a client that is still connecting may not have it.</summary>
    private IBrainSource Source => options.Region is null ? grains.GetGrain<IBrainGrain>(brain) : grains.GetGrain<IRegionGrain>($"{brain}/{options.Region}");

    private BrainClientStatus status = new(BrainClientState.Joining, 0, 0, 0, 0, 0, 0, 0, 0, null);

    public BrainExchange(IGrainFactory grains, string brain, BrainClientOptions options, BrainState first)
    {
        this.grains = grains;
        this.brain = brain;
        this.options = options;
        start = first;
        startDecisions = first.Decisions;
        sequence = DateTime.UtcNow.Ticks;   // differences of a restarted server are not mistaken for those sent before
        running = Task.Run(RunAsync);
    }

    public BrainClientStatus Status
    {
        get
        {
            lock (guard) return status;
        }
    }

    /// <summary>Whether it can take a brain.</summary>
    public bool IsFree => given is null;

    /// <summary>Whether a brain that it took is not finished.</summary>
    public bool IsBusy => Interlocked.Read(ref gave) != Interlocked.Read(ref finished);

    /// <summary>Whether there is a version to adopt.</summary>
    public bool HasVersion => hasVersion;

    /// <summary>Whether a difference would be sent.</summary>
    public bool TakesDifferences => takesDifferences;

    /// <summary>Takes the brain that the game has read; the game must not change it until <see cref="IsFree"/>.</summary>
    public void Give(BrainState read, bool adopts)
    {
        isToAdopt = adopts;
        Interlocked.Increment(ref gave);
        given = read;
    }

    /// <summary>Returns the brain that the game is to adopt, once.</summary>
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

    /// <summary>If the observer still exists.</summary>
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
                nextPoll = 0;   // the owner of the subscription may be gone
                if (exception is UnknownBrainException) OfferAgain();
                Change(now => now with { State = hasJoined ? BrainClientState.Away : BrainClientState.Joining, Failures = failures, LastError = exception.Message });
                await Task.Delay(Wait(failures), stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The cluster has no such brain, or has lost it with silos that kept it in memory: the version that this server continues from becomes the first.</summary>
    private void OfferAgain()
    {
        (hasJoined, hasVersion, startsAnew, version, sent, difference) = (false, false, false, null, null, null);
        versionNumber = 0;
        Interlocked.Exchange(ref published, 0);
        Show();
    }

    /// <summary>Doubles the wait with each failure, with a quarter of jitter.</summary>
    private TimeSpan Wait(int failures)
    {
        TimeSpan wait = options.FirstRetry * Math.Pow(2, Math.Min(failures - 1, 20));
        return (wait < options.LastRetry ? wait : options.LastRetry) * (0.75 + (0.5 * random.NextDouble()));
    }

    /// <summary>Does the next piece of work, or waits for one.</summary>
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

    /// <summary>Publishes to the game's thread what it may do.</summary>
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
            Interlocked.Exchange(ref published, versionNumber);   // an announcement of a newer one was early, and will be repeated
            return;
        }

        Received(newer);
        if (sent is not null && newer.Version < closesAs) version = null;   // the sent difference is in a later one
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

    /// <summary>Computes the brain to adopt.</summary>
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

            sequence = Math.Max(sequence, receipt.Sequence);   // also after the clock was set back
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

    /// <summary>Progress since the version is of no use to the others: the brain restarts from their version, even if it is the same.</summary>
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
