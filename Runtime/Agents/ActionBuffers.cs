namespace NeuralPlugin;

/// <summary>
/// An action: a number for each continuous action, and a choice for each discrete branch. It refers to the agent's memory, and is valid during the
/// call that passes it.
/// </summary>
/// <param name="continuousActions">[continuous actions], each from −1 to 1.</param>
/// <param name="discreteActions">[branches], each from 0 to the size of the branch minus one.</param>
public readonly ref struct ActionBuffers(Span<float> continuousActions, Span<int> discreteActions)
{
    /// <summary>[continuous actions], each from −1 to 1.</summary>
    public Span<float> ContinuousActions { get; } = continuousActions;

    /// <summary>[branches], each from 0 to the size of the branch minus one.</summary>
    public Span<int> DiscreteActions { get; } = discreteActions;

    /// <summary>Sets all to zero: the first action of each branch, and 0 for the continuous ones.</summary>
    public void Clear()
    {
        ContinuousActions.Clear();
        DiscreteActions.Clear();
    }
}
