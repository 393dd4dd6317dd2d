namespace NeuralPlugin;

/// <summary>
/// What the dispatches of a step take, in nanoseconds of one clock, learned from what was measured. A dispatch that runs whole
/// and one that runs in parts are told apart, since each part has the cost of a dispatch of its own.
/// </summary>
internal sealed class StepCosts
{
    /// <summary>Before anything was measured: a slow GPU, and a slow driver.</summary>
    private const double FirstOperationsPerNanosecond = 10, FirstDispatch = 20_000;

    /// <summary>What one measurement may change, so that a moment in which the machine did something else is soon forgotten.</summary>
    private const double MostChange = 8;

    /// <summary>Differences below it are noise, and followed at leisure.</summary>
    private const double Noise = 1.25;

    private const double Follow = 0.3;

    private readonly double[] whole;
    private readonly double[] line;
    private readonly bool[] isMeasured;

    public StepCosts(IReadOnlyList<Dispatch> dispatches, int rows)
    {
        whole = new double[dispatches.Count];
        line = new double[dispatches.Count];
        isMeasured = new bool[dispatches.Count];
        for (int i = 0; i < whole.Length; i++)
        {
            whole[i] = FirstDispatch + (dispatches[i].FloatingPointOperations / FirstOperationsPerNanosecond);
            line[i] = whole[i] / dispatches[i].Grid.Lines(rows);
        }
    }

    /// <summary>Changes whenever all costs change together: what was predicted before is to be multiplied by the quotient.</summary>
    public double Scale { get; private set; } = 1;

    public double Of(int dispatch, int lines, int allLines) => lines == allLines ? whole[dispatch] : line[dispatch] * lines;

    /// <summary>The lines of a dispatch that fit into a time, of those that are left.</summary>
    public int LinesWithin(double nanoseconds, int dispatch, int linesLeft, int allLines)
    {
        if (Of(dispatch, linesLeft, allLines) <= nanoseconds) return linesLeft;
        return Math.Clamp((int)(nanoseconds / line[dispatch]), 0, Math.Max(0, linesLeft - 1));
    }

    /// <summary>
    /// Takes the time that a dispatch or a part of it took. The first one of each dispatch is left out: drivers finish a program
    /// when it first runs.
    /// </summary>
    public void Observe(int dispatch, int lines, int allLines, double nanoseconds)
    {
        if (!isMeasured[dispatch])
        {
            isMeasured[dispatch] = true;
            return;
        }

        ref double cost = ref lines == allLines ? ref whole[dispatch] : ref line[dispatch];
        double seen = Math.Clamp(lines == allLines ? nanoseconds : nanoseconds / lines, cost / MostChange, cost * MostChange);
        cost += (seen - cost) * (IsNoise(seen / cost) ? Follow : 1);
    }

    /// <summary>Takes the time of several dispatches of which each may have become slower or faster alike.</summary>
    /// <param name="nanoseconds">What they took.</param>
    /// <param name="predicted">What they were to take.</param>
    /// <param name="scale">The scale then.</param>
    public void ObserveSum(double nanoseconds, double predicted, double scale)
    {
        if (predicted <= 0 || !Array.TrueForAll(isMeasured, measured => measured)) return;
        double ratio = Math.Clamp(nanoseconds / (predicted * Scale / scale), 1 / MostChange, MostChange);
        double change = IsNoise(ratio) ? 1 + ((ratio - 1) * Follow) : ratio;
        Scale *= change;
        for (int i = 0; i < whole.Length; i++)
        {
            whole[i] *= change;
            line[i] *= change;
        }
    }

    private static bool IsNoise(double ratio) => ratio is < Noise and > 1 / Noise;
}
