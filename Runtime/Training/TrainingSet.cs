namespace NeuralPlugin;

/// <summary>
/// Labeled samples that live on the GPU, for trainers that learn from them inside the frame. Samples are added at any time: they
/// are staged in memory, and the next <see cref="InFrameTrainer.Tick"/> uploads all that are staged, once. A full set is a ring:
/// the oldest sample goes.
/// </summary>
/// <remarks>
/// Each epoch of a trainer draws every sample once that was there when it began, in an order of its own; samples that are added
/// meanwhile join the next epoch, except that in a full ring they take the place, and the turn, of the oldest. The last batch of
/// an epoch has what is left, and may be smaller. Samples of a batch whose step is still open stay until it is whole.
/// Adding allocates only when more samples are staged than ever before. Every call comes from the device's thread.
/// </remarks>
public sealed class TrainingSet : IDisposable
{
    private readonly MatrixTexture features;
    private readonly MatrixTexture targets;
    private readonly List<WeakReference<SampleOrder>> orders = [];
    private float[] stagedFeatures = [];
    private uint[] stagedTargets = [];
    private int staged;
    private int head;   // the row that is written next
    private bool disposed;

    /// <summary>Makes an empty set.</summary>
    /// <param name="device">Where it lives.</param>
    /// <param name="inputs">Features of a sample.</param>
    /// <param name="classes">Classes that a label may be, at least 2.</param>
    /// <param name="capacity">Most samples that it holds.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    /// <exception cref="DeviceLimitException">So many samples do not fit into a texture of this device, or its memory.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public TrainingSet(NeuralDevice device, int inputs, int classes, int capacity)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        Inputs = Requirements.Size(inputs, "inputs");
        if (classes < 2) throw new ArgumentOutOfRangeException(nameof(classes), classes, "Samples need at least 2 classes.");
        Classes = Requirements.Size(classes, "classes");
        Capacity = Requirements.Size(capacity, "samples");
        using NeuralDevice.Scope scope = device.Enter();
        MatrixShape featureShape = device.Shape(capacity, inputs, "The features of the samples");
        MatrixShape targetShape = device.Shape(capacity, TargetLayout.WordsPerRow(classes), "The labels of the samples");
        features = new MatrixTexture(device, featureShape);
        targets = new MatrixTexture(device, targetShape, TexelFormat.UnsignedInteger);
    }

    /// <summary>Features of a sample.</summary>
    public int Inputs { get; }

    /// <summary>Classes that a label may be.</summary>
    public int Classes { get; }

    /// <summary>Most samples that it holds.</summary>
    public int Capacity { get; }

    /// <summary>Samples that it holds, with those that are staged and replace no other.</summary>
    public int Count => Math.Min(Capacity, UploadedCount + staged);

    internal NeuralDevice Device { get; }

    /// <summary>Samples that can be drawn.</summary>
    internal int UploadedCount { get; private set; }

    /// <summary>Changes when the samples are no longer those that an epoch began with.</summary>
    internal int Generation { get; private set; }

    /// <summary>Adds a sample; the next Tick uploads it. Nothing is waited for.</summary>
    /// <param name="features">[inputs].</param>
    /// <param name="label">A class.</param>
    /// <param name="sampleWeight">The factor of its cross-entropy, zero and negative too.</param>
    /// <param name="allowedClasses">[classes]: which it may be; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or the label is not among the allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or the weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<float> features, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default)
    {
        Requirements.Length(features.Length, Inputs, "the features of one sample", nameof(features));
        AddRange(features, [label], [sampleWeight], allowedClasses);
    }

    /// <summary>Adds samples; the next Tick uploads them. Nothing is waited for. Of more than the capacity, the last ones stay.</summary>
    /// <param name="features">[samples × inputs], row-major; its length gives their number.</param>
    /// <param name="labels">[samples], each a class.</param>
    /// <param name="sampleWeights">[samples]: the factor of each one's cross-entropy, zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[samples × classes]: which classes each may be; empty for all.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void AddRange(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        LabeledBatch batch = LabeledBatch.Check(Inputs, Classes, features, labels, sampleWeights, allowedClasses);
        int surplus = Math.Max(0, batch.Rows - Capacity), rows = batch.Rows - surplus;
        Discard(Math.Max(0, staged + rows - Capacity));
        Reserve(staged + rows);
        features[(surplus * Inputs)..].CopyTo(stagedFeatures.AsSpan(staged * Inputs));
        TargetLayout.Pack(
            labels[surplus..], sampleWeights.IsEmpty ? sampleWeights : sampleWeights[surplus..],
            allowedClasses.IsEmpty ? allowedClasses : allowedClasses[(surplus * Classes)..], Classes,
            stagedTargets.AsSpan(staged * targets.Shape.Columns, rows * targets.Shape.Columns));
        staged += rows;
    }

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        features.Dispose();
        targets.Dispose();
    }

    internal BatchSource Draw(Operand order, int capacity) => new(new DrawnRows(features, capacity), new DrawnRows(targets, capacity), order);

    /// <summary>Lets no sample of its open batch be replaced.</summary>
    internal void Register(SampleOrder order) => orders.Add(new WeakReference<SampleOrder>(order));

    internal void Unregister(SampleOrder order) => orders.RemoveAll(other => !other.TryGetTarget(out SampleOrder? target) || target == order);

    /// <summary>Uploads what is staged, up to a sample that an open step still needs.</summary>
    internal void Upload()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (staged == 0) return;
        using NeuralDevice.Scope scope = Device.Enter();
        int ready = Math.Min(staged, RowsBeforeOpenBatches());
        for (int done = 0; done < ready;)
        {
            int rows = Math.Min(ready - done, Capacity - head), words = targets.Shape.Columns;
            features.Upload<float>(stagedFeatures.AsSpan(done * Inputs, rows * Inputs), head);
            targets.Upload<uint>(stagedTargets.AsSpan(done * words, rows * words), head);
            done += rows;
            UploadedCount = Math.Max(UploadedCount, head + rows);
            head = (head + rows) % Capacity;
        }

        Discard(ready);
    }

    /// <summary>Rows from the head on that no open batch has drawn.</summary>
    private int RowsBeforeOpenBatches()
    {
        int free = Capacity;
        foreach (WeakReference<SampleOrder> reference in orders)
        {
            if (!reference.TryGetTarget(out SampleOrder? order)) continue;
            for (int i = 0; i < order.OpenRows; i++) free = Math.Min(free, (order.RowAt(i) - head + Capacity) % Capacity);
        }

        return free;
    }

    /// <summary>The first of what is staged is staged no longer.</summary>
    private void Discard(int rows)
    {
        int words = targets.Shape.Columns;
        stagedFeatures.AsSpan(rows * Inputs, (staged - rows) * Inputs).CopyTo(stagedFeatures);
        stagedTargets.AsSpan(rows * words, (staged - rows) * words).CopyTo(stagedTargets);
        staged -= rows;
    }

    private void Reserve(int rows)
    {
        if (stagedFeatures.Length >= (long)rows * Inputs) return;
        int room = (int)Math.Min(Capacity, Math.Max(rows, 2L * staged));
        Array.Resize(ref stagedFeatures, checked(room * Inputs));
        Array.Resize(ref stagedTargets, checked(room * targets.Shape.Columns));
    }
}
