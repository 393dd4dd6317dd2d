namespace NeuralPlugin;

/// <summary>
/// Thousands of independent classifiers of one shape that train in the dispatches of one. Each is
/// softmax(relu(x·W1 + b1)·W2 + b2), like a <see cref="TwoLayerClassifier"/>, with its own weights, and learns from its own
/// samples, sample weights and masks; members do not influence each other.
/// </summary>
/// <remarks>
/// Call from the thread on which the device's context is current, otherwise
/// <see cref="WrongContextException"/>; after Dispose of the population or its device, <see cref="ObjectDisposedException"/>;
/// both before anything has changed.
/// </remarks>
public sealed partial class NetworkPopulation : IDisposable
{
    private readonly NeuralDevice device;
    private readonly TargetLayout targetLayout;
    private readonly NetworkKernels kernels;
    private readonly PopulationGraph graph;
    private readonly Optimizer optimizer;
    private readonly PopulationParameters parameters;
    private readonly PopulationWorkspace workspace;
    private readonly PopulationLedger ledger;
    private readonly UnawaitedSteps unawaited;
    private float learningRate;
    private bool disposed;

    /// <summary>
    /// Makes the networks. Member m's weights start from the seed and m, W1 by He's rule and W2 by Glorot's, the same on every
    /// machine; biases start at zero. Member 0 starts like a <see cref="TwoLayerClassifier"/> of the same seed.
    /// </summary>
    /// <param name="device">The owning device.</param>
    /// <param name="members">The number of networks.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="hidden">Hidden units per network.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights.</param>
    /// <param name="optimizer">
    /// The optimizer of each step, with separate state for each member; null for plain <see cref="Sgd"/>. The learning rate is that of each call,
    /// not the optimizer's.
    /// </param>
    /// <param name="loss">The loss to minimize, which must take labels; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="ArgumentException">The loss takes no labels.</exception>
    /// <exception cref="DeviceLimitException">The networks are too large for one matrix of this device, or too many to run.</exception>
    public NetworkPopulation(
        NeuralDevice device, int members, int inputs, int hidden, int classes, int seed = 1, Optimizer? optimizer = null, Loss? loss = null)
        : this(device, members, inputs, hidden, classes, seed, optimizer, loss, outputWeightsOf: null)
    {
    }

    /// <summary>As above, with other initial output weights.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="members">The number of networks.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="hidden">Hidden units per network.</param>
    /// <param name="classes">Classes to choose from, at least 2.</param>
    /// <param name="seed">Chooses the initial weights.</param>
    /// <param name="optimizer">The optimizer of each step; null for plain <see cref="Sgd"/>.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy.</param>
    /// <param name="outputWeightsOf">The initial output weights of a member, [hidden × classes]; null for those from the seed.</param>
    internal NetworkPopulation(
        NeuralDevice device, int members, int inputs, int hidden, int classes, int seed, Optimizer? optimizer, Loss? loss, Func<int, float[]>? outputWeightsOf)
    {
        ArgumentNullException.ThrowIfNull(device);
        Members = Requirements.Size(members, "members");
        Inputs = Requirements.Size(inputs, "inputs");
        Hidden = Requirements.Size(hidden, "hidden units");
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A classifier needs at least 2 classes.");
        Classes = classes;
        this.device = device;
        this.optimizer = optimizer ?? new Sgd(0);
        loss ??= Loss.OfLabels;
        targetLayout = RequireLabels(loss, classes);
        Relu activation = new();
        Stack stack = new(inputs, [new Dense(hidden), activation, new Dense(classes)]);
        using NeuralDevice.Scope scope = device.Enter();
        kernels = new NetworkKernels(device);
        graph = new PopulationGraph(kernels.Current, new PopulationShape(members, inputs, hidden, classes), activation, loss);
        PopulationKernels layout = graph.Population;
        ParameterCount = (int)graph.Shape.ParameterCount;
        parameters = new PopulationParameters(device, layout, stack, this.optimizer, seed, outputWeightsOf);
        workspace = new PopulationWorkspace(device, kernels, graph, parameters);
        ledger = new PopulationLedger(device, parameters, workspace.Losses);
        unawaited = new UnawaitedSteps(device, TimeProvider.System);
    }

    /// <summary>The number of networks.</summary>
    public int Members { get; }

    /// <summary>Features per sample.</summary>
    public int Inputs { get; }

    /// <summary>Hidden units per network.</summary>
    public int Hidden { get; }

    /// <summary>Classes to choose from.</summary>
    public int Classes { get; }

