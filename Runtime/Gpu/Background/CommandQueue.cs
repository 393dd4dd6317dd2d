using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace NeuralPlugin;

/// <summary>
/// A thread that carries out commands in order, and the queue that another thread fills: one writer, one reader, no lock, no allocation. The
/// thread sleeps after some microseconds without work.
/// </summary>
/// <remarks>
/// Waking a thread is a system call, and on a busy machine the woken thread may take the caller's processor at once: half of what a frame costs the game, and the
/// worst of it. So between the frames of a game the thread only naps: it looks for work every millisecond by itself, and is woken only by calls that wait. After a
/// while without any work it sleeps until it is woken. Windows' timers are too coarse for naps.
/// </remarks>
internal sealed class CommandQueue : IDisposable
{
    /// <summary>Bytes of pending uploads.</summary>
    public const int MostBytes = 1 << 22;

    /// <summary>The time limit for <see cref="Stop"/>: longer than any command takes unless it hangs in a driver.</summary>
    public static readonly TimeSpan MostTimeToStop = TimeSpan.FromSeconds(5);

    /// <summary>Commands of many frames. A caller further ahead than that waits.</summary>
    private const int MostCommands = 4096;

    private const int MostStorages = 8 * MostCommands;
    private const int SpinsPerLook = 32;

    /// <summary>How long the thread sleeps while there is something to poll, and how long it naps.</summary>
    private const int MillisecondsBetweenLooks = 1;

    /// <summary>How long it naps for lack of work before it sleeps: longer than a frame.</summary>
    private const int MillisecondsOfNaps = 100;

    private const int Awake = 0, Asleep = 1, Napping = 2;

    private static readonly long NapTicks = OperatingSystem.IsWindows() ? 0 : MillisecondsOfNaps * Stopwatch.Frequency / 1000;

    private readonly QueuedCommand[] commands = new QueuedCommand[MostCommands];
    private readonly ICommandWorker worker;
    private readonly Thread thread;
    private readonly SemaphoreSlim wake = new(0);   // waking a thread through it costs the caller a third of what an event does
    private readonly long spinTicks;
    private long published;
    private long done;
    private int rest = Awake;
    private volatile bool stops;
    private volatile bool hasEnded;
    private Action? lastAction;
    private ExceptionDispatchInfo? lastFailure;
    private volatile Action? request;
    private volatile ExceptionDispatchInfo? requestFailure;
    private volatile Exception? failure;

    /// <param name="name">The thread's name.</param>
    /// <param name="spinTime">How long the thread looks for more work before it sleeps.</param>
    /// <param name="worker">Carries out the commands.</param>
    public CommandQueue(string name, TimeSpan spinTime, ICommandWorker worker)
    {
        this.worker = worker;
        spinTicks = (long)(spinTime.TotalSeconds * Stopwatch.Frequency);
        thread = new Thread(Work) { IsBackground = true, Name = name };
    }

    /// <summary>The storages of pending commands.</summary>
    public Ring<MatrixStorage?> Storages { get; } = new(MostStorages);

    /// <summary>The bytes of pending commands.</summary>
    public Ring<byte> Bytes { get; } = new(MostBytes);

    /// <summary>The number of the last command; the first is 1.</summary>
    public long Published => published;

    /// <summary>The number of the last command that was carried out.</summary>
    public long Done => Volatile.Read(ref done);

    /// <summary>The exception with which a command failed: none after it is carried out.</summary>
    public Exception? Failure => failure;

    /// <summary>Whether commands are carried out: the thread was not stopped, and no command failed.</summary>
    public bool IsRunning => !stops && !hasEnded && failure is null;

    public void Start() => thread.Start();

    /// <summary>Enqueues a command. Waits if the queue is full; does not wake the thread.</summary>
    public long Add(in QueuedCommand command)
    {
        if (published - Done == MostCommands) WaitFor(published - MostCommands + 1);
        commands[published % MostCommands] = command;
        Volatile.Write(ref published, published + 1);
        return published;
    }

    /// <summary>Takes storages for a command. Waits until there is room for them.</summary>
    public RingPart<MatrixStorage?> TakeStorages(int count)
    {
        RingPart<MatrixStorage?> part;
        while (!Storages.TryTake(count, out part)) WaitFor(Done + 1);
        return part;
    }

