using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// Pins each worker of Mesa's software driver (llvmpipe) to a processor of its own, on Linux. The driver gives every worker the same
/// share of a dispatch's workgroups and waits for the last of them. Left alone, the system often wakes two workers on one processor,
/// where one waits for the other while another processor idles, and the dispatch takes twice as long.
/// </summary>
internal static unsafe class DriverWorkers
{
    /// <summary>
    /// The workers' name, of at most 15 bytes: a thread inherits the name of the one that started it until it takes another, and these
    /// take none. The driver's other threads do.
    /// </summary>
    public const string Name = "neural-worker";

    private const string OtherThreads = "llvmpipe-";
    private const string Threads = "/proc/self/task";
    private const int SetName = 15;
    private const int GetName = 16;
    private const int NameBytes = 16;
    private const int Words = 16;
    private const int BitsPerWord = 64;

    /// <summary>Pins the workers that the driver starts on this thread until the result is disposed; they are pinned at that point.</summary>
    public static Scope HoldThoseStarted() => new(OperatingSystem.IsLinux() && Directory.Exists(Threads));

    /// <summary>
    /// Only if each processor gets a worker. If the driver was told to start fewer, those of two programs would share the first
    /// processors and leave the last ones idle.
    /// </summary>
    private static void Hold()
    {
        (int Id, string Name)[] threads = [.. ThreadsOfThisProcess().OrderBy(thread => thread.Id)];
        int[] workers = [.. threads.Where(thread => thread.Name == Name).Select(thread => thread.Id)];
        int[] processors = ProcessorsOfThisThread();
        bool isThisDriver = threads.Any(thread => thread.Name.StartsWith(OtherThreads, StringComparison.Ordinal));
        if (!isThisDriver || processors.Length == 0 || workers.Length < processors.Length) return;
        ulong* mask = stackalloc ulong[Words];
        for (int i = 0; i < workers.Length; i++)
        {
            int processor = processors[i % processors.Length];
            new Span<ulong>(mask, Words).Clear();
            mask[processor / BitsPerWord] = 1UL << (processor % BitsPerWord);
            _ = SetAffinity(workers[i], Words * sizeof(ulong), mask);   // if this is refused, the worker stays where the system puts it
        }
    }

    private static IEnumerable<(int Id, string Name)> ThreadsOfThisProcess()
    {
        foreach (string thread in Directory.GetDirectories(Threads))
        {
            string name;
            try
            {
                name = File.ReadAllText(Path.Combine(thread, "comm")).TrimEnd('\n');
            }
            catch (IOException)
            {
                continue;   // it has ended in the meantime
            }

            yield return (int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), name);
        }
    }

    private static int[] ProcessorsOfThisThread()
    {
        ulong* mask = stackalloc ulong[Words];
        if (GetAffinity(0, Words * sizeof(ulong), mask) != 0) return [];
        List<int> processors = [];
        for (int i = 0; i < Words * BitsPerWord; i++)
        {
            if ((mask[i / BitsPerWord] >> (i % BitsPerWord) & 1) != 0) processors.Add(i);
        }

        return [.. processors];
    }

    [DllImport("libc", EntryPoint = "prctl")]
    private static extern int ThreadName(int operation, byte* name);

    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    private static extern int GetAffinity(int thread, nint bytes, ulong* processors);

    [DllImport("libc", EntryPoint = "sched_setaffinity")]
    private static extern int SetAffinity(int thread, nint bytes, ulong* processors);

    /// <summary>In its extent, this thread has the workers' name; afterwards, its own again.</summary>
    public ref struct Scope
    {
        private readonly bool isActive;
        private fixed byte name[NameBytes];

        internal Scope(bool isActive)
        {
            this.isActive = isActive;
            if (!isActive) return;
            fixed (byte* own = name, workers = Encoding.ASCII.GetBytes($"{Name}\0"))
            {
                _ = ThreadName(GetName, own);
                _ = ThreadName(SetName, workers);
            }
        }

        public void Dispose()
        {
            if (!isActive) return;
            fixed (byte* own = name) _ = ThreadName(SetName, own);
            Hold();
        }
    }
}
