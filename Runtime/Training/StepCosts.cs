namespace NeuralPlugin;

/// <summary>
/// The costs of a step's dispatches, in nanoseconds of one clock, learned from measurements: for each dispatch the time per line of
/// workgroups, plus an overhead per dispatch, however small.
/// </summary>
internal sealed class StepCosts
{
    /// <summary>Before any measurement: a slow GPU, and a slow driver.</summary>
    private const double FirstOperationsPerNanosecond = 10, FirstOverhead = 20_000, FirstLine = 1_000;

    /// <summary>The overhead is the shortest recent time of any dispatch, despite momentary slowdowns.</summary>
    private const double LeastOverhead = 1_000, MostOverhead = 100_000, OverheadGrowth = 1.002;

    /// <summary>The largest change by one measurement, so that a moment in which the machine was busy with something else is soon forgotten.</summary>
    private const double MostChange = 8;

    /// <summary>Smaller differences are noise, and followed slowly.</summary>
    private const double Noise = 1.25;

    private const double Follow = 0.3;

    /// <summary>Slowdowns are accepted at once, speedups by half each time: a momentary speedup must not fill the next frame.</summary>
    private const double FollowDown = 0.5;

    /// <summary>The smallest remaining fraction of an estimate after a measurement that was faster only within noise.</summary>
    private const double NoiseDown = 1 + (((1 / Noise) - 1) * FollowDown);

    /// <summary>
    /// The first time of a dispatch is meaningless, since drivers finish a program when it first runs. Of the two after it, the shorter
    /// is accepted: the machine may have been busy with something else during the other.
    /// </summary>
    private const int TimesUntilKnown = 3;

    private readonly double[] line;
    private readonly double[] lineBefore;   // as of the beginning of the observed frame
    private readonly int[] observations;
    private readonly double[] firstLine;   // from the second time of a dispatch
    private readonly int[] linesSeen;   // in the observed frame
    private readonly bool[] isNew;
    private double overhead = FirstOverhead;
    private int partsSeen;

    public StepCosts(int dispatches)
    {
        line = new double[dispatches];
        observations = new int[dispatches];
        firstLine = new double[dispatches];
        lineBefore = new double[dispatches];
        isNew = new bool[dispatches];
        linesSeen = new int[dispatches];
        Array.Fill(line, FirstLine);
    }

    public StepCosts(IReadOnlyList<Dispatch> dispatches, int rows) : this(dispatches.Count)
    {
        for (int i = 0; i < line.Length; i++)
            line[i] = Math.Max(FirstLine, dispatches[i].OperationsOfALine(rows) / FirstOperationsPerNanosecond);
    }

    /// <summary>Whether its cost was measured rather than guessed.</summary>
    public bool IsKnown(int dispatch) => observations[dispatch] == TimesUntilKnown;

    public double Of(int dispatch, int lines) => overhead + (line[dispatch] * lines);

    /// <summary>How many of a dispatch's remaining lines fit into a time; at most one while its cost has not been measured.</summary>
    public int LinesWithin(double nanoseconds, int dispatch, int linesLeft)
    {
        if (!IsKnown(dispatch)) return Of(dispatch, 1) <= nanoseconds ? 1 : 0;
        return Of(dispatch, linesLeft) <= nanoseconds ? linesLeft : Math.Clamp((int)((nanoseconds - overhead) / line[dispatch]), 0, linesLeft - 1);
    }

    /// <summary>Whether this few lines are mostly overhead.</summary>
    public bool IsWasteful(int dispatch, int lines) => line[dispatch] * lines < overhead;

    /// <summary>Learns from the time of some lines of a dispatch, except the first time.</summary>
    public void Observe(int dispatch, int lines, double nanoseconds)
    {
        if (!IsKnown(dispatch))
        {
            Learn(dispatch, lines, nanoseconds);
            return;
        }

        double before = Of(dispatch, lines), now = Math.Clamp(nanoseconds, before / MostChange, before * MostChange);
        if (!isNew[dispatch]) lineBefore[dispatch] = line[dispatch];
        isNew[dispatch] = true;
        bool tells = !IsWasteful(dispatch, lines), isJump = tells && (now > before * Noise || now < before / Noise);
        if (tells)   // otherwise the time is mostly the overhead of running any dispatch, which tells nothing about the others
        {
            linesSeen[dispatch] += lines;
            partsSeen++;
        }

        line[dispatch] += (LineOf(now, lines) - line[dispatch]) * (!isJump ? Follow : now > before ? 1 : FollowDown);
        overhead = Math.Clamp(now, LeastOverhead, Math.Min(overhead * OverheadGrowth, MostOverhead));
    }

    /// <summary>
    /// Ends the observation of a frame. If its dispatches turned out much slower or faster than estimated, so are the others:
    /// usually the GPU's clock rate changed, or its other load. An increase after one frame comes down over the next ones.
    /// </summary>
    public void EndObservation()
    {
        double before = overhead * partsSeen, now = before;
        for (int i = 0; i < line.Length; i++)
        {
            before += lineBefore[i] * linesSeen[i];
            now += line[i] * linesSeen[i];
        }

        double ratio = before > 0 ? now / before : 1;
        for (int i = 0; i < line.Length && ratio is > Noise or < NoiseDown; i++)
        {
            if (!isNew[i]) line[i] *= ratio;
        }

        partsSeen = 0;
        Array.Clear(linesSeen);
        Array.Clear(isNew);
    }

    private void Learn(int dispatch, int lines, double nanoseconds)
    {
        double told = LineOf(nanoseconds, lines);
        switch (++observations[dispatch])
        {
            case 1:
                return;
            case TimesUntilKnown:
                line[dispatch] = Math.Min(firstLine[dispatch], told);
                isNew[dispatch] = true;   // it indicates no change, and needs none
                lineBefore[dispatch] = line[dispatch];
                break;
            default:
                firstLine[dispatch] = told;
                break;
        }

        overhead = Math.Clamp(nanoseconds, LeastOverhead, Math.Min(overhead * OverheadGrowth, MostOverhead));
    }

    private double LineOf(double nanoseconds, int lines) => Math.Max(1, (nanoseconds - overhead) / lines);
}
