using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>System.TimeProvider, as far as used here: a clock that tests replace.</summary>
internal abstract class TimeProvider
{
    public static TimeProvider System { get; } = new SystemTime();

    /// <summary>The ticks of <see cref="GetTimestamp"/> per second.</summary>
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
