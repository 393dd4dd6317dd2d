namespace NeuralPlugin;

/// <summary>What a training step found, both with the weights before it.</summary>
/// <param name="Loss">The loss of the batch, the mean over its samples: <see cref="SoftmaxCrossEntropy"/> and <see cref="MeanSquaredError"/> have the formula.</param>
/// <param name="Correct">
/// With labels, the samples whose label had the greatest logit of the allowed classes (the first one, if several). With a loss for which no
/// prediction is right or wrong, as that of a regression, 0.
/// </param>
public readonly record struct BatchResult(float Loss, int Correct);
