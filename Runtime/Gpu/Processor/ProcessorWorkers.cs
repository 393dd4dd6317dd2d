using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The threads of a device on the processor. A kernel's run is split into ranges of lines. Each thread takes one when it is
/// free, so that a thread that comes late, or not at all, delays the others only by its current range. Threads look for work for some
/// microseconds after the last range, then sleep. Nothing is allocated once they run.
/// </summary>
internal sealed unsafe class ProcessorWorkers : IDisposable
{
    /// <summary>The multiplications and additions beyond which work takes longer than involving a second thread.</summary>
    private const long WorkWorthSharing = 400_000;

    /// <summary>Ranges per thread: enough that none is long, and few enough that taking one costs nothing.</summary>
    private const int RangesPerThread = 4;

    /// <summary>Spins of a waiting thread between two looks at the clock.</summary>
    private const int SpinsPerLook = 32;

    /// <summary>The values after a thread's memory that a vector load may touch.</summary>
    private const int Margin = 64;

    private readonly Thread[] threads;
    private readonly float*[] scratch;
    private readonly Semaphore wake = new(0, int.MaxValue);   // does not allocate, contended or not
    private readonly long spinTicks;
    private int scratchLength;
    private ProcessorKernel? kernel;
    private int rows;
    private int firstLine;
    private int lines;
    private int linesPerRange;
    private long ticket;     // the number of the run, and in its lower half the next range; the upper half is odd while there is none to take
    private int unfinished;  // ranges of the run
    private int sleeping;
    private volatile bool stops;

    public ProcessorWorkers(ProcessorOptions options)
    {
        spinTicks = (long)(options.SpinTime.TotalSeconds * Stopwatch.Frequency);
        scratch = new float*[options.Threads];
        ticket = 1L << 32;
        threads = new Thread[options.Threads - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int worker = i + 1;
            threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"NeuralPlugin {worker}" };
            threads[i].Start();
        }
    }

    ~ProcessorWorkers()
    {
        FreeScratch();
    }

    /// <summary>Gives each thread at least this many values of scratch memory. Not while a kernel runs.</summary>
    public void ReserveScratch(int length)
    {
        if (length <= scratchLength) return;
        FreeScratch();
        for (int i = 0; i < scratch.Length; i++) scratch[i] = (float*)NativeMemory.AlignedAlloc((nuint)(length + Margin) * sizeof(float), 64);
        scratchLength = length;
    }

    /// <summary>Runs some lines of a kernel and waits for them.</summary>
    public void Run(ProcessorKernel next, int rowsInUse, int first, int count)
    {
        if (count <= 1 || threads.Length == 0 || next.WorkOf(rowsInUse) < WorkWorthSharing)
        {
            if (count > 0) next.Run(rowsInUse, first, count, scratch[0]);
            GC.KeepAlive(this);   // its finalizer frees the scratch memory
            return;
        }

        (kernel, rows, firstLine, lines) = (next, rowsInUse, first, count);
        linesPerRange = MatrixShape.CeilingDivide(count, scratch.Length * RangesPerThread);
        Volatile.Write(ref unfinished, MatrixShape.CeilingDivide(count, linesPerRange));
        long run = (ticket >> 32) + 1;
        Interlocked.Exchange(ref ticket, run << 32);
        if (Volatile.Read(ref sleeping) is > 0 and var asleep) wake.Release(asleep);   // a thread that wakes in between can only make this too many
        while (TakeRange(0))
        {
        }

        SpinWait wait = default;
        while (Volatile.Read(ref unfinished) > 0) wait.SpinOnce(sleep1Threshold: -1);
        Interlocked.Exchange(ref ticket, (run + 1) << 32);   // a thread still looking at this run finds it closed before the next one is written
    }

    public void Dispose()
    {
        stops = true;
        if (threads.Length > 0) wake.Release(threads.Length);
        foreach (Thread thread in threads) thread.Join();
        FreeScratch();
        GC.SuppressFinalize(this);
    }

    /// <summary>Takes the next range of the open run and runs it; false if there is none.</summary>
    private bool TakeRange(int worker)
    {
        while (true)
        {
            long seen = Volatile.Read(ref ticket);
            if (((seen >> 32) & 1) != 0) return false;
            int begin = (int)(seen & int.MaxValue) * linesPerRange;
            ProcessorKernel taken = kernel!;
            (int end, int first, int rowsInUse) = (Math.Min(begin + linesPerRange, lines), firstLine, rows);
            if (begin >= lines) return false;
            if (Interlocked.CompareExchange(ref ticket, seen + 1, seen) != seen) continue;   // success: the values read belong to this run
            taken.Run(rowsInUse, first + begin, end - begin, scratch[worker]);
            Interlocked.Decrement(ref unfinished);
            return true;
        }
    }

    private void Work(int worker)
    {
        long idleSince = Stopwatch.GetTimestamp();
        while (!stops)
        {
            if (TakeRange(worker))
            {
                idleSince = Stopwatch.GetTimestamp();
                continue;
            }

            Thread.SpinWait(SpinsPerLook);
            if (Stopwatch.GetTimestamp() - idleSince < spinTicks) continue;
            Interlocked.Increment(ref sleeping);
            wake.WaitOne();
            Interlocked.Decrement(ref sleeping);
            idleSince = Stopwatch.GetTimestamp();
        }
    }

    private void FreeScratch()
    {
        for (int i = 0; i < scratch.Length; i++)
        {
            NativeMemory.AlignedFree(scratch[i]);
            scratch[i] = null;
        }

        scratchLength = 0;
    }
}
