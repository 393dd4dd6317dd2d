namespace NeuralPlugin.Tests;

/// <summary>
/// A clock that the test moves, so that the duration of calls does not depend on the machine and its load. Each reading may cost
/// some time, as the calls between two readings do.
/// </summary>
internal sealed class ManualTime : TimeProvider
{
    /// <summary>The time that it shows.</summary>
    public long Nanoseconds { get; set; }

    /// <summary>The time by which each reading advances it.</summary>
    public long NanosecondsPerLook { get; set; }

    /// <summary>Time to add, such as that of a driver's work inside the calls; null for none.</summary>
    public Func<long>? Besides { get; set; }

    public override long TimestampFrequency => 1_000_000_000;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(Nanoseconds / 100);

    public override long GetTimestamp()
    {
        Nanoseconds += NanosecondsPerLook;
        return Nanoseconds + (Besides?.Invoke() ?? 0);
    }
}
