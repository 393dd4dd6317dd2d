namespace NeuralPlugin.Tests;

/// <summary>A clock of a probe that looks at it before and after each candidate in turn: one of them seems ten times slower than the others.</summary>
/// <param name="candidates">The number of candidates.</param>
/// <param name="slow">The slow one's number.</param>
internal sealed class ProbeClock(int candidates, int slow) : TimeProvider
{
    private long looks;
    private long now;

    public override long TimestampFrequency => 1_000_000;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;   // which the package for .NET Standard leaves abstract

    public override long GetTimestamp()
    {
        bool isAfter = looks % 2 == 1;
        if (isAfter) now += looks / 2 % candidates == slow ? 10 : 1;
        looks++;
        return now;
    }
}
