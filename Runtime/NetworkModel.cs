namespace NeuralPlugin;

/// <summary>
/// A network that is ready to use: it learns from samples, predicts and lives in files. Its weights live in textures; all of its arithmetic runs in
/// compute shaders. What there is: a <see cref="Classifier"/> tells classes, a <see cref="Regressor"/> gives values.
/// </summary>
/// <remarks>
/// All calls but <see cref="SaveAsync"/> and those that ask for a later answer (RequestPrediction) wait for the GPU. All come from the thread on
/// which the device's context is current, else they throw <see cref="WrongContextException"/>; after Dispose of the model or its device,
/// <see cref="ObjectDisposedException"/>. Whatever they throw, the weights are as before.
/// </remarks>
public abstract class NetworkModel : IDisposable
{
    private BatchTrainer? descent;
    private Task saving = Task.CompletedTask;

    private protected NetworkModel(NeuralDevice device, int inputs, int seed, params Layer[] layers) =>
        Network = new Network(device, seed, inputs, layers);

    /// <summary>Features of a sample.</summary>
    public int Inputs => Network.Inputs;

    /// <summary>Numbers that it learns: (inputs + 1) · units for each of its layers.</summary>
    public int ParameterCount => Network.ParameterCount;

    /// <summary>The stack beneath.</summary>
    public Network Network { get; }

    /// <summary>A trainer with an optimizer and a loss of one's choice, for batches that the caller hands over.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy with a classifier and for <see cref="MeanSquaredError"/> with a regressor.</param>
    public BatchTrainer TrainWith(Optimizer optimizer, Loss? loss = null) => new(Network, optimizer, loss ?? PlainLoss);

    /// <summary>A trainer that learns from a set of samples inside the frames of a running game: call its Tick once a frame.</summary>
    /// <inheritdoc cref="InFrameTrainer(NeuralPlugin.Network, TrainingSet, TrainerOptions?)"/>
    public InFrameTrainer TrainOn(TrainingSet samples, TrainerOptions? options = null) => new(Network, samples, options);

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
        ModelFile.Save(path, Format, model);
    }

    /// <summary>
    /// Writes the weights as they are now, without holding up the frame: they are copied on the GPU, read back in a later
    /// <see cref="NeuralDevice.Update"/> and written on another thread. The call allocates a buffer on the GPU and does not wait.
    /// </summary>
    /// <remarks>
    /// The file is safe as with <see cref="Save"/>; saves of one model are written in the order of their calls. Do not wait
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
    /// <param name="path">The file, of a model of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or that of another model.</exception>
    /// <exception cref="IOException">There is no such file, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    public void LoadParameters(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        SetLoaded(ModelFile.Load(path, Format, Sizes));
    }

    /// <summary>
    /// Writes the weights and where a trainer of them stands: its optimizer, that one's state, its loss, its learning rate and
    /// its steps. <see cref="ResumeFrom"/> goes on from there with the same bits. Waits as <see cref="Save"/> does.
    /// </summary>
    /// <param name="path">The file, new or old. It is a file of weights too.</param>
    /// <param name="trainer">A trainer of this model.</param>
    /// <exception cref="ArgumentException">The path is empty or no path, or the trainer trains another network.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; what was there before is whole.</exception>
    public void SaveCheckpoint(string path, BatchTrainer trainer)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(trainer);
        if (!trainer.Trains(Network)) throw new ArgumentException("The trainer trains another classifier or regressor. Hand over one that TrainWith of this one made.", nameof(trainer));
        ModelContent model = ReadModel() with { Training = trainer.ReadState() };
        FinishSaving();
        ModelFile.Save(path, Format, model);
    }

    /// <summary>
    /// Loads a checkpoint: replaces the weights and makes a trainer that goes on as the one that was saved, with the same bits
    /// for the same batches. Waits and allocates. If anything is wrong, nothing changes.
    /// </summary>
    /// <param name="path">A file of <see cref="SaveCheckpoint"/>, of a model of the same kind and sizes.</param>
    /// <exception cref="ArgumentException">The path is empty or no path, or the network's kernels are of another family.</exception>
    /// <exception cref="ModelFileException">The file is damaged, that of another model, or no checkpoint.</exception>
    /// <exception cref="IOException">There is no such file, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the optimizer's state.</exception>
    public BatchTrainer ResumeFrom(string path)
    {
        using NeuralDevice.Scope scope = Network.Enter();
        ModelContent model = ModelFile.Load(path, Format, Sizes, checkpoint: true);
        TrainingState training = model.Training!;
        if (training.Family != Network.KernelFamily)
        {
            throw new ArgumentException(
                $"The checkpoint {path} was made with the kernels '{training.Family}', and this network has '{Network.KernelFamily}', which do not give " +
                "the same bits. Call KernelFamily.Force before making the classifier or regressor, or load the parameters alone.", nameof(path));
        }

        BatchTrainer resumed = TrainWith(training.Optimizer, training.Loss);
        resumed.Restore(training);
        SetLoaded(model);
        return resumed;
    }

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        descent?.Dispose();
        Network.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What its files are.</summary>
    private protected abstract ModelFormat Format { get; }

    /// <summary>The loss where none is chosen.</summary>
    private protected abstract Loss PlainLoss { get; }

    /// <summary>Units from the inputs to the outputs.</summary>
    private int[] Sizes => [Inputs, .. Network.Parameters.Where((_, i) => i % 2 == 0).Select(weights => weights.Columns)];

    private protected void SetLoaded(ModelContent model) => Network.SetParameters([.. model.Parameters.Select((values, i) => (Network.Parameters[i].Name, values))]);

    /// <summary>Plain stochastic gradient descent on the plain loss, one trainer for all calls.</summary>
    private protected BatchTrainer DescendBy(float learningRate)
    {
        Optimizer.RequireLearningRate(learningRate, nameof(learningRate));
        descent ??= TrainWith(new Sgd(learningRate));
        descent.LearningRate = learningRate;
        return descent;
    }

    /// <summary>The arrays of the network's parameters as the record has them; here those of two layers.</summary>
    private protected virtual ClassifierParameters ToParameters(float[][] arrays) => new(arrays[0], arrays[1], arrays[2], arrays[3]);

    /// <summary>The arrays in the order of the network's parameters, with their names in the record; here those of two layers.</summary>
    private protected virtual (string Name, float[] Values)[] ToArrays(ClassifierParameters parameters)
    {
        return
        [
            (nameof(parameters.HiddenWeights), parameters.HiddenWeights), (nameof(parameters.HiddenBiases), parameters.HiddenBiases),
            (nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases),
        ];
    }

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
        ModelFile.Save(path, Format, new ModelContent(Sizes, parameters));
    }
}
