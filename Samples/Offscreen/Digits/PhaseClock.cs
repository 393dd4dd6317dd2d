using System.Diagnostics;

namespace NeuralPlugin.Samples;

internal enum Phase
{
    /// <summary>The program, the device, the shaders' compilation and first run.</summary>
    StartUp,
    Data,
    Training,
    Evaluation,
    Picture,
}

/// <summary>Splits the program's time into phases: one is always running, and together they are the time since its start.</summary>
internal sealed class PhaseClock
{
    private readonly TimeSpan[] times = new TimeSpan[Enum.GetValues<Phase>().Length];
    private Phase running = Phase.StartUp;
    private long since = Stopwatch.GetTimestamp();

    /// <param name="before">What the first phase has taken before the clock was made.</param>
    public PhaseClock(TimeSpan before = default)
    {
        times[(int)Phase.StartUp] = before;
    }

    /// <summary>The time up to the last change of phase or <see cref="Read"/>.</summary>
    public TimeSpan Total => times.Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    /// <summary>A clock that has been running since the process started.</summary>
    public static PhaseClock SinceProcessStart()
    {
        using var process = Process.GetCurrentProcess();
        return new PhaseClock(DateTime.Now - process.StartTime);
    }

    public TimeSpan this[Phase phase] => times[(int)phase];

    public void Enter(Phase phase)
    {
        var now = Stopwatch.GetTimestamp();
        times[(int)running] += Stopwatch.GetElapsedTime(since, now);
        (running, since) = (phase, now);
    }

    /// <summary>Brings the running phase's time up to now.</summary>
    public void Read() => Enter(running);
}