    /// <summary>Takes a small number of bytes for a command. Waits until there is room for them.</summary>
    public RingPart<byte> TakeBytes(int count)
    {
        RingPart<byte> part;
        while (!Bytes.TryTake(count, out part)) WaitFor(Done + 1);
        return part;
    }

    /// <summary>Wakes the thread, if it sleeps, to start on the enqueued commands. From a nap it wakes by itself.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref rest) == Asleep) WakeNow();
    }

    /// <summary>Waits until a command was carried out. If the thread has ended, it no longer writes to anything.</summary>
    /// <exception cref="InvalidOperationException">A command failed.</exception>
    /// <exception cref="ObjectDisposedException">The thread was stopped.</exception>
    public void WaitFor(long command)
    {
        WakeNow();
        SpinWait wait = default;
        while (Done < command)
        {
            RequireRunning();
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Runs an action on the thread between two commands, ahead of the pending ones, and waits for it. Allocates: not for use in a frame.</summary>
    public void Do(Action action)
    {
        RequireRunning();
        requestFailure = null;
        request = action;
        WakeNow();
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
            throw new InvalidOperationException($"The thread of this device failed, so the device can no longer be used: {why.Message} Dispose it, and make another one.", why);
        ObjectDisposedException.ThrowIf(hasEnded, typeof(NeuralDevice));
    }

    /// <summary>
    /// Ends the thread after its current command, and waits for it; pending commands are dropped. The wait for a thread that hangs is no longer
    /// than <see cref="MostTimeToStop"/>; it ends without help if the call returns.
    /// </summary>
    /// <param name="last">What the thread does last; null for nothing. An exception from it is thrown here.</param>
    public void Stop(Action? last = null)
    {
        lastAction = last;
        stops = true;
        wake.Release();
        if (thread.Join(MostTimeToStop)) lastFailure?.Throw();
    }

    /// <summary>After <see cref="Stop"/>, when no thread is inside a call any more.</summary>
    public void Dispose()
    {
        if (hasEnded) wake.Dispose();
    }

    private void WakeNow()
    {
        Interlocked.MemoryBarrier();
        if (!stops && Volatile.Read(ref rest) != Awake && Interlocked.Exchange(ref rest, Awake) != Awake) wake.Release();
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
#pragma warning disable CA1031   // whatever it is, the next call reports it
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
#pragma warning disable CA1031   // it is thrown to the thread that calls Stop
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
#pragma warning disable CA1031   // it is thrown to the thread that calls Do
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

    /// <param name="looks">Whether there is something to poll even if no command comes.</param>
    private void WaitForWork(bool looks)
    {
        long idleSince = Stopwatch.GetTimestamp();
        while (!stops && !HasWork && Stopwatch.GetTimestamp() - idleSince < spinTicks)
        {
            Thread.SpinWait(SpinsPerLook);
            if (looks && !worker.Look()) return;
        }

        do Rest(looks, naps: Stopwatch.GetTimestamp() - idleSince < NapTicks);
        while (!looks && !stops && !HasWork);
    }

    private void Rest(bool looks, bool naps)
    {
        Interlocked.Exchange(ref rest, naps ? Napping : Asleep);
        bool isWoken = !HasWork && !stops && wake.Wait(looks || naps ? MillisecondsBetweenLooks : Timeout.Infinite);
        if (!isWoken && Interlocked.Exchange(ref rest, Awake) == Awake) wake.Wait();   // another thread thought it asleep, and woke it
    }
}

/// <summary>The callbacks of a <see cref="CommandQueue"/>'s thread.</summary>
internal interface ICommandWorker
{
    /// <summary>Called before the first of some commands.</summary>
    void Begin();

    /// <summary>Carries out a command; false to be called with it again.</summary>
    bool CarryOut(in QueuedCommand command);

    /// <summary>Called after the last of them.</summary>
    void End();

    /// <summary>Polls whether pending work is done, without waiting.</summary>
    /// <returns>Whether something is still pending, so that it must be polled again.</returns>
    bool Look();
}
