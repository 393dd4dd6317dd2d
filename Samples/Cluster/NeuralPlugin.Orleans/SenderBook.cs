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

    /// <summary>The counts of a sender.</summary>
    public SenderCounters Of(string? sender)
    {
        if (sender is not { Length: > 0 and <= DifferenceCheck.MostSenderLength }) sender = Others;
        if (senders.TryGetValue(sender, out SenderCounters? known)) return known;
        string name = senders.Count < mostNames ? sender : Others;
        if (!senders.TryGetValue(name, out known)) senders[name] = known = new SenderCounters();
        return known;
    }

    /// <summary>Counts a difference, and remembers it so that a copy is recognized after its round has closed.</summary>
    /// <param name="sender">Its sender.</param>
    /// <param name="sequence">The sender's number for it.</param>
    /// <param name="decisions">The decisions that led to it.</param>
    /// <param name="version">The version that it goes into.</param>
    public void Count(string sender, long sequence, long decisions, long version)
    {
        SenderCounters counters = Of(sender);
        counters.Counted++;
        counters.Decisions += decisions;
        if (senders.ContainsKey(sender) && sender != Others) (counters.LastSequence, counters.LastVersion) = (sequence, version);
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
}
