using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// A game's context whose driver is the real one, made late, slow, lossy and talkative. The driver here does all work inside the
/// call, so nothing on it is ever late, and a test of waiting could not fail. This one
/// <list type="bullet">
/// <item>records every function that is requested and every call, with its thread;</item>
/// <item>signals fences, returns queries and finishes programs some frames late; the test advances the frames;</item>
/// <item>keeps the GPU's clock itself: a dispatch takes the nanoseconds that the test sets, or those of a <see cref="GpuModel"/>;</item>
/// <item>reports every call that would wait for the GPU;</item>
/// <item>makes copies into buffers that stay mapped when it reports them as done, and not before;</item>
/// <item>reports a reset, and drops dispatches.</item>
/// </list>
/// Make the device with <c>NeuralDevice.Attach(gl.Api)</c>; the test's own calls on <c>gl.Host</c> are not recorded.
/// </summary>
internal sealed class TestGl : IGLContext
{
    /// <summary>Functions whose first argument selects the state that they touch; it is recorded with them.</summary>
    private static readonly string[] TargetedFunctions =
    [
        "glBindTexture", "glBindSampler", "glBindImageTexture", "glBindBuffer", "glBindBufferBase", "glBindBufferRange",
        "glBindFramebuffer", "glFramebufferTexture2D", "glPixelStorei", "glClampColor", "glEnable", "glDisable", "glBeginQuery", "glEndQuery",
        "glMapBufferRange", "glUnmapBuffer", "glBufferData", "glBufferStorage", "glBufferSubData", "glTexSubImage2D", "glTexStorage2D",
        "glTexParameteri", "glGetTexLevelParameteriv", "glGetBufferParameteri64v",
    ];

    /// <summary>More than there ever are, so that no test sees the list allocate.</summary>
    private const int MostKeptCopies = 1_000;

    // Entry points do not depend on the context, so one recorder of each serves all.
    private static readonly Dictionary<string, EntryPoint> EntryPoints = [];
    private static readonly List<EntryPoint> Numbered = [];

    private readonly Dictionary<string, long> calls = [];
    private readonly HashSet<(string Function, ulong Target)> targets = [];
    private readonly Dictionary<string, long> living = [];
    private readonly List<string> waiting = [];
    private readonly List<string> fromOtherThreads = [];
    private readonly Dictionary<nint, Work> fences = [];
    private readonly Dictionary<uint, (long Frame, long Time, long Result)> queries = [];
    private readonly Dictionary<uint, long> linked = [];
    private readonly Dictionary<uint, long> lastUse = [];
    private readonly Dictionary<uint, long> lastWrite = [];
    private readonly uint[] storageBuffers = new uint[16];
    private readonly HashSet<uint> mapped = [];
    private readonly List<(long Command, KeptCopy Copy)> kept = new(MostKeptCopies);
    private readonly Lock otherThreads = new();
    private readonly int thread = Environment.CurrentManagedThreadId;
    private long commands;
    private long completedCommands;
    private long fencesMade;
    private long fencesFlushed;
    private long frameStart;

    /// <summary>Creates the host's context, current on this thread.</summary>
    public TestGl(int major = 4, int minor = 3)
    {
        Host = new HostContext(major, minor);
        Current = this;
        TestGlFunctions.Load(Host);
        Api = GL.GetApi((INativeContext)this);
    }

    /// <summary>The one whose context was last made current.</summary>
    public static TestGl? Current { get; private set; }

    /// <summary>The wrapped context, for the game's own calls.</summary>
    public HostContext Host { get; }

    /// <summary>The binding to attach a device to.</summary>
    public GL Api { get; }

    // ---- set by the test ----

    /// <summary>Frames after which a fence is signaled and a query's result is available; 0 for at once.</summary>
    public int DelayFrames { get; set; }

    /// <summary>Frames that the driver takes to compile or load a program, on threads of its own; 0 for inside the call.</summary>
    public int CompileFrames { get; set; }

    /// <summary>The time of a dispatch on the GPU, whatever its size.</summary>
    public long NanosecondsPerDispatch { get; set; } = 2_000;

    /// <summary>The additional time per workgroup.</summary>
    public long NanosecondsPerGroup { get; set; } = 1_000;

    /// <summary>Computes the time of dispatches instead, by workgroups and kernels; null for the two times above.</summary>
    public GpuModel? Gpu { get; set; }

