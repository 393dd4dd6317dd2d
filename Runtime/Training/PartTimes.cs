using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The durations of parts of one dispatch, by size: a time for the complete dispatch and for each power of two of workgroup lines with a
/// measured part. Durations in between are interpolated; below the smallest, that one's time applies, since a partly filled GPU is no
/// faster.
/// </summary>
/// <param name="whole">Lines of the dispatch with all rows in use.</param>
internal sealed class PartTimes(int whole)
{
    /// <summary>A size counts as measured if a part of it or of at most 1/About more was: of one that is a line smaller, a wave may be missing.</summary>
    private const int About = 8;

    /// <summary>A guess from other sizes may be off by a wave of workgroups.</summary>
    private const double Doubt = 1.25;

    /// <summary>How far a part may exceed its share of a larger one that does not fill its last wave.</summary>
    private const double Wave = 1.5;

    private const int Whole = 17;   // and below it ⌈log₂ lines⌉, of at most Dispatch.MaximumGroups

    private readonly int[] lines = new int[Whole + 1];   // 0 if none was measured
    private readonly double[] nanoseconds = new double[Whole + 1];
    private readonly bool[] isGuess = new bool[Whole + 1];   // since a large change of all times, inferred from other parts
    private bool hasPart;   // whether a part was measured, and not only the whole

    /// <summary>Whether a part of about this size was measured, so that its time is not a guess from others.</summary>
    public bool HasSeen(int size) => !isGuess[PlaceOf(size)] && lines[PlaceOf(size)] >= size && lines[PlaceOf(size)] - size <= size / About;

    /// <summary>Whether the last part measured in its power-of-two range had exactly this size.</summary>
    public bool HasSeenLast(int size) => HasSeen(size) && lines[PlaceOf(size)] == size;

    /// <summary>The time of a part of this many lines, for a dispatch with a measured part.</summary>
    public double Of(int size) => HasSeen(size) ? LastOf(size) : Doubt * Between(size);

    /// <summary>The last measured time in its power-of-two range, scaled to this many lines and by later evidence from other parts.</summary>
    public double LastOf(int size)
    {
        int place = PlaceOf(size);
        return nanoseconds[place] * size / lines[place];
    }

    /// <summary>
    /// A guess from the sizes below and above: at least the smaller one's time, and no more per line. Beyond the largest size, that one's time per line;
    /// below the smallest, that one's total time.
    /// </summary>
    private double Between(int size)
    {
        int below = -1, above = -1;
        for (int place = 0; place <= Whole && above < 0; place++)
        {
            if (lines[place] >= size) above = place;
            else if (lines[place] > 0) below = place;
        }

        if (below < 0) return nanoseconds[above];
        double least = nanoseconds[below], most = least * size / lines[below];
        if (above < 0) return most;
        double part = (double)(size - lines[below]) / (lines[above] - lines[below]);
        return Math.Clamp(least + (part * (nanoseconds[above] - least)), least, most);
    }

    /// <summary>
    /// Records the time of a part of this many lines, replacing others in the same power-of-two range. Times of other sizes are bounded by
    /// this measurement: a smaller part never takes longer, nor much less than its share.
    /// </summary>
    public void Set(int size, double time)
    {
        int own = PlaceOf(size);
        hasPart |= own < Whole;
        (lines[own], nanoseconds[own], isGuess[own]) = (size, Math.Max(1, time), false);
        for (int place = 0; place <= Whole; place++)
        {
            double share = time * lines[place] / size;
            if (place != own) nanoseconds[place] = share < time ? Math.Clamp(nanoseconds[place], share / Wave, time) : Math.Clamp(nanoseconds[place], time, share * Wave);
        }
    }

    /// <summary>Scales all times, on evidence from other parts.</summary>
    /// <param name="factor">The scale factor.</param>
    /// <param name="isGuess">Whether the change is so large that each must be measured again.</param>
    public void Scale(double factor, bool isGuess)
    {
        foreach (ref double time in nanoseconds.AsSpan()) time *= factor;
        if (isGuess) Array.Fill(this.isGuess, true);
    }

    /// <summary>The most of the remaining lines that fit into a time. Whether a GPU is faster with fewer is not known before a part of the dispatch was measured: the first one is cut in proportion.</summary>
    public int Within(double time, int left)
    {
        if (Of(left) <= time) return left;
        if (!hasPart) return Math.Clamp((int)(left * time / Of(left)), 0, left - 1);
        int fits = 0, tooMany = left;
        while (tooMany - fits > 1)
        {
            int middle = (fits + tooMany) / 2;
            if (Of(middle) <= time) fits = middle;
            else tooMany = middle;
        }

        for (int place = 0; place <= Whole; place++)   // prefer measured sizes to guesses
        {
            if (lines[place] > fits && lines[place] < left && HasSeen(lines[place]) && nanoseconds[place] <= time) fits = lines[place];
        }

        return fits;
    }

    /// <summary>Whether this few lines take more than twice their share of the complete dispatch.</summary>
    public bool IsWasteful(int size) => size < whole && HasSeen(whole) && 2 * Of(whole) * size < Of(size) * whole;

    private int PlaceOf(int size) => size >= whole ? Whole : BitOperations.Log2((uint)size) + (BitOperations.IsPow2(size) ? 0 : 1);
}
