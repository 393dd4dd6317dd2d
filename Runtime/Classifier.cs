namespace NeuralPlugin;

/// <summary>
/// Assigns each sample to one of several classes, learned from labeled samples. Its weights live in textures;
/// all arithmetic runs in compute shaders. Implementations: <see cref="LinearClassifier"/>, <see cref="TwoLayerClassifier"/>.
/// </summary>
public abstract class Classifier : NetworkModel
{
    /// <summary>A classification needs at least two classes.</summary>
    private protected const int LeastClasses = 2;

    private protected Classifier(NeuralDevice device, int inputs, int classes, int seed, params Layer[] layers)
        : base(device, inputs, seed, ForClasses(classes, layers))
    {
    }

    /// <summary>Classes to choose from.</summary>
    public int Classes => Network.Outputs;

    /// <summary>
    /// One step of plain stochastic gradient descent: w' = w − learningRate · ∂L/∂w, with L the mean (weighted) cross-entropy
    /// of the batch. For momentum, Adam, masks and the entropy bonus: <see cref="NetworkModel.TrainWith"/>.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="learningRate">The step size; zero or more.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, which may be zero or negative; empty for all ones.</param>
    /// <returns>The loss Σ wᵢ·lᵢ / batch with the weights before the step. If it is not finite, the weights do not change.</returns>
    /// <exception cref="ArgumentException">Lengths do not match the classifier or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or the learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public float TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, ReadOnlySpan<float> sampleWeights = default) =>
        DescendBy(learningRate).TrainBatch(features, labels, sampleWeights).Loss;

    /// <summary>
    /// The kernels for training and prediction, for <see cref="NeuralDevice.WarmUp"/>: those of the first
    /// <see cref="TrainBatch"/>, <see cref="Predict"/> and <see cref="ComputeLogits"/> at this many rows. Makes nothing and does not wait.
    /// </summary>
    /// <param name="rows">Samples per batch. Other row counts may need other kernels: call this for each one in use.</param>
    /// <param name="optimizer">The optimizer of <see cref="NetworkModel.TrainWith"/>; null for the plain descent of <see cref="TrainBatch"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">There are more rows than any device can run.</exception>
    public KernelSet KernelsFor(int rows, Optimizer? optimizer = null) => Network.KernelsFor(rows, optimizer ?? new Sgd(0));

    /// <inheritdoc cref="NeuralPlugin.Network.Predict(ReadOnlySpan{float}, Span{float})"/>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities) => Network.Predict(features, probabilities);

    /// <inheritdoc cref="NeuralPlugin.Network.RequestPrediction(ReadOnlySpan{float})"/>
    public PredictionRequest RequestPrediction(ReadOnlySpan<float> features) => Network.RequestPrediction(features);

    /// <inheritdoc cref="NeuralPlugin.Network.ComputeLogits(ReadOnlySpan{float}, Span{float})"/>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void ComputeLogits(ReadOnlySpan<float> features, Span<float> logits) => Network.ComputeLogits(features, logits);

    /// <summary>The gradients of the mean loss Σ wᵢ·lᵢ / batch for every parameter. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs], row-major.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch], or empty for all ones.</param>
    /// <exception cref="ArgumentException">Lengths do not match the classifier or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public ClassifierParameters ComputeGradients(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default)
    {
        return ToParameters(Network.ComputeGradients(features, labels, sampleWeights));
    }

    /// <inheritdoc cref="OnnxExport.ExportOnnx(Network, string, bool, IReadOnlyList{string}?)"/>
    public void ExportOnnx(string path, bool softmax = false, IReadOnlyList<string>? classNames = null) => Network.ExportOnnx(path, softmax, classNames);

    private protected override Loss PlainLoss => Loss.OfLabels;

    private static Layer[] ForClasses(int classes, Layer[] layers)
    {
        return classes >= LeastClasses ? layers
            : throw new ArgumentOutOfRangeException(nameof(classes), classes, $"A classifier needs at least {LeastClasses} classes.");
    }
}
