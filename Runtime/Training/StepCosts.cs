namespace NeuralPlugin;

/// <summary>
/// What the dispatches of a step take, in nanoseconds of one clock, learned from what was measured: of each what a line of its
/// workgroups takes, and what any dispatch takes besides, however small it is.
/// </summary>
internal sealed class StepCosts
{
    /// <summary>Before anything was measured: a slow GPU, and a slow driver.</summary>
    private const double FirstOperationsPerNanosecond = 10, FirstOverhead = 20_000, FirstLine = 1_000;

    /// <summary>The overhead is the least that any dispatch took of late, whatever else a moment brings.</summary>
    private const double LeastOverhead = 1_000, MostOverhead = 100_000, OverheadGrowth = 1.002;

    /// <summary>What one measurement may change, so that a moment in which the machine did something else is soon forgotten.</summary>
    private const double MostChange = 8;

    /// <summary>Differences below it are noise, and followed at leisure.</summary>
    private const double Noise = 1.25;

    private const double Follow = 0.3;

    /// <summary>Slower is believed at once, and faster by half each time: what was fast for a moment must not fill the next one.</summary>
    private const double FollowDown = 0.5;

    /// <summary>What is left of a belief, at least, where what was seen was faster by no more than noise.</summary>
    private const double NoiseDown = 1 + (((1 / Noise) - 1) * FollowDown);

    /// <summary>
    /// The first time of a dispatch tells nothing, since drivers finish a program when it first runs. Of the two behind it the shorter
    /// is believed: in the other the machine may have done something else.
    /// </summary>
    private const int TimesUntilKnown = 3;

    private readonly double[] line;
    private readonly double[] lineBefore;   // as of the beginning of the frame that is observed
    private readonly int[] observations;
    private readonly double[] firstLine;   // as the second time of a dispatch told
    private readonly int[] linesSeen;   // in the frame that is observed
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
            line[i] = Math.Max(FirstLine, dispatches[i].FloatingPointOperations / FirstOperationsPerNanosecond / dispatches[i].Grid.Lines(rows));
    }

    /// <summary>Whether its cost was seen, and is no guess.</summary>
    public bool IsKnown(int dispatch) => observations[dispatch] == TimesUntilKnown;

    public double Of(int dispatch, int lines) => overhead + (line[dispatch] * lines);

    /// <summary>The lines of a dispatch that fit into a time, of those that are left; one at most of a dispatch whose cost nobody has seen yet.</summary>
    public int LinesWithin(double nanoseconds, int dispatch, int linesLeft)
    {
        if (!IsKnown(dispatch)) return Of(dispatch, 1) <= nanoseconds ? 1 : 0;
        return Of(dispatch, linesLeft) <= nanoseconds ? linesLeft : Math.Clamp((int)((nanoseconds - overhead) / line[dispatch]), 0, linesLeft - 1);
    }

    /// <summary>Whether so few lines are mostly overhead.</summary>
    public bool IsWasteful(int dispatch, int lines) => line[dispatch] * lines < overhead;

    /// <summary>Takes the time that some lines of a dispatch took; the first of each is left out.</summary>
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
        if (tells)   // else the time is mostly that of running a dispatch at all, which says nothing of the others
        {
            linesSeen[dispatch] += lines;
            partsSeen++;
        }

        line[dispatch] += (LineOf(now, lines) - line[dispatch]) * (!isJump ? Follow : now > before ? 1 : FollowDown);
        overhead = Math.Clamp(now, LeastOverhead, Math.Min(overhead * OverheadGrowth, MostOverhead));
    }

    /// <summary>
    /// Ends the observation of a frame. Where its dispatches are believed to be slower or faster by far than before it, so are the others:
    /// mostly it is the clock of the GPU that changes, or what else it does. What goes up with one frame comes down with the next ones.
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
                isNew[dispatch] = true;   // it says nothing of a change, and needs none
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
