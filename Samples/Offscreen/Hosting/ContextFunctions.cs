using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;

namespace NeuralPlugin.Samples;

/// <summary>The addresses of OpenGL's functions, from EGL, or on Windows from WGL, for whichever context is current.</summary>
internal sealed unsafe class ContextFunctions : INativeContext
{
    private readonly delegate* unmanaged<nint, nint> getProcAddress;
    private readonly nint library;

    public ContextFunctions()
    {
        var (names, export) = OperatingSystem.IsWindows() ? ((string[])["opengl32.dll"], "wglGetProcAddress") : (["libEGL.so.1", "libEGL.so"], "eglGetProcAddress");
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, out library)) continue;
            getProcAddress = (delegate* unmanaged<nint, nint>)NativeLibrary.GetExport(library, export);
            return;
        }

        throw new DeviceNotSupportedException($"None of {string.Join(", ", names)} was found, which a scene without a window needs.");
    }

    public nint GetProcAddress(string proc, int? slot = null)
    {
        return TryGetProcAddress(proc, out var address, slot) ? address : throw new EntryPointNotFoundException(proc);
    }

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        var name = Marshal.StringToCoTaskMemUTF8(proc);
        addr = getProcAddress(name);
        Marshal.FreeCoTaskMem(name);
        // WGL gives out what is newer than OpenGL 1.1 alone, and says with one of these numbers that it has none; the rest is exported.
        if (OperatingSystem.IsWindows() && addr is -1 or 0 or 1 or 2 or 3) _ = NativeLibrary.TryGetExport(library, proc, out addr);
        return addr != 0;
    }

    public void Dispose()
    {
    }
}
