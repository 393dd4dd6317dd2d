namespace NeuralPlugin;

/// <summary>A part of a dispatch that ran, and what it took by the GPU's clock.</summary>
internal readonly record struct MeasuredPart(int Dispatch, int Lines, double Nanoseconds);

/// <summary>
/// What the dispatches of a step take by the GPU's clock, learned from what was measured. On a GPU that is a launch and some waves of
/// workgroups, which all take as long: it does not grow line by line, so of each dispatch the times of parts are known by their size
/// (<see cref="PartTimes"/>). The clock of a GPU changes sixfold between one second and the next: what a frame took tells of all parts.
/// </summary>
internal sealed class GpuCosts
{
    /// <summary>Before anything was measured: a slow GPU. A dispatch runs whole where that fits.</summary>
    private const double FirstOperationsPerNanosecond = 100, FirstLaunch = 20_000, FirstLine = 100;

    /// <summary>Parts of a dispatch in a frame while it is not known what they take.</summary>
    private const int MostUnknownParts = 4;

    /// <summary>What one measurement may change.</summary>
    private const double MostChange = 8;

    /// <summary>Differences below it are noise, and followed at leisure.</summary>
    private const double Noise = 1.25;

    /// <summary>Differences beyond it are another clock, which the launch of a part does not follow.</summary>
    private const double Jump = 2;

    /// <summary>Slower is believed at once, and faster by half each time: what was fast for a moment must not fill the next one.</summary>
    private const double Follow = 0.3, FollowDown = 0.5;

    /// <summary>
    /// The first time of a dispatch tells nothing, since drivers finish a program when it first runs. Of the two behind it the shorter
    /// is believed: in the other the machine may have done something else.
    /// </summary>
    private const int TimesUntilKnown = 3;

    private const double LaunchGrowth = 1.002;

    private const double MostRest = 4;

    private readonly PartTimes[] times;
    private readonly double[] firstLine;
    private readonly int[] observations;
    private readonly int[] unknownParts;   // of this frame
    private double launch = FirstLaunch;   // the least that any part took of late
    private double caution = 1;            // how much longer parts are said to take than they did: what became faster may be so for a moment

    /// <summary>For whole steps of one kind.</summary>
    public GpuCosts() : this([new PartTimes(1)], [FirstLine])
    {
    }

    public GpuCosts(IReadOnlyList<Dispatch> dispatches, int rows) : this(
        [.. dispatches.Select(dispatch => new PartTimes(dispatch.Grid.Lines(rows)))],
        [.. dispatches.Select(dispatch => FirstLine + (dispatch.FloatingPointOperations / FirstOperationsPerNanosecond / dispatch.Grid.Lines(rows)))])
    {
    }

    private GpuCosts(PartTimes[] times, double[] firstLine)
    {
        this.times = times;
        this.firstLine = firstLine;
        observations = new int[times.Length];
        unknownParts = new int[times.Length];
    }

    /// <summary>What parts take that are not measured one by one, of what they would.</summary>
    public double Rest { get; private set; } = 1;

    /// <summary>Whether its cost was seen, and is no guess.</summary>
    public bool IsKnown(int dispatch) => observations[dispatch] == TimesUntilKnown;

    public double Of(int dispatch, int lines) => IsKnown(dispatch) ? caution * times[dispatch].Of(lines) : FirstLaunch + (firstLine[dispatch] * lines);

    /// <summary>The lines of a dispatch that fit into a time, of those that are left.</summary>
    public int LinesWithin(double nanoseconds, int dispatch, int left)
    {
        if (IsKnown(dispatch)) return times[dispatch].Within(nanoseconds / caution, left);
        if (unknownParts[dispatch] >= MostUnknownParts) return 0;
        return Math.Clamp((int)((nanoseconds - FirstLaunch) / firstLine[dispatch]), 0, left);
    }

