namespace NeuralPlugin.Benchmarks;

/// <summary>A timed computation gives wrong results: its time is meaningless.</summary>
internal sealed class WrongResultException(string message) : Exception(message)
{
    public const int ExitCode = 1;
}
