using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;

namespace NeuralPlugin.Samples;

/// <summary>The addresses of OpenGL's functions, from EGL, for whichever context is current.</summary>
internal sealed unsafe class EglFunctions : INativeContext
{
    private readonly delegate* unmanaged<nint, nint> getProcAddress;

    public EglFunctions()
    {
        string[] names = OperatingSystem.IsWindows() ? ["libEGL.dll"] : ["libEGL.so.1", "libEGL.so"];
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, out var library)) continue;
            getProcAddress = (delegate* unmanaged<nint, nint>)NativeLibrary.GetExport(library, "eglGetProcAddress");
            return;
        }

        throw new DeviceNotSupportedException("No EGL library was found, which a scene without a window needs.");
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
        return addr != 0;
    }

    public void Dispose()
    {
    }
}
