using System.Runtime.InteropServices;
using Silk.NET.Windowing;

namespace NeuralPlugin.Samples;

/// <summary>The player's keys, asked of GLFW, in which Silk.NET's windows live: a package of input for seven keys would be one more to install.</summary>
internal sealed unsafe class GlfwKeyboard : IKeyboard
{
    private const int Press = 1;

    private static readonly string[] Names = ["libglfw.so.3", "glfw3.dll", "libglfw.3.dylib"];

    private readonly delegate* unmanaged[Cdecl]<nint, int, int> getKey;
    private readonly nint window;

    private GlfwKeyboard(nint library, nint window)
    {
        getKey = (delegate* unmanaged[Cdecl]<nint, int, int>)NativeLibrary.GetExport(library, "glfwGetKey");
        this.window = window;
    }

    /// <summary>Null where the window is not GLFW's.</summary>
    public static GlfwKeyboard? Of(IWindow window)
    {
        if (!window.GetType().Name.Contains("Glfw", StringComparison.Ordinal)) return null;
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, typeof(GlfwKeyboard).Assembly, searchPath: null, out var library)) return new GlfwKeyboard(library, window.Handle);
        }

        return null;
    }

    public bool IsDown(SceneKey key) => getKey(window, CodeOf(key)) == Press;

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
