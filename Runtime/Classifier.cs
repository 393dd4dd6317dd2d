namespace NeuralPlugin;

/// <summary>
/// Tells which of a number of classes a sample belongs to, and learns it from labeled samples. Its weights live in textures;
/// all of its arithmetic runs in compute shaders. What it is made of: <see cref="LinearClassifier"/>, <see cref="TwoLayerClassifier"/>.
/// </summary>
public abstract class Classifier : NetworkModel
{
    /// <summary>Classes are a choice from two on.</summary>
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
    /// <param name="learningRate">The factor of the step; zero or more.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, zero and negative too; empty for all one.</param>
    /// <returns>The loss Σ wᵢ·lᵢ / batch with the weights before the step. If it is not finite, the weights stay.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit the classifier or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or the learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public float TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, ReadOnlySpan<float> sampleWeights = default) =>
        DescendBy(learningRate).TrainBatch(features, labels, sampleWeights).Loss;

    /// <summary>
    /// The kernels that training and predicting need, for <see cref="NeuralDevice.WarmUp"/>: those of the first
    /// <see cref="TrainBatch"/>, <see cref="Predict"/> and <see cref="ComputeLogits"/> of so many rows. Makes nothing, waits for nothing.
    /// </summary>
    /// <param name="rows">Samples of a batch. Other numbers of rows may need other kernels: ask for each that comes first.</param>
    /// <param name="optimizer">That of <see cref="NetworkModel.TrainWith"/>; null for the plain descent of <see cref="TrainBatch"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">They are more than any device runs.</exception>
    public KernelSet KernelsFor(int rows, Optimizer? optimizer = null) => Network.KernelsFor(rows, optimizer ?? new Sgd(0));

    /// <inheritdoc cref="NeuralPlugin.Network.Predict(ReadOnlySpan{float}, Span{float})"/>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities) => Network.Predict(features, probabilities);

    /// <inheritdoc cref="NeuralPlugin.Network.RequestPrediction(ReadOnlySpan{float})"/>
    public PredictionRequest RequestPrediction(ReadOnlySpan<float> features) => Network.RequestPrediction(features);

    /// <inheritdoc cref="NeuralPlugin.Network.ComputeLogits(ReadOnlySpan{float}, Span{float})"/>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void ComputeLogits(ReadOnlySpan<float> features, Span<float> logits) => Network.ComputeLogits(features, logits);

    /// <summary>The gradients of the mean loss Σ wᵢ·lᵢ / batch by every parameter. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs], row-major.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch], or empty for all one.</param>
    /// <exception cref="ArgumentException">Lengths do not fit the classifier or each other.</exception>
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

    private protected override Loss PlainLoss => new SoftmaxCrossEntropy();

    private static Layer[] ForClasses(int classes, Layer[] layers)
    {
        return classes >= LeastClasses ? layers
            : throw new ArgumentOutOfRangeException(nameof(classes), classes, $"A classifier needs at least {LeastClasses} classes.");
    }
}
