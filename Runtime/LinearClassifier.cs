namespace NeuralPlugin;

/// <summary>A linear classifier: softmax(x·W + b), with W [inputs × classes] and b [classes].</summary>
/// <remarks>
/// It separates classes by planes only: it can learn x1 + x2 &gt; 0, but not x1·x2 &gt; 0. Its parameters are
/// the output's; the hidden arrays of <see cref="ClassifierParameters"/> are empty.
/// </remarks>
public sealed class LinearClassifier : Classifier
{
    private static readonly ModelFormat FileFormat = new("classifier", ["output"], LeastClasses);

    /// <summary>Makes a classifier; its weights start from the seed by Glorot's rule, its biases at zero.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights, the same on every machine.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public LinearClassifier(NeuralDevice device, int inputs, int classes, int seed = 1)
        : base(device, inputs, classes, seed, new Dense(Requirements.Size(classes, "classes")))
    {
    }

    /// <summary>Makes a classifier from a file that <see cref="NetworkModel.Save"/> or <see cref="NetworkModel.SaveCheckpoint"/> wrote. Waits and allocates.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="path">The file, in the safetensors format with the names of Documentation~/files.md.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or is not a linear classifier's.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read it is denied.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public static LinearClassifier Load(NeuralDevice device, string path)
    {
        ArgumentNullException.ThrowIfNull(device);
        ModelContent model = ModelFile.Load(path, FileFormat);
        LinearClassifier classifier = new(device, model.Sizes[0], model.Sizes[1]);
        classifier.SetLoaded(model);
        return classifier;
    }

    private protected override ModelFormat Format => FileFormat;

    private protected override ClassifierParameters ToParameters(float[][] arrays) => new([], [], arrays[0], arrays[1]);

    private protected override (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters)
    {
        Requirements.Length(parameters.HiddenWeights.Length, 0, "a linear classifier has no hidden layer", nameof(parameters.HiddenWeights));
        Requirements.Length(parameters.HiddenBiases.Length, 0, "a linear classifier has no hidden layer", nameof(parameters.HiddenBiases));
        return [(nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases)];
    }
}
