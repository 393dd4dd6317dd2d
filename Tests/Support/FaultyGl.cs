using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The driver's functions, some of which fail on demand, on whatever thread calls them: for the tests of a context on a thread of its own. The settings apply to
/// all contexts of the process that were made over it.
/// </summary>
internal sealed unsafe class FaultyGl(INativeContext driver) : INativeContext
{
    private static readonly Dictionary<string, nint> Replacements = new()
    {
        ["glGetGraphicsResetStatus"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
        ["glGetGraphicsResetStatusARB"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
        ["glLinkProgram"] = (nint)(delegate* unmanaged<uint, void>)&LinkProgram,
        ["glFinish"] = (nint)(delegate* unmanaged<void>)&Finish,
    };

    private static delegate* unmanaged<uint> getResetStatus;
    private static delegate* unmanaged<uint, void> linkProgram;
    private static delegate* unmanaged<void> finish;
    private static volatile bool isLost;
    private static volatile int linkMilliseconds;
    private static volatile ManualResetEventSlim? gate;
    private static long allocated;

    /// <summary>Whether contexts are lost from now on.</summary>
    public static bool IsLost { get => isLost; set => isLost = value; }

    /// <summary>The additional time that the driver's linker takes.</summary>
    public static int LinkMilliseconds { get => linkMilliseconds; set => linkMilliseconds = value; }

    /// <summary>The event for which glFinish hangs until it is set; null for none.</summary>
    public static ManualResetEventSlim? Gate { get => gate; set => gate = value; }

    /// <summary>The bytes that the last thread to call glFinish had allocated.</summary>
    public static long Allocated => Volatile.Read(ref allocated);

    /// <summary>The driver's functions, all working.</summary>
    public static INativeContext Over(INativeContext driver)
    {
        (IsLost, LinkMilliseconds, Gate) = (false, 0, null);
        driver.TryGetProcAddress("glGetGraphicsResetStatus", out nint status);
        getResetStatus = (delegate* unmanaged<uint>)status;
        linkProgram = (delegate* unmanaged<uint, void>)driver.GetProcAddress("glLinkProgram");
        finish = (delegate* unmanaged<void>)driver.GetProcAddress("glFinish");
        return new FaultyGl(driver);
    }

    public nint GetProcAddress(string proc, int? slot = null) =>
        Replacements.TryGetValue(proc, out nint replaced) ? replaced : driver.GetProcAddress(proc, slot);

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null) =>
        Replacements.TryGetValue(proc, out addr) || driver.TryGetProcAddress(proc, out addr, slot);

    /// <summary>The owner disposes of the context.</summary>
    public void Dispose()
    {
    }

    [UnmanagedCallersOnly]
    private static uint GetResetStatus() => IsLost ? (uint)GLEnum.InnocentContextReset : getResetStatus();

    [UnmanagedCallersOnly]
    private static void LinkProgram(uint program)
    {
        if (LinkMilliseconds > 0) Thread.Sleep(LinkMilliseconds);
        linkProgram(program);
    }

    [UnmanagedCallersOnly]
    private static void Finish()
    {
        Gate?.Wait();
        Volatile.Write(ref allocated, GC.GetAllocatedBytesForCurrentThread());
        finish();
    }
}
