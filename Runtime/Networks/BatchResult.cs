namespace NeuralPlugin;

/// <summary>The result of a training step, with the weights before it.</summary>
/// <param name="Loss">The batch loss, the mean over its samples: see <see cref="SoftmaxCrossEntropy"/> and <see cref="MeanSquaredError"/> for the formula.</param>
/// <param name="Correct">
/// With labels, the number of samples whose label had the greatest logit of the allowed classes (the first one, if tied). With a loss for which no
/// prediction is right or wrong, such as a regression loss, 0.
/// </param>
public readonly record struct BatchResult(float Loss, int Correct);
