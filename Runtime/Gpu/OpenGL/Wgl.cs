using System.Globalization;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The few Windows functions that a context of a hidden window needs. Source: the Windows API (wingdi.h, winuser.h), WGL_ARB_create_context,
/// WGL_ARB_create_context_profile, WGL_ARB_create_context_robustness.
/// </summary>
internal sealed unsafe class Wgl
{
    public const int ContextMajorVersion = 0x2091;
    public const int ContextMinorVersion = 0x2092;
    public const int ContextFlags = 0x2094;
    public const int ContextProfileMask = 0x9126;
    public const int ContextResetStrategy = 0x8256;
    public const int CoreProfileBit = 1;
    public const int DebugBit = 1;
    public const int RobustAccessBit = 4;
    public const int LoseContextOnReset = 0x8252;
    public const string Library = "opengl32.dll";

    private const string ClassName = "NeuralPlugin";
    private const uint OwnDeviceContext = 0x20;   // CS_OWNDC
    private const uint Close = 0x10;              // WM_CLOSE
    private const nint MessageOnly = -3;          // HWND_MESSAGE

    private static readonly string[] Libraries = ["kernel32.dll", "user32.dll", "gdi32.dll", Library];

    private readonly nint library;
    private readonly delegate* unmanaged[Stdcall]<uint> getLastError;
    private readonly delegate* unmanaged[Stdcall]<WindowClass*, ushort> registerClass;
    private readonly nint defaultWindowProcedure;
    private readonly delegate* unmanaged[Stdcall]<uint, char*, char*, uint, int, int, int, int, nint, nint, nint, nint, nint> createWindow;
    private readonly delegate* unmanaged[Stdcall]<nint, int> destroyWindow;
    private readonly delegate* unmanaged[Stdcall]<nint, uint, nint, nint, int> postMessage;
    private readonly delegate* unmanaged[Stdcall]<nint, nint> getDeviceContext;
    private readonly delegate* unmanaged[Stdcall]<nint, PixelFormat*, int> choosePixelFormat;
    private readonly delegate* unmanaged[Stdcall]<nint, int, PixelFormat*, int> setPixelFormat;
    private readonly delegate* unmanaged[Stdcall]<nint, nint> createContext;
    private readonly delegate* unmanaged[Stdcall]<nint, int> deleteContext;
    private readonly delegate* unmanaged[Stdcall]<nint, nint, int> makeCurrent;
    private readonly delegate* unmanaged[Stdcall]<nint> getCurrentContext;
    private readonly delegate* unmanaged[Stdcall]<nint> getCurrentDeviceContext;
    private readonly delegate* unmanaged[Stdcall]<byte*, nint> getProcAddress;

    private Wgl(nint kernel, nint user, nint graphics, nint openGL)
    {
        library = openGL;
        getLastError = (delegate* unmanaged[Stdcall]<uint>)NativeLibrary.GetExport(kernel, "GetLastError");
        registerClass = (delegate* unmanaged[Stdcall]<WindowClass*, ushort>)NativeLibrary.GetExport(user, "RegisterClassW");
        defaultWindowProcedure = NativeLibrary.GetExport(user, "DefWindowProcW");
        createWindow = (delegate* unmanaged[Stdcall]<uint, char*, char*, uint, int, int, int, int, nint, nint, nint, nint, nint>)NativeLibrary.GetExport(user, "CreateWindowExW");
        destroyWindow = (delegate* unmanaged[Stdcall]<nint, int>)NativeLibrary.GetExport(user, "DestroyWindow");
        postMessage = (delegate* unmanaged[Stdcall]<nint, uint, nint, nint, int>)NativeLibrary.GetExport(user, "PostMessageW");
        getDeviceContext = (delegate* unmanaged[Stdcall]<nint, nint>)NativeLibrary.GetExport(user, "GetDC");
        choosePixelFormat = (delegate* unmanaged[Stdcall]<nint, PixelFormat*, int>)NativeLibrary.GetExport(graphics, "ChoosePixelFormat");
        setPixelFormat = (delegate* unmanaged[Stdcall]<nint, int, PixelFormat*, int>)NativeLibrary.GetExport(graphics, "SetPixelFormat");
        createContext = (delegate* unmanaged[Stdcall]<nint, nint>)NativeLibrary.GetExport(openGL, "wglCreateContext");
        deleteContext = (delegate* unmanaged[Stdcall]<nint, int>)NativeLibrary.GetExport(openGL, "wglDeleteContext");
        makeCurrent = (delegate* unmanaged[Stdcall]<nint, nint, int>)NativeLibrary.GetExport(openGL, "wglMakeCurrent");
        getCurrentContext = (delegate* unmanaged[Stdcall]<nint>)NativeLibrary.GetExport(openGL, "wglGetCurrentContext");
        getCurrentDeviceContext = (delegate* unmanaged[Stdcall]<nint>)NativeLibrary.GetExport(openGL, "wglGetCurrentDC");
        getProcAddress = (delegate* unmanaged[Stdcall]<byte*, nint>)NativeLibrary.GetExport(openGL, "wglGetProcAddress");
    }

