namespace NeuralPlugin;

/// <summary>
/// A classifier of two layers: softmax(relu(x·W1 + b1)·W2 + b2), with W1 [inputs × hidden], b1 [hidden],
/// W2 [hidden × classes] and b2 [classes].
/// </summary>
public sealed class TwoLayerClassifier : Classifier
{
    private static readonly ModelFormat FileFormat = new("classifier", ["hidden", "output"], LeastClasses);

    /// <summary>Makes a classifier; W1 starts from the seed by He's rule, W2 by Glorot's, the biases at zero.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights, the same on every machine.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public TwoLayerClassifier(NeuralDevice device, int inputs, int hidden, int classes, int seed = 1)
        : base(
            device, inputs, classes, seed,
            new Dense(Requirements.Size(hidden, "hidden units")), new Relu(), new Dense(Requirements.Size(classes, "classes")))
    {
        Hidden = hidden;
    }

    /// <summary>Hidden units.</summary>
    public int Hidden { get; }

    /// <summary>Makes a classifier from a file that <see cref="NetworkModel.Save"/> or <see cref="NetworkModel.SaveCheckpoint"/> wrote. Waits and allocates.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="path">The file, in the safetensors format with the names of Documentation~/files.md.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or is not a two-layer classifier's.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read it is denied.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public static TwoLayerClassifier Load(NeuralDevice device, string path)
    {
        ArgumentNullException.ThrowIfNull(device);
        ModelContent model = ModelFile.Load(path, FileFormat);
        TwoLayerClassifier classifier = new(device, model.Sizes[0], model.Sizes[1], model.Sizes[2]);
        classifier.SetLoaded(model);
        return classifier;
    }

    private protected override ModelFormat Format => FileFormat;
}
