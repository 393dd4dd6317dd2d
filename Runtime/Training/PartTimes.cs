using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// What parts of one dispatch take, by their size: a time for the whole and for each power of two of lines of workgroups, of which a part was
/// seen. Between two of them a part takes what lies between; below the smallest it takes as long as that, since a GPU that is not full takes as
/// long for less.
/// </summary>
/// <param name="whole">Lines of the dispatch with all rows in use.</param>
internal sealed class PartTimes(int whole)
{
    /// <summary>Sizes that differ by no more than such a part of them are about the same.</summary>
    private const int About = 8;

    /// <summary>What is a guess from other sizes may be wrong by a wave of workgroups.</summary>
    private const double Doubt = 1.25;

    /// <summary>By how much a part may take longer than its share of a larger one that does not fill its last wave.</summary>
    private const double Wave = 1.5;

    private const int Whole = 17;   // and below it ⌈log₂ lines⌉, of at most Dispatch.MaximumGroups

    private readonly int[] lines = new int[Whole + 1];   // 0 where none was seen
    private readonly double[] nanoseconds = new double[Whole + 1];
    private readonly bool[] isGuess = new bool[Whole + 1];   // since all changed by far, as far as others tell

    /// <summary>Whether a part of about this size was seen: what it takes is no guess from others.</summary>
    public bool HasSeen(int size) => !isGuess[PlaceOf(size)] && Math.Abs(lines[PlaceOf(size)] - size) <= size / About;

    /// <summary>Whether a part of this very size was seen last between its powers of two.</summary>
    public bool HasSeenLast(int size) => HasSeen(size) && lines[PlaceOf(size)] == size;

    /// <summary>What a part of so many lines takes, of a dispatch of which a part was seen.</summary>
    public double Of(int size) => HasSeen(size) ? LastOf(size) : Doubt * Between(size);

    /// <summary>What the last part between its powers of two took for as many lines, as far as others have not told of it since.</summary>
    public double LastOf(int size)
    {
        int place = PlaceOf(size);
        return nanoseconds[place] * size / lines[place];
    }

    /// <summary>
    /// A guess from the sizes below and above: no less than the smaller one takes, and no more a line. Beyond them all the last one's time a line, or
    /// the whole time of the first one.
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
    /// A part of so many lines takes so long. What was known of others between the same powers of two is forgotten. What is known of other sizes is held to
    /// what was seen now: less never takes longer, nor much less than its share.
    /// </summary>
    public void Set(int size, double time)
    {
        int own = PlaceOf(size);
        (lines[own], nanoseconds[own], isGuess[own]) = (size, Math.Max(1, time), false);
        for (int place = 0; place <= Whole; place++)
        {
            double share = time * lines[place] / size;
            if (place != own) nanoseconds[place] = share < time ? Math.Clamp(nanoseconds[place], share / Wave, time) : Math.Clamp(nanoseconds[place], time, share * Wave);
        }
    }

    /// <summary>All parts take so many times as long, as others tell.</summary>
    /// <param name="factor">How many times.</param>
    /// <param name="isGuess">Whether that is so much that each is to be seen again.</param>
    public void Scale(double factor, bool isGuess)
    {
        foreach (ref double time in nanoseconds.AsSpan()) time *= factor;
        if (isGuess) Array.Fill(this.isGuess, true);
    }

    /// <summary>The most lines, of those that are left, that take no longer than a time.</summary>
    public int Within(double time, int left)
    {
        if (Of(left) <= time) return left;
        int fits = 0, tooMany = left;
        while (tooMany - fits > 1)
        {
            int middle = (fits + tooMany) / 2;
            if (Of(middle) <= time) fits = middle;
            else tooMany = middle;
        }

        for (int place = 0; place <= Whole; place++)   // what was seen, above what is a guess
        {
            if (lines[place] > fits && lines[place] < left && HasSeen(lines[place]) && nanoseconds[place] <= time) fits = lines[place];
        }

        return fits;
    }

    /// <summary>Whether so few lines take more than twice their share of the whole.</summary>
    public bool IsWasteful(int size) => size < whole && HasSeen(whole) && 2 * Of(whole) * size < Of(size) * whole;

    private int PlaceOf(int size) => size >= whole ? Whole : BitOperations.Log2((uint)size) + (BitOperations.IsPow2(size) ? 0 : 1);
}
