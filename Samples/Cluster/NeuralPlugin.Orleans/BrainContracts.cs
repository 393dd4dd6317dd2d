namespace NeuralPlugin.Orleans;

/// <summary>A version of a brain.</summary>
/// <param name="Version">Its number: 1 for the first, and never the same or a smaller one again.</param>
/// <param name="Brain">The bytes of its file, which <see cref="BrainState.Read"/> reads.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainVersion")]
public sealed record BrainVersion(long Version, byte[] Brain);

/// <summary>What a server's brain has learned since a version.</summary>
/// <param name="Sender">The server's name, by which it is counted.</param>
/// <param name="Sequence">Its number among those of the sender: one that is sent again counts once.</param>
/// <param name="BaseVersion">The version that it begins at.</param>
/// <param name="Difference">
/// The bytes of a brain's file, whose weights are differences, whose statistics are those of the observations since, whose scale of values is that of the server, and whose decisions are those behind it.
/// </param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainDifference")]
public sealed record BrainDifference(string Sender, long Sequence, long BaseVersion, byte[] Difference);

/// <summary>What became of a difference that was not refused.</summary>
public enum DifferenceOutcome
{
    /// <summary>It is in the round.</summary>
    Counted,

    /// <summary>One of this sender is in the round, which has room for one.</summary>
    AlreadyCounted,

    /// <summary>The version that it begins at is too old. It was dropped.</summary>
    TooOld,
}

/// <summary>The answer to a difference.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Sequence">The number of the sender's difference that is in the round; 0 for none.</param>
/// <param name="ClosesAs">The version that the round will be.</param>
/// <param name="ClosesWithin">How long that takes at most.</param>
/// <param name="Version">The current version.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.DifferenceReceipt")]
public sealed record DifferenceReceipt(DifferenceOutcome Outcome, long Sequence, long ClosesAs, TimeSpan ClosesWithin, long Version);

/// <summary>What came of one sender.</summary>
[GenerateSerializer, Alias("NeuralPlugin.SenderCounters")]
public sealed class SenderCounters
{
    /// <summary>Differences that are in versions, or in the round that is open.</summary>
    [Id(0)]
    public long Counted { get; set; }

    /// <summary>Decisions behind them.</summary>
    [Id(1)]
    public long Decisions { get; set; }

    /// <summary>Differences that were dropped, since the version that they begin at was too old.</summary>
    [Id(2)]
    public long TooOld { get; set; }

    /// <summary>Differences that were refused.</summary>
    [Id(3)]
    public long Refused { get; set; }

    /// <summary>Why the last one was.</summary>
    [Id(4)]
    public RefusalReason? LastRefusal { get; set; }

    internal SenderCounters Copy() => (SenderCounters)MemberwiseClone();

    internal void Count(long decisions)
    {
        Counted++;
        Decisions += decisions;
    }

    /// <summary>Counts what a check refuses.</summary>
    internal BrainState Check(Func<BrainState> check)
    {
        try
        {
            return check();
        }
        catch (DifferenceRefusedException exception)
        {
            Refused++;
            LastRefusal = exception.Reason;
            throw;
        }
    }
}

/// <summary>Where a brain stands.</summary>
/// <param name="Version">Its current version.</param>
/// <param name="RoundSenders">Senders in the round that is open.</param>
/// <param name="RoundDecisions">Decisions behind their differences.</param>
/// <param name="IsWaitingForStorage">Whether a round is complete, and the storage does not take it.</param>
/// <param name="Total">The sums of all senders.</param>
/// <param name="Senders">Each of them; those beyond <see cref="BrainOptions.MostNamedSenders"/> under "(others)".</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainReport")]
public sealed record BrainReport(
    long Version, int RoundSenders, long RoundDecisions, bool IsWaitingForStorage, SenderCounters Total, Dictionary<string, SenderCounters> Senders);

/// <summary>A brain of an island that is among the best.</summary>
/// <param name="Brain">The bytes of its file.</param>
/// <param name="Score">What its agents reach with it.</param>
/// <param name="Sender">Whose island it lives on.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.Champion")]
public sealed record Champion(byte[] Brain, double Score, string Sender);
