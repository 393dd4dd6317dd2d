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

    /// <summary>Commands of many frames. Whoever is further ahead than that waits.</summary>
    private const int MostCommands = 4096;

    private const int MostStorages = 8 * MostCommands;
    private const int SpinsPerLook = 32;

    private readonly QueuedCommand[] commands = new QueuedCommand[MostCommands];
    private readonly Func<QueuedCommand, bool> carryOut;
    private readonly Action beginWork;
    private readonly Action endWork;
    private readonly Thread thread;
    private readonly AutoResetEvent wake = new(initialState: false);   // allocates nothing, contended or not
    private readonly long spinTicks;
    private long published;
    private long done;
    private int isAsleep;
    private volatile bool stops;
    private Action? lastAction;
    private volatile Action? request;
    private volatile ExceptionDispatchInfo? requestFailure;
    private volatile Exception? failure;

    /// <param name="name">Of the thread.</param>
    /// <param name="spinTime">How long it looks for more before it sleeps.</param>
    /// <param name="carryOut">A command, on the thread; false where it is to be asked again.</param>
    /// <param name="beginWork">Before the first of some commands, on the thread.</param>
    /// <param name="endWork">Behind the last of them.</param>
    public CommandQueue(string name, TimeSpan spinTime, Func<QueuedCommand, bool> carryOut, Action beginWork, Action endWork)
    {
        this.carryOut = carryOut;
        this.beginWork = beginWork;
        this.endWork = endWork;
        spinTicks = (long)(spinTime.TotalSeconds * Stopwatch.Frequency);
        thread = new Thread(Work) { IsBackground = true, Name = name };
        thread.Start();
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
        if (!stops && Volatile.Read(ref isAsleep) != 0 && Interlocked.Exchange(ref isAsleep, 0) != 0) wake.Set();
    }

    /// <summary>Waits until a command was carried out.</summary>
    /// <exception cref="InvalidOperationException">One failed.</exception>
    public void WaitFor(long command)
    {
        Wake();
        SpinWait wait = default;
        while (Done < command)
        {
            RequireNoFailure();
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Has the thread do something between two commands, ahead of those that wait, and waits for it. Allocates: not for a frame.</summary>
    public void Do(Action action)
    {
        RequireNoFailure();
        requestFailure = null;
        request = action;
        Wake();
        SpinWait wait = default;
        while (request is not null)
        {
            RequireNoFailure();
            wait.SpinOnce(sleep1Threshold: -1);
        }

        requestFailure?.Throw();
    }

    /// <exception cref="InvalidOperationException">A command failed.</exception>
    public void RequireNoFailure()
    {
        if (failure is { } why)
            throw new InvalidOperationException($"The thread of this device failed, and the device is of no use any more: {why.Message} Dispose it, and make another one.", why);
    }

    /// <summary>Ends the thread behind the command that it is at, and waits for it; what it has not come to is forgotten.</summary>
    /// <param name="last">What the thread does at its end; null for nothing.</param>
    public void Stop(Action? last = null)
    {
        lastAction = last;
        stops = true;
        wake.Set();
        thread.Join();
    }

    /// <summary>After <see cref="Stop"/>.</summary>
    public void Dispose() => wake.Dispose();

    private bool HasWork => Volatile.Read(ref published) > done || request is not null;

    private void Work()
    {
        try
        {
            while (!stops)
            {
                if (HasWork)
                {
                    beginWork();
                    while (!stops && HasWork) CarryOutNext();
                    endWork();
                }

                WaitForWork();
            }
        }
#pragma warning disable CA1031   // whatever it is, the next call tells of it
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
            while (!stops) wake.WaitOne();
        }

        lastAction?.Invoke();
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
        if (!carryOut(next)) return;
        Storages[next.Storages].Clear();
        Storages.Free(next.Storages);
        Bytes.Free(next.Bytes);
        (next.Subject, next.Target) = (null, null);
        Volatile.Write(ref done, done + 1);
    }

    private void WaitForWork()
    {
        long idleSince = Stopwatch.GetTimestamp();
        while (!stops && !HasWork && Stopwatch.GetTimestamp() - idleSince < spinTicks) Thread.SpinWait(SpinsPerLook);
        if (stops || HasWork) return;
        Interlocked.Exchange(ref isAsleep, 1);
        if (!HasWork && !stops) wake.WaitOne();
        else if (Interlocked.Exchange(ref isAsleep, 0) == 0) wake.WaitOne();   // somebody has taken it for asleep, and woken it
    }
}
