namespace NeuralPlugin;

/// <summary>
/// One decision of an agent: what it observed, the action that it chose, and the actions that it could choose from. It refers to memory that
/// somebody else owns, so handing it over copies nothing; a receiver that keeps it copies it, as <see cref="DecisionQueue"/> does.
/// </summary>
/// <param name="observed">[observations].</param>
/// <param name="look">The row of the texture that it saw (<see cref="SeenTextures"/>); -1 for none.</param>
/// <param name="action">What it chose.</param>
/// <param name="allowed">[actions]: what it could have chosen.</param>
internal readonly ref struct Decision(ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> allowed)
{
    /// <summary>[observations].</summary>
    public ReadOnlySpan<float> Observed { get; } = observed;

    /// <summary>The row of the texture that was seen; -1 for none.</summary>
    public int Look => look;

    /// <summary>What was chosen, where that is one choice; else 0.</summary>
    public int Action => action;

    /// <summary>[actions]: what could have been chosen.</summary>
    public ReadOnlySpan<bool> Allowed { get; } = allowed;

    /// <summary>[numbers of an action]: what was chosen, where that is more than one choice: in each branch, then the continuous actions as they were drawn; else empty.</summary>
    public ReadOnlySpan<float> Taken { get; init; }

    /// <summary>The logarithm of the probability that the brain gave the action; 0 where no brain was asked.</summary>
    public float LogProbability { get; init; }

    /// <summary>What the brain expected to come, in rewards; 0 where it estimates no values.</summary>
    public float Value { get; init; }
}
