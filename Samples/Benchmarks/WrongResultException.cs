namespace NeuralPlugin.Benchmarks;

/// <summary>What was timed does not compute what it should: its time means nothing.</summary>
internal sealed class WrongResultException(string message) : Exception(message)
{
    public const int ExitCode = 1;
}
