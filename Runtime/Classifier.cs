namespace NeuralPlugin;

/// <summary>
/// Tells which of a number of classes a sample belongs to, and learns it from labeled samples. Its weights live in textures;
/// all of its arithmetic runs in compute shaders. What it is made of: <see cref="LinearClassifier"/>, <see cref="TwoLayerClassifier"/>.
/// </summary>
/// <remarks>
/// All calls here but <see cref="SaveAsync"/> wait for the GPU. All come from the thread on which the device's context is
/// current, else they throw <see cref="WrongContextException"/>; after Dispose of the classifier or its device,
/// <see cref="ObjectDisposedException"/>. Whatever they throw, the weights are as before.
/// </remarks>
public abstract class Classifier : IDisposable
{
    private BatchTrainer? trainer;
    private Task saving = Task.CompletedTask;

    private protected Classifier(NeuralDevice device, int inputs, int classes, int seed, params Layer[] layers)
    {
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A classifier needs at least 2 classes.");
        Network = new Network(device, seed, inputs, layers);
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
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public float TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, ReadOnlySpan<float> sampleWeights = default)
    {
        Optimizer.RequireLearningRate(learningRate, nameof(learningRate));
        trainer ??= TrainWith(new Sgd(learningRate));
        trainer.LearningRate = learningRate;
        return trainer.TrainBatch(features, labels, sampleWeights).Loss;
    }

    /// <summary>A trainer with an optimizer and a loss of one's choice, for batches that the caller hands over.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy.</param>
    public BatchTrainer TrainWith(Optimizer optimizer, Loss? loss = null) => new(Network, optimizer, loss);

    /// <summary>A trainer that learns from a set of samples inside the frames of a running game: call its Tick once a frame.</summary>
    /// <inheritdoc cref="InFrameTrainer(NeuralPlugin.Network, TrainingSet, TrainerOptions?)"/>
    public InFrameTrainer TrainOn(TrainingSet samples, TrainerOptions? options = null) => new(Network, samples, options);

    /// <summary>
    /// The kernels that training and predicting need, for <see cref="NeuralDevice.WarmUp"/>: those of the first
    /// <see cref="TrainBatch"/>, <see cref="Predict"/> and <see cref="ComputeLogits"/> of so many rows. Makes nothing, waits for nothing.
    /// </summary>
    /// <param name="rows">Samples of a batch. Other numbers of rows may need other kernels: ask for each that comes first.</param>
    /// <param name="optimizer">That of <see cref="TrainWith"/>; null for the plain descent of <see cref="TrainBatch"/>.</param>
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

