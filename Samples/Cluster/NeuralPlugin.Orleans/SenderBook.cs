namespace NeuralPlugin.Orleans;

/// <summary>Counts what came of whom.</summary>
/// <param name="mostNames">Names that are kept.</param>
internal sealed class SenderBook(int mostNames)
{
    private const string Others = "(others)";

    private readonly Dictionary<string, SenderCounters> senders = [];

    /// <summary>Goes on from counts that were kept.</summary>
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

    /// <summary>A copy of all counts.</summary>
    public Dictionary<string, SenderCounters> Copy() => senders.ToDictionary(one => one.Key, one => one.Value.Copy());

    /// <summary>The sums of all.</summary>
    public SenderCounters Total() => new()
    {
        Counted = senders.Values.Sum(one => one.Counted),
        Decisions = senders.Values.Sum(one => one.Decisions),
        TooOld = senders.Values.Sum(one => one.TooOld),
        Refused = senders.Values.Sum(one => one.Refused),
        LastRefusal = senders.Values.LastOrDefault(one => one.LastRefusal is not null)?.LastRefusal,
    };
}
