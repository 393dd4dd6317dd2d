namespace NeuralPlugin;

/// <summary>A linear classifier: softmax(x·W + b), with W [inputs × classes] and b [classes].</summary>
/// <remarks>
/// It separates classes by planes and no more: x1 + x2 &gt; 0 is within its reach, x1·x2 &gt; 0 is not. Its parameters are
/// the output's; the hidden arrays of <see cref="ClassifierParameters"/> are empty.
/// </remarks>
public sealed class LinearClassifier : Classifier
{
    /// <summary>Makes a classifier; its weights start from the seed by Glorot's rule, its biases at zero.</summary>
    /// <param name="device">Where it lives.</param>
    /// <param name="inputs">Features of a sample.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights, the same on every machine.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="DeviceLimitException">The weights do not fit into one texture of this device.</exception>
    public LinearClassifier(NeuralDevice device, int inputs, int classes, int seed = 1)
        : base(device, inputs, classes, seed, new Dense(Requirements.Size(classes, "classes")))
    {
    }

    private protected override ClassifierParameters ToParameters(float[][] arrays) => new([], [], arrays[0], arrays[1]);

    private protected override (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters)
    {
        Requirements.Length(parameters.HiddenWeights.Length, 0, "a linear classifier has no hidden layer", nameof(parameters.HiddenWeights));
        Requirements.Length(parameters.HiddenBiases.Length, 0, "a linear classifier has no hidden layer", nameof(parameters.HiddenBiases));
        return [(nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases)];
    }
}
