using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>The few EGL functions that a context without a window needs. Source: EGL 1.5 and the extensions named below.</summary>
internal sealed unsafe class Egl
{
    public const int PlatformDevice = 0x313F;        // EGL_EXT_platform_device
    public const int PlatformSurfaceless = 0x31DD;   // EGL_MESA_platform_surfaceless
    public const int Extensions = 0x3055;
    public const int None = 0x3038;
    public const int ContextMajorVersion = 0x3098;
    public const int ContextMinorVersion = 0x30FB;
    public const int ContextProfileMask = 0x30FD;
    public const int ContextCoreProfileBit = 1;
    public const int ContextDebug = 0x31B0;
    public const int ContextRobustAccess = 0x31B2;
    public const int ContextResetStrategy = 0x31BD;
    public const int LoseContextOnReset = 0x31BF;

    private const int OpenGLApi = 0x30A2;
    private const int RenderableType = 0x3040;
    private const int OpenGLBit = 8;
    private const int SurfaceType = 0x3033;
    private const int DrawSurface = 0x3059;
    private const int ReadSurface = 0x305A;

    private readonly delegate* unmanaged[Cdecl]<byte*, nint> getProcAddress;
    private readonly delegate* unmanaged[Cdecl]<int> getError;
    private readonly delegate* unmanaged[Cdecl]<nint, int, nint> queryString;
    private readonly delegate* unmanaged[Cdecl]<nint, int*, int*, uint> initialize;
    private readonly delegate* unmanaged[Cdecl]<int, uint> bindApi;
    private readonly delegate* unmanaged[Cdecl]<nint, int*, nint*, int, int*, uint> chooseConfig;
    private readonly delegate* unmanaged[Cdecl]<nint, nint, nint, int*, nint> createContext;
    private readonly delegate* unmanaged[Cdecl]<nint, nint, nint, nint, uint> makeCurrent;
    private readonly delegate* unmanaged[Cdecl]<nint, nint, uint> destroyContext;
    private readonly delegate* unmanaged[Cdecl]<nint> getCurrentContext;
    private readonly delegate* unmanaged[Cdecl]<nint> getCurrentDisplay;
    private readonly delegate* unmanaged[Cdecl]<int, nint> getCurrentSurface;
    private readonly delegate* unmanaged[Cdecl]<int, nint, int*, nint> getPlatformDisplay;
    private readonly delegate* unmanaged[Cdecl]<int, nint*, int*, uint> queryDevices;
    private readonly delegate* unmanaged[Cdecl]<nint, int, nint> queryDeviceString;

    private Egl(nint library)
    {
        getProcAddress = (delegate* unmanaged[Cdecl]<byte*, nint>)NativeLibrary.GetExport(library, "eglGetProcAddress");
        getError = (delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "eglGetError");
        queryString = (delegate* unmanaged[Cdecl]<nint, int, nint>)NativeLibrary.GetExport(library, "eglQueryString");
        initialize = (delegate* unmanaged[Cdecl]<nint, int*, int*, uint>)NativeLibrary.GetExport(library, "eglInitialize");
        bindApi = (delegate* unmanaged[Cdecl]<int, uint>)NativeLibrary.GetExport(library, "eglBindAPI");
        chooseConfig = (delegate* unmanaged[Cdecl]<nint, int*, nint*, int, int*, uint>)NativeLibrary.GetExport(library, "eglChooseConfig");
        createContext = (delegate* unmanaged[Cdecl]<nint, nint, nint, int*, nint>)NativeLibrary.GetExport(library, "eglCreateContext");
        makeCurrent = (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, uint>)NativeLibrary.GetExport(library, "eglMakeCurrent");
        destroyContext = (delegate* unmanaged[Cdecl]<nint, nint, uint>)NativeLibrary.GetExport(library, "eglDestroyContext");
        getCurrentContext = (delegate* unmanaged[Cdecl]<nint>)NativeLibrary.GetExport(library, "eglGetCurrentContext");
        getCurrentDisplay = (delegate* unmanaged[Cdecl]<nint>)NativeLibrary.GetExport(library, "eglGetCurrentDisplay");
        getCurrentSurface = (delegate* unmanaged[Cdecl]<int, nint>)NativeLibrary.GetExport(library, "eglGetCurrentSurface");
        getPlatformDisplay = (delegate* unmanaged[Cdecl]<int, nint, int*, nint>)GetProcAddress("eglGetPlatformDisplayEXT");
        queryDevices = (delegate* unmanaged[Cdecl]<int, nint*, int*, uint>)GetProcAddress("eglQueryDevicesEXT");
        queryDeviceString = (delegate* unmanaged[Cdecl]<nint, int, nint>)GetProcAddress("eglQueryDeviceStringEXT");
    }

