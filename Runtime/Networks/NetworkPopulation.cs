namespace NeuralPlugin;

/// <summary>
/// Thousands of independent classifiers of one shape that train in the dispatches of one. Each is
/// softmax(relu(x·W1 + b1)·W2 + b2), as <see cref="TwoLayerClassifier"/>, with its own weights, and learns from its own
/// samples, sample weights and masks; nothing of one member reaches another.
/// </summary>
/// <remarks>
/// Every call comes from the thread on which the device's context is current, else it throws
/// <see cref="WrongContextException"/>; with the population or its device disposed, <see cref="ObjectDisposedException"/>;
/// both before anything has changed.
/// </remarks>
public sealed class NetworkPopulation : IDisposable
{
    private readonly NeuralDevice device;
    private readonly TargetLayout targetLayout;
    private readonly PopulationParameters parameters;
    private readonly PopulationWorkspace workspace;
    private readonly PopulationLedger ledger;
    private readonly UnawaitedSteps unawaited;
    private float learningRate;
    private bool disposed;

    /// <summary>
    /// Makes the networks. Member m's weights start from the seed and m, W1 by He's rule and W2 by Glorot's, the same on every
    /// machine; biases start at zero. Member 0 starts as a <see cref="TwoLayerClassifier"/> of the same seed.
    /// </summary>
    /// <param name="device">Where they live.</param>
    /// <param name="members">Networks.</param>
    /// <param name="inputs">Features of a sample.</param>
    /// <param name="hidden">Hidden units of each.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights.</param>
    /// <param name="optimizer">
    /// The optimizer of every step, with a state of its own for each member; null for plain <see cref="Sgd"/>. The learning rate is that of each call,
    /// not the optimizer's.
    /// </param>
    /// <param name="loss">The loss to minimize, one of labels; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="ArgumentException">The loss takes no labels.</exception>
    /// <exception cref="DeviceLimitException">The networks are too large for one matrix of this device, or more than it runs.</exception>
    public NetworkPopulation(
        NeuralDevice device, int members, int inputs, int hidden, int classes, int seed = 1, Optimizer? optimizer = null, Loss? loss = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        Members = Requirements.Size(members, "members");
        Inputs = Requirements.Size(inputs, "inputs");
        Hidden = Requirements.Size(hidden, "hidden units");
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A classifier needs at least 2 classes.");
        Classes = classes;
        this.device = device;
        loss ??= Loss.OfLabels;
        targetLayout = RequireLabels(loss, classes);
        Relu activation = new();
        Stack stack = new(inputs, [new Dense(hidden), activation, new Dense(classes)]);
        using NeuralDevice.Scope scope = device.Enter();
        FamilyKernels family = KernelFamily.Of(device).For(device.Limits);
        PopulationKernels kernels = family.Population(new PopulationShape(members, inputs, hidden, classes));
        ParameterCount = (int)kernels.Shape.ParameterCount;
        parameters = new PopulationParameters(device, kernels, stack, optimizer ?? new Sgd(0), seed);
        workspace = new PopulationWorkspace(device, family, kernels, parameters, activation, loss);
        ledger = new PopulationLedger(device, parameters, workspace.Losses);
        unawaited = new UnawaitedSteps(device);
    }

    /// <summary>Networks.</summary>
    public int Members { get; }

    /// <summary>Features of a sample.</summary>
    public int Inputs { get; }

    /// <summary>Hidden units of each network.</summary>
    public int Hidden { get; }

    /// <summary>Classes to choose from.</summary>
    public int Classes { get; }

    /// <summary>Numbers that one member learns: (inputs + 1) · hidden + (hidden + 1) · classes.</summary>
    public int ParameterCount { get; }

