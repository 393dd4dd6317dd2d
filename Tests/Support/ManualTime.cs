namespace NeuralPlugin.Tests;

/// <summary>
/// A clock that the test moves, so that what calls take does not hang on the machine and on what else it does. Each look at it may cost
/// some time, as the calls between two looks do.
/// </summary>
internal sealed class ManualTime : TimeProvider
{
    /// <summary>What it shows.</summary>
    public long Nanoseconds { get; set; }

    /// <summary>By how much it goes on with each look.</summary>
    public long NanosecondsPerLook { get; set; }

    /// <summary>What it follows besides, such as the work of a driver inside the calls; null for nothing.</summary>
    public Func<long>? Besides { get; set; }

    public override long TimestampFrequency => 1_000_000_000;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(Nanoseconds / 100);

    public override long GetTimestamp()
    {
        Nanoseconds += NanosecondsPerLook;
        return Nanoseconds + (Besides?.Invoke() ?? 0);
    }
}
