namespace NeuralPlugin;

/// <summary>Contiguous parameters, committed and pending, with their gradients and the optimizer's state, for <see cref="Optimizer.Update"/>.</summary>
internal readonly unsafe ref struct ParameterSpan(float* weights, float* gradients, float* newWeights, float** state, float** newState, int length, float stepRate)
{
    public int Length => length;

    /// <summary>The learning rate of the step: that of the optimizer's scalars, or the one that the loss guides.</summary>
    public float StepRate => stepRate;

    public ReadOnlySpan<float> Weights => new(weights, length);

    public ReadOnlySpan<float> Gradients => new(gradients, length);

    public Span<float> NewWeights => new(newWeights, length);

    /// <summary>A matrix of state, in the order of <see cref="Optimizer.State"/>.</summary>
    public ReadOnlySpan<float> State(int i) => new(state[i], length);

    public Span<float> NewState(int i) => new(newState[i], length);
}
