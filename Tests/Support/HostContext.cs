using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;

namespace NeuralPlugin.Tests;

/// <summary>
/// An OpenGL context as a game would have it, created by hand and not by the device, in any requested version: by the driver whose context is
/// current, such as that of <see cref="TestDevice.Plain"/>, otherwise by Mesa's surfaceless platform. It is current on this thread once created.
/// </summary>
internal sealed class HostContext : IGLContext
{
    private readonly Egl egl;
    private readonly nint display;
    private readonly INativeContext driver;

    /// <param name="major">The major version.</param>
    /// <param name="minor">The minor version.</param>
    /// <param name="share">The context whose textures, buffers, samplers and programs it shares.</param>
    /// <param name="reportsErrors">False for one in which an error is undefined behavior (GL_CONTEXT_FLAG_NO_ERROR_BIT).</param>
    /// <param name="isCore">False for one that still has the features removed from OpenGL.</param>
    public unsafe HostContext(int major = 4, int minor = 3, HostContext? share = null, bool reportsErrors = true, bool isCore = true)
    {
        const int NoError = 0x31B3, CompatibilityBit = 2;   // EGL_CONTEXT_OPENGL_NO_ERROR_KHR, EGL_CONTEXT_OPENGL_COMPATIBILITY_PROFILE_BIT
        egl = Egl.TryLoad(null) ?? throw new DeviceNotSupportedException("There is no EGL library.");
        display = share?.display ?? (egl.Current is { Context: not 0, Display: var current } ? current : egl.Display(Egl.PlatformSurfaceless, 0));
        driver = TestDevice.IsLate ? LateGl.Over(new DriverFunctions(egl)) : new DriverFunctions(egl);
        if (display == 0 || !egl.Initialize(display)) throw new DeviceNotSupportedException($"No surfaceless display ({egl.LastError()}).");
        int[] attributes =
        [
            Egl.ContextMajorVersion, major, Egl.ContextMinorVersion, minor,
            Egl.ContextProfileMask, isCore ? Egl.ContextCoreProfileBit : CompatibilityBit, .. reportsErrors ? (int[])[] : [NoError, 1], Egl.None,
        ];
        var create = (delegate* unmanaged<nint, nint, nint, int*, nint>)NativeLibrary.GetExport(System.Runtime.InteropServices.NativeLibrary.Load("libEGL.so.1"), "eglCreateContext");
        fixed (int* first = attributes) Handle = create(display, egl.ChooseConfig(display), share?.Handle ?? 0, first);
        if (Handle == 0) throw new DeviceNotSupportedException($"No context of OpenGL {major}.{minor} ({egl.LastError()}).");
        ReportsErrors = reportsErrors;
        MakeCurrent();
    }

    /// <summary>Whether an error is reported, rather than being undefined behavior.</summary>
    public bool ReportsErrors { get; }

    public nint Handle { get; }

    /// <summary>Functions that this context returns in place of the driver's own; 0 if it has none of that name.</summary>
    public Dictionary<string, nint> Replaced { get; } = [];

    public IGLContextSource? Source => null;

    public bool IsCurrent => egl.IsCurrent(Handle);

    public void MakeCurrent()
    {
        if (!egl.MakeCurrent(display, Handle)) throw new InvalidOperationException($"The host's context was not made current ({egl.LastError()}).");
    }

    public void Clear() => egl.MakeCurrent(display, 0);

    public void SwapBuffers()
    {
    }

    public void SwapInterval(int interval)
    {
    }

    public nint GetProcAddress(string proc, int? slot = null)
    {
        return TryGetProcAddress(proc, out nint address, slot) ? address : throw new EntryPointNotFoundException(proc);
    }

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        return Replaced.TryGetValue(proc, out addr) ? addr != 0 : driver.TryGetProcAddress(proc, out addr, slot);
    }

    public void Dispose()
    {
        if (IsCurrent) Clear();
        egl.DestroyContext(display, Handle);
    }
}

/// <summary>As much of a window as a device looks at.</summary>
internal sealed class HostWindow(IGLContext? context) : IGLContextSource
{
    public IGLContext? GLContext => context;
}

/// <summary>The functions of the current context.</summary>
file sealed class DriverFunctions(Egl egl) : INativeContext
{
    public nint GetProcAddress(string proc, int? slot = null) => egl.GetProcAddress(proc);

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null) => (addr = egl.GetProcAddress(proc)) != 0;

    public void Dispose()
    {
    }
}
