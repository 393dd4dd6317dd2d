namespace NeuralPlugin;

/// <summary>
/// A regressor of two layers: y = relu(x·W1 + b1)·W2 + b2, with W1 [inputs × hidden], b1 [hidden], W2 [hidden × outputs] and
/// b2 [outputs]. It learns values from samples by the mean squared error.
/// </summary>
public sealed class Regressor : NetworkModel
{
    private static readonly ModelFormat FileFormat = new("regressor", ["hidden", "output"], LeastOutputs: 1);

    /// <summary>Makes a regressor; W1 starts from the seed by He's rule, W2 by Glorot's, the biases at zero.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="outputs">Values per sample.</param>
    /// <param name="seed">Chooses the initial weights, the same on every machine.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public Regressor(NeuralDevice device, int inputs, int hidden, int outputs, int seed = 1)
        : base(device, inputs, seed, new Dense(Requirements.Size(hidden, "hidden units")), new Relu(), new Dense(Requirements.Size(outputs, "outputs")))
    {
        Hidden = hidden;
    }

    /// <summary>Hidden units.</summary>
    public int Hidden { get; }

    /// <summary>Values per sample.</summary>
    public int Outputs => Network.Outputs;

    /// <summary>Makes a regressor from a file that <see cref="NetworkModel.Save"/> or <see cref="NetworkModel.SaveCheckpoint"/> wrote. Waits and allocates.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="path">The file, in the safetensors format with the names of Documentation~/files.md.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or is not a regressor's.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read it is denied.</exception>
    /// <exception cref="DeviceLimitException">The weights are too large for one matrix of this device.</exception>
    public static Regressor Load(NeuralDevice device, string path)
    {
        ArgumentNullException.ThrowIfNull(device);
        ModelContent model = ModelFile.Load(path, FileFormat);
        Regressor regressor = new(device, model.Sizes[0], model.Sizes[1], model.Sizes[2]);
        regressor.SetLoaded(model);
        return regressor;
    }

    /// <summary>
    /// One step of plain stochastic gradient descent: w' = w − learningRate · ∂L/∂w, with L the <see cref="MeanSquaredError"/> of the batch, the mean
    /// over its samples and outputs. For momentum, Adam and other losses: <see cref="NetworkModel.TrainWith"/>.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="targets">[batch × outputs], row-major: the values to learn.</param>
    /// <param name="learningRate">The step size; zero or more.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, which may be zero or negative; empty for all ones.</param>
    /// <returns>The loss Σ wᵢ·lᵢ / batch with the weights before the step. If it is not finite, the weights do not change.</returns>
    /// <exception cref="ArgumentException">Lengths do not match the regressor or each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public float TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, float learningRate, ReadOnlySpan<float> sampleWeights = default) =>
        DescendBy(learningRate).TrainBatch(features, targets, sampleWeights).Loss;

    /// <summary>
    /// The kernels for training and prediction, for <see cref="NeuralDevice.WarmUp"/>: those of the first <see cref="TrainBatch"/> and
    /// <see cref="Predict"/> at this many rows. Makes nothing and does not wait.
    /// </summary>
    /// <param name="rows">Samples per batch. Other row counts may need other kernels: call this for each one in use.</param>
    /// <param name="optimizer">The optimizer of <see cref="NetworkModel.TrainWith"/>; null for the plain descent of <see cref="TrainBatch"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">There are more rows than any device can run.</exception>
    public KernelSet KernelsFor(int rows, Optimizer? optimizer = null) => Network.KernelsFor(rows, optimizer ?? new Sgd(0), PlainLoss);

    /// <summary>The values of a batch. Waits; allocates only when the batch is larger than any before.</summary>
    /// <inheritdoc cref="NeuralPlugin.Network.ComputeOutputs(ReadOnlySpan{float}, Span{float})"/>
    public void Predict(ReadOnlySpan<float> features, Span<float> outputs) => Network.ComputeOutputs(features, outputs);

    /// <summary>
    /// Requests the values of a batch, by the current weights, without waiting. The answer, with the same bits as
    /// <see cref="Predict"/>, is ready some frames later (<see cref="PredictionRequest"/>), once an Update or Tick has found it.
    /// </summary>
    /// <inheritdoc cref="NeuralPlugin.Network.RequestOutputs(ReadOnlySpan{float})"/>
    public PredictionRequest RequestPrediction(ReadOnlySpan<float> features) => Network.RequestOutputs(features);

    /// <summary>The gradients of the mean loss Σ wᵢ·lᵢ / batch for every parameter. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs], row-major.</param>
    /// <param name="targets">[batch × outputs], row-major: the values to learn.</param>
    /// <param name="sampleWeights">[batch], or empty for all ones.</param>
    /// <exception cref="ArgumentException">Lengths do not match the regressor or each other.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public ClassifierParameters ComputeGradients(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default) =>
        ToParameters(Network.ComputeGradients(features, targets, sampleWeights));

    /// <summary>
    /// Writes an ONNX model of operator set 17, as <see cref="OnnxExport.ExportOnnx"/> does; the output is called <c>outputs</c>
    /// [batch × outputs].
    /// </summary>
    /// <param name="path">The file; an existing one is replaced once the new one is complete.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="NotSupportedException">The model would be longer than the 2³¹ − 1 bytes that the format allows.</exception>
    /// <exception cref="IOException">The file cannot be written; the previous file is intact.</exception>
    /// <exception cref="UnauthorizedAccessException">Writing to the folder or the file is not permitted.</exception>
    public void ExportOnnx(string path) => OnnxExport.ExportOutputs(Network, path);

    private protected override ModelFormat Format => FileFormat;

    private protected override Loss PlainLoss => Loss.OfValues;
}
