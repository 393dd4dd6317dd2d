using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The OpenGL context that is current on a thread, queried from the window system's own library. A context is remembered with
/// the library that knew it, so that later checks are one call.
/// </summary>
internal sealed unsafe class ContextIdentity
{
    private static readonly (string Function, string[] Libraries)[] Sources =
    [
        ("eglGetCurrentContext", ["libEGL.so.1", "libEGL.dll"]),
        ("glXGetCurrentContext", ["libGLX.so.0", "libGL.so.1"]),
        ("wglGetCurrentContext", ["opengl32.dll"]),
        ("CGLGetCurrentContext", ["/System/Library/Frameworks/OpenGL.framework/OpenGL"]),
    ];

    private readonly delegate* unmanaged[Cdecl]<nint> getCurrentContext;
    private readonly nint context;

    private ContextIdentity(nint getCurrentContext, nint context)
    {
        this.getCurrentContext = (delegate* unmanaged[Cdecl]<nint>)getCurrentContext;
        this.context = context;
    }

    public bool IsCurrent => getCurrentContext() == context;

    public bool IsNoneCurrent => getCurrentContext() == 0;

    /// <summary>The context that is current on this thread; null if there is none.</summary>
    public static ContextIdentity? OfThisThread()
    {
        foreach ((string function, string[] libraries) in Sources)
        {
            foreach (string name in libraries)
            {
                if (!NativeLibrary.TryLoad(name, out nint library) || !NativeLibrary.TryGetExport(library, function, out nint address))
                    continue;
                nint current = ((delegate* unmanaged[Cdecl]<nint>)address)();
                if (current != 0) return new ContextIdentity(address, current);
                break;
            }
        }

        return null;
    }
}
