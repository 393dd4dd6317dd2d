using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace NeuralPlugin;

/// <summary>
/// A thread that carries commands out in order, and the queue that another thread fills: one writer, one reader, no lock, and nothing allocated. The
/// thread sleeps when there has been nothing to do for some microseconds.
/// </summary>
internal sealed class CommandQueue : IDisposable
{
    /// <summary>Bytes of uploads that wait.</summary>
    public const int MostBytes = 1 << 22;

    /// <summary>How long <see cref="Stop"/> waits for the thread: longer than any command takes but one that hangs in a driver.</summary>
    public static readonly TimeSpan MostTimeToStop = TimeSpan.FromSeconds(5);

    /// <summary>Commands of many frames. Whoever is further ahead than that waits.</summary>
    private const int MostCommands = 4096;

    private const int MostStorages = 8 * MostCommands;
    private const int SpinsPerLook = 32;

    /// <summary>How long the thread sleeps while there is something to look after.</summary>
    private const int MillisecondsBetweenLooks = 1;

    private readonly QueuedCommand[] commands = new QueuedCommand[MostCommands];
    private readonly ICommandWorker worker;
    private readonly Thread thread;
    private readonly SemaphoreSlim wake = new(0);   // whoever wakes the thread is held up a third as long as by an event
    private readonly long spinTicks;
    private long published;
    private long done;
    private int isAsleep;
    private volatile bool stops;
    private volatile bool hasEnded;
    private Action? lastAction;
    private ExceptionDispatchInfo? lastFailure;
    private volatile Action? request;
    private volatile ExceptionDispatchInfo? requestFailure;
    private volatile Exception? failure;

    /// <param name="name">Of the thread.</param>
    /// <param name="spinTime">How long it looks for more before it sleeps.</param>
    /// <param name="worker">Carries the commands out.</param>
    public CommandQueue(string name, TimeSpan spinTime, ICommandWorker worker)
    {
        this.worker = worker;
        spinTicks = (long)(spinTime.TotalSeconds * Stopwatch.Frequency);
        thread = new Thread(Work) { IsBackground = true, Name = name };
    }

    /// <summary>The storages of commands that were not carried out.</summary>
    public Ring<MatrixStorage?> Storages { get; } = new(MostStorages);

    /// <summary>And their bytes.</summary>
    public Ring<byte> Bytes { get; } = new(MostBytes);

    /// <summary>The number of the last command; the first is 1.</summary>
    public long Published => published;

    /// <summary>The last command that was carried out.</summary>
    public long Done => Volatile.Read(ref done);

    /// <summary>What a command failed with: none behind it is carried out.</summary>
    public Exception? Failure => failure;

    /// <summary>Whether commands are carried out: it was not stopped, and none has failed.</summary>
    public bool IsRunning => !hasEnded && failure is null;

    public void Start() => thread.Start();

    /// <summary>Enqueues a command. Waits where the queue is full, and does not wake the thread.</summary>
    public long Add(in QueuedCommand command)
    {
        if (published - Done == MostCommands) WaitFor(published - MostCommands + 1);
        commands[published % MostCommands] = command;
        Volatile.Write(ref published, published + 1);
        return published;
    }

    /// <summary>Storages for a command. Waits while there is no room for them.</summary>
    public RingPart<MatrixStorage?> TakeStorages(int count)
    {
        RingPart<MatrixStorage?> part;
        while (!Storages.TryTake(count, out part)) WaitFor(Done + 1);
        return part;
    }

    /// <summary>Bytes for a command that are few. Waits while there is no room for them.</summary>
    public RingPart<byte> TakeBytes(int count)
    {
        RingPart<byte> part;
        while (!Bytes.TryTake(count, out part)) WaitFor(Done + 1);
        return part;
    }

