using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>An OpenGL core context of Windows, where each needs a window: this one's is never shown.</summary>
/// <remarks>
/// Only its own thread can destroy a window. If another thread disposes the context, the window's thread destroys it when it looks for messages, makes its next
/// context, or ends.
/// </remarks>
internal sealed class WglContext : HeadlessContext
{
    [ThreadStatic]
    private static ConcurrentQueue<nint>? leftHere;

    private readonly ConcurrentQueue<nint> left = leftHere!;   // windows of its thread whose contexts are gone
    private readonly Wgl wgl;
    private readonly nint window;
    private readonly nint deviceContext;
    private nint context;

    private WglContext(Wgl wgl, nint window, nint deviceContext, nint context)
    {
        this.wgl = wgl;
        this.window = window;
        this.deviceContext = deviceContext;
        this.context = context;
    }

    /// <summary>Creates a context and makes it current on this thread; null if none is available, with the failed attempts.</summary>
    public static WglContext? TryCreate(bool debug, List<string> failures)
    {
        if (Wgl.TryLoad(out string? missing) is not { } wgl)
        {
            failures.Add($"WGL: no {missing}");
            return null;
        }

        leftHere ??= new ConcurrentQueue<nint>();
        while (leftHere.TryDequeue(out nint old)) wgl.DestroyWindow(old);
        (nint DeviceContext, nint Context) current = wgl.Current;
        nint window = wgl.CreateWindow();
        nint deviceContext = window == 0 ? 0 : wgl.DeviceContextOf(window);
        if (deviceContext != 0 && TryCreate(wgl, window, deviceContext, debug, failures) is { } made) return made;
        if (deviceContext == 0) failures.Add($"{Wgl.Library}: no window that OpenGL can draw to ({wgl.LastError()})");
        wgl.MakeCurrent(current.DeviceContext, current.Context);
        if (window != 0) wgl.DestroyWindow(window);
        return null;
    }

    public override void MakeCurrent()
    {
        if (!wgl.MakeCurrent(deviceContext, context)) throw NotMadeCurrent(wgl.LastError());
    }

    public override IDisposable MakeCurrentForNow()
    {
        Previous previous = new(wgl, context);
        MakeCurrent();
        return previous;
    }

    public override bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        addr = wgl.GetProcAddress(proc);
        return addr != 0;
    }

    public override void Dispose()
    {
        if (context == 0) return;
        if (wgl.Current.Context == context) wgl.MakeCurrent(0, 0);
        wgl.DeleteContext(context);
        context = 0;
        if (left == leftHere)
        {
            wgl.DestroyWindow(window);
            return;
        }

        left.Enqueue(window);
        wgl.RequestDestruction(window);
    }

    /// <summary>Uses a context of any version, which alone can tell how to create one of a requested version.</summary>
    private static WglContext? TryCreate(Wgl wgl, nint window, nint deviceContext, bool debug, List<string> failures)
    {
        nint any = wgl.CreateContext(deviceContext);
        if (any == 0 || !wgl.MakeCurrent(deviceContext, any))
        {
            failures.Add($"{Wgl.Library}: no OpenGL ({wgl.LastError()})");
            if (any != 0) wgl.DeleteContext(any);
            return null;
        }

        nint create = wgl.GetProcAddress("wglCreateContextAttribsARB");
        bool isRobust = ExtensionsOf(wgl, deviceContext).Contains("WGL_ARB_create_context_robustness", StringComparison.Ordinal);
        string found = VersionOf(wgl);
        ReadOnlySpan<(int Minor, bool Robust)> attempts = [(5, true), (5, false), (3, true), (3, false)];
        foreach ((int minor, bool robust) in attempts)
        {
            if (create == 0 || (robust && !isRobust)) continue;
            nint context = wgl.CreateContext(deviceContext, create, Attributes(minor, robust, debug));
            if (context == 0) continue;
            if (wgl.MakeCurrent(deviceContext, context))
            {
                wgl.DeleteContext(any);
                return new WglContext(wgl, window, deviceContext, context);
            }

            wgl.DeleteContext(context);
        }

        failures.Add($"{Wgl.Library}: no OpenGL 4.5 or 4.3 core context; found OpenGL {found}");
        wgl.MakeCurrent(0, 0);
        wgl.DeleteContext(any);
        return null;
    }

    private static unsafe string ExtensionsOf(Wgl wgl, nint deviceContext)
    {
        var extensions = (delegate* unmanaged[Stdcall]<nint, nint>)wgl.GetProcAddress("wglGetExtensionsStringARB");
        return extensions is null ? "" : Marshal.PtrToStringUTF8(extensions(deviceContext)) ?? "";
    }

    /// <summary>The version of the current context, with the driver's name for its device.</summary>
    private static unsafe string VersionOf(Wgl wgl)
    {
        const int Renderer = 0x1F01, Version = 0x1F02;
        var getString = (delegate* unmanaged[Stdcall]<int, nint>)wgl.GetProcAddress("glGetString");
        return getString is null ? "without a version" : $"{Marshal.PtrToStringUTF8(getString(Version))} of {Marshal.PtrToStringUTF8(getString(Renderer))}";
    }

    private static int[] Attributes(int minor, bool robust, bool debug)
    {
        int flags = (robust ? Wgl.RobustAccessBit : 0) | (debug ? Wgl.DebugBit : 0);
        return
        [
            Wgl.ContextMajorVersion, 4, Wgl.ContextMinorVersion, minor, Wgl.ContextProfileMask, Wgl.CoreProfileBit, Wgl.ContextFlags, flags,
            .. robust ? (int[])[Wgl.ContextResetStrategy, Wgl.LoseContextOnReset] : [], 0,
        ];
    }

    /// <summary>Restores on Dispose what was current before.</summary>
    private sealed class Previous(Wgl wgl, nint own) : IDisposable
    {
        private readonly (nint DeviceContext, nint Context) current = wgl.Current;

        public void Dispose()
        {
            if (current.Context != own) wgl.MakeCurrent(current.DeviceContext, current.Context);
        }
    }
}
