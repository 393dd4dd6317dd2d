using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The driver's functions, of which those that report the GPU's progress report it late: so that tests on the devices of
/// <see cref="TestDevice"/>, on a driver that does all work inside the calls, run as on a card. Work that a call enqueued is done some calls of the device later,
/// or when somebody waits. No test says how late, and none may rely on it; tests that depend on the delay use <see cref="TestGl"/>.
/// </summary>
internal sealed unsafe class LateGl(INativeContext driver) : INativeContext
{
    /// <summary>The number of the device's outermost calls after which the work enqueued in one is done.</summary>
    private const long Late = 3;

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
    };

    /// <summary>More than there ever are, so that no test sees the tables allocate.</summary>
    private const int MostCommands = 10_000;

    private static readonly Dictionary<nint, Command> Fences = new(MostCommands);
    private static readonly Dictionary<uint, Command> Queries = new(MostCommands);
    private static delegate* unmanaged<uint> getResetStatus;
    private static delegate* unmanaged<uint, uint, nint> fenceSync;
    private static delegate* unmanaged<nint, void> deleteSync;
    private static delegate* unmanaged<nint, uint, ulong, uint> clientWaitSync;
    private static delegate* unmanaged<uint, uint, void> queryCounter;
    private static delegate* unmanaged<uint, uint, int*, void> getQueryObjectInt;
    private static delegate* unmanaged<uint, uint, long*, void> getQueryObjectLong;
    private static delegate* unmanaged<void> finish;
    private static delegate* unmanaged<uint, nint, nint, void*, void> getBufferSubData;
    private static long calls;
    private static long enqueued;
    private static long finished;   // the last command for which somebody waited

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

    private static Command Enqueued() => new(calls, ++enqueued);

    private static bool IsDone(Command command) => command.Number <= finished || calls - command.Call >= Late;

    /// <summary>Each outermost call of a device starts with this query, which therefore counts them.</summary>
    [UnmanagedCallersOnly]
    private static uint GetResetStatus()
    {
        calls++;
        return getResetStatus();
    }

    [UnmanagedCallersOnly]
    private static nint FenceSync(uint condition, uint flags)
    {
        nint sync = fenceSync(condition, flags);
        Fences[sync] = Enqueued();
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
        if (timeout > 0) finished = enqueued;
        bool isDone = !Fences.TryGetValue(sync, out Command command) || IsDone(command);
        return isDone ? clientWaitSync(sync, flags, timeout) : (uint)GLEnum.TimeoutExpired;
    }

    [UnmanagedCallersOnly]
    private static void QueryCounter(uint query, uint target)
    {
        queryCounter(query, target);
        Queries[query] = Enqueued();
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectInt(uint query, uint name, int* value)
    {
        bool isLate = name == (uint)GLEnum.QueryResultAvailable && Queries.TryGetValue(query, out Command command) && !IsDone(command);
        if (isLate) *value = 0;
        else getQueryObjectInt(query, name, value);
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectLong(uint query, uint name, long* value)
    {
        if (Queries.TryGetValue(query, out Command command) && !IsDone(command)) finished = enqueued;   // reading the result waits
        getQueryObjectLong(query, name, value);
    }

    [UnmanagedCallersOnly]
    private static void Finish()
    {
        finished = enqueued;
        finish();
    }

    [UnmanagedCallersOnly]
    private static void GetBufferSubData(uint target, nint offset, nint size, void* data)
    {
        finished = enqueued;
        getBufferSubData(target, offset, size, data);
    }

    /// <summary>The call in which it was enqueued, and its number.</summary>
    private readonly record struct Command(long Call, long Number);
}
