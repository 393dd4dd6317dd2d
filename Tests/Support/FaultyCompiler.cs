using System.Runtime.InteropServices;

namespace NeuralPlugin.Tests;

/// <summary>A driver that compiles a kernel into another one than was written, or rejects it.</summary>
internal static unsafe class FaultyCompiler
{
    /// <summary>What no driver compiles.</summary>
    public const string Rejected = "\n#error DELIBERATELY_WRONG\n";

    private static delegate* unmanaged<uint, int, byte**, int*, void> shaderSource;
    private static readonly HashSet<string> Known = [];
    private static string written = "", compiled = "";

    /// <summary>The kernels that have been changed since the last <see cref="In"/>.</summary>
    public static int Changes { get; private set; }

    /// <summary>Those of them that had been changed before.</summary>
    public static int Repeats { get; private set; }

    /// <summary>Makes a context's driver compile another text wherever it finds one.</summary>
    public static void In(HostContext host, string written, string compiled)
    {
        shaderSource = (delegate* unmanaged<uint, int, byte**, int*, void>)host.GetProcAddress("glShaderSource");
        host.Replaced["glShaderSource"] = (nint)(delegate* unmanaged<uint, int, byte**, int*, void>)&ShaderSource;
        (FaultyCompiler.written, FaultyCompiler.compiled, Changes, Repeats) = (written, compiled, 0, 0);
        Known.Clear();
    }

    [UnmanagedCallersOnly]
    private static void ShaderSource(uint shader, int count, byte** texts, int* lengths)
    {
        string text = string.Concat(Enumerable.Range(0, count).Select(i => lengths is null || lengths[i] < 0 ? Marshal.PtrToStringUTF8((nint)texts[i]) : Marshal.PtrToStringUTF8((nint)texts[i], lengths[i])));
        string changed = text.Replace(written, compiled, StringComparison.Ordinal);
        if (changed != text)
        {
            Changes++;
            if (!Known.Add(text)) Repeats++;
        }

        nint passed = Marshal.StringToCoTaskMemUTF8(changed);
        byte* first = (byte*)passed;
        shaderSource(shader, 1, &first, null);
        Marshal.FreeCoTaskMem(passed);
    }
}