    /// <summary>The shortest time from frame to frame on the GPU's clock.</summary>
    public long NanosecondsPerFrame { get; set; } = 16_666_667;

    /// <summary>
    /// Whether a frame of the game lasts until the GPU has finished it. If not, work that exceeds a frame stays in the GPU's queue, and its
    /// fences and queries complete when it is done.
    /// </summary>
    public bool GameWaitsForGpu { get; set; } = true;

    /// <summary>Bits of the counter that supplies the timestamps; beyond them it wraps.</summary>
    public int TimestampBits { get; set; } = 64;

    /// <summary>Maps the GPU's time to the counter, if that does not show it as it is.</summary>
    public Func<long, long>? ShownTime { get; set; }

    /// <summary>
    /// The status that the context reports. After a reset, fences and queries claim to be done, as real ones do, with invalid results.
    /// </summary>
    public GLEnum ResetStatus { get; set; } = GLEnum.NoError;

    /// <summary>Dispatches vanish silently, as under a conditional render that fails.</summary>
    public bool DropDispatches { get; set; }

    /// <summary>
    /// The number of dispatches that run, since the last <see cref="ClearRecords"/>, before all further ones vanish: as under a conditional render that does not wait
    /// for its query, whose result then arrives in the middle of a call.
    /// </summary>
    public long MostDispatches { get; set; } = long.MaxValue;

    /// <summary>The dispatch that vanishes alone, counted from 0 since the last <see cref="ClearRecords"/>: that of a faulty driver. -1 for none.</summary>
    public long LostDispatch { get; set; } = -1;

    /// <summary>Whether the renderer has the name of a card, and not of a software driver; set before the device is attached.</summary>
    public bool IsNamedAsCard { get; set; }

    /// <summary>Extensions that the driver does not list; set before the device is attached.</summary>
    public HashSet<string> HiddenExtensions { get; } = [];

    // ---- recorded ----

    public long Frame { get; private set; }

    /// <summary>The GPU's clock after all enqueued work.</summary>
    public long Nanoseconds { get; private set; }

    /// <summary>The GPU's counter at that time.</summary>
    public long Counter => (ShownTime?.Invoke(Nanoseconds) ?? Nanoseconds) & (TimestampBits == 64 ? -1 : (1L << TimestampBits) - 1);

    /// <summary>Work that the GPU had not finished when the frame began.</summary>
    public long NanosecondsInQueue => Math.Max(0, Nanoseconds - frameStart);

    /// <summary>Dispatches that ran, and those that were dropped.</summary>
    public long Dispatches { get; private set; }

    public long DroppedDispatches { get; private set; }

    /// <summary>Workgroups of the dispatches that ran.</summary>
    public long Groups { get; private set; }

    /// <summary>The functions that were requested, whether called or not.</summary>
    public HashSet<string> Asked { get; } = [];

    /// <summary>The functions that were called, with the first argument if that selects the state that they touch.</summary>
    public IReadOnlySet<(string Function, ulong Target)> Targets => targets;

    public long TotalCalls { get; private set; }

    /// <summary>The calls, in order, that would have blocked the thread until the GPU was done.</summary>
    public IReadOnlyList<string> WaitingCalls => waiting;

    /// <summary>The calls from threads other than the one that created this.</summary>
    public IReadOnlyList<string> CallsFromOtherThreads
    {
        get
        {
            lock (otherThreads) return [.. fromOtherThreads];
        }
    }

    /// <summary>Objects that were created and not deleted, by kind: Textures, Buffers, Framebuffers, Queries, Program, Shader, Sync and so on.</summary>
    public IReadOnlyDictionary<string, long> Living => living;

    public nint Handle => Host.Handle;

    public IGLContextSource? Source => null;

    public bool IsCurrent => Host.IsCurrent;

    private bool IsLost => ResetStatus != GLEnum.NoError;

    /// <summary>How often a function was called since the start or the last <see cref="ClearRecords"/>.</summary>
    public long Calls(string function) => calls.GetValueOrDefault(function);

    /// <summary>The next frame: the game swaps its buffers, and the GPU's clock advances.</summary>
    public void NextFrame()
    {
        Frame++;
        Flush();
        frameStart += NanosecondsPerFrame;
        Nanoseconds = Math.Max(Nanoseconds, frameStart);
        if (GameWaitsForGpu) frameStart = Nanoseconds;
    }

