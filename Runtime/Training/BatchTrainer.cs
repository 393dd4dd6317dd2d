namespace NeuralPlugin;

/// <summary>
/// Trains a network on batches from the caller, one step per call, waiting for each: for tools, tests and servers.
/// It owns the optimizer's state and the buffers of the step; the network owns the weights.
/// </summary>
/// <remarks>
/// Call from the thread on which the device's context is current, otherwise
/// <see cref="WrongContextException"/>; after Dispose of the network, its device or the trainer, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class BatchTrainer : IDisposable
{
    private readonly Network network;
    private readonly Loss loss;
    private readonly TargetLayout layout;
    private readonly Optimizer optimizer;
    private readonly int leastCapacity;
    private readonly bool fused;
    private OptimizerState? state;
    private StepWorkspace? floatSteps;
    private StepWorkspace? byteSteps;
    private StepWorkspace? lastSteps;
    private EnqueuedSteps? enqueued;
    private bool disposed;

    /// <summary>Makes a trainer; its state and plan are made and its kernels compiled at the first batch.</summary>
    /// <param name="network">The network to train. Several trainers may take turns on one network.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="loss">The loss to minimize, which determines whether batches have labels or values; null for plain cross-entropy.</param>
    /// <param name="capacity">The plan's initial capacity in rows; it grows when a larger batch arrives. Results do not depend on it.</param>
    /// <param name="fused">True to run a step in few dispatches; false to run each layer's own kernels, for comparison. The bits are the same.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is zero or less.</exception>
    /// <exception cref="DeviceLimitException">The capacity exceeds what any device can run.</exception>
    public BatchTrainer(Network network, Optimizer optimizer, Loss? loss = null, int capacity = 1, bool fused = true)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(optimizer);
        leastCapacity = ComputationGraph.RequireCapacity(Requirements.Size(capacity, "rows of a plan"));
        this.network = network;
        this.optimizer = optimizer;
        this.fused = fused;
        this.loss = loss ?? Loss.OfLabels;
        layout = this.loss.TargetsFor(network.Outputs);
        LearningRate = optimizer.LearningRate;
        using NeuralDevice.Scope scope = network.Enter();
    }

    /// <summary>The learning rate of future steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; set => field = Optimizer.RequireLearningRate(value); }

    /// <summary>The number of committed steps.</summary>
    public long Steps => state?.Steps ?? 0;

    /// <summary>
    /// One step on one batch with labels. Waits for the GPU; allocates nothing unless the batch is larger than any before. A step whose
    /// loss is not finite is not committed: the weights and the optimizer's state are unchanged, and the returned loss shows it. If the loss is finite and a
    /// gradient is not, the step counts, and each parameter whose new value or state would not be finite keeps both.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss (not of an entropy bonus), which may be zero or negative; empty for all ones.</param>
    /// <param name="allowedClasses">[batch × classes]: the classes allowed for each sample; empty for all.</param>
    /// <returns>The loss (the mean over the batch) and the number of correct predictions, with the weights before the step.</returns>
    /// <exception cref="ArgumentException">Lengths do not match, a label is not among its allowed classes, or the loss takes values.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public BatchResult TrainBatch(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        return Train(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));
    }

    /// <summary>
    /// One step on one batch with values, for a loss such as <see cref="MeanSquaredError"/>. Waits for the GPU; allocates nothing unless the batch
    /// is larger than any before. A step whose loss is not finite is not committed: the weights and the optimizer's state do not change; the loss shows it.
    /// If the loss is finite and a gradient is not, the step counts, and each parameter whose new value or state would not be finite keeps both.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="targets">[batch × outputs], row-major: the values to learn.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, which may be zero or negative; empty for all ones.</param>
    /// <returns>The loss (the mean over the batch) with the weights before the step; <see cref="BatchResult.Correct"/> is 0.</returns>
    /// <exception cref="ArgumentException">Lengths do not match, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public BatchResult TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default)
    {
        return Train(features, BatchTargets.OfValues(targets, sampleWeights));
    }

    /// <summary>
    /// <see cref="TrainBatch(ReadOnlySpan{float}, ReadOnlySpan{int}, ReadOnlySpan{float}, ReadOnlySpan{bool})"/> for byte features, such as the pixels of
    /// images: each is read as value / 255 (between 0 and 1), within rounding of the result for that float. It uploads a quarter of the bytes and needs no conversion
    /// or NaN check. The separate name keeps literals such as [1, 0] from binding to bytes. Predictions take floats: value / 255.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss (not of an entropy bonus), which may be zero or negative; empty for all ones.</param>
    /// <param name="allowedClasses">[batch × classes]: the classes allowed for each sample; empty for all.</param>
    /// <returns>The loss (the mean over the batch) and the number of correct predictions, with the weights before the step.</returns>
    /// <exception cref="ArgumentException">Lengths do not match, a label is not among its allowed classes, or the loss takes values.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public BatchResult TrainBatchOfBytes(
        ReadOnlySpan<byte> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        return Train(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));
    }

    /// <summary>
    /// <see cref="TrainBatch(ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float})"/> for byte features, each read as value / 255.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="targets">[batch × outputs], row-major: the values to learn.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, which may be zero or negative; empty for all ones.</param>
    /// <returns>The loss (the mean over the batch) with the weights before the step; <see cref="BatchResult.Correct"/> is 0.</returns>
    /// <exception cref="ArgumentException">Lengths do not match, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteValueException">A target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public BatchResult TrainBatchOfBytes(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default)
    {
        return Train(features, BatchTargets.OfValues(targets, sampleWeights));
    }

    /// <summary>
    /// Steps of <see cref="EnqueueBatch"/> that do not count, because their loss or an adjacent step's was not finite, or the driver skipped them;
    /// known some Updates later.
    /// </summary>
    internal long LostSteps => enqueued?.Lost ?? 0;

    /// <summary>Collects the available results of <see cref="EnqueueBatch"/> steps, without waiting.</summary>
    /// <returns>The last step that the driver skipped (a conditional render of the host was open) and that was not yet reported; 0 for none.</returns>
    internal long TakeSkippedStep() => enqueued?.TakeSkippedStep() ?? 0;

    /// <summary>
    /// One step on one batch, enqueued without waiting; allocates nothing unless the batch is larger than any before. A step whose
    /// loss is not finite changes nothing, and neither do the steps after it, until a later Update of the device has reported it.
    /// </summary>
    internal void EnqueueBatch(ReadOnlySpan<float> features, BatchTargets targets)
    {
        TrainingBatch batch = TrainingBatch.Check(network.Inputs, layout, features, targets);
        using NeuralDevice.Scope scope = network.Enter();
        PrepareEnqueued(batch.Rows);
        enqueued!.Upload(batch);
        EnqueueLastBatch();
    }

    /// <summary>The results of the latest known enqueued steps, if the loss guides the learning rate; NaN before the first.</summary>
    internal GuidedStepResult Guided => enqueued?.Guided ?? default;

    /// <summary>The mean loss over the same steps; NaN before the first.</summary>
    internal float MeanLoss => enqueued?.Loss ?? float.NaN;

    /// <summary>The features of enqueued batches, valid after <see cref="PrepareEnqueued"/> until a larger batch is prepared.</summary>
    internal MatrixTexture EnqueuedFeatures => enqueued!.Features;

    /// <summary>One step on a batch already written into <see cref="EnqueuedFeatures"/> on the GPU, enqueued without waiting; allocates nothing.</summary>
    internal void EnqueueWrittenBatch(int rows, BatchTargets targets)
    {
        layout.Check(rows, targets);
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        enqueued!.UploadTargets(targets, rows);
        EnqueueLastBatch();
    }

    /// <summary>Makes and compiles everything <see cref="EnqueueBatch"/> needs for this many rows, so that the first step is as fast as the others.</summary>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    internal void PrepareEnqueued(int rows)
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        state ??= new OptimizerState(network, optimizer);
        enqueued ??= new EnqueuedSteps(network, loss, state);
        enqueued.Prepare(Math.Max(rows, leastCapacity));
    }

    /// <summary>Enqueues another step on the batch of <see cref="EnqueueBatch"/>.</summary>
    internal void EnqueueLastBatch()
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        enqueued!.Enqueue(LearningRate);
    }

    /// <summary>The kernels of its first step of this many rows, for <see cref="NeuralDevice.WarmUp"/>. Makes nothing and does not wait.</summary>
    /// <param name="rows">Samples per batch. A later, larger batch may need other kernels.</param>
    /// <param name="features">The feature format of the steps: floats, or bytes (TrainBatchOfBytes), which have separate kernels.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less, or the format is invalid.</exception>
    /// <exception cref="DeviceLimitException">There are more rows than any device can run.</exception>
    public KernelSet KernelsFor(int rows, SampleFormat features = SampleFormat.Float)
    {
        TexelFormat format = SampleFormats.Texels(features);
        int capacity = ComputationGraph.RequireCapacity(Math.Max(Requirements.Size(rows, "rows of a batch"), leastCapacity));
        (Stack stack, Loss minimized, Optimizer updating, bool isFused) = (network.Stack, loss, optimizer, fused);
        IEnumerable<Dispatch> Step(FamilyKernels kernels) => StepWorkspace.KernelsFor(stack, kernels, capacity, minimized, updating, isFused, format);
        return network.KernelsInUse.SetOf(capacity, Step, Step);
    }

    /// <summary>Whether it trains this network.</summary>
    internal bool Trains(Network other) => ReferenceEquals(network, other);

    /// <summary>The training state: with the weights, everything its next step depends on. Waits and allocates.</summary>
    internal TrainingState ReadState()
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        state ??= new OptimizerState(network, optimizer);
        return new TrainingState(optimizer, loss, LearningRate, state.Steps, network.KernelFamily, network.KernelsInUse.Used, state.ReadMoments());
    }

    /// <summary>Restores the state of a trainer with the same optimizer and loss.</summary>
    internal void Restore(TrainingState other)
    {
        using NeuralDevice.Scope scope = network.Enter();
        LearningRate = other.LearningRate;
        state ??= new OptimizerState(network, optimizer);
        state.Restore(other.Steps, other.Moments);
    }

    /// <summary>The textures to read back for <see cref="ReadStanding"/>, as they are now, after <see cref="PrepareEnqueued"/>.</summary>
    internal IEnumerable<MatrixTexture> StandingTextures => [.. state!.CommittedTextures, enqueued!.Log.Texture];

    /// <summary>Captures the current state of its enqueued steps; its textures come from a later readback, starting at the matrix of the given index.</summary>
    internal Func<Readback, int, EnqueuedStanding> ReadStanding()
    {
        (OptimizerState ofNow, long steps, int row) = (state!, state!.Steps, enqueued!.RowOfLastRate);
        int logs = ofNow.CommittedTextures.Count();
        float first = enqueued.Log.FirstRate;
        return (readback, firstMatrix) =>
        {
            float[] rate = new float[MatrixShape.ColumnsPerTexel];
            if (row >= 0) readback.Read(firstMatrix + logs, rate, row);
            return new EnqueuedStanding(steps, ofNow.ReadMoments(readback, firstMatrix), [rate[0] > 0 ? rate[0] : first]);
        };
    }

    /// <summary>Restores the state of another trainer, before any step.</summary>
    internal void Restore(EnqueuedStanding standing)
    {
        using NeuralDevice.Scope scope = network.Enter();
        state!.Restore(standing.Steps, standing.Moments);
        if (standing.Rates[0] > 0) enqueued!.Log.BeginWithRate(standing.Rates[0]);
    }

    /// <summary>The dispatches of a step of the last batch's plan.</summary>
    internal IReadOnlyList<Dispatch> DispatchesOfLastStep => lastSteps!.Dispatches;

    /// <summary>Enqueues another step on the last uploaded batch, without waiting, for benchmark timing.</summary>
    internal void RepeatStep(int rows)
    {
        using NeuralDevice.Scope scope = network.Enter();
        state!.PrepareStep(LearningRate);
        lastSteps!.Enqueue(rows);
        state.Commit();
    }

    /// <summary>Frees its buffers at the device's next call; the network stays. Any thread may call it; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        state?.Dispose();
        floatSteps?.Dispose();
        byteSteps?.Dispose();
        enqueued?.Dispose();
    }

    private BatchResult Train(ReadOnlySpan<float> features, BatchTargets targets)
    {
        return Train(TrainingBatch.Check(network.Inputs, layout, features, targets), ref floatSteps, TexelFormat.Float);
    }

    private BatchResult Train(ReadOnlySpan<byte> features, BatchTargets targets)
    {
        return Train(TrainingBatch.Check(network.Inputs, layout, features, targets), ref byteSteps, TexelFormat.Byte);
    }

    private BatchResult Train(TrainingBatch batch, ref StepWorkspace? steps, TexelFormat features)
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        state ??= new OptimizerState(network, optimizer);
        if (steps is null || steps.Capacity < batch.Rows)
        {
            StepWorkspace larger = new(network, Math.Max(batch.Rows, leastCapacity), loss, state, fused, features: features);
            steps?.Dispose();
            steps = larger;
        }

        lastSteps = steps;
        state.PrepareStep(LearningRate);
        bool hasRun = steps.TryRun(batch, out BatchResult result);
        if (hasRun && float.IsFinite(result.Loss)) state.Commit();
        else state.Discard();
        return hasRun ? result : throw DispatchesSkippedException.OfCall();
    }
}