    /// <summary>What is current on this thread, to be restored later.</summary>
    public (nint DeviceContext, nint Context) Current => (getCurrentDeviceContext(), getCurrentContext());

    /// <summary>Loads the libraries; null, and the name of the missing one, if one is missing.</summary>
    public static Wgl? TryLoad(out string? missing)
    {
        nint[] loaded = new nint[Libraries.Length];
        missing = Array.Find(Libraries, name => !NativeLibrary.TryLoad(name, out loaded[Array.IndexOf(Libraries, name)]));
        return missing is null ? new Wgl(loaded[0], loaded[1], loaded[2], loaded[3]) : null;
    }

    /// <summary>
    /// A window that is never shown and belongs to this thread; 0 if none is available. It is message-only: a top-level window would get broadcasts, and whoever
    /// sends one would wait for this thread, which may never look for messages.
    /// </summary>
    public nint CreateWindow()
    {
        fixed (char* name = ClassName)
        {
            WindowClass description = new() { Style = OwnDeviceContext, Procedure = defaultWindowProcedure, Name = name };
            registerClass(&description);   // a second time it exists already
            return createWindow(0, name, name, 0, 0, 0, 1, 1, MessageOnly, 0, 0, 0);
        }
    }

    /// <summary>Destroys a window of this thread; does nothing if it is gone.</summary>
    public void DestroyWindow(nint window) => _ = destroyWindow(window);

    /// <summary>Asks the thread of a window to destroy it, which that does once it looks for messages.</summary>
    public void RequestDestruction(nint window) => _ = postMessage(window, Close, 0, 0);

    /// <summary>The device context of a window, in a pixel format that supports OpenGL; 0 if there is none.</summary>
    public nint DeviceContextOf(nint window)
    {
        const uint DrawToWindow = 4, SupportOpenGL = 0x20;
        PixelFormat wanted = new() { Size = (ushort)sizeof(PixelFormat), Version = 1, Flags = DrawToWindow | SupportOpenGL, ColorBits = 24 };
        nint deviceContext = getDeviceContext(window);
        int format = choosePixelFormat(deviceContext, &wanted);
        return format != 0 && setPixelFormat(deviceContext, format, &wanted) != 0 ? deviceContext : 0;
    }

    /// <summary>A context of whatever version the driver chooses; 0 if it has none.</summary>
    public nint CreateContext(nint deviceContext) => createContext(deviceContext);

    /// <summary>A context created by wglCreateContextAttribsARB; 0 if the driver has none with these attributes.</summary>
    public nint CreateContext(nint deviceContext, nint createContextAttributes, ReadOnlySpan<int> attributes)
    {
        fixed (int* first = attributes) return ((delegate* unmanaged[Stdcall]<nint, nint, int*, nint>)createContextAttributes)(deviceContext, 0, first);
    }

    public void DeleteContext(nint context) => _ = deleteContext(context);

    /// <summary>Makes the context current on this thread; context 0 releases the thread.</summary>
    public bool MakeCurrent(nint deviceContext, nint context) => makeCurrent(deviceContext, context) != 0;

    /// <summary>A function of the current context, or one that the library exports for all of them; 0 for none.</summary>
    public nint GetProcAddress(string name)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            nint address = getProcAddress((byte*)text);
            if (address is not (-1 or 0 or 1 or 2 or 3)) return address;   // values by which some drivers mean none
            return NativeLibrary.TryGetExport(library, name, out address) ? address : 0;
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    public string LastError() => $"Windows error 0x{getLastError().ToString("X", CultureInfo.InvariantCulture)}";

    /// <summary>WNDCLASSW.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct WindowClass
    {
        public uint Style;
        public nint Procedure;
        public int ClassBytes;
        public int WindowBytes;
        public nint Instance;
        public nint Icon;
        public nint Cursor;
        public nint Background;
        public char* MenuName;
        public char* Name;
    }

    /// <summary>The first fields of PIXELFORMATDESCRIPTOR; the rest are zeros.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct PixelFormat
    {
        public ushort Size;
        public ushort Version;
        public uint Flags;
        public byte Type;
        public byte ColorBits;
    }
}