    /// <summary>Does the work of a frame, after which the next one begins; returns the GPU's time for it.</summary>
    public long RunFrame(Action work)
    {
        long before = Nanoseconds;
        work();
        long spent = Nanoseconds - before;
        NextFrame();
        return spent;
    }

    /// <summary>Forgets the calls; living objects, fences and clocks stay.</summary>
    public void ClearRecords()
    {
        calls.Clear();
        targets.Clear();
        waiting.Clear();
        lock (otherThreads) fromOtherThreads.Clear();
        TotalCalls = 0;
        Dispatches = DroppedDispatches = Groups = 0;
    }

    public unsafe bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        Asked.Add(proc);
        if (!EntryPoints.TryGetValue(proc, out EntryPoint? entry))
        {
            nint address = TestGlFunctions.TryGet(proc, out nint replaced) ? replaced : Host.TryGetProcAddress(proc, out nint real) ? real : 0;
            entry = new EntryPoint(proc);
            Numbered.Add(entry);
            entry.Address = address == 0 ? 0 : EntryPointRecorder.Record(proc, address, Numbered.Count - 1, &OnCall);
            EntryPoints.Add(proc, entry);
        }

        addr = entry.Address;
        return addr != 0;
    }

    public nint GetProcAddress(string proc, int? slot = null)
    {
        return TryGetProcAddress(proc, out nint address, slot) ? address : throw new EntryPointNotFoundException(proc);
    }

    public void MakeCurrent()
    {
        Host.MakeCurrent();
        Current = this;
    }

    public void Clear() => Host.Clear();

    public void SwapBuffers() => NextFrame();

    public void SwapInterval(int interval)
    {
    }

    public void Dispose()
    {
        Host.Dispose();
    }

    // ---- called by the functions ----

    internal void Waited(string what) => waiting.Add(what);

    internal void Fenced(nint sync) => fences[sync] = new Work(Frame, Nanoseconds, commands, ++fencesMade);

    internal void FenceDeleted(nint sync) => fences.Remove(sync);

    /// <summary>A fence that was not flushed is not even on its way.</summary>
    internal bool IsSignalled(nint sync)
    {
        if (IsLost || !fences.TryGetValue(sync, out Work work)) return true;
        if (!HasCome(work.Frame, work.Nanoseconds) || work.Number > fencesFlushed) return false;
        Completed(work.Commands);
        return true;
    }

    internal void WaitedForFence(nint sync)
    {
        if (!fences.TryGetValue(sync, out Work work)) return;
        fences[sync] = work with { Frame = Frame - DelayFrames, Nanoseconds = frameStart, Number = 0 };
        Completed(work.Commands);
    }

    internal void Flush() => fencesFlushed = fencesMade;

    internal void Finished()
    {
        Flush();
        frameStart = Math.Max(frameStart, Nanoseconds);
        Completed(commands);
        foreach (nint sync in fences.Keys.ToArray()) WaitedForFence(sync);
    }

    /// <summary>The GPU will read a buffer.</summary>
    internal void Uses(uint buffer) => lastUse[buffer] = ++commands;

    /// <summary>The GPU will write a buffer.</summary>
    internal void Writes(uint buffer) => lastWrite[buffer] = ++commands;

    /// <summary>Whether the GPU may still be using a buffer that the CPU is about to read, or to write.</summary>
    internal bool IsBusy(uint buffer, bool forWriting)
    {
        long last = lastWrite.GetValueOrDefault(buffer);
        if (forWriting) last = Math.Max(last, lastUse.GetValueOrDefault(buffer));
        return last > completedCommands;
    }

    internal void StaysMapped(uint buffer) => mapped.Add(buffer);

    internal bool IsMapped(uint buffer) => mapped.Contains(buffer);

    internal void Keeps(KeptCopy copy) => kept.Add((commands, copy));

    internal void BufferDeleted(uint buffer)
    {
        mapped.Remove(buffer);
        for (int i = kept.Count - 1; i >= 0; i--)
        {
            if (kept[i].Copy.Destination != buffer) continue;
            TestGlFunctions.DropCopy(kept[i].Copy);
            kept.RemoveAt(i);
        }

        lastUse.Remove(buffer);
        lastWrite.Remove(buffer);
        storageBuffers.AsSpan().Replace(buffer, 0u);
    }

    internal void StorageBound(uint index, uint buffer) => storageBuffers[index] = buffer;

    internal void Timed(uint query, long nanoseconds) => queries[query] = (Frame, Nanoseconds, nanoseconds);

    internal void QueryDeleted(uint query) => queries.Remove(query);

    /// <summary>The result of a query that this clock recorded; null for one of another kind.</summary>
    internal (bool IsThere, long Result)? QueryResult(uint query)
    {
        if (!queries.TryGetValue(query, out (long Frame, long Time, long Result) made)) return null;
        return IsLost ? (true, -1) : (HasCome(made.Frame, made.Time), made.Result);
    }

    internal void Linked(uint program) => linked[program] = Frame;

    internal bool IsLinked(uint program) => Frame - linked.GetValueOrDefault(program, -CompileFrames) >= CompileFrames;

    /// <summary>Counts a dispatch; false if it must vanish.</summary>
    internal bool Dispatched(long groups, uint program, long groupSize, int steps)
    {
        if (DropDispatches || Dispatches >= MostDispatches || Dispatches + DroppedDispatches == LostDispatch)
        {
            DroppedDispatches++;
            return false;
        }

        Dispatches++;
        Groups += groups;
        Nanoseconds += Gpu?.NanosecondsOf(program, groups, groupSize, steps) ?? NanosecondsPerDispatch + (groups * NanosecondsPerGroup);
        foreach (uint buffer in storageBuffers)
        {
            if (buffer != 0) Writes(buffer);
        }

        return true;
    }

    /// <summary>The GPU has come as far as these commands.</summary>
    private void Completed(long upTo)
    {
        completedCommands = Math.Max(completedCommands, upTo);
        while (kept.Count > 0 && kept[0].Command <= completedCommands)
        {
            TestGlFunctions.MakeCopy(kept[0].Copy);
            kept.RemoveAt(0);
        }
    }

    /// <summary>Whether the CPU knows by now that the GPU has reached a time.</summary>
    private bool HasCome(long frame, long nanoseconds) => Frame - frame >= DelayFrames && (GameWaitsForGpu || nanoseconds <= frameStart);

    private static void OnCall(int number, ulong first) => Current?.Called(Numbered[number], first);

    private void Called(EntryPoint entry, ulong first)
    {
        if (Environment.CurrentManagedThreadId != thread)
        {
            lock (otherThreads) fromOtherThreads.Add(entry.Name);
            return;
        }

        TotalCalls++;
        CollectionsMarshal.GetValueRefOrAddDefault(calls, entry.Name, out _)++;
        if (entry.IsTargeted) targets.Add((entry.Name, first));
        if (entry.Kind is not null) CollectionsMarshal.GetValueRefOrAddDefault(living, entry.Kind, out _) += entry.Sign * (entry.IsCounted ? (long)first : 1);
    }

    /// <summary>A fence: its frame and time, the commands before it, and its number.</summary>
    private readonly record struct Work(long Frame, long Nanoseconds, long Commands, long Number);

    private sealed class EntryPoint
    {
        private static readonly string[] Kinds = ["Textures", "Buffers", "Framebuffers", "Renderbuffers", "Queries", "Samplers", "VertexArrays"];

        public EntryPoint(string name)
        {
            Name = name;
            IsTargeted = TargetedFunctions.Contains(name);
            IsCounted = Kinds.Any(kind => name == $"glGen{kind}" || name == $"glDelete{kind}");
            Sign = name.StartsWith("glDelete", StringComparison.Ordinal) ? -1 : 1;
            Kind = IsCounted ? name[(Sign > 0 ? "glGen".Length : "glDelete".Length)..] : name switch
            {
                "glCreateProgram" or "glDeleteProgram" => "Program",
                "glCreateShader" or "glDeleteShader" => "Shader",
                "glFenceSync" or "glDeleteSync" => "Sync",
                _ => null,
            };
        }

        public string Name { get; }

        public nint Address { get; set; }

        public bool IsTargeted { get; }

        /// <summary>The kind of objects that it creates or deletes.</summary>
        public string? Kind { get; }

        public int Sign { get; }

        /// <summary>Whether the first argument is their number.</summary>
        public bool IsCounted { get; }
    }
}
