namespace NeuralPlugin;

/// <summary>
/// Trains a network on batches that the caller hands over, one step a call, waiting for each: for tools, tests and servers.
/// It owns the optimizer's state and the buffers of the step; the network owns the weights.
/// </summary>
/// <remarks>
/// Every call comes from the thread on which the device's context is current, else it throws
/// <see cref="WrongContextException"/>; with the network, its device or the trainer disposed, <see cref="ObjectDisposedException"/>.
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

    /// <summary>Makes a trainer; its state is made, its plan made and its kernels compiled at the first batch.</summary>
    /// <param name="network">What it trains. Several trainers may take turns on one network.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="loss">The loss to minimize, which says whether batches have labels or values; null for plain cross-entropy.</param>
    /// <param name="capacity">Rows that the plan has room for from the start; it grows when a larger batch comes. Results do not depend on it.</param>
    /// <param name="fused">Runs a step in few dispatches; false runs each layer's own kernels, to compare. The bits are the same.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is zero or less.</exception>
    /// <exception cref="DeviceLimitException">The capacity is beyond what any device runs.</exception>
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

    /// <summary>The learning rate of the steps to come.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; set => field = Optimizer.RequireLearningRate(value); }

    /// <summary>Steps that were committed.</summary>
    public long Steps => state?.Steps ?? 0;

    /// <summary>
    /// One step on one batch with labels. Waits for the GPU; allocates nothing unless the batch is larger than any before. A step whose
    /// loss is not finite is not committed: the weights and the optimizer's state stay, and the loss says so.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss (not of an entropy bonus), zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[batch × classes]: which classes each sample may be; empty for all.</param>
    /// <returns>The loss (the mean over the batch) and the right predictions, with the weights before the step.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit, a label is not among its allowed classes, or the loss takes values.</exception>
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
    /// is larger than any before. A step whose loss is not finite is not committed: the weights and the optimizer's state stay, and the loss says so.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="targets">[batch × outputs], row-major: the values that the outputs should have.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, zero and negative too; empty for all one.</param>
    /// <returns>The loss (the mean over the batch) with the weights before the step; <see cref="BatchResult.Correct"/> is 0.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public BatchResult TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default)
    {
        return Train(features, BatchTargets.OfValues(targets, sampleWeights));
    }

    /// <summary>
    /// <see cref="TrainBatch(ReadOnlySpan{float}, ReadOnlySpan{int}, ReadOnlySpan{float}, ReadOnlySpan{bool})"/> on features that are bytes,
    /// such as the pixels of images: each is seen as value / 255 (between 0 and 1), within a rounding of what that float gives. A quarter is uploaded, and nothing has to be converted or searched for NaN. Its name is another one
    /// so that no literal such as [1, 0] is taken for bytes. Predictions take floats: value / 255.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="labels">[batch], each a class.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss (not of an entropy bonus), zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[batch × classes]: which classes each sample may be; empty for all.</param>
    /// <returns>The loss (the mean over the batch) and the right predictions, with the weights before the step.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit, a label is not among its allowed classes, or the loss takes values.</exception>
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
    /// <see cref="TrainBatch(ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float})"/> on features that are bytes, each seen as value / 255.
    /// </summary>
    /// <param name="features">[batch × inputs], row-major; its length gives the batch size.</param>
    /// <param name="targets">[batch × outputs], row-major: the values that the outputs should have.</param>
    /// <param name="sampleWeights">[batch]: the factor of each sample's loss, zero and negative too; empty for all one.</param>
    /// <returns>The loss (the mean over the batch) with the weights before the step; <see cref="BatchResult.Correct"/> is 0.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteValueException">A target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public BatchResult TrainBatchOfBytes(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default)
    {
        return Train(features, BatchTargets.OfValues(targets, sampleWeights));
    }

    /// <summary>
    /// Steps of <see cref="EnqueueBatch"/> that do not count, since their loss or one beside was not finite, or the driver has skipped them;
    /// known some Updates later.
    /// </summary>
    internal long LostSteps => enqueued?.Lost ?? 0;

    /// <summary>Takes what has come of the steps of <see cref="EnqueueBatch"/>, without waiting.</summary>
    /// <returns>The last one that the driver has skipped (a conditional render of the host was open), of those that were not told yet; 0 where there is none.</returns>
    internal long TakeSkippedStep() => enqueued?.TakeSkippedStep() ?? 0;

    /// <summary>
    /// One step on one batch, enqueued without waiting; allocates nothing unless the batch is larger than any before. A step whose
    /// loss is not finite changes nothing, and neither do those behind it, until a later Update of the device has told.
    /// </summary>
    internal void EnqueueBatch(ReadOnlySpan<float> features, BatchTargets targets)
    {
        TrainingBatch batch = TrainingBatch.Check(network.Inputs, layout, features, targets);
        using NeuralDevice.Scope scope = network.Enter();
        PrepareEnqueued(batch.Rows);
        enqueued!.Upload(batch);
        EnqueueLastBatch();
    }

    /// <summary>What the last enqueued steps that are known found, where the loss guides the learning rate; NaN before the first.</summary>
    internal GuidedStepResult Guided => enqueued?.Guided ?? default;

    /// <summary>The mean loss over the same steps; NaN before the first.</summary>
    internal float MeanLoss => enqueued?.Loss ?? float.NaN;

    /// <summary>The features of enqueued batches, after <see cref="PrepareEnqueued"/> and until one of more rows.</summary>
    internal MatrixTexture EnqueuedFeatures => enqueued!.Features;

    /// <summary>One step on a batch that was written into <see cref="EnqueuedFeatures"/> on the GPU, enqueued without waiting; allocates nothing.</summary>
    internal void EnqueueWrittenBatch(int rows, BatchTargets targets)
    {
        layout.Check(rows, targets);
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        enqueued!.UploadTargets(targets, rows);
        EnqueueLastBatch();
    }

    /// <summary>Makes and compiles what <see cref="EnqueueBatch"/> needs for so many rows, so that the first one is as quick as the others.</summary>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    internal void PrepareEnqueued(int rows)
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        state ??= new OptimizerState(network, optimizer);
        enqueued ??= new EnqueuedSteps(network, loss, state);
        enqueued.Prepare(Math.Max(rows, leastCapacity));
    }

    /// <summary>One more step on the batch of <see cref="EnqueueBatch"/>.</summary>
    internal void EnqueueLastBatch()
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        enqueued!.Enqueue(LearningRate);
    }

    /// <summary>The kernels of its first step of so many rows, for <see cref="NeuralDevice.WarmUp"/>. Makes nothing, waits for nothing.</summary>
    /// <param name="rows">Samples of a batch. A later batch that is larger may need other kernels.</param>
    /// <param name="features">What the steps take: floats, or bytes (TrainBatchOfBytes), which have kernels of their own.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less, or the format is none.</exception>
    /// <exception cref="DeviceLimitException">They are more than any device runs.</exception>
    public KernelSet KernelsFor(int rows, SampleFormat features = SampleFormat.Float)
    {
        TexelFormat format = SampleFormats.Texels(features);
        int capacity = ComputationGraph.RequireCapacity(Math.Max(Requirements.Size(rows, "rows of a batch"), leastCapacity));
        return new KernelSet(StepWorkspace.KernelsFor(network, capacity, loss, optimizer, fused, format));
    }

    /// <summary>Whether it trains this network.</summary>
    internal bool Trains(Network other) => ReferenceEquals(network, other);

    /// <summary>Where it stands: with the weights, all that its next step depends on. Waits and allocates.</summary>
    internal TrainingState ReadState()
    {
        using NeuralDevice.Scope scope = network.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        state ??= new OptimizerState(network, optimizer);
        return new TrainingState(optimizer, loss, LearningRate, state.Steps, network.KernelFamily, state.ReadMoments());
    }

    /// <summary>Stands where a trainer of the same optimizer and loss stood.</summary>
    internal void Restore(TrainingState other)
    {
        using NeuralDevice.Scope scope = network.Enter();
        LearningRate = other.LearningRate;
        state ??= new OptimizerState(network, optimizer);
        state.Restore(other.Steps, other.Moments);
    }

    /// <summary>What <see cref="ReadStanding"/> needs to be read back, as it is now, after <see cref="PrepareEnqueued"/>.</summary>
    internal IEnumerable<MatrixTexture> StandingTextures => [.. state!.CommittedTextures, enqueued!.Log.Texture];

    /// <summary>Where its enqueued steps stand at this moment; what it is of is read from a later readback, whose matrix of this number is the first of them.</summary>
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

    /// <summary>Stands where another one stood, before any step.</summary>
    internal void Restore(EnqueuedStanding standing)
    {
        using NeuralDevice.Scope scope = network.Enter();
        state!.Restore(standing.Steps, standing.Moments);
        if (standing.Rates[0] > 0) enqueued!.Log.BeginWithRate(standing.Rates[0]);
    }

    /// <summary>What a step of the last batch's plan runs.</summary>
    internal IReadOnlyList<Dispatch> DispatchesOfLastStep => lastSteps!.Dispatches;

    /// <summary>Enqueues one more step on the batch that the last call uploaded, without waiting: what benchmarks time.</summary>
    internal void RepeatStep(int rows)
    {
        using NeuralDevice.Scope scope = network.Enter();
        state!.PrepareStep(LearningRate);
        lastSteps!.Enqueue(rows);
        state.Commit();
    }

    /// <summary>Frees its buffers at the device's next call; the network stays. From any thread; a second call does nothing.</summary>
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
