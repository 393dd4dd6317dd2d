namespace NeuralPlugin;

/// <summary>A part of a dispatch that ran, and its duration by the GPU's clock.</summary>
internal readonly record struct MeasuredPart(int Dispatch, int Lines, double Nanoseconds);

/// <summary>
/// The durations of a step's dispatches by the GPU's clock, learned from measurements. On a GPU a dispatch is a launch and some waves of
/// workgroups, each of equal duration: time does not grow line by line, so for each dispatch the times of parts are tracked by size
/// (<see cref="PartTimes"/>). A GPU's clock can change sixfold within a second: a frame's duration is evidence about all parts.
/// </summary>
internal sealed class GpuCosts
{
    /// <summary>Before any measurement: a slow GPU. A dispatch runs uncut if that fits.</summary>
    private const double FirstOperationsPerNanosecond = 100, FirstLaunch = 20_000, FirstLine = 100;

    /// <summary>Most parts of a dispatch per frame while its cost is unknown.</summary>
    private const int MostUnknownParts = 4;

    /// <summary>The largest change by one measurement.</summary>
    private const double MostChange = 8;

    /// <summary>Smaller differences are noise, and followed slowly.</summary>
    private const double Noise = 1.25;

    /// <summary>Larger differences mean another clock rate, which the launch time of a part does not follow.</summary>
    private const double Jump = 2;

    /// <summary>Slowdowns are accepted at once, speedups by half each time: a momentary speedup must not fill the next frame.</summary>
    private const double Follow = 0.3, FollowDown = 0.5;

    /// <summary>
    /// The first time of a dispatch is meaningless, since drivers finish a program when it first runs. Of the two after it, the shorter
    /// is accepted: the machine may have been busy with something else during the other.
    /// </summary>
    private const int TimesUntilKnown = 3;

    private const double LaunchGrowth = 1.002;

    private const double MostRest = 4;

    private readonly PartTimes[] times;
    private readonly double[] firstLine;
    private readonly int[] observations;
    private readonly int[] unknownParts;   // of this frame
    private double launch = FirstLaunch;   // the shortest recent time of any part
    private double caution = 1;            // the safety factor on predicted times: a speedup may be momentary

    /// <summary>For steps of one kind that can be cut into this many lines.</summary>
    public GpuCosts(int lines) : this([new PartTimes(lines)], [FirstLine])
    {
    }

    public GpuCosts(IReadOnlyList<Dispatch> dispatches, int rows) : this(
        [.. dispatches.Select(dispatch => new PartTimes(dispatch.Lines(rows)))],
        [.. dispatches.Select(dispatch => FirstLine + (dispatch.OperationsOfALine(rows) / FirstOperationsPerNanosecond))])
    {
    }

    private GpuCosts(PartTimes[] times, double[] firstLine)
    {
        this.times = times;
        this.firstLine = firstLine;
        observations = new int[times.Length];
        unknownParts = new int[times.Length];
    }

    /// <summary>The cost of parts not measured individually, relative to individual measurement.</summary>
    public double Rest { get; private set; } = 1;

    /// <summary>Whether its cost was measured rather than guessed.</summary>
    public bool IsKnown(int dispatch) => observations[dispatch] == TimesUntilKnown;

    public double Of(int dispatch, int lines) => IsKnown(dispatch) ? caution * times[dispatch].Of(lines) : FirstLaunch + (firstLine[dispatch] * lines);

    /// <summary>How many of a dispatch's remaining lines fit into a time.</summary>
    public int LinesWithin(double nanoseconds, int dispatch, int left)
    {
        if (IsKnown(dispatch)) return times[dispatch].Within(nanoseconds / caution, left);
        if (unknownParts[dispatch] >= MostUnknownParts) return 0;
        return Math.Clamp((int)((nanoseconds - FirstLaunch) / firstLine[dispatch]), 0, left);
    }

    /// <summary>Whether cutting it this small doubles its time.</summary>
    public bool IsWasteful(int dispatch, int lines) => IsKnown(dispatch) && times[dispatch].IsWasteful(lines);

    /// <summary>Records an enqueued part.</summary>
    public void Enqueued(int dispatch) => unknownParts[dispatch]++;

    /// <summary>A frame begins.</summary>
    public void BeginFrame() => Array.Clear(unknownParts);

    /// <summary>Learns from the individually measured parts of a frame.</summary>
    public void Observe(ReadOnlySpan<MeasuredPart> measured)
    {
        Span<MeasuredPart> parts = stackalloc MeasuredPart[measured.Length];
        Span<bool> seen = stackalloc bool[measured.Length];   // before the clock turns them into guesses
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

    /// <summary>Learns from the jointly measured parts of a frame: their time relative to individual measurement.</summary>
    public void ObserveRest(double factor) => Rest = Followed(Rest, Math.Clamp(factor, 1 / MostRest, MostRest));

    /// <summary>The updated estimate after a measurement.</summary>
    private static double Followed(double before, double now)
    {
        bool isJump = now > before * Noise || now < before / Noise;
        return before + ((now - before) * (!isJump ? Follow : now > before ? 1 : FollowDown));
    }

    /// <summary>Limits a measurement, so that a moment in which the machine was busy with something else is soon forgotten.</summary>
    private static double Credible(double before, double measured) => Math.Clamp(measured, before / MostChange, before * MostChange);

    private static bool IsJump(double ratio) => ratio is > Jump or < 1 / Jump;

    /// <summary>
    /// If a frame was slower or faster than expected, so are all parts: usually the GPU's clock rate changed, or its other
    /// load.
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
    /// A part that hardly exceeds a launch tells nothing about the clock. Neither does a part of an unseen size, nor one slightly larger
    /// or smaller that takes somewhat longer or shorter: that may be a wave.
    /// </summary>
    private bool TellsOfClock(MeasuredPart part)
    {
        PartTimes all = times[part.Dispatch];
        if (!IsKnown(part.Dispatch) || !all.HasSeen(part.Lines)) return false;
        double believed = all.LastOf(part.Lines);
        return believed >= 2 * launch && (all.HasSeenLast(part.Lines) || IsJump(part.Nanoseconds / believed));
    }
}
