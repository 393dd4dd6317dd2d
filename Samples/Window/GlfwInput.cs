using System.Runtime.InteropServices;
using Silk.NET.Windowing;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>
/// The player's keys and clicks, polled from GLFW once a frame, which Silk.NET's windows use: a package of input for seven keys would be one more to install. A key or button that goes down and up between two frames
/// counts as down in the next one.
/// </summary>
internal sealed unsafe class GlfwInput : IKeyboard
{
    private const int Press = 1;
    private const int LeftButton = 0;
    private const int StickyKeys = 0x33002;
    private const int StickyMouseButtons = 0x33003;

    private static readonly SceneKey[] Keys = Enum.GetValues<SceneKey>();
    private static readonly string[] Names = ["libglfw.so.3", "glfw3.dll", "libglfw.3.dylib"];

    private readonly delegate* unmanaged[Cdecl]<nint, int, int> getKey;
    private readonly delegate* unmanaged[Cdecl]<nint, int, int> getMouseButton;
    private readonly delegate* unmanaged[Cdecl]<nint, double*, double*, void> getCursor;
    private readonly IWindow window;
    private readonly bool[] areDown = new bool[Keys.Length];
    private bool wasPressed;

    private GlfwInput(nint library, IWindow window)
    {
        getKey = (delegate* unmanaged[Cdecl]<nint, int, int>)NativeLibrary.GetExport(library, "glfwGetKey");
        getMouseButton = (delegate* unmanaged[Cdecl]<nint, int, int>)NativeLibrary.GetExport(library, "glfwGetMouseButton");
        getCursor = (delegate* unmanaged[Cdecl]<nint, double*, double*, void>)NativeLibrary.GetExport(library, "glfwGetCursorPos");
        var setInputMode = (delegate* unmanaged[Cdecl]<nint, int, int, void>)NativeLibrary.GetExport(library, "glfwSetInputMode");
        this.window = window;
        setInputMode(window.Handle, StickyKeys, 1);
        setInputMode(window.Handle, StickyMouseButtons, 1);
    }

    /// <summary>Null if the window is not GLFW's.</summary>
    public static GlfwInput? Of(IWindow window)
    {
        if (!window.GetType().Name.Contains("Glfw", StringComparison.Ordinal)) return null;
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, typeof(GlfwInput).Assembly, searchPath: null, out var library)) return new GlfwInput(library, window);
        }

        return null;
    }

    public bool IsDown(SceneKey key) => areDown[(int)key];

    public void NextFrame()
    {
        foreach (var key in Keys) areDown[(int)key] = getKey(window.Handle, CodeOf(key)) == Press;
    }

    /// <summary>Where the player has clicked since the last call, in pixels of the screen; null for nowhere.</summary>
    public SKPoint? TakeClick()
    {
        var isPressed = getMouseButton(window.Handle, LeftButton) == Press;
        var isClick = isPressed && !wasPressed;
        wasPressed = isPressed;
        if (!isClick) return null;
        double x, y;
        getCursor(window.Handle, &x, &y);
        var size = window.Size;
        var scale = Math.Min(size.X / (double)Screen.Width, size.Y / (double)Screen.Height);
        return new SKPoint((float)((x - (size.X - scale * Screen.Width) / 2) / scale), (float)((y - (size.Y - scale * Screen.Height) / 2) / scale));
    }

    // GLFW_KEY_RIGHT to GLFW_KEY_DOWN are arrows; the other keys have the codes of their characters.
    private static int CodeOf(SceneKey key) => key switch
    {
        SceneKey.Right => 262,
        SceneKey.Left => 263,
        SceneKey.Brake => 264,
        SceneKey.HandOver => ' ',
        SceneKey.Pause => 'P',
        SceneKey.Save => 'S',
        SceneKey.Load => 'L',
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "Not a key."),
    };
}
