namespace NeuralPlugin.Samples;

/// <summary>What the program tells the shell. Part of its interface: scripts test for these numbers.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>It ran, and what it looks for does not hold; the output says what.</summary>
    public const int Failure = 1;

    /// <summary>An option, a file or a folder is not as it must be; one sentence on standard error says which and why.</summary>
    public const int UserError = 2;

    /// <summary>This machine has no device that can run the compute shaders; standard error says what is needed.</summary>
    public const int DeviceNotSupported = 3;

    /// <summary>Ended by Ctrl+C (128 + SIGINT, as shells count).</summary>
    public const int Cancelled = 130;
}