    /// <summary>The number of parameters per member: (inputs + 1) · hidden + (hidden + 1) · classes.</summary>
    public int ParameterCount { get; }

    /// <summary>
    /// One optimizer step for every member, each on its own batch; all batches have the same size. The loss is that of
    /// <see cref="SoftmaxCrossEntropy"/>, (1 / batch) · Σ (weight · cross-entropy − entropyBonus · entropy), or the population's own.
    /// A member whose loss is not finite keeps its weights and their optimizer state; the others learn, and the step counts for all. A single parameter whose
    /// new value or state would not be finite keeps both.
    /// Waits only if losses are requested or the GPU is more than some twenty steps behind; allocates only when the batch size changes.
    /// </summary>
    /// <param name="features">[members × batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[members × batch], each a class.</param>
    /// <param name="learningRate">The step size; zero or more.</param>
    /// <param name="losses">[members], written: each batch's loss with the weights before the step. Empty for none.</param>
    /// <param name="sampleWeights">[members × batch]: the factor of each sample's cross-entropy, which may be zero or negative; empty for all ones.</param>
    /// <param name="allowedClasses">[members × batch × classes]: the classes allowed for each sample; empty for all.</param>
    /// <exception cref="ArgumentException">Lengths do not match the population or each other, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or the learning rate is negative, NaN or infinite.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    /// <exception cref="DispatchesSkippedException">
    /// A conditional render of the host is open, and the driver skipped the step: no member has changed. A skipped step without losses is reported by a
    /// later call that does nothing else, once <see cref="NeuralDevice.Update"/> has found it. If no step came after it, the weights are unchanged; otherwise
    /// training has continued, from weights at most one step older.
    /// </exception>
    public void TrainBatch(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, Span<float> losses = default,
        ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        TrainingBatch samples = TrainingBatch.Check(Inputs, targetLayout, features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));
        int rows = RowsOfMember(samples.Rows);
        Optimizer.RequireLearningRate(learningRate);
        if (!losses.IsEmpty) Requirements.Length(losses.Length, Members, "one loss per member, or none at all", nameof(losses));
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

    /// <summary>The probabilities of each member's batch, by its own network. Waits; allocates only when the batch size changes.</summary>
    /// <param name="features">[members × batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="probabilities">[members × batch × classes], written; each row sums to 1.</param>
    /// <exception cref="ArgumentException">Lengths do not match the population or each other.</exception>
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
    /// The kernels for training and prediction, for <see cref="NeuralDevice.WarmUp"/>, which tunes those of a population that has not computed anything yet
    /// (<see cref="KernelTuning"/>). Makes nothing and does not wait.
    /// </summary>
    /// <param name="rows">Samples per member's batch. Other row counts may need other kernels.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public KernelSet KernelsFor(int rows)
    {
        Requirements.Size(rows, "rows of a batch");
        return KernelsOf(kernels, graph, optimizer, rows);
    }

    /// <summary>A copy of one member's current parameters. Waits and allocates.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such member.</exception>
    public ClassifierParameters GetParameters(int member)
    {
        RequireMember(member);
        using NeuralDevice.Scope scope = Enter();
        return parameters.Read(member);
    }

