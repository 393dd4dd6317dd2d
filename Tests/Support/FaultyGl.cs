using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The driver's functions, of which some fail when they are told to, on whatever thread calls them: for the tests of a context on a thread of its own. What they are told holds for
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

    /// <summary>How much longer the driver's linker takes.</summary>
    public static int LinkMilliseconds { get => linkMilliseconds; set => linkMilliseconds = value; }

    /// <summary>What glFinish hangs at until it is set; null for nothing.</summary>
    public static ManualResetEventSlim? Gate { get => gate; set => gate = value; }

    /// <summary>What the thread had allocated that called glFinish last.</summary>
    public static long Allocated => Volatile.Read(ref allocated);

    /// <summary>The driver's functions, in good order.</summary>
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

    /// <summary>The context is its owner's.</summary>
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