    /// <summary>
    /// One step of the optimizer for every member, each on its own batch; all batches have the same size. The loss is that of
    /// <see cref="SoftmaxCrossEntropy"/>, (1 / batch) · Σ (weight · cross-entropy − entropyBonus · entropy), or the one that the population was made with.
    /// A member whose loss is not finite keeps its weights and the optimizer's state of them; the others learn, and the step counts for all.
    /// Waits for the GPU only where losses are asked for, or where the GPU is more than some twenty steps behind; allocates only when the batch size is another than the last one's.
    /// </summary>
    /// <param name="features">[members × batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[members × batch], each a class.</param>
    /// <param name="learningRate">The factor of the step; zero or more.</param>
    /// <param name="losses">[members], written: the loss of each one's batch with the weights before the step. Empty for none.</param>
    /// <param name="sampleWeights">[members × batch]: the factor of each sample's cross-entropy, zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[members × batch × classes]: which classes each sample may be; empty for all.</param>
    /// <exception cref="ArgumentException">Lengths do not fit the population or each other, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or the learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    /// <exception cref="DispatchesSkippedException">
    /// A conditional render of the host is open, and the driver skipped the step: no member has changed. A step without losses is told of by a later call,
    /// once <see cref="NeuralDevice.Update"/> has found it, which then does nothing else; if no step came after it, the weights are what they were, otherwise
    /// training has gone on, from weights that are at most one step older.
    /// </exception>
    public void TrainBatch(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, Span<float> losses = default,
        ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        TrainingBatch samples = TrainingBatch.Check(Inputs, targetLayout, features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));
        int rows = RowsOfMember(samples.Rows);
        Optimizer.RequireLearningRate(learningRate);
        if (!losses.IsEmpty) Requirements.Length(losses.Length, Members, "one loss a member, or none at all", nameof(losses));
        using NeuralDevice.Scope scope = Enter();
        if (TakeSkippedStep() is > 0 and var step) throw StepSides.ExceptionOf(step, nameof(TrainBatch));
        Upload(samples, rows, learningRate);
        if (losses.IsEmpty)
        {
            RepeatStep();
            unawaited.Add();
            return;
        }

