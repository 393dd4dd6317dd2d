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
    private const int Matrices = 4;   // W1, b1, W2 and b2: streams of the initial values

    private readonly NeuralDevice device;
    private readonly PopulationLayout layout;
    private readonly Sgd optimizer;
    private readonly SoftmaxCrossEntropy loss;
    private readonly CommitClock clock = new();
    private readonly PingPongMatrix weights;
    private readonly PingPongMatrix? velocities;
    private readonly MatrixTexture batchLosses;
    private readonly KernelArguments<float> scalars;
    private readonly TargetLayout targetLayout;
    private readonly float[] row;
    private MatrixTexture? features;
    private MatrixTexture? targets;
    private MatrixTexture? probabilities;
    private Dispatch[] step = [];
    private Dispatch[] prediction = [];
    private int stepRows;
    private int predictionRows;
    private uint[] targetWords = [];
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
    /// Momentum and weight decay of every step; null for neither. The learning rate is that of each call, not the optimizer's.
    /// </param>
    /// <param name="loss">What is made small; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="DeviceLimitException">The networks are too large for one matrix of this device, or more than it runs.</exception>
    public NetworkPopulation(
        NeuralDevice device, int members, int inputs, int hidden, int classes, int seed = 1, Sgd? optimizer = null, SoftmaxCrossEntropy? loss = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        Members = Requirements.Size(members, "members");
        Inputs = Requirements.Size(inputs, "inputs");
        Hidden = Requirements.Size(hidden, "hidden units");
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A classifier needs at least 2 classes.");
        Classes = classes;
        this.device = device;
        this.optimizer = optimizer ?? new Sgd(0);
        this.loss = loss ?? new SoftmaxCrossEntropy();
        scalars = new KernelArguments<float>(
            ("learningRate", 0), ("momentum", this.optimizer.Momentum), ("weightDecay", this.optimizer.WeightDecay), ("entropyBonus", this.loss.EntropyBonus));
        targetLayout = this.loss.TargetsFor(classes);
        using NeuralDevice.Scope scope = device.Enter();
        layout = PopulationLayout.For(members, inputs, hidden, classes);
        MatrixShape shape = layout.Shape(device, members);
        device.RequireWritable(shape);
        MatrixShape lossShape = device.Shape(members, 1, "The losses of a population");
        weights = new PingPongMatrix(device, clock, shape);
        weights.EnsurePending();
        if (this.optimizer.State.Count > 0)
        {
            velocities = new PingPongMatrix(device, clock, shape);
            velocities.EnsurePending();
        }

        batchLosses = new MatrixTexture(device, lossShape);
        row = new float[shape.Columns];
        Initialize(seed);
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
    public int ParameterCount => (int)layout.ParameterCount;

    /// <summary>
    /// One step of stochastic gradient descent for every member, each on its own batch; all batches have the same size. As
    /// <see cref="Sgd"/>, with the loss of <see cref="SoftmaxCrossEntropy"/>, (1 / batch) · Σ (weight · cross-entropy −
    /// entropyBonus · entropy). A member whose loss is not finite keeps its weights (and its velocity); the others learn.
    /// Waits for the GPU only where losses are asked for; allocates only when the batch size is another than the last one's.
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
    public void TrainBatch(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate, Span<float> losses = default,
        ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        TrainingBatch samples = TrainingBatch.Check(Inputs, targetLayout, features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));
        int rows = RowsOfMember(samples.Rows);
        Optimizer.RequireLearningRate(learningRate);
        if (!losses.IsEmpty) Requirements.Length(losses.Length, Members, "one loss a member, or none at all", nameof(losses));
        using NeuralDevice.Scope scope = Enter();
        PrepareStep(rows);
        this.features!.Upload(samples.Features);
        UploadTargets(samples.Targets, samples.Rows);
        scalars["learningRate"] = learningRate;
        RepeatStep();
        if (!losses.IsEmpty) batchLosses.Read(losses);
    }

    /// <summary>The probabilities of every member's batch, by its own network. Waits; allocates only when the batch size is another than the last one's.</summary>
    /// <param name="features">[members × batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="probabilities">[members × batch × classes], written; each row sums to 1.</param>
    /// <exception cref="ArgumentException">Lengths do not fit the population or each other.</exception>
    /// <exception cref="NonFiniteValueException">A feature is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold or run.</exception>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities)
    {
        int samples = TrainingBatch.CheckFeatures(features, Inputs);
        int rows = RowsOfMember(samples);
        Requirements.Length(probabilities.Length, (long)samples * Classes, $"{samples} samples × {Classes} classes", nameof(probabilities));
        using NeuralDevice.Scope scope = Enter();
        PreparePrediction(rows);
        this.features!.Upload(features);
        device.Run(prediction, rows);
        this.probabilities!.Read(probabilities);
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
        PlannedMatrix samples = new(FeatureShape(rows), "Features"), labels = new(TargetShape(rows), "Labels", TexelFormat.UnsignedInteger);
        PlannedMatrix results = new(ProbabilityShape(rows), "Probabilities");
        return new KernelSet([.. StepDispatches(rows, samples, labels), PredictionDispatch(rows, samples, results)]);
    }

    /// <summary>A copy of one member's parameters as they are now. Waits and allocates.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such member.</exception>
    public ClassifierParameters GetParameters(int member)
    {
        RequireMember(member);
        using NeuralDevice.Scope scope = Enter();
        weights.CommittedTexture.Read(row, member / PopulationLayout.GroupSize);
        return layout.Unpack(member, row);
    }

    /// <summary>Replaces one member's parameters, all of them or, if one is wrong, none. Its velocity, if any, stays. Waits.</summary>
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
        MatrixTexture texture = weights.CommittedTexture;
        int sharedRow = member / PopulationLayout.GroupSize;
        texture.Read(row, sharedRow);
        layout.Pack(parameters, member, row);
        texture.Upload<float>(row, sharedRow);
    }

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        weights.Dispose();
        velocities?.Dispose();
        batchLosses.Dispose();
        features?.Dispose();
        targets?.Dispose();
        probabilities?.Dispose();
    }

    /// <summary>Makes a forward pass that is enqueued again and again, of one sample a member, with textures of its own.</summary>
    /// <exception cref="DeviceLimitException">The samples are too large for this device.</exception>
    internal PopulationPrediction PlanPrediction()
    {
        using NeuralDevice.Scope scope = Enter();
        MatrixTexture own = new(device, device.Shape(Members, Inputs, "The features of a population"));
        MatrixTexture results = new(device, device.Shape(Members, Classes, "The outputs of a population"));
        Dispatch dispatch = PredictionDispatch(1, own, results, logits: true);
        device.Compile(dispatch);
        return new PopulationPrediction(this, own, results, dispatch);
    }

    /// <summary>Makes and compiles what a step of so many rows a member needs, so that the first one is as quick as the others.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    internal void PrepareTraining(int rows)
    {
        using NeuralDevice.Scope scope = Enter();
        PrepareStep(rows);
    }

    /// <summary>The features of a step's batches, after <see cref="PrepareTraining"/> and until one of more rows.</summary>
    internal MatrixTexture TrainingFeatures => features!;

    /// <summary>A step on batches that were written into <see cref="TrainingFeatures"/> on the GPU, of as many rows as were prepared; enqueued without waiting.</summary>
    internal void TrainWrittenBatch(
        ReadOnlySpan<int> labels, float learningRate, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        BatchTargets batchTargets = BatchTargets.OfLabels(labels, sampleWeights, allowedClasses);
        targetLayout.Check(Members * stepRows, batchTargets);
        Optimizer.RequireLearningRate(learningRate);
        using NeuralDevice.Scope scope = Enter();
        UploadTargets(batchTargets, Members * stepRows);
        scalars["learningRate"] = learningRate;
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
        device.Run(planned.Dispatches, 1);
    }

    /// <summary>Enqueues a step on the batches that the last call of <see cref="TrainBatch"/> uploaded, without waiting: what benchmarks time.</summary>
    internal void RepeatStep()
    {
        using NeuralDevice.Scope scope = Enter();
        device.Run(step, stepRows);
        clock.Commit();
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

    private int RowsOfMember(int samples)
    {
        return samples % Members == 0 ? samples / Members : throw new ArgumentException(
            $"Expected the same number of samples for each of the {Members} members, but {samples} samples came.", nameof(samples));
    }

    private void RequireMember(int member)
    {
        if ((uint)member >= (uint)Members)
            throw new ArgumentOutOfRangeException(nameof(member), member, $"The members are 0 to {Members - 1}.");
    }

    private void Initialize(int seed)
    {
        ClassifierParameters start = layout.Allocate();
        float hiddenBound = (float)Math.Sqrt(6.0 / Inputs), outputBound = (float)Math.Sqrt(6.0 / ((double)Hidden + Classes));
        for (int member = 0; member < Members; member++)
        {
            Fill(start.HiddenWeights, new SeededRandom((ulong)seed, (ulong)member * Matrices), hiddenBound);
            Fill(start.OutputWeights, new SeededRandom((ulong)seed, ((ulong)member * Matrices) + 2), outputBound);
            layout.Pack(start, member, row);
            bool last = member == Members - 1;
            if (!last && (member + 1) % PopulationLayout.GroupSize != 0) continue;
            weights.CommittedTexture.Upload<float>(row, member / PopulationLayout.GroupSize);
            Array.Clear(row);
        }

        static void Fill(float[] values, SeededRandom random, float bound)
        {
            for (int i = 0; i < values.Length; i++) values[i] = ((random.NextSingle() * 2) - 1) * bound;
        }
    }

    /// <summary>The textures and dispatches of a step of so many rows a member, if they are not those of the last one.</summary>
    private void PrepareStep(int rows)
    {
        if (stepRows == rows && targets is not null) return;
        MatrixShape targetShape = TargetShape(rows);
        stepRows = 0;   // until those of so many rows are whole
        EnsureFeatures(rows);
        Grow(ref targets, targetShape, TexelFormat.UnsignedInteger);
        step = [.. StepDispatches(rows, features!, targets!)];
        foreach (Dispatch dispatch in step) device.Compile(dispatch);
        stepRows = rows;
    }

    private IEnumerable<Dispatch> StepDispatches(int rows, Operand samples, Operand labels)
    {
        int rowsPerDispatch = RowsPerDispatch(rows);
        for (int firstRow = 0; firstRow < rows; firstRow += rowsPerDispatch) yield return StepDispatch(firstRow, rowsPerDispatch, samples, labels);
    }

    private Dispatch StepDispatch(int firstRow, int rowsPerDispatch, Operand samples, Operand labels)
    {
        MatrixAccess access = firstRow == 0 ? MatrixAccess.Write : MatrixAccess.ReadWrite;
        List<MatrixBinding> matrices =
        [
            MatrixBinding.Read("parameters", weights.Committed), MatrixBinding.Read("features", samples), MatrixBinding.Read("targets", labels),
            new("pendingParameters", weights.Pending, access), new("losses", batchLosses, access),
        ];
        if (velocities is not null)
        {
            matrices.Add(MatrixBinding.Read("velocities", velocities.Committed));
            matrices.Add(new MatrixBinding("pendingVelocities", velocities.Pending, access));
        }

        KernelSource source = Source(
            "network_population_step.comp", rowsPerDispatch,
            LabelTargets.MaskConstant, ("MOMENTUM", velocities is null ? 0 : 1), ("MORE", firstRow == 0 ? 0 : 1));
        return new Dispatch(source, matrices, [new(("members", Members), ("firstRow", firstRow))], new DispatchGrid(Groups), [scalars]) { NeedsBarrier = firstRow > 0 };
    }

    /// <summary>The textures and the dispatch of a prediction of so many rows a member, if they are not those of the last one.</summary>
    private void PreparePrediction(int rows)
    {
        if (predictionRows == rows) return;
        MatrixShape shape = ProbabilityShape(rows);
        predictionRows = 0;
        EnsureFeatures(rows);
        Grow(ref probabilities, shape);
        Dispatch dispatch = PredictionDispatch(rows, features!, probabilities!);
        device.Compile(dispatch);
        prediction = [dispatch];
        predictionRows = rows;
    }

    private Dispatch PredictionDispatch(int rows, Operand samples, Operand results, bool logits = false)
    {
        int rowsPerGroup = RowsPerDispatch(rows);
        return new Dispatch(
            Source("network_population_forward.comp", rowsPerGroup, ("LOGITS", logits ? 1 : 0)),
            [MatrixBinding.Read("parameters", weights.Committed), MatrixBinding.Read("features", samples), MatrixBinding.Write("probabilities", results)],
            [new(("members", Members))], new DispatchGrid(Groups, RowsPerGroupY: rowsPerGroup));
    }

    private MatrixShape FeatureShape(int rows) => device.Shape((long)Members * rows, Inputs, "The features of a population");

    private MatrixShape TargetShape(int rows) => device.Shape((long)Members * rows, targetLayout.WordsPerRow, "The labels of a population");

    private MatrixShape ProbabilityShape(int rows)
    {
        MatrixShape shape = device.Shape((long)Members * rows, Classes, "The probabilities of a population");
        int rowsPerGroup = RowsPerDispatch(rows);
        return MatrixShape.CeilingDivide(rows, rowsPerGroup) <= Dispatch.MaximumGroups ? shape
            : throw new DeviceLimitException($"{rows} rows a member are more than one dispatch runs: {rowsPerGroup * Dispatch.MaximumGroups}.");
    }

    private int Groups => MatrixShape.CeilingDivide(Members, PopulationLayout.GroupSize);

    private static int RowsPerDispatch(int rows) => Math.Min(PopulationLayout.MostRows, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)rows));

    private KernelSource Source(string fileName, int rows, params ReadOnlySpan<(string Name, int Value)> more)
    {
        return new KernelSource(
            fileName,
            [
                ("GROUP_SIZE", PopulationLayout.GroupSize), ("ROWS", rows), ("INPUTS", Inputs), ("HIDDEN", Hidden), ("CLASSES", Classes),
                .. more,
            ]);
    }

    private void EnsureFeatures(int rows)
    {
        if (!Grow(ref features, FeatureShape(rows))) return;
        stepRows = 0;
        predictionRows = 0;
    }

    /// <summary>A texture of at least this shape's rows; true if it is a new one.</summary>
    private bool Grow(ref MatrixTexture? texture, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        if (texture is not null && texture.Shape.Rows >= shape.Rows) return false;
        MatrixTexture larger = new(device, shape, format);
        texture?.Dispose();
        texture = larger;
        return true;
    }

    private void UploadTargets(BatchTargets batchTargets, int rows)
    {
        int words = rows * targets!.Shape.Columns;
        if (targetWords.Length < words) targetWords = new uint[words];
        Span<uint> packed = targetWords.AsSpan(0, words);
        targetLayout.Pack(batchTargets, packed);
        targets.Upload<uint>(packed);
    }
}

/// <summary>A prediction of a population that is enqueued without a wait, again and again; its result stays on the GPU until the next one.</summary>
internal sealed class PopulationPrediction(NetworkPopulation population, MatrixTexture features, MatrixTexture outputs, Dispatch dispatch) : IDisposable
{
    /// <summary>[members × inputs].</summary>
    public MatrixTexture Features => features;

    /// <summary>[members × classes], before a softmax.</summary>
    public MatrixTexture Outputs => outputs;

    public Dispatch[] Dispatches { get; } = [dispatch];

    /// <summary>Uploads a sample a member, checked, and enqueues their forward pass.</summary>
    public void Enqueue(ReadOnlySpan<float> values) => population.Enqueue(this, values);

    /// <summary>The same on what was written into <see cref="Features"/> on the GPU.</summary>
    public void EnqueueWritten() => population.EnqueueWritten(this);

    public void Dispose()
    {
        features.Dispose();
        outputs.Dispose();
    }
}
