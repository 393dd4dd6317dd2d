namespace NeuralPlugin.Orleans;

/// <summary>Counts the differences of each sender.</summary>
/// <param name="mostNames">The maximum number of names.</param>
internal sealed class SenderBook(int mostNames)
{
    private const string Others = "(others)";

    private readonly Dictionary<string, SenderCounters> senders = [];

    /// <summary>Continues from stored counts.</summary>
    public void Load(IReadOnlyDictionary<string, SenderCounters> kept)
    {
        senders.Clear();
        foreach ((string name, SenderCounters counters) in kept) senders[name] = counters.Copy();
    }

    private int Names => senders.Count - (senders.ContainsKey(Others) ? 1 : 0);

    /// <summary>The counts of a sender.</summary>
    /// <param name="sender">Its name.</param>
    /// <param name="forgettable">
    /// If there is no room for a new name, it takes the place of the one whose last difference is in the oldest version up to this one. A copy of such a difference is recognized without its number, because the version that it
    /// starts from is too old.
    /// </param>
    public SenderCounters Of(string? sender, long forgettable)
    {
        if (sender is not { Length: > 0 and <= DifferenceCheck.MostSenderLength }) sender = Others;
        if (senders.TryGetValue(sender, out SenderCounters? known)) return known;
        while (Names >= mostNames && FoldOldest(forgettable))
        {
        }

        return OfName(Names < mostNames ? sender : Others);
    }

    /// <summary>Counts a difference, and remembers it so that a copy is recognized after its round has closed.</summary>
    /// <param name="sender">Its sender.</param>
    /// <param name="sequence">The sender's number for it.</param>
    /// <param name="decisions">The decisions that led to it.</param>
    /// <param name="version">The version that it goes into.</param>
    public void Count(string sender, long sequence, long decisions, long version)
    {
        SenderCounters counters = senders.GetValueOrDefault(sender) ?? OfName(Others);
        counters.Counted++;
        counters.Decisions += decisions;
        if (senders.ContainsKey(sender) && sender != Others) (counters.LastSequence, counters.LastVersion) = (sequence, version);
    }

    /// <summary>Senders whose differences were to go into a version after this one start anew, except those in a round.</summary>
    public void Release(long version, BrainRound round)
    {
        foreach ((string name, SenderCounters counters) in senders)
        {
            if (counters.LastVersion > version && round.SequenceOf(name) == 0) counters.LastVersion = 0;
        }
    }

    /// <summary>A copy of all counts.</summary>
    public Dictionary<string, SenderCounters> Copy() => senders.ToDictionary(one => one.Key, one => one.Value.Copy());

    /// <summary>The sums over all senders.</summary>
    public SenderCounters Total() => new()
    {
        Counted = senders.Values.Sum(one => one.Counted),
        Decisions = senders.Values.Sum(one => one.Decisions),
        TooOld = senders.Values.Sum(one => one.TooOld),
        Refused = senders.Values.Sum(one => one.Refused),
        LastRefusal = senders.Values.LastOrDefault(one => one.LastRefusal is not null)?.LastRefusal,
    };

    private SenderCounters OfName(string name)
    {
        if (!senders.TryGetValue(name, out SenderCounters? known)) senders[name] = known = new SenderCounters();
        return known;
    }

    /// <summary>Adds the counts of the name that was heard of last to those of the others; a name of which nothing was counted comes first.</summary>
    private bool FoldOldest(long forgettable)
    {
        string? oldest = senders.Where(one => one.Key != Others && (one.Value.LastVersion == 0 || one.Value.LastVersion <= forgettable)).Select(one => one.Key).MinBy(name => senders[name].LastVersion);
        if (oldest is null || !senders.Remove(oldest, out SenderCounters? folded)) return false;
        SenderCounters others = OfName(Others);
        others.Counted += folded.Counted;
        others.Decisions += folded.Decisions;
        others.TooOld += folded.TooOld;
        others.Refused += folded.Refused;
        others.LastRefusal ??= folded.LastRefusal;
        return true;
    }
}
