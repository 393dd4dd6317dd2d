using System.Diagnostics;

namespace NeuralPlugin.Samples;

/// <summary>The processor time of agents' scripts: what a game spends, and not the plugin. Reading the clock, four times a creature, counts half to either.</summary>
internal sealed class ScriptTime
{
    private long ticks;

    /// <summary>Call it at the beginning of a script, and <see cref="End"/> with the result at its end.</summary>
    public static long Begin() => Stopwatch.GetTimestamp();

    public void End(long begin) => ticks += Stopwatch.GetTimestamp() - begin;

    /// <summary>The time since the last call.</summary>
    public TimeSpan Take()
    {
        var taken = Stopwatch.GetElapsedTime(0, ticks);
        ticks = 0;
        return taken;
    }
}
