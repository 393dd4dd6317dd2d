namespace NeuralPlugin;

/// <summary>What a training step found, both with the weights before it.</summary>
/// <param name="Loss">The loss of the batch: (1 / batch) · Σ (weight · cross-entropy − entropyBonus · entropy).</param>
/// <param name="Correct">Samples whose label had the greatest logit of the allowed classes (the first one, if several).</param>
public readonly record struct BatchResult(float Loss, int Correct);