    /// <summary>
    /// Writes the weights to a safetensors file; Documentation~/files.md has its names. Waits for the GPU and the disk, and
    /// for saves that <see cref="SaveAsync"/> began.
    /// </summary>
    /// <param name="path">The file, new or old. Killed at any moment, it is the old one or the new one, whole.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; what was there before is whole.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ModelContent model = ReadModel();
        FinishSaving();
        ModelFile.Save(path, Layers, model);
    }

    /// <summary>
    /// Writes the weights as they are now, without holding up the frame: they are copied on the GPU, read back in a later
    /// <see cref="NeuralDevice.Update"/> and written on another thread. The call allocates a buffer on the GPU and does not wait.
    /// </summary>
    /// <remarks>
    /// The file is safe as with <see cref="Save"/>; saves of one classifier are written in the order of their calls. Do not wait
    /// for the task on the device's thread (Wait, Result): it completes only after a later Update, which then never comes. A
    /// program that ends before the task does may leave the old file.
    /// </remarks>
    /// <param name="path">The file, new or old.</param>
    /// <returns>
    /// Completes when the file is on the disk, on another thread. It fails with <see cref="NonFiniteValueException"/> or
    /// <see cref="FileWriteException"/> as <see cref="Save"/> does, and with <see cref="ObjectDisposedException"/> where the device
    /// was disposed before it was read back.
    /// </returns>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the copy.</exception>
    public Task SaveAsync(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = Path.GetFullPath(path);   // of the folder that is current now
        return saving = WriteAfter(saving, Network.ReadParametersAsync(), path);
    }

    /// <summary>Replaces the weights by those of a file or a checkpoint, all of them or, if anything is wrong, none. Waits and allocates.</summary>
    /// <param name="path">The file, of a classifier of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or that of another classifier.</exception>
    /// <exception cref="IOException">There is no such file, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    public void LoadParameters(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        SetLoaded(ModelFile.Load(path, Layers, Sizes));
    }

    /// <summary>
    /// Writes the weights and where a trainer of them stands: its optimizer, that one's state, its loss, its learning rate and
    /// its steps. <see cref="ResumeFrom"/> goes on from there with the same bits. Waits as <see cref="Save"/> does.
    /// </summary>
    /// <param name="path">The file, new or old. It is a file of weights too.</param>
    /// <param name="trainer">A trainer of this classifier.</param>
    /// <exception cref="ArgumentException">The path is empty or no path, or the trainer trains another classifier.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; what was there before is whole.</exception>
    public void SaveCheckpoint(string path, BatchTrainer trainer)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(trainer);
        if (!trainer.Trains(Network)) throw new ArgumentException("The trainer trains another classifier. Hand over one that TrainWith of this one made.", nameof(trainer));
        ModelContent model = ReadModel() with { Training = trainer.ReadState() };
        FinishSaving();
        ModelFile.Save(path, Layers, model);
    }

    /// <summary>
    /// Loads a checkpoint: replaces the weights and makes a trainer that goes on as the one that was saved, with the same bits
    /// for the same batches. Waits and allocates. If anything is wrong, nothing changes.
    /// </summary>
    /// <param name="path">A file of <see cref="SaveCheckpoint"/>, of a classifier of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or no path, or the classifier's kernels are of another family.</exception>
    /// <exception cref="ModelFileException">The file is damaged, that of another classifier, or no checkpoint.</exception>
    /// <exception cref="IOException">There is no such file, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the optimizer's state.</exception>
    public BatchTrainer ResumeFrom(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        ModelContent model = ModelFile.Load(path, Layers, Sizes, checkpoint: true);
        TrainingState training = model.Training!;
        if (training.Family != Network.KernelFamily)
        {
            throw new ArgumentException(
                $"The checkpoint {path} was made with the kernels '{training.Family}', and this classifier has '{Network.KernelFamily}', which do not give " +
                "the same bits. Call KernelFamily.Force before making the classifier, or load the parameters alone.", nameof(path));
        }

        BatchTrainer resumed = TrainWith(training.Optimizer, training.Loss);
        resumed.Restore(training);
        SetLoaded(model);
        return resumed;
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

    /// <summary>The names of its dense layers in files, from the inputs on.</summary>
    private protected abstract string[] Layers { get; }

    /// <summary>Units from the inputs to the classes.</summary>
    private protected abstract int[] Sizes { get; }

    private protected void SetLoaded(ModelContent model) => Network.SetParameters([.. model.Parameters.Select((values, i) => (Network.Parameters[i].Name, values))]);

    private protected abstract ClassifierParameters ToParameters(float[][] arrays);

    /// <summary>The arrays in the order of the network's parameters, with their names in the record.</summary>
    private protected abstract (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters);

    private ModelContent ReadModel() => new(Sizes, [.. Network.Parameters.Select(parameter => parameter.GetValues())]);

    /// <summary>Lets what SaveAsync began come to its end, so that an older save does not replace a newer one.</summary>
    private void FinishSaving()
    {
        while (!saving.IsCompleted)
        {
            Network.Device.Update();
            Task.WaitAny([saving], millisecondsTimeout: 1);   // its own caller learns how it ended
        }
    }

    private async Task WriteAfter(Task previous, Task<float[][]> reading, string path)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        float[][] parameters = await reading.ConfigureAwait(false);
        ModelFile.Save(path, Layers, new ModelContent(Sizes, parameters));
    }
}
