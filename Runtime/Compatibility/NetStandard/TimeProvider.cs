using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>System.TimeProvider, as far as it is used here: a clock that tests replace.</summary>
internal abstract class TimeProvider
{
    public static TimeProvider System { get; } = new SystemTime();

    /// <summary>Of <see cref="GetTimestamp"/>, in a second.</summary>
    public abstract long TimestampFrequency { get; }

    public abstract DateTimeOffset GetUtcNow();

    public abstract long GetTimestamp();

    public TimeSpan GetElapsedTime(long from) => GetElapsedTime(from, GetTimestamp());

    public TimeSpan GetElapsedTime(long from, long to) => new((long)((to - from) * ((double)TimeSpan.TicksPerSecond / TimestampFrequency)));

    private sealed class SystemTime : TimeProvider
    {
        public override long TimestampFrequency => Stopwatch.Frequency;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow;

        public override long GetTimestamp() => Stopwatch.GetTimestamp();
    }
}
