namespace NeuralPlugin.Samples;

/// <summary>The program's exit codes. Part of its interface: scripts test for these numbers.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The program ran, but its check failed; the output says which.</summary>
    public const int Failure = 1;

    /// <summary>An option, a file or a folder is invalid; one sentence on standard error says which and why.</summary>
    public const int UserError = 2;

    /// <summary>This machine has no device that can run the compute shaders; standard error lists the requirements.</summary>
    public const int DeviceNotSupported = 3;

    /// <summary>Ended by Ctrl+C (128 + SIGINT, the shells' convention).</summary>
    public const int Cancelled = 130;
}
