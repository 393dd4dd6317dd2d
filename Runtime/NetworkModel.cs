namespace NeuralPlugin;

/// <summary>
/// A ready-to-use network: it learns from samples, predicts, and saves to files. Its weights live in textures; all arithmetic runs in
/// compute shaders. A <see cref="Classifier"/> predicts classes, a <see cref="Regressor"/> values.
/// </summary>
/// <remarks>
/// All calls wait for the GPU, except <see cref="SaveAsync"/>, <see cref="GetParametersAsync"/> and requests for a later answer (RequestPrediction). Call from the thread on
/// which the device's context is current, otherwise <see cref="WrongContextException"/>; after Dispose of the model or its device,
/// <see cref="ObjectDisposedException"/>. Whatever is thrown, the weights are unchanged.
/// </remarks>
public abstract class NetworkModel : IDisposable
{
    private BatchTrainer? descent;
    private Task saving = Task.CompletedTask;

    private protected NetworkModel(NeuralDevice device, int inputs, int seed, params Layer[] layers) =>
        Network = new Network(device, seed, inputs, layers);

    /// <summary>Features per sample.</summary>
    public int Inputs => Network.Inputs;

    /// <summary>The number of parameters: (inputs + 1) · units for each layer.</summary>
    public int ParameterCount => Network.ParameterCount;

    /// <summary>The underlying stack of layers.</summary>
    public Network Network { get; }

    /// <summary>A trainer with the given optimizer and loss, for batches that the caller supplies.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy with a classifier and for <see cref="MeanSquaredError"/> with a regressor.</param>
    public BatchTrainer TrainWith(Optimizer optimizer, Loss? loss = null) => new(Network, optimizer, loss ?? PlainLoss);

    /// <summary>A trainer that learns from a set of samples inside the frames of a running game: call its Tick once a frame.</summary>
    /// <inheritdoc cref="InFrameTrainer(NeuralPlugin.Network, TrainingSet, TrainerOptions?)"/>
    public InFrameTrainer TrainOn(TrainingSet samples, TrainerOptions? options = null) => new(Network, samples, options);

    /// <summary>A copy of the parameters as they are now. Waits and allocates.</summary>
    public ClassifierParameters GetParameters() => ToParameters([.. Network.Parameters.Select(parameter => parameter.GetValues())]);

    /// <summary>
    /// A copy of the parameters as they are now, without holding up the frame: they are copied on the GPU and read back in a later
    /// <see cref="NeuralDevice.Update"/>. The call allocates, a buffer on the GPU among others, and does not wait.
    /// </summary>
    /// <remarks>
    /// If the driver has skipped a step of an <see cref="InFrameTrainer"/> and its record has not arrived yet, the parameters may be those of one step before.
    /// Do not wait for the task on the device's thread (Wait, Result): it completes only after a later Update, which then never comes. Await it, ask
    /// whether it is completed, or call <see cref="NeuralDevice.WaitFor"/>.
    /// </remarks>
    /// <returns>
    /// The parameters, on another thread, in arrays that belong to the caller. It fails with <see cref="ObjectDisposedException"/> if the device was disposed before the readback, and with
    /// <see cref="ContextLostException"/> if its context was lost.
    /// </returns>
    /// <exception cref="DeviceLimitException">The driver has no memory for the copy.</exception>
    public Task<ClassifierParameters> GetParametersAsync()
    {
        return Take(Network.ReadParametersAsync());   // which may throw now

        async Task<ClassifierParameters> Take(Task<float[][]> reading) => ToParameters(await reading.ConfigureAwait(false));
    }

