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

/// <summary>
/// Splits the program's time into phases: one is always running, and together they are the time since the clock was created.
/// (The process's own start is unsuitable: Samples/run becomes the program after building it.)
/// </summary>
internal sealed class PhaseClock
{
    private readonly TimeSpan[] times = new TimeSpan[Enum.GetValues<Phase>().Length];
    private Phase running = Phase.StartUp;
    private long since = Stopwatch.GetTimestamp();

    /// <summary>The time up to the last change of phase or <see cref="Read"/>.</summary>
    public TimeSpan Total => times.Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    public TimeSpan this[Phase phase] => times[(int)phase];

    public void Enter(Phase phase)
    {
        var now = Stopwatch.GetTimestamp();
        times[(int)running] += Stopwatch.GetElapsedTime(since, now);
        (running, since) = (phase, now);
    }

    /// <summary>Updates the running phase's time.</summary>
    public void Read() => Enter(running);
}