    /// <summary>Whether cutting it so small makes it take twice as long.</summary>
    public bool IsWasteful(int dispatch, int lines) => IsKnown(dispatch) && times[dispatch].IsWasteful(lines);

    /// <summary>A part was enqueued.</summary>
    public void Enqueued(int dispatch) => unknownParts[dispatch]++;

    /// <summary>A frame begins.</summary>
    public void BeginFrame() => Array.Clear(unknownParts);

    /// <summary>Takes what the parts of a frame took that were measured one by one.</summary>
    public void Observe(ReadOnlySpan<MeasuredPart> measured)
    {
        Span<MeasuredPart> parts = stackalloc MeasuredPart[measured.Length];
        Span<bool> seen = stackalloc bool[measured.Length];   // before the clock makes guesses of them
        for (int i = 0; i < measured.Length; i++)
        {
            MeasuredPart part = measured[i];
            seen[i] = times[part.Dispatch].HasSeen(part.Lines);
            parts[i] = seen[i] && IsKnown(part.Dispatch) ? part with { Nanoseconds = Credible(times[part.Dispatch].LastOf(part.Lines), part.Nanoseconds) } : part;
            launch = Math.Min(launch * LaunchGrowth, Math.Max(1, part.Nanoseconds));
        }

        FollowClock(parts);
        for (int i = 0; i < parts.Length; i++)
        {
            (int dispatch, int lines, double time) = parts[i];
            PartTimes all = times[dispatch];
            if (IsKnown(dispatch)) all.Set(lines, seen[i] ? Followed(all.LastOf(lines), time) : time);
            else if (++observations[dispatch] > 1) all.Set(lines, seen[i] ? Math.Min(all.LastOf(lines), time) : time);
        }
    }

    /// <summary>Takes what the parts of a frame took that were measured together, of what they would have by themselves.</summary>
    public void ObserveRest(double factor) => Rest = Followed(Rest, Math.Clamp(factor, 1 / MostRest, MostRest));

    /// <summary>What a measurement makes of what was believed.</summary>
    private static double Followed(double before, double now)
    {
        bool isJump = now > before * Noise || now < before / Noise;
        return before + ((now - before) * (!isJump ? Follow : now > before ? 1 : FollowDown));
    }

    /// <summary>What a measurement is taken for, so that a moment in which the machine did something else is soon forgotten.</summary>
    private static double Credible(double before, double measured) => Math.Clamp(measured, before / MostChange, before * MostChange);

    private static bool IsJump(double ratio) => ratio is > Jump or < 1 / Jump;

    /// <summary>
    /// Where a frame was slower or faster than was believed, so are all parts: mostly it is the clock of the GPU that changes, or what else it
    /// does.
    /// </summary>
    private void FollowClock(ReadOnlySpan<MeasuredPart> parts)
    {
        double before = 0, now = 0;
        foreach (MeasuredPart part in parts)
        {
            if (!TellsOfClock(part)) continue;
            before += times[part.Dispatch].LastOf(part.Lines);
            now += part.Nanoseconds;
        }

        double ratio = before == 0 ? 1 : now / before, factor = ratio is > Noise or < 1 / Noise ? ratio : 1 + ((ratio - 1) * Follow);
        caution = 1 + ((Math.Max(1, caution / factor) - 1) * FollowDown);
        foreach (PartTimes all in times) all.Scale(factor, isGuess: IsJump(ratio));
    }

    /// <summary>
    /// What hardly takes longer than a launch says nothing of the clock. Neither does a part of a size that was not seen; nor one that is a little larger
    /// or smaller, where it takes somewhat longer or shorter: that may be a wave.
    /// </summary>
    private bool TellsOfClock(MeasuredPart part)
    {
        PartTimes all = times[part.Dispatch];
        if (!IsKnown(part.Dispatch) || !all.HasSeen(part.Lines)) return false;
        double believed = all.LastOf(part.Lines);
        return believed >= 2 * launch && (all.HasSeenLast(part.Lines) || IsJump(part.Nanoseconds / believed));
    }
}
