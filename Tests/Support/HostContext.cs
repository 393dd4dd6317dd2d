using Silk.NET.Core.Contexts;

namespace NeuralPlugin.Tests;

/// <summary>
/// An OpenGL context as a game would have it, made by hand and not by the device, in whatever version is asked for; it is
/// current on this thread when it has been made.
/// </summary>
internal sealed class HostContext : IGLContext
{
    private readonly Egl egl;
    private readonly nint display;

    public HostContext(int major = 4, int minor = 3)
    {
        egl = Egl.TryLoad(null) ?? throw new DeviceNotSupportedException("There is no EGL library.");
        display = egl.Display(Egl.PlatformSurfaceless, 0);
        if (display == 0 || !egl.Initialize(display)) throw new DeviceNotSupportedException($"No surfaceless display ({egl.LastError()}).");
        int[] attributes =
        [
            Egl.ContextMajorVersion, major, Egl.ContextMinorVersion, minor,
            Egl.ContextProfileMask, Egl.ContextCoreProfileBit, Egl.None,
        ];
        Handle = egl.CreateContext(display, egl.ChooseConfig(display), attributes);
        if (Handle == 0) throw new DeviceNotSupportedException($"No context of OpenGL {major}.{minor} ({egl.LastError()}).");
        MakeCurrent();
    }

    public nint Handle { get; }

    /// <summary>Functions that this context gives out in the place of the driver's own; 0 where it has none of that name.</summary>
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
        if (!Replaced.TryGetValue(proc, out addr)) addr = egl.GetProcAddress(proc);
        return addr != 0;
    }

    public void Dispose()
    {
        if (IsCurrent) Clear();
        egl.DestroyContext(display, Handle);
    }
}

/// <summary>A window as far as a device looks at it.</summary>
internal sealed class HostWindow(IGLContext? context) : IGLContextSource
{
    public IGLContext? GLContext => context;
}
