using System.Diagnostics;

namespace NeuralPlugin.Benchmarks;

/// <summary>Times a repeated step as the peers do: the median over blocks of at least 50 ms and two steps, after twenty untimed ones.</summary>
internal static class BlockTimer
{
    private const int WarmUpSteps = 20;
    private const int LeastSteps = 2;
    private const double BlockMilliseconds = 50;

    /// <summary>The median seconds of a step.</summary>
    /// <param name="seconds">How long to measure; at least one block is.</param>
    /// <param name="step">May return before its work is done.</param>
    /// <param name="finish">Waits for all work; runs inside every block.</param>
    public static double Measure(double seconds, Action step, Action finish)
    {
        for (int i = 0; i < WarmUpSteps; i++) step();
        finish();
        List<double> blocks = [];
        Stopwatch total = Stopwatch.StartNew();
        do
        {
            int steps = 0;
            Stopwatch block = Stopwatch.StartNew();
            for (; block.Elapsed.TotalMilliseconds < BlockMilliseconds || steps < LeastSteps; steps++) step();
            finish();
            blocks.Add(block.Elapsed.TotalSeconds / steps);
        }
        while (total.Elapsed.TotalSeconds < seconds);
        return Statistics.Median(blocks);
    }
}
