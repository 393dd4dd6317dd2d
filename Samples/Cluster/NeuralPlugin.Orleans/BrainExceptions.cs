namespace NeuralPlugin.Orleans;

/// <summary>An error about a brain of the cluster. The current version is unchanged.</summary>
[GenerateSerializer, Alias("NeuralPlugin.BrainException")]
public abstract class BrainException : Exception
{
    private protected BrainException(string brain, string message) : base(message) => Brain = brain;

    /// <summary>The brain's name.</summary>
    [Id(0)]
    public string Brain { get; private set; }
}

/// <summary>No brain has this name.</summary>
[GenerateSerializer, Alias("NeuralPlugin.UnknownBrainException")]
public sealed class UnknownBrainException : BrainException
{
    internal UnknownBrainException(string brain, string problem) : base(brain, $"There is no brain '{brain}': {problem}")
    {
    }
}

/// <summary>A brain was offered under the name of a brain with another shape.</summary>
[GenerateSerializer, Alias("NeuralPlugin.BrainShapeException")]
public sealed class BrainShapeException : BrainException
{
    internal BrainShapeException(string brain, string expected, string got)
        : base(brain, $"The brain '{brain}' has {expected}, but got {got}. Make the population with the same AgentPopulationOptions, or give the brain another name.")
    {
    }
}

/// <summary>The stored record of a brain is damaged, or the storage did not return it. It is not overwritten: servers keep their version. If it is damaged, an operator may call <see cref="IBrainGrain.Recover"/>.</summary>
[GenerateSerializer, Alias("NeuralPlugin.StoredBrainException")]
public sealed class StoredBrainException : BrainException
{
    /// <summary>The record is there, but wrong.</summary>
    internal StoredBrainException(string brain, string problem) : base(
        brain, $"The brain '{brain}' is damaged in the storage: {problem} Restore the record from a backup, or publish the previous version again (IBrainGrain.Recover).") => IsDamaged = true;

    /// <summary>The storage did not return the record.</summary>
    internal StoredBrainException(string brain, Exception problem) : base(
        brain, $"The storage did not return the brain '{brain}' ({problem.GetType().Name}: {problem.Message}). Every call reads it again: retry, and check that the storage can be reached. If it returns other records, restore this one from a backup.")
    {
    }

    /// <summary>Whether the record is damaged; false if the storage did not return it.</summary>
    [Id(0)]
    public bool IsDamaged { get; private set; }
}

/// <summary>Why a difference was refused.</summary>
public enum RefusalReason
{
    /// <summary>The bytes are not those of a brain's file.</summary>
    Damaged,

    /// <summary>It has other sizes than the brain.</summary>
    WrongShape,

    /// <summary>A number is NaN or infinite.</summary>
    NotFinite,

    /// <summary>Its norm is above <see cref="BrainOptions.MostNorm"/>, or its statistics of observations or its scale of values are beyond 10¹².</summary>
    TooLarge,

    /// <summary>It claims no decision, or more than <see cref="BrainOptions.MostDecisions"/> or, of a region, <see cref="BrainOptions.MostRegionDecisions"/>; or more than twice as many rows of observations.</summary>
    Decisions,

    /// <summary>It starts from a version that was never published.</summary>
    UnknownVersion,

    /// <summary>The sender's name is empty, too long, or that of a region whose grain is not the caller.</summary>
    Sender,
}

/// <summary>A difference was refused. Refusals are counted by sender.</summary>
[GenerateSerializer, Alias("NeuralPlugin.DifferenceRefusedException")]
public sealed class DifferenceRefusedException : BrainException
{
    internal DifferenceRefusedException(string brain, string sender, RefusalReason reason, string problem)
        : base(brain, $"A difference from {(sender.Length > 0 ? $"'{sender}'" : "a server")} for the brain '{brain}' was refused: {problem}")
    {
        Sender = sender;
        Reason = reason;
    }

    /// <summary>The sender.</summary>
    [Id(0)]
    public string Sender { get; private set; }

    /// <summary>The reason.</summary>
    [Id(1)]
    public RefusalReason Reason { get; private set; }
}
