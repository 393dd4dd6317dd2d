namespace NeuralPlugin;

/// <summary>
/// One decision of an agent: its observations, the chosen action, and the allowed actions. It refers to memory that someone else owns, so passing it
/// copies nothing; a receiver that keeps it copies it, as <see cref="DecisionQueue"/> does.
/// </summary>
/// <param name="observed">[observations].</param>
/// <param name="look">The row of the texture it saw (<see cref="SeenTextures"/>); -1 for none.</param>
/// <param name="action">The chosen action.</param>
/// <param name="allowed">[actions]: which were allowed.</param>
/// <param name="taken">The chosen action if it is more than one choice.</param>
/// <param name="logProbability">The log probability that the brain gave the action.</param>
/// <param name="value">The brain's expected return.</param>
internal readonly ref struct Decision(
    ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> allowed, ReadOnlySpan<float> taken = default, float logProbability = 0, float value = 0)
{
    /// <summary>[observations].</summary>
    public ReadOnlySpan<float> Observed { get; } = observed;

    /// <summary>The row of the seen texture; -1 for none.</summary>
    public int Look => look;

    /// <summary>The chosen action if it is one choice; otherwise 0.</summary>
    public int Action => action;

    /// <summary>[actions]: which were allowed.</summary>
    public ReadOnlySpan<bool> Allowed { get; } = allowed;

    /// <summary>
    /// [numbers of an action]: the chosen action if it is more than one choice: in each branch, then the continuous actions as sampled; otherwise
    /// empty.
    /// </summary>
    public ReadOnlySpan<float> Taken { get; init; } = taken;

    /// <summary>The log probability that the brain gave the action; 0 if no brain was asked.</summary>
    public float LogProbability { get; init; } = logProbability;

    /// <summary>The brain's expected return, in rewards; 0 if it estimates no values.</summary>
    public float Value { get; init; } = value;

    /// <summary>[outputs of a policy]: those of the reference; empty without one.</summary>
    public ReadOnlySpan<float> Reference { get; init; } = default;

    /// <summary>How far the brain's policy was from that of the reference.</summary>
    public float Drift { get; init; } = 0;
}
