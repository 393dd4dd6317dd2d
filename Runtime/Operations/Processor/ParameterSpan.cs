namespace NeuralPlugin;

/// <summary>Neighboring values of a parameter with their gradients and the optimizer's state, for <see cref="Optimizer.Update"/>: what is committed, and what is pending.</summary>
internal readonly unsafe ref struct ParameterSpan(float* weights, float* gradients, float* newWeights, float** state, float** newState, int length)
{
    public int Length => length;

    public ReadOnlySpan<float> Weights => new(weights, length);

    public ReadOnlySpan<float> Gradients => new(gradients, length);

    public Span<float> NewWeights => new(newWeights, length);

    /// <summary>A matrix of state, in the order of <see cref="Optimizer.State"/>.</summary>
    public ReadOnlySpan<float> State(int i) => new(state[i], length);

    public Span<float> NewState(int i) => new(newState[i], length);
}
