using System.Runtime.InteropServices;
using System.Text;

namespace NeuralPlugin;

/// <summary>Libraries of the system and their exports, through the loader itself.</summary>
internal static class NativeLibrary
{
    private const int Now = 2;

    public static bool TryLoad(string name, out nint library)
    {
        library = OperatingSystem.IsWindows() ? LoadLibrary(name) : OperatingSystem.IsMacOS() ? OpenOfMac(name, Now) : Open(name, Now);
        return library != 0;
    }

    public static bool TryGetExport(nint library, string name, out nint address)
    {
        address = OperatingSystem.IsWindows() ? GetProcAddress(library, name) : OperatingSystem.IsMacOS() ? FindOfMac(library, name) : Find(library, name);
        return address != 0;
    }

    public static nint GetExport(nint library, string name) =>
        TryGetExport(library, name, out nint address) ? address : throw new EntryPointNotFoundException($"Unable to find an entry point named '{name}'.");

    [DllImport("kernel32", EntryPoint = "LoadLibraryW", CharSet = CharSet.Unicode)]
    private static extern nint LoadLibrary(string name);

    [DllImport("kernel32", EntryPoint = "GetProcAddress", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint GetProcAddress(nint library, string name);

    [DllImport("kernel32")]
    public static extern int GetLastError();

    [DllImport("libdl.so.2", EntryPoint = "dlopen", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint Open(string name, int flags);

    [DllImport("libdl.so.2", EntryPoint = "dlsym", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint Find(nint library, string name);

    [DllImport("libSystem.dylib", EntryPoint = "dlopen", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint OpenOfMac(string name, int flags);

    [DllImport("libSystem.dylib", EntryPoint = "dlsym", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint FindOfMac(nint library, string name);
}

/// <summary>Memory outside the garbage collector's control.</summary>
internal static unsafe class NativeMemory
{
    /// <summary>The aligned address; the word before it holds the start of the allocation.</summary>
    public static void* AlignedAlloc(nuint bytes, nuint alignment)
    {
        nint whole = Marshal.AllocHGlobal((nint)(bytes + alignment + (nuint)sizeof(nint)));
        nint aligned = (nint)(((nuint)whole + (nuint)sizeof(nint) + alignment - 1) & ~(alignment - 1));
        ((nint*)aligned)[-1] = whole;
        return (void*)aligned;
    }

    public static void AlignedFree(void* memory)
    {
        if (memory != null) Marshal.FreeHGlobal(((nint*)memory)[-1]);
    }
}

/// <summary>Links of a file system, except on Windows.</summary>
internal static class SymbolicLink
{
    /// <summary>The most links in a chain before it is considered endless.</summary>
    public const int MostLinks = 40;

    private const int MostBytes = 4096;

    /// <summary>The target of a link; null if it is none.</summary>
    public static string? Read(string path)
    {
        byte[] target = new byte[MostBytes];
        nint length = ReadLink(Encoding.UTF8.GetBytes(path + '\0'), target, target.Length);
        return length < 0 ? null : Encoding.UTF8.GetString(target, 0, (int)length);
    }

    [DllImport("libc", EntryPoint = "readlink")]
    private static extern nint ReadLink(byte[] path, byte[] target, nint length);
}
