namespace NeuralPlugin.Orleans;

/// <summary>A version of a brain.</summary>
/// <param name="Version">The version number: 1 for the first, and increasing.</param>
/// <param name="Brain">The bytes of the brain's file, for <see cref="BrainState.Read"/>.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainVersion")]
public sealed record BrainVersion(long Version, byte[] Brain);

/// <summary>What a server's brain has learned since a version.</summary>
/// <param name="Sender">The server's name; differences are counted by it.</param>
/// <param name="Sequence">The sender's number for it: a difference that is sent again counts once.</param>
/// <param name="BaseVersion">The version that it starts from.</param>
/// <param name="Difference">
/// The bytes of a brain's file, whose weights are differences, whose statistics cover the observations since then, whose scale of values is the server's, and whose decisions are those that led to it.
/// </param>
/// <param name="ValueScale">
/// The deviation of values that the weights of the value output are differences in: that of <paramref name="BaseVersion"/> or, where it has none yet, the server's. The scale may have moved by the time that the
/// difference arrives. 0 for that of the current version.
/// </param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainDifference")]
public sealed record BrainDifference(string Sender, long Sequence, long BaseVersion, byte[] Difference, float ValueScale = 0);

/// <summary>The outcome of a difference that was not refused.</summary>
public enum DifferenceOutcome
{
    /// <summary>It is in the round.</summary>
    Counted,

    /// <summary>
    /// It, or a later one, is in a version; or the round already has a difference from this sender, and accepts only one; or the sender's last difference is in a version after the one that this one starts from, so that it
    /// contains what that one has counted. The sender keeps its progress and goes on from the current version.
    /// </summary>
    AlreadyCounted,

    /// <summary>The version that it starts from is too old. The difference was dropped.</summary>
    TooOld,
}

/// <summary>The answer to a difference.</summary>
/// <param name="Outcome">The outcome.</param>
/// <param name="Sequence">The number of the sender's last difference that was counted; 0 for none.</param>
/// <param name="ClosesAs">The number of the version that this difference goes into, or has gone into.</param>
/// <param name="ClosesWithin">The longest time until then.</param>
/// <param name="Version">The current version.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.DifferenceReceipt")]
public sealed record DifferenceReceipt(DifferenceOutcome Outcome, long Sequence, long ClosesAs, TimeSpan ClosesWithin, long Version);

/// <summary>Counts of one sender's differences.</summary>
[GenerateSerializer, Alias("NeuralPlugin.SenderCounters")]
public sealed class SenderCounters
{
    /// <summary>Differences in versions or in the open round.</summary>
    [Id(0)]
    public long Counted { get; set; }

    /// <summary>Decisions that led to them.</summary>
    [Id(1)]
    public long Decisions { get; set; }

    /// <summary>Differences that were dropped because they started from too old a version.</summary>
    [Id(2)]
    public long TooOld { get; set; }

    /// <summary>Differences that were refused.</summary>
    [Id(3)]
    public long Refused { get; set; }

    /// <summary>The reason of the last refusal.</summary>
    [Id(4)]
    public RefusalReason? LastRefusal { get; set; }

    /// <summary>The number of the last difference that was counted: a copy of it, or of an earlier one, is not counted again. 0 for "(others)", whose numbers are unrelated.</summary>
    [Id(5)]
    public long LastSequence { get; set; }

    /// <summary>The version that this difference went into, or will go into; one that starts before it contains it, and is not counted. 0 after the brain has dropped a region's average.</summary>
    [Id(6)]
    public long LastVersion { get; set; }

    internal SenderCounters Copy() => (SenderCounters)MemberwiseClone();

    /// <summary>Counts differences that a check refuses.</summary>
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

/// <summary>The status of a brain.</summary>
/// <param name="Version">Its current version.</param>
/// <param name="RoundSenders">Senders in the open round.</param>
/// <param name="RoundDecisions">Decisions that led to their differences.</param>
/// <param name="IsWaitingForStorage">Whether a round is complete but the storage does not accept it.</param>
/// <param name="Total">The sums of all senders.</param>
/// <param name="Senders">Each sender; those beyond <see cref="BrainOptions.MostNamedSenders"/> under "(others)".</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.BrainReport")]
public sealed record BrainReport(
    long Version, int RoundSenders, long RoundDecisions, bool IsWaitingForStorage, SenderCounters Total, Dictionary<string, SenderCounters> Senders);

/// <summary>One of the best brains of all islands.</summary>
/// <param name="Brain">The bytes of its file.</param>
/// <param name="Score">The score that its agent reaches with it.</param>
/// <param name="Sender">The island that it comes from.</param>
[GenerateSerializer, Immutable, Alias("NeuralPlugin.Champion")]
public sealed record Champion(byte[] Brain, double Score, string Sender);