    /// <summary>Replaces all parameters of one member, or none if any is invalid. Their optimizer state stays. Waits.</summary>
    /// <param name="member">The member, from 0.</param>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetParameters"/> gives.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such member.</exception>
    /// <exception cref="ArgumentException">An array has the wrong length.</exception>
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
        RequireWholeStep();
        this.parameters.Write(member, parameters);
        ledger.MakePendingStale();
    }

    /// <summary>Frees its textures at the device's next call. Any thread may call it; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        parameters.Dispose();
        workspace.Dispose();
        ledger.Dispose();
    }

    /// <summary>Its kernels, and the configurations that its plans have used.</summary>
    internal NetworkKernels KernelsInUse => kernels;

    /// <summary>Makes a forward pass to be enqueued repeatedly, one sample per member, with its own textures.</summary>
    /// <exception cref="DeviceLimitException">The samples are too large for this device.</exception>
    internal PopulationPrediction PlanPrediction()
    {
        using NeuralDevice.Scope scope = Enter();
        (MatrixTexture features, MatrixTexture outputs, Plan plan) = workspace.PlanPrediction();
        return new PopulationPrediction(this, features, outputs, plan);
    }

    /// <summary>Makes and compiles the step for this many rows per member, so that the first one is as fast as the others.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    internal void PrepareTraining(int rows)
    {
        using NeuralDevice.Scope scope = Enter();
        workspace.PrepareStep(rows);
    }

    /// <summary>Steps that do not count because the driver skipped them.</summary>
    internal long LostSteps => ledger.Lost;

    /// <summary>Collects the available results of steps that were not waited for, without waiting.</summary>
    /// <returns>The last step that the driver skipped (a conditional render of the host was open) and that was not yet reported; 0 for none.</returns>
    internal long TakeSkippedStep() => ledger.TakeSkippedStep();

    /// <summary>The results of a step some frames ago if each member guides its learning rate, else empty: [members × 4], (loss, divergence, rate, policy loss).</summary>
    internal ReadOnlySpan<float> LastSteps => ledger.LastSteps;

    /// <summary>The steps whose results are known: <see cref="LastSteps"/> are those of the last one.</summary>
    internal long KnownSteps => ledger.KnownSteps;

    /// <summary>The features of a step's batches, valid after <see cref="PrepareTraining"/> until a larger step is prepared.</summary>
    internal MatrixTexture TrainingFeatures => workspace.Features;

    /// <summary>Enqueues a step on batches already written to <see cref="TrainingFeatures"/> on the GPU, with the prepared row count, without waiting.</summary>
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

    /// <summary>Enqueues a prediction on features already written on the GPU.</summary>
    internal void EnqueueWritten(PopulationPrediction planned)
    {
        using NeuralDevice.Scope scope = Enter();
        planned.Run();
    }

    /// <summary>Rescales one output of every member, enqueued without waiting; the optimizer's state stays.</summary>
    /// <param name="rescale">A rescale of this population.</param>
    /// <param name="scales">[members × 2]: factor and offset.</param>
    internal void Rescale(PopulationRescale rescale, ReadOnlySpan<float> scales)
    {
        rescale.Add(scales);
        RescaleOpen(rescale);
    }

    /// <summary>Enqueues those rescales again of which it is not known that they ran: call before reading the weights.</summary>
    internal void RescaleOpen(PopulationRescale rescale)
    {
        if (rescale.RunOpen()) ledger.MakePendingStale();
    }

    /// <summary>Plans a rescale of one output of every member.</summary>
    internal PopulationRescale PlanRescale(int output)
    {
        using NeuralDevice.Scope scope = Enter();
        return new PopulationRescale(device, parameters.Kernels, parameters.Weights, output);
    }

    /// <summary>The textures to read back for <see cref="ReadStanding"/>, as they are now.</summary>
    internal IEnumerable<MatrixTexture> StandingTextures => [.. parameters.CommittedTextures, workspace.Losses];

    /// <summary>Captures the current state: weights, step count and optimizer state, from a later readback whose matrix of the given index is the first.</summary>
    internal Func<Readback, int, (float[][] Parameters, EnqueuedStanding Standing)> ReadStanding()
    {
        long steps = parameters.Steps;
        int states = parameters.StateCount;
        return (readback, first) => (
            parameters.Unpack(readback, first),
            new EnqueuedStanding(steps, [.. Enumerable.Range(1, states).Select(i => parameters.Unpack(readback, first + i))], workspace.RatesOf(readback, first + states + 1)));
    }

    /// <summary>What <see cref="ReadMember"/> needs to be read back, as it is now.</summary>
    internal MatrixTexture WeightTexture => parameters.WeightTexture;

    /// <summary>One member's parameters from a later readback of <see cref="WeightTexture"/>, into the four arrays of <see cref="ClassifierParameters"/>.</summary>
    internal void ReadMember(Readback readback, int member, float[][] into) => parameters.Unpack(readback, member, into);

    /// <summary>Replaces all members' parameters and, if given, their training state.</summary>
    internal void Restore(float[][] values, EnqueuedStanding? standing)
    {
        using NeuralDevice.Scope scope = Enter();
        RequireWholeStep();
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

    /// <summary>Refers to no population, since the device keeps it until the kernels are warm.</summary>
    private static KernelSet KernelsOf(NetworkKernels kernels, PopulationGraph graph, Optimizer optimizer, int rows)
    {
        IEnumerable<Dispatch> Step(FamilyKernels configured) => (graph with { Kernels = configured }).PlannedStep(rows, optimizer);
        IEnumerable<Dispatch> All(FamilyKernels configured) => Step(configured).Append((graph with { Kernels = configured }).PlannedForward(rows, softmax: true));
        return kernels.SetOf(rows, All, All);
    }

    internal NeuralDevice.Scope Enter()
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
            $"A population learns from labels, so its loss must take labels, such as {nameof(SoftmaxCrossEntropy)}, but got {loss.Name}.", nameof(loss));
    }
}