        ledger.BeginStep(learningRate);
        bool hasRun = workspace.TryRunStep(losses);
        if (hasRun) ledger.CommitStep();
        else ledger.MakePendingStale();
        if (!hasRun) throw DispatchesSkippedException.OfCall();
    }

    /// <summary>The probabilities of every member's batch, by its own network. Waits; allocates only when the batch size is another than the last one's.</summary>
    /// <param name="features">[members × batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="probabilities">[members × batch × classes], written; each row sums to 1.</param>
    /// <exception cref="ArgumentException">Lengths do not fit the population or each other.</exception>
    /// <exception cref="NonFiniteValueException">A feature is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the prediction. Nothing is written.</exception>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities)
    {
        int samples = TrainingBatch.CheckFeatures(features, Inputs);
        int rows = RowsOfMember(samples);
        Requirements.Length(probabilities.Length, (long)samples * Classes, $"{samples} samples × {Classes} classes", nameof(probabilities));
        using NeuralDevice.Scope scope = Enter();
        workspace.PreparePrediction(rows);
        workspace.Features.Upload(features);
        if (!workspace.TryPredict(probabilities)) throw DispatchesSkippedException.OfCall();
    }

    /// <summary>
    /// The kernels that training and predicting need, for <see cref="NeuralDevice.WarmUp"/>. Makes nothing, waits for nothing.
    /// </summary>
    /// <param name="rows">Samples of each member's batch. Other numbers of rows may need other kernels.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public KernelSet KernelsFor(int rows)
    {
        Requirements.Size(rows, "rows of a batch");
        return new KernelSet(workspace.KernelsFor(rows));
    }

    /// <summary>A copy of one member's parameters as they are now. Waits and allocates.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such member.</exception>
    public ClassifierParameters GetParameters(int member)
    {
        RequireMember(member);
        using NeuralDevice.Scope scope = Enter();
        return parameters.Read(member);
    }

    /// <summary>Replaces one member's parameters, all of them or, if one is wrong, none. The optimizer's state of them stays. Waits.</summary>
    /// <param name="member">Which, from 0.</param>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetParameters"/> gives.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such member.</exception>
    /// <exception cref="ArgumentException">An array has another length.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    public void SetParameters(int member, ClassifierParameters parameters)
    {
        RequireMember(member);
        ArgumentNullException.ThrowIfNull(parameters);
        Check(parameters.HiddenWeights, Inputs * Hidden, $"{Inputs} × {Hidden} hidden weights", nameof(parameters.HiddenWeights));
        Check(parameters.HiddenBiases, Hidden, $"{Hidden} hidden biases", nameof(parameters.HiddenBiases));
        Check(parameters.OutputWeights, Hidden * Classes, $"{Hidden} × {Classes} output weights", nameof(parameters.OutputWeights));
        Check(parameters.OutputBiases, Classes, $"{Classes} output biases", nameof(parameters.OutputBiases));
        using NeuralDevice.Scope scope = Enter();
        this.parameters.Write(member, parameters);
        ledger.MakePendingStale();
    }

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        parameters.Dispose();
        workspace.Dispose();
        ledger.Dispose();
    }

    /// <summary>Makes a forward pass that is enqueued again and again, of one sample a member, with textures of its own.</summary>
    /// <exception cref="DeviceLimitException">The samples are too large for this device.</exception>
    internal PopulationPrediction PlanPrediction()
    {
        using NeuralDevice.Scope scope = Enter();
        (MatrixTexture features, MatrixTexture outputs, Plan plan) = workspace.PlanPrediction();
        return new PopulationPrediction(this, features, outputs, plan);
    }

    /// <summary>Makes and compiles what a step of so many rows a member needs, so that the first one is as quick as the others.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    internal void PrepareTraining(int rows)
    {
        using NeuralDevice.Scope scope = Enter();
        workspace.PrepareStep(rows);
    }

    /// <summary>Steps that do not count, since the driver has skipped them.</summary>
    internal long LostSteps => ledger.Lost;

    /// <summary>Takes what has come of the steps that nobody waited for, without waiting.</summary>
    /// <returns>The last one that the driver has skipped (a conditional render of the host was open), of those that were not told yet; 0 where there is none.</returns>
    internal long TakeSkippedStep() => ledger.TakeSkippedStep();

    /// <summary>A step that is enqueued without waiting, as <see cref="TrainBatch"/> without losses; skipped steps are told by <see cref="TakeSkippedStep"/> alone.</summary>
    internal void EnqueueBatch(ReadOnlySpan<float> features, BatchTargets batchTargets, float learningRate)
    {
        TrainingBatch samples = TrainingBatch.Check(Inputs, targetLayout, features, batchTargets);
        int rows = RowsOfMember(samples.Rows);
        using NeuralDevice.Scope scope = Enter();
        Upload(samples, rows, learningRate);
        RepeatStep();
    }

    /// <summary>The features of a step's batches, after <see cref="PrepareTraining"/> and until one of more rows.</summary>
    internal MatrixTexture TrainingFeatures => workspace.Features;

    /// <summary>A step on batches that were written into <see cref="TrainingFeatures"/> on the GPU, of as many rows as were prepared; enqueued without waiting.</summary>
    internal void TrainWrittenBatch(BatchTargets batchTargets, float learningRate)
    {
        targetLayout.Check(Members * workspace.StepRows, batchTargets);
        Optimizer.RequireLearningRate(learningRate);
        using NeuralDevice.Scope scope = Enter();
        workspace.UploadTargets(batchTargets);
        this.learningRate = learningRate;
        RepeatStep();
    }

    /// <summary>Enqueues a prediction without waiting.</summary>
    internal void Enqueue(PopulationPrediction planned, ReadOnlySpan<float> features)
    {
        using NeuralDevice.Scope scope = Enter();
        planned.Features.Upload(features);
        EnqueueWritten(planned);
    }

    /// <summary>Enqueues a prediction on features that were written on the GPU.</summary>
    internal void EnqueueWritten(PopulationPrediction planned)
    {
        using NeuralDevice.Scope scope = Enter();
        planned.Run();
    }

    /// <summary>Enqueues a step on the batches that the last one had, at its learning rate, without waiting.</summary>
    internal void RepeatStep()
    {
        using NeuralDevice.Scope scope = Enter();
        ledger.BeginStep(learningRate);
        workspace.RunStep();
        ledger.CommitStep();
    }

    /// <summary>Replaces the output weights of each member, [hidden × classes]. Waits.</summary>
    internal void SetOutputWeights(Func<int, float[]> weightsOf)
    {
        for (int member = 0; member < Members; member++) SetParameters(member, GetParameters(member) with { OutputWeights = weightsOf(member) });
    }

    /// <summary>Puts one output of every member on another scale, enqueued without waiting; the optimizer's state stays.</summary>
    /// <param name="rescale">Of this population.</param>
    /// <param name="scales">[members × 2]: factor and offset.</param>
    internal void Rescale(PopulationRescale rescale, ReadOnlySpan<float> scales)
    {
        using NeuralDevice.Scope scope = Enter();
        rescale.Run(scales);
        ledger.MakePendingStale();
    }

    /// <summary>What rescales an output of every member.</summary>
    internal PopulationRescale PlanRescale(int output)
    {
        using NeuralDevice.Scope scope = Enter();
        return new PopulationRescale(device, parameters.Kernels, parameters.Weights, output);
    }

    /// <summary>What <see cref="ReadStanding"/> needs to be read back, as it is now.</summary>
    internal IEnumerable<MatrixTexture> StandingTextures => [.. parameters.CommittedTextures, workspace.Losses];

    /// <summary>Where it stands at this moment: the weights, and the steps with the optimizer's state, from a later readback, whose matrix of this number is the first.</summary>
    internal Func<Readback, int, (float[][] Parameters, EnqueuedStanding Standing)> ReadStanding()
    {
        long steps = parameters.Steps;
        int states = parameters.StateCount;
        return (readback, first) => (
            parameters.Unpack(readback, first),
            new EnqueuedStanding(steps, [.. Enumerable.Range(1, states).Select(i => parameters.Unpack(readback, first + i))], workspace.RatesOf(readback, first + states + 1)));
    }

    /// <summary>Replaces all members' parameters and, where it is given, where their training stands.</summary>
    internal void Restore(float[][] values, EnqueuedStanding? standing)
    {
        using NeuralDevice.Scope scope = Enter();
        parameters.WriteAll(values, standing?.Moments ?? [], standing?.Steps ?? parameters.Steps);
        if (standing is not null) workspace.SetRates(standing.Rates);
        ledger.MakePendingStale();
    }

    private static void Check(float[] values, int count, string what, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        Requirements.Length(values.Length, count, what, name);
        Requirements.Finite(values, what, name);
    }

    private NeuralDevice.Scope Enter()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return device.Enter();
    }

    private void Upload(TrainingBatch samples, int rows, float learningRate)
    {
        workspace.PrepareStep(rows);
        workspace.Features.Upload(samples.Features);
        workspace.UploadTargets(samples.Targets);
        this.learningRate = learningRate;
    }

    private int RowsOfMember(int samples)
    {
        return samples % Members == 0 ? samples / Members : throw new ArgumentException(
            $"Expected the same number of samples for each of the {Members} members, but got {samples} samples.", nameof(samples));
    }

    private void RequireMember(int member)
    {
        if ((uint)member >= (uint)Members)
            throw new ArgumentOutOfRangeException(nameof(member), member, $"The members are 0 to {Members - 1}.");
    }

    private static TargetLayout RequireLabels(Loss loss, int classes)
    {
        return loss.TargetsFor(classes) is { } layout and (LabelTargets or DecisionTargets or ComposedTargets) ? layout : throw new ArgumentException(
            $"A population learns from labels, so it takes a loss of labels, such as {nameof(SoftmaxCrossEntropy)}, but got {loss.Name}.", nameof(loss));
    }
}
