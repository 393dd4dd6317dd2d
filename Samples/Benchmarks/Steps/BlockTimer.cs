using System.Diagnostics;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Times a repeated step as the peers do: the median over blocks of at least 50 ms and two steps, after twenty untimed ones. It waits for the
/// GPU after each block. Earlier timings determine a block's number of steps, so a driver's queue never holds much more than one block.
/// </summary>
internal static class BlockTimer
{
    private const int WarmUpSteps = 20;
    private const int LeastSteps = 2;
    private const double BlockMilliseconds = 50;

    /// <summary>The median seconds of a step.</summary>
    /// <param name="seconds">How long to measure; at least one block is measured.</param>
    /// <param name="step">May return before its work is done.</param>
    /// <param name="finish">Waits for all work; runs inside every block.</param>
    public static double Measure(double seconds, Action step, Action finish)
    {
        int steps = 1;
        for (int done = 0; done < WarmUpSteps; done += steps) steps = StepsOfABlock(Block(steps, step, finish), steps);
        List<double> blocks = [];
        Stopwatch total = Stopwatch.StartNew();
        do
        {
            double block = Block(steps, step, finish);
            if (block >= BlockMilliseconds) blocks.Add(block / 1000 / steps);
            steps = StepsOfABlock(block, steps);
        }
        while (blocks.Count == 0 || total.Elapsed.TotalSeconds < seconds);
        return Statistics.Median(blocks);
    }

    private static double Block(int steps, Action step, Action finish)
    {
        Stopwatch block = Stopwatch.StartNew();
        for (int i = 0; i < steps; i++) step();
        finish();
        return block.Elapsed.TotalMilliseconds;
    }

    /// <summary>Steps of the next block: slightly more than needed, and at most twice as many as before.</summary>
    private static int StepsOfABlock(double milliseconds, int steps)
    {
        double enough = 1.1 * BlockMilliseconds / Math.Max(milliseconds, BlockMilliseconds / 1000) * steps;
        return Math.Max(LeastSteps, (int)Math.Min(enough, 2.0 * steps) + 1);
    }
}