    /// <summary>The libraries tried for a name, or for none.</summary>
    public static string NamesOf(string? name) => $"looked for {string.Join(" and ", CandidatesOf(name))}";

    /// <summary>Loads the library of this name, or the system's; null if there is none.</summary>
    public static Egl? TryLoad(string? name)
    {
        foreach (string candidate in CandidatesOf(name))
        {
            if (NativeLibrary.TryLoad(candidate, out nint library)) return new Egl(library);
        }

        return null;
    }

    public nint GetProcAddress(string name)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            return getProcAddress((byte*)text);
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    public string DisplayExtensions(nint display) => Text(queryString(display, Extensions));

    public nint[] Devices()
    {
        if (queryDevices is null) return [];
        int count = 0;
        if (queryDevices(0, null, &count) == 0 || count == 0) return [];
        nint[] devices = new nint[count];
        fixed (nint* first = devices)
        {
            return queryDevices(count, first, &count) == 0 ? [] : devices[..count];
        }
    }

    public string DeviceExtensions(nint device) => queryDeviceString is null ? "" : Text(queryDeviceString(device, Extensions));

    /// <summary>The display of a platform; 0 if the library does not know the platform.</summary>
    public nint Display(int platform, nint nativeDisplay)
    {
        int none = None;
        return getPlatformDisplay is null ? 0 : getPlatformDisplay(platform, nativeDisplay, &none);
    }

    public bool Initialize(nint display)
    {
        int major, minor;
        return initialize(display, &major, &minor) != 0 && bindApi(OpenGLApi) != 0;
    }

    /// <summary>A configuration that can run OpenGL; 0, which means that none is needed, if the driver lists none.</summary>
    public nint ChooseConfig(nint display)
    {
        int* wanted = stackalloc int[] { SurfaceType, 0, RenderableType, OpenGLBit, None };
        nint config = 0;
        int count = 0;
        return chooseConfig(display, wanted, &config, 1, &count) != 0 && count > 0 ? config : 0;
    }

    public nint CreateContext(nint display, nint config, ReadOnlySpan<int> attributes)
    {
        fixed (int* first = attributes)
        {
            return createContext(display, config, 0, first);
        }
    }

    /// <summary>Makes the context current on this thread without a surface; context 0 releases the thread.</summary>
    public bool MakeCurrent(nint display, nint context)
    {
        return bindApi(OpenGLApi) != 0 && makeCurrent(display, 0, 0, context) != 0;
    }

    /// <summary>The current context on this thread, to be restored later.</summary>
    public CurrentContext Current => new(getCurrentDisplay(), getCurrentSurface(DrawSurface), getCurrentSurface(ReadSurface), getCurrentContext());

    public bool IsCurrent(nint context) => getCurrentContext() == context;

    public void Restore(CurrentContext current)
    {
        if (current.Context != 0) _ = makeCurrent(current.Display, current.Draw, current.Read, current.Context);
    }

    public void DestroyContext(nint display, nint context) => _ = destroyContext(display, context);

    public string LastError()
    {
        int error = getError();
        return error switch
        {
            0x3000 => "no error code",
            0x3001 => "EGL_NOT_INITIALIZED",
            0x3003 => "EGL_BAD_ALLOC",
            0x3004 => "EGL_BAD_ATTRIBUTE",
            0x3005 => "EGL_BAD_CONFIG",
            0x3006 => "EGL_BAD_CONTEXT",
            0x3009 => "EGL_BAD_MATCH",
            0x300C => "EGL_BAD_PARAMETER",
            _ => $"EGL error 0x{error:X4}",
        };
    }

    private static string[] CandidatesOf(string? name)
    {
        if (name is not null) return [name];
        return OperatingSystem.IsWindows() ? ["libEGL.dll"] : ["libEGL.so.1", "libEGL.so"];
    }

    private static string Text(nint pointer) => Marshal.PtrToStringUTF8(pointer) ?? "";

    /// <summary>A context with its draw and read surfaces; a context of 0 is none.</summary>
    public readonly record struct CurrentContext(nint Display, nint Draw, nint Read, nint Context);
}
