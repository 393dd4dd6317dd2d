using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The driver's functions, of which those that report the GPU's progress report it late: so that tests on the devices of
/// <see cref="TestDevice"/>, on a driver that does all work inside the calls, run as on a card. Work that a call enqueued is done some calls of the device later,
/// or when somebody waits; copies into buffers that stay mapped are made then, and not before. No test says how late, and none may rely on it; tests that depend on the delay use <see cref="TestGl"/>.
/// </summary>
internal sealed unsafe class LateGl(INativeContext driver) : INativeContext
{
    /// <summary>The number of the device's outermost calls after which the work enqueued in one is done: more than a frame has, also where the frame is not one call.</summary>
    private const long Late = 8;

    private static readonly Dictionary<string, nint> Replacements = new()
    {
        ["glGetGraphicsResetStatus"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
        ["glGetGraphicsResetStatusARB"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
        ["glFenceSync"] = (nint)(delegate* unmanaged<uint, uint, nint>)&FenceSync,
        ["glDeleteSync"] = (nint)(delegate* unmanaged<nint, void>)&DeleteSync,
        ["glClientWaitSync"] = (nint)(delegate* unmanaged<nint, uint, ulong, uint>)&ClientWaitSync,
        ["glQueryCounter"] = (nint)(delegate* unmanaged<uint, uint, void>)&QueryCounter,
        ["glGetQueryObjectiv"] = (nint)(delegate* unmanaged<uint, uint, int*, void>)&GetQueryObjectInt,
        ["glGetQueryObjecti64v"] = (nint)(delegate* unmanaged<uint, uint, long*, void>)&GetQueryObjectLong,
        ["glFinish"] = (nint)(delegate* unmanaged<void>)&Finish,
        ["glGetBufferSubData"] = (nint)(delegate* unmanaged<uint, nint, nint, void*, void>)&GetBufferSubData,
        ["glCopyBufferSubData"] = (nint)(delegate* unmanaged<uint, uint, nint, nint, nint, void>)&CopyBufferSubData,
        ["glDeleteBuffers"] = (nint)(delegate* unmanaged<uint, uint*, void>)&DeleteBuffers,
    };

    /// <summary>More than there ever are, so that no test sees the tables allocate.</summary>
    private const int MostCommands = 10_000;

    private const int MostContexts = 1_000, MostKeptCopies = 1_000;

    private static readonly Dictionary<nint, Command> Fences = new(MostCommands);
    private static readonly Dictionary<nint, Work> Contexts = new(MostContexts);
    private static readonly Egl? Libraries = Egl.TryLoad(null);
    private static delegate* unmanaged<uint> getResetStatus;
    private static delegate* unmanaged<uint, uint, nint> fenceSync;
    private static delegate* unmanaged<nint, void> deleteSync;
    private static delegate* unmanaged<nint, uint, ulong, uint> clientWaitSync;
    private static delegate* unmanaged<uint, uint, void> queryCounter;
    private static delegate* unmanaged<uint, uint, int*, void> getQueryObjectInt;
    private static delegate* unmanaged<uint, uint, long*, void> getQueryObjectLong;
    private static delegate* unmanaged<void> finish;
    private static delegate* unmanaged<uint, nint, nint, void*, void> getBufferSubData;
    private static delegate* unmanaged<uint, uint, nint, nint, nint, void> copyBufferSubData;
    private static delegate* unmanaged<uint, uint, nint, nint, nint, void> copyNamedBufferSubData;
    private static delegate* unmanaged<uint, uint*, void> genBuffers;
    private static delegate* unmanaged<uint, uint*, void> deleteBuffers;
    private static delegate* unmanaged<uint, byte> isBuffer;
    private static delegate* unmanaged<uint, uint, void> bindBuffer;
    private static delegate* unmanaged<uint, nint, void*, uint, void> bufferData;
    private static delegate* unmanaged<uint, uint, int*, void> getBufferParameter;
    private static delegate* unmanaged<uint, int*, void> getInteger;

    /// <summary>The driver's functions, made late. All contexts of the process use one driver.</summary>
    public static INativeContext Over(INativeContext driver)
    {
        getResetStatus = (delegate* unmanaged<uint>)driver.GetProcAddress("glGetGraphicsResetStatus");
        fenceSync = (delegate* unmanaged<uint, uint, nint>)driver.GetProcAddress("glFenceSync");
        deleteSync = (delegate* unmanaged<nint, void>)driver.GetProcAddress("glDeleteSync");
        clientWaitSync = (delegate* unmanaged<nint, uint, ulong, uint>)driver.GetProcAddress("glClientWaitSync");
        queryCounter = (delegate* unmanaged<uint, uint, void>)driver.GetProcAddress("glQueryCounter");
        getQueryObjectInt = (delegate* unmanaged<uint, uint, int*, void>)driver.GetProcAddress("glGetQueryObjectiv");
        getQueryObjectLong = (delegate* unmanaged<uint, uint, long*, void>)driver.GetProcAddress("glGetQueryObjecti64v");
        finish = (delegate* unmanaged<void>)driver.GetProcAddress("glFinish");
        getBufferSubData = (delegate* unmanaged<uint, nint, nint, void*, void>)driver.GetProcAddress("glGetBufferSubData");
        copyBufferSubData = (delegate* unmanaged<uint, uint, nint, nint, nint, void>)driver.GetProcAddress("glCopyBufferSubData");
        genBuffers = (delegate* unmanaged<uint, uint*, void>)driver.GetProcAddress("glGenBuffers");
        deleteBuffers = (delegate* unmanaged<uint, uint*, void>)driver.GetProcAddress("glDeleteBuffers");
        isBuffer = (delegate* unmanaged<uint, byte>)driver.GetProcAddress("glIsBuffer");
        bindBuffer = (delegate* unmanaged<uint, uint, void>)driver.GetProcAddress("glBindBuffer");
        bufferData = (delegate* unmanaged<uint, nint, void*, uint, void>)driver.GetProcAddress("glBufferData");
        getBufferParameter = (delegate* unmanaged<uint, uint, int*, void>)driver.GetProcAddress("glGetBufferParameteriv");
        getInteger = (delegate* unmanaged<uint, int*, void>)driver.GetProcAddress("glGetIntegerv");
        driver.TryGetProcAddress("glCopyNamedBufferSubData", out nint named);   // ARB_direct_state_access
        copyNamedBufferSubData = (delegate* unmanaged<uint, uint, nint, nint, nint, void>)named;
        return new LateGl(driver);
    }

    public nint GetProcAddress(string proc, int? slot = null) =>
        Replacements.TryGetValue(proc, out nint replaced) ? replaced : driver.GetProcAddress(proc, slot);

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null) =>
        Replacements.TryGetValue(proc, out addr) || driver.TryGetProcAddress(proc, out addr, slot);

    /// <summary>The owner disposes of the context.</summary>
    public void Dispose()
    {
    }

    /// <summary>What is enqueued in the context that is current on this thread.</summary>
    private static Work Current
    {
        get
        {
            nint context = Libraries!.Current.Context;
            if (!Contexts.TryGetValue(context, out Work? work)) Contexts[context] = work = new Work();
            return work;
        }
    }

    /// <summary>Each outermost call of a device starts with this query, which therefore counts them.</summary>
    [UnmanagedCallersOnly]
    private static uint GetResetStatus()
    {
        Current.Calls++;
        return getResetStatus();
    }

    [UnmanagedCallersOnly]
    private static nint FenceSync(uint condition, uint flags)
    {
        nint sync = fenceSync(condition, flags);
        Fences[sync] = Current.Enqueue();
        return sync;
    }

    [UnmanagedCallersOnly]
    private static void DeleteSync(nint sync)
    {
        Fences.Remove(sync);
        deleteSync(sync);
    }

    [UnmanagedCallersOnly]
    private static uint ClientWaitSync(nint sync, uint flags, ulong timeout)
    {
        if (timeout > 0) Current.Finish();
        if (Fences.TryGetValue(sync, out Command command))
        {
            if (!command.IsDone) return (uint)GLEnum.TimeoutExpired;
            command.Work.MakeCopies(command.Number);
        }

        return clientWaitSync(sync, flags, timeout);
    }

    [UnmanagedCallersOnly]
    private static void QueryCounter(uint query, uint target)
    {
        queryCounter(query, target);
        Work work = Current;
        work.Queries[query] = work.Enqueue();
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectInt(uint query, uint name, int* value)
    {
        bool isLate = name == (uint)GLEnum.QueryResultAvailable && Current.Queries.TryGetValue(query, out Command command) && !command.IsDone;
        if (isLate) *value = 0;
        else getQueryObjectInt(query, name, value);
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectLong(uint query, uint name, long* value)
    {
        if (Current.Queries.TryGetValue(query, out Command command) && !command.IsDone) command.Work.Finish();   // reading the result waits
        getQueryObjectLong(query, name, value);
    }

    [UnmanagedCallersOnly]
    private static void Finish()
    {
        Current.Finish();
        finish();
    }

    [UnmanagedCallersOnly]
    private static void GetBufferSubData(uint target, nint offset, nint size, void* data)
    {
        Current.Finish();
        getBufferSubData(target, offset, size, data);
    }

    /// <summary>What the processor sees all the time must not change before the work is done: the source of such a copy is kept elsewhere until then.</summary>
    [UnmanagedCallersOnly]
    private static void CopyBufferSubData(uint readTarget, uint writeTarget, nint readOffset, nint writeOffset, nint size)
    {
        int isMapped = 0, written = 0;
        getBufferParameter(writeTarget, (uint)GLEnum.BufferMapped, &isMapped);
        if (isMapped == 0 || writeTarget != (uint)GLEnum.CopyWriteBuffer || copyNamedBufferSubData == null)
        {
            copyBufferSubData(readTarget, writeTarget, readOffset, writeOffset, size);
            return;
        }

        uint kept;
        genBuffers(1, &kept);
        getInteger((uint)GLEnum.CopyWriteBufferBinding, &written);
        bindBuffer(writeTarget, kept);
        bufferData(writeTarget, size, null, (uint)GLEnum.StreamCopy);
        copyBufferSubData(readTarget, writeTarget, readOffset, 0, size);
        bindBuffer(writeTarget, (uint)written);
        Work work = Current;
        work.Kept.Add((work.Enqueue().Number, new KeptCopy(kept, (uint)written, writeOffset, size)));
    }

    [UnmanagedCallersOnly]
    private static void DeleteBuffers(uint count, uint* buffers)
    {
        Work work = Current;
        for (int i = work.Kept.Count - 1; i >= 0; i--)
        {
            KeptCopy copy = work.Kept[i].Copy;
            if (!new ReadOnlySpan<uint>(buffers, (int)count).Contains(copy.Destination)) continue;
            Delete(copy.Source);
            work.Kept.RemoveAt(i);
        }

        deleteBuffers(count, buffers);
    }

    private static void Delete(uint buffer) => deleteBuffers(1, &buffer);

    /// <summary>A context's work.</summary>
    private sealed class Work
    {
        private long enqueued;

        /// <summary>Outermost calls of its device.</summary>
        public long Calls { get; set; }

        /// <summary>The last command for which somebody waited.</summary>
        public long Finished { get; private set; }

        public Dictionary<uint, Command> Queries { get; } = new(MostCommands);

        /// <summary>Copies into buffers that stay mapped, each with its number.</summary>
        public List<(long Number, KeptCopy Copy)> Kept { get; } = new(MostKeptCopies);

        public Command Enqueue() => new(this, Calls, ++enqueued);

        public void Finish()
        {
            Finished = enqueued;
            MakeCopies(enqueued);
        }

        /// <summary>Makes those up to a number. A context that ended may have left some, in buffers that are there no more.</summary>
        public void MakeCopies(long upTo)
        {
            int made = 0;
            for (; made < Kept.Count && Kept[made].Number <= upTo; made++)
            {
                KeptCopy copy = Kept[made].Copy;
                if (isBuffer(copy.Source) == 0 || isBuffer(copy.Destination) == 0) continue;
                copyNamedBufferSubData(copy.Source, copy.Destination, 0, copy.Offset, copy.Bytes);
                finish();
                Delete(copy.Source);
            }

            if (made > 0) Kept.RemoveRange(0, made);
        }
    }

    /// <summary>The call in which it was enqueued, and its number.</summary>
    private readonly record struct Command(Work Work, long Call, long Number)
    {
        public bool IsDone => Number <= Work.Finished || Work.Calls - Call >= Late;
    }
}