    /// <summary>Has the thread begin with what was enqueued, if it sleeps.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        if (!stops && Volatile.Read(ref isAsleep) != 0 && Interlocked.Exchange(ref isAsleep, 0) != 0) wake.Release();
    }

    /// <summary>Waits until a command was carried out. Where the thread has ended, it writes into nothing any more.</summary>
    /// <exception cref="InvalidOperationException">A command failed.</exception>
    /// <exception cref="ObjectDisposedException">The thread was stopped.</exception>
    public void WaitFor(long command)
    {
        Wake();
        SpinWait wait = default;
        while (Done < command)
        {
            RequireRunning();
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Has the thread do something between two commands, ahead of those that wait, and waits for it. Allocates: not for a frame.</summary>
    public void Do(Action action)
    {
        RequireRunning();
        requestFailure = null;
        request = action;
        Wake();
        SpinWait wait = default;
        while (request is not null)
        {
            RequireRunning();
            wait.SpinOnce(sleep1Threshold: -1);
        }

        requestFailure?.Throw();
    }

    /// <exception cref="ContextLostException">A command found the context lost.</exception>
    /// <exception cref="InvalidOperationException">A command failed.</exception>
    /// <exception cref="ObjectDisposedException">The thread was stopped.</exception>
    public void RequireRunning()
    {
        if (failure is ContextLostException loss) throw new ContextLostException(loss.Message);
        if (failure is { } why)
            throw new InvalidOperationException($"The thread of this device failed, and the device is of no use any more: {why.Message} Dispose it, and make another one.", why);
        ObjectDisposedException.ThrowIf(hasEnded, typeof(NeuralDevice));
    }

    /// <summary>
    /// Ends the thread behind the command that it is at, and waits for it; what it has not come to is forgotten. A thread that hangs is waited for no longer
    /// than <see cref="MostTimeToStop"/>, and ends by itself if it comes back.
    /// </summary>
    /// <param name="last">What the thread does at its end; null for nothing. What that fails with is thrown here.</param>
    public void Stop(Action? last = null)
    {
        lastAction = last;
        stops = true;
        wake.Release();
        if (thread.Join(MostTimeToStop)) lastFailure?.Throw();
    }

    /// <summary>After <see cref="Stop"/>, when nobody is inside a call any more.</summary>
    public void Dispose()
    {
        if (hasEnded) wake.Dispose();
    }

    private bool HasWork => Volatile.Read(ref published) > done || request is not null;

    private void Work()
    {
        try
        {
            while (!stops)
            {
                if (HasWork)
                {
                    worker.Begin();
                    while (!stops && HasWork) CarryOutNext();
                    worker.End();
                }

                WaitForWork(worker.Look());
            }
        }
#pragma warning disable CA1031   // whatever it is, the next call tells of it
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
            while (!stops) wake.Wait();
        }

        try
        {
            lastAction?.Invoke();
        }
#pragma warning disable CA1031   // it is thrown where the thread is stopped
        catch (Exception exception)
#pragma warning restore CA1031
        {
            lastFailure = ExceptionDispatchInfo.Capture(exception);
        }

        hasEnded = true;
    }

    private void CarryOutNext()
    {
        if (request is { } action)
        {
            try
            {
                action();
            }
#pragma warning disable CA1031   // it is thrown where it was asked for
            catch (Exception exception)
#pragma warning restore CA1031
            {
                requestFailure = ExceptionDispatchInfo.Capture(exception);
            }

            request = null;
            return;
        }

        ref QueuedCommand next = ref commands[done % MostCommands];
        if (!worker.CarryOut(next)) return;
        Storages[next.Storages].Clear();
        Storages.Free(next.Storages);
        Bytes.Free(next.Bytes);
        (next.Subject, next.Target) = (null, null);
        Volatile.Write(ref done, done + 1);
    }

    /// <param name="looks">Whether there is something to look after, though nobody may come.</param>
    private void WaitForWork(bool looks)
    {
        long idleSince = Stopwatch.GetTimestamp();
        while (!stops && !HasWork && Stopwatch.GetTimestamp() - idleSince < spinTicks)
        {
            Thread.SpinWait(SpinsPerLook);
            if (looks && !worker.Look()) return;
        }

        if (stops || HasWork) return;
        Interlocked.Exchange(ref isAsleep, 1);
        bool isWoken = !HasWork && !stops && wake.Wait(looks ? MillisecondsBetweenLooks : Timeout.Infinite);
        if (!isWoken && Interlocked.Exchange(ref isAsleep, 0) == 0) wake.Wait();   // somebody has taken it for asleep, and woken it
    }
}

/// <summary>What the thread of a <see cref="CommandQueue"/> calls.</summary>
internal interface ICommandWorker
{
    /// <summary>Before the first of some commands.</summary>
    void Begin();

    /// <summary>A command; false where it is to be asked again.</summary>
    bool CarryOut(in QueuedCommand command);

    /// <summary>Behind the last of them.</summary>
    void End();

    /// <summary>Looks whether what was begun is done, without a wait.</summary>
    /// <returns>Whether something is still under way, so that it is to look again.</returns>
    bool Look();
}
