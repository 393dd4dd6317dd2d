using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>The environment as native libraries read it; on Linux it is not the one that .NET writes.</summary>
internal static class NativeEnvironment
{
    public static string? Get(string name) => Marshal.PtrToStringUTF8(GetEnv(name));

    /// <summary>Sets a variable until the result is disposed. No other thread of the process may access the environment meanwhile.</summary>
    public static Scope Set(string name, string value)
    {
        Scope scope = new(name, Get(name));
        Write(name, value);
        return scope;
    }

    private static void Write(string name, string? value)
    {
        int result = value is null ? UnsetEnv(name) : SetEnv(name, value, overwrite: 1);
        if (result != 0) throw new InvalidOperationException($"The environment variable {name} could not be set to '{value}': error {Marshal.GetLastPInvokeError()}.");
    }

    [DllImport("libc", EntryPoint = "getenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint GetEnv(string name);

    [DllImport("libc", EntryPoint = "setenv", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int SetEnv(string name, string value, int overwrite);

    [DllImport("libc", EntryPoint = "unsetenv", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int UnsetEnv(string name);

    /// <summary>Restores the previous value.</summary>
    public readonly ref struct Scope(string name, string? before)
    {
        public void Dispose() => Write(name, before);
    }
}
