namespace NeuralPlugin;

/// <summary>
/// Tells which of a number of classes a sample belongs to, and learns it from labeled samples. Its weights live in textures;
/// all of its arithmetic runs in compute shaders. What it is made of: <see cref="LinearClassifier"/>, <see cref="TwoLayerClassifier"/>.
/// </summary>
/// <remarks>
/// All calls here wait for the GPU and come from the thread on which the device's context is current, else they throw
/// <see cref="WrongContextException"/>; after Dispose of the classifier or its device, <see cref="ObjectDisposedException"/>.
/// Whatever they throw, the weights are as before.
/// </remarks>
public abstract class Classifier : IDisposable
{
    private BatchTrainer? trainer;

    private protected Classifier(NeuralDevice device, int inputs, int classes, int seed, params Operation[] operations)
    {
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A classifier needs at least 2 classes.");
        Network = new Network(device, seed, inputs, operations);
    }

    /// <summary>Features of a sample.</summary>
    public int Inputs => Network.Inputs;

    /// <summary>Classes to choose from.</summary>
    public int Classes => Network.Outputs;

    /// <summary>Numbers that it learns: (inputs + 1) · units for each of its layers.</summary>
    public int ParameterCount => Network.ParameterCount;

    /// <summary>The stack beneath.</summary>
    public Network Network { get; }

    /// <summary>
    /// One step of plain stochastic gradient descent: w' = w − learningRate · ∂L/∂w, with L the mean (weighted) cross-entropy
    /// of the batch. For momentum, Adam, masks and the entropy bonus: <see cref="TrainWith"/>.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="learningRate">The factor of the step; zero or more.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, zero and negative too; empty for all one.</param>
    /// <returns>The loss Σ wᵢ·lᵢ / batch with the weights before the step. If it is not finite, the weights stay.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit the classifier or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or the learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public float TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, ReadOnlySpan<float> sampleWeights = default)
    {
        Optimizer.RequireLearningRate(learningRate, nameof(learningRate));
        trainer ??= TrainWith(new Sgd(learningRate));
        trainer.LearningRate = learningRate;
        return trainer.TrainBatch(features, labels, sampleWeights).Loss;
    }

    /// <summary>A trainer with an optimizer and a loss of one's choice, for batches that the caller hands over.</summary>
    /// <param name="optimizer">How gradients become weights.</param>
    /// <param name="loss">What is made small; null for plain cross-entropy.</param>
    public BatchTrainer TrainWith(Optimizer optimizer, SoftmaxCrossEntropy? loss = null) => new(Network, optimizer, loss);

    /// <inheritdoc cref="NeuralPlugin.Network.Predict(ReadOnlySpan{float}, Span{float})"/>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities) => Network.Predict(features, probabilities);

    /// <inheritdoc cref="NeuralPlugin.Network.ComputeLogits(ReadOnlySpan{float}, Span{float})"/>
    public void ComputeLogits(ReadOnlySpan<float> features, Span<float> logits) => Network.ComputeLogits(features, logits);

    /// <summary>The gradients of the mean loss Σ wᵢ·lᵢ / batch by every parameter. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs], row-major.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch], or empty for all one.</param>
    /// <exception cref="ArgumentException">Lengths do not fit the classifier or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public ClassifierParameters ComputeGradients(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default)
    {
        return ToParameters(Network.ComputeGradients(features, labels, sampleWeights));
    }

    /// <summary>A copy of the parameters as they are now. Waits and allocates.</summary>
    public ClassifierParameters GetParameters() => ToParameters([.. Network.Parameters.Select(parameter => parameter.GetValues())]);

    /// <summary>Replaces the parameters, all of them or, if one is wrong, none.</summary>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetParameters"/> gives.</param>
    /// <exception cref="ArgumentNullException">An array is null; one that is not there is empty.</exception>
    /// <exception cref="ArgumentException">An array has another length.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    public void SetParameters(ClassifierParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(parameters.HiddenWeights);
        ArgumentNullException.ThrowIfNull(parameters.HiddenBiases);
        ArgumentNullException.ThrowIfNull(parameters.OutputWeights);
        ArgumentNullException.ThrowIfNull(parameters.OutputBiases);
        Network.SetParameters(ToArrays(parameters));
    }

    /// <inheritdoc cref="OnnxExport.ExportOnnx(Network, string, bool, IReadOnlyList{string}?)"/>
    public void ExportOnnx(string path, bool softmax = false, IReadOnlyList<string>? classNames = null) => Network.ExportOnnx(path, softmax, classNames);

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        trainer?.Dispose();
        Network.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract ClassifierParameters ToParameters(float[][] arrays);

    /// <summary>The arrays in the order of the network's parameters, with their names in the record.</summary>
    private protected abstract (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters);
}
