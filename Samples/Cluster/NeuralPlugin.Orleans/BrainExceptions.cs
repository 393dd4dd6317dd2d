namespace NeuralPlugin.Orleans;

/// <summary>Something about a brain of the cluster is not as it should be. The current version is as it was.</summary>
[GenerateSerializer, Alias("NeuralPlugin.BrainException")]
public abstract class BrainException : Exception
{
    private protected BrainException(string brain, string message) : base(message) => Brain = brain;

    /// <summary>The brain's name.</summary>
    [Id(0)]
    public string Brain { get; private set; }
}

/// <summary>There is no brain under a name.</summary>
[GenerateSerializer, Alias("NeuralPlugin.UnknownBrainException")]
public sealed class UnknownBrainException : BrainException
{
    internal UnknownBrainException(string brain, string problem) : base(brain, $"There is no brain '{brain}': {problem}")
    {
    }
}

/// <summary>A brain is offered under the name of one of another shape.</summary>
[GenerateSerializer, Alias("NeuralPlugin.BrainShapeException")]
public sealed class BrainShapeException : BrainException
{
    internal BrainShapeException(string brain, string expected, string got)
        : base(brain, $"The brain '{brain}' has {expected}, but got {got}. Make the population with the same AgentPopulationOptions, or give the brain another name.")
    {
    }
}

/// <summary>What the storage holds of a brain is damaged. Nothing is written over it: servers keep the version that they have, and an operator may call <see cref="IBrainGrain.Recover"/>.</summary>
[GenerateSerializer, Alias("NeuralPlugin.StoredBrainException")]
public sealed class StoredBrainException : BrainException
{
    internal StoredBrainException(string brain, string problem) : base(
        brain, $"The brain '{brain}' cannot be read from the storage: {problem} Bring the stored record back from a backup, or publish the version before it again (IBrainGrain.Recover).")
    {
    }
}

/// <summary>Why a difference was refused.</summary>
public enum RefusalReason
{
    /// <summary>Its bytes are those of no brain's file.</summary>
    Damaged,

    /// <summary>It has other sizes than the brain.</summary>
    WrongShape,

    /// <summary>A number is NaN or infinite.</summary>
    NotFinite,

    /// <summary>Its norm is above <see cref="BrainOptions.MostNorm"/>.</summary>
    TooLarge,

    /// <summary>It claims no decision, or more than <see cref="BrainOptions.MostDecisions"/>.</summary>
    Decisions,

    /// <summary>It begins at a version that was never published.</summary>
    UnknownVersion,

    /// <summary>It has no sender, or one whose name is too long.</summary>
    Sender,
}

/// <summary>A difference was refused, and counted by its sender.</summary>
[GenerateSerializer, Alias("NeuralPlugin.DifferenceRefusedException")]
public sealed class DifferenceRefusedException : BrainException
{
    internal DifferenceRefusedException(string brain, string sender, RefusalReason reason, string problem)
        : base(brain, $"What {(sender.Length > 0 ? $"'{sender}'" : "a server")} sent for the brain '{brain}' is refused: {problem}")
    {
        Sender = sender;
        Reason = reason;
    }

    /// <summary>Who had sent it.</summary>
    [Id(0)]
    public string Sender { get; private set; }

    /// <summary>Why.</summary>
    [Id(1)]
    public RefusalReason Reason { get; private set; }
}