    /// <summary>Replaces all parameters, or none if any is invalid.</summary>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetParameters"/> gives.</param>
    /// <exception cref="ArgumentNullException">An array is null; pass an empty one for an absent layer.</exception>
    /// <exception cref="ArgumentException">An array has the wrong length.</exception>
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
    /// <param name="path">The file, new or existing. If the process is killed at any moment, the old or the new file is there, complete.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous file is intact.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ModelContent model = ReadModel();
        FinishSaving();
        ModelFile.Save(path, Format, model);
    }

    /// <summary>
    /// Writes the current weights without holding up the frame: they are copied on the GPU, read back in a later
    /// <see cref="NeuralDevice.Update"/> and written on another thread. The call allocates a buffer on the GPU and does not wait.
    /// </summary>
    /// <remarks>
    /// The file is as safe as with <see cref="Save"/>; saves of one model are written in call order. Do not wait
    /// for the task on the device's thread (Wait, Result): it completes only after a later Update, which then never comes. A
    /// program that ends before the task does may leave the old file.
    /// </remarks>
    /// <param name="path">The file, new or existing.</param>
    /// <returns>
    /// Completes when the file is on the disk, on another thread. It fails with <see cref="NonFiniteValueException"/> or
    /// <see cref="FileWriteException"/> as <see cref="Save"/> does, and with <see cref="ObjectDisposedException"/> if the device
    /// was disposed before the readback.
    /// </returns>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the copy.</exception>
    public Task SaveAsync(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = Path.GetFullPath(path);   // relative to the folder that is current now
        return saving = WriteAfter(saving, Network.ReadParametersAsync(), path);
    }

    /// <summary>Replaces all weights with those of a file or checkpoint, or none if anything is invalid. Waits and allocates.</summary>
    /// <param name="path">The file, of a model of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is damaged or belongs to another model.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read it is denied.</exception>
    public void LoadParameters(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        SetLoaded(ModelFile.Load(path, Format, Sizes));
    }

    /// <summary>
    /// Writes the weights and the training state of one of their trainers: the optimizer and its state, the loss, the learning rate and
    /// the step count. <see cref="ResumeFrom"/> continues from there with the same bits. Waits as <see cref="Save"/> does.
    /// </summary>
    /// <param name="path">The file, new or existing. It also loads as a file of weights.</param>
    /// <param name="trainer">A trainer of this model.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid, or the trainer trains another network.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous file is intact.</exception>
    public void SaveCheckpoint(string path, BatchTrainer trainer)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(trainer);
        if (!trainer.Trains(Network)) throw new ArgumentException("The trainer trains another classifier or regressor. Pass one that TrainWith of this one made.", nameof(trainer));
        ModelContent model = ReadModel() with { Training = trainer.ReadState() };
        FinishSaving();
        ModelFile.Save(path, Format, model);
    }

    /// <summary>
    /// Loads a checkpoint: replaces the weights and makes a trainer that continues like the saved one, with the same bits
    /// for the same batches. Waits and allocates. If anything is wrong, nothing changes.
    /// </summary>
    /// <param name="path">A file of <see cref="SaveCheckpoint"/>, of a model of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid, or the network's kernels are of another family, or have computed in other configurations.</exception>
    /// <exception cref="ModelFileException">The file is damaged, belongs to another model, or is not a checkpoint.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read it is denied.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the optimizer's state.</exception>
    public BatchTrainer ResumeFrom(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        ModelContent model = ModelFile.Load(path, Format, Sizes, checkpoint: true);
        TrainingState training = model.Training!;
        if (training.Family != Network.KernelFamily)
        {
            throw new ArgumentException(
                $"The checkpoint {path} was made with the kernels '{training.Family}', but this network has '{Network.KernelFamily}', which do not give " +
                "the same bits. Call KernelFamily.Force before making the classifier or regressor, or load the parameters alone.", nameof(path));
        }

        if (!Network.KernelsInUse.TrySettle(training.Tuning))
        {
            throw new ArgumentException(
                $"The checkpoint {path} was made with kernels in other configurations than those that this network has already computed with, which do not give the same " +
                "bits. Resume before the first step or prediction, or load the parameters alone.", nameof(path));
        }

        BatchTrainer resumed = TrainWith(training.Optimizer, training.Loss);
        resumed.Restore(training);
        SetLoaded(model);
        return resumed;
    }

    /// <summary>Frees its textures at the device's next call. Any thread may call it; a second call does nothing.</summary>
    public void Dispose()
    {
        descent?.Dispose();
        Network.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The format of its files.</summary>
    private protected abstract ModelFormat Format { get; }

    /// <summary>The default loss.</summary>
    private protected abstract Loss PlainLoss { get; }

    /// <summary>Units per layer, from the inputs to the outputs.</summary>
    private int[] Sizes => [Inputs, .. Network.Parameters.Where((_, i) => i % 2 == 0).Select(weights => weights.Columns)];

    private protected void SetLoaded(ModelContent model) => Network.SetParameters([.. model.Parameters.Select((values, i) => (Network.Parameters[i].Name, values))]);

    /// <summary>Plain stochastic gradient descent on the default loss, one trainer for all calls.</summary>
    private protected BatchTrainer DescendBy(float learningRate)
    {
        Optimizer.RequireLearningRate(learningRate, nameof(learningRate));
        descent ??= TrainWith(new Sgd(learningRate));
        descent.LearningRate = learningRate;
        return descent;
    }

    /// <summary>The parameter arrays in the record's form; here those of two layers.</summary>
    private protected virtual ClassifierParameters ToParameters(float[][] arrays) => new(arrays[0], arrays[1], arrays[2], arrays[3]);

    /// <summary>The arrays in the order of the network's parameters, with their record names; here those of two layers.</summary>
    private protected virtual (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters)
    {
        return
        [
            (nameof(parameters.HiddenWeights), parameters.HiddenWeights), (nameof(parameters.HiddenBiases), parameters.HiddenBiases),
            (nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases),
        ];
    }

    private ModelContent ReadModel() => new(Sizes, [.. Network.Parameters.Select(parameter => parameter.GetValues())]);

    /// <summary>Finishes what SaveAsync began, so that an older save does not replace a newer one.</summary>
    private void FinishSaving()
    {
        while (!saving.IsCompleted)
        {
            Network.Device.Update();
            Task.WaitAny([saving], millisecondsTimeout: 1);   // its own caller gets the outcome
        }
    }

    private async Task WriteAfter(Task previous, Task<float[][]> reading, string path)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        float[][] parameters = await reading.ConfigureAwait(false);
        ModelFile.Save(path, Format, new ModelContent(Sizes, parameters));
    }
}
