using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Samples that live on the GPU: a matrix of features [capacity × inputs], and with each sample its weight and what a network should make of
/// it: a label and the classes that are allowed, or values (<see cref="ForValues"/>). Trainers draw their batches from it by index inside their kernels, so that a step uploads nothing.
/// </summary>
/// <remarks>
/// <para>
/// A sample that is added waits in memory and is uploaded, with all others that wait, by the next Tick of a trainer of this set
/// (one that was a texture waits on the GPU).
/// When the set is full the oldest samples go. A step that is still open keeps the samples of its batch: what would take their
/// place waits until it is whole.
/// </para>
/// <para>
/// A trainer draws each sample once an epoch, in an order that depends on its seed, the epoch and the number of samples alone. An
/// epoch is over the samples that are there when it begins: one that is added while it runs joins the next epoch, or, in a full
/// set, takes the place of the oldest one at once. The last batch of an epoch is smaller where the batch size does not divide the
/// samples; its loss and gradient are the mean over the samples it has. Fewer samples than a batch are one batch.
/// </para>
/// <para>Not thread-safe. Adding allocates nothing once as many samples have waited at once as ever will.</para>
/// </remarks>
public sealed class TrainingSet : IDisposable
{
    private readonly SampleStaging staging;
    private readonly TextureStaging textures;
    private readonly List<WeakReference<SampleOrder>> orders = [];
    private int head;
    private bool disposed;

    /// <summary>Makes an empty set of samples with labels. Its memory on the GPU is taken now, for all of its capacity.</summary>
    /// <param name="device">Where it lives, with the networks that learn from it.</param>
    /// <param name="inputs">Features of a sample.</param>
    /// <param name="classes">Classes that labels come from.</param>
    /// <param name="capacity">Most samples.</param>
    /// <param name="format">How features are kept.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is zero or less, or the format is none.</exception>
    /// <exception cref="DeviceLimitException">It is too large for one matrix of this device, or the driver has no memory for it.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public TrainingSet(NeuralDevice device, int inputs, int classes, int capacity, SampleFormat format = SampleFormat.Float)
        : this(device, inputs, new LabelTargets(Requirements.Size(classes, "classes")), capacity, format)
    {
    }

    private TrainingSet(NeuralDevice device, int inputs, TargetLayout layout, int capacity, SampleFormat format)
    {
        ArgumentNullException.ThrowIfNull(device);
        Inputs = Requirements.Size(inputs, "inputs");
        Layout = layout;
        Capacity = Requirements.Size(capacity, "samples of a training set");
        TexelFormat texels = SampleFormats.Texels(format);
        Device = device;
        Format = format;
        MatrixShape features = device.Shape(capacity, inputs, "The features of a training set", texels);
        MatrixShape targets = device.Shape(capacity, Layout.WordsPerRow, "The targets of a training set");
        Features = new MatrixTexture(device, features, texels);
        Targets = new MatrixTexture(device, targets, TexelFormat.UnsignedInteger);
        staging = new SampleStaging(
            features.TexelsPerRow * MatrixShape.BytesPerTexelOf(texels), targets.TexelsPerRow * MatrixShape.ColumnsPerTexel, capacity);
        textures = new TextureStaging(device, texels, inputs, capacity);
    }

    /// <summary>Makes an empty set of samples with values, for a loss such as <see cref="MeanSquaredError"/>. Its memory on the GPU is taken now.</summary>
    /// <param name="device">Where it lives, with the networks that learn from it.</param>
    /// <param name="inputs">Features of a sample.</param>
    /// <param name="outputs">Values of a sample: the outputs of the networks.</param>
    /// <param name="capacity">Most samples.</param>
    /// <param name="format">How features are kept; values are floats.</param>
    /// <inheritdoc cref="TrainingSet(NeuralDevice, int, int, int, SampleFormat)"/>
    public static TrainingSet ForValues(NeuralDevice device, int inputs, int outputs, int capacity, SampleFormat format = SampleFormat.Float)
    {
        return new TrainingSet(device, inputs, new ValueTargets(Requirements.Size(outputs, "outputs")), capacity, format);
    }

    /// <summary>Samples in it, uploaded or waiting to be; at most <see cref="Capacity"/>.</summary>
    public int Count => Math.Min(Capacity, Uploaded + staging.Count);

    /// <summary>Most samples.</summary>
    public int Capacity { get; }

    /// <summary>Features of a sample.</summary>
    public int Inputs { get; }

    /// <summary>Outputs of the networks that learn from it: the classes that labels come from, or the values of a sample.</summary>
    public int Outputs => Layout.Outputs;

    /// <summary>Classes that labels come from: what <see cref="Outputs"/> are for samples with labels.</summary>
    public int Classes => Outputs;

    /// <summary>How features are kept.</summary>
    public SampleFormat Format { get; }

    internal NeuralDevice Device { get; }

    /// <summary>What the targets of its samples are.</summary>
    internal TargetLayout Layout { get; }

    internal MatrixTexture Features { get; }

    internal MatrixTexture Targets { get; }

    /// <summary>Samples that are on the GPU: they lie in the first rows.</summary>
    internal int Uploaded { get; private set; }

    /// <summary>Counts how often it was cleared.</summary>
    internal int Generation { get; private set; }

    /// <summary>Adds a sample with a label to a set of floats. Makes no OpenGL call.</summary>
    /// <param name="features">[inputs].</param>
    /// <param name="label">The class that is right.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, zero and negative too.</param>
    /// <param name="allowedClasses">[classes]: which classes it may be; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set keeps bytes.</exception>
    /// <exception cref="ArgumentException">A length does not fit, or the label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or the weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<float> features, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default)
    {
        RequireOne(features.Length);
        AddRange(features, OneValue.Of(in label), OneValue.Of(in sampleWeight), allowedClasses);
    }

    /// <summary>Adds a sample with a label to a set of bytes. Makes no OpenGL call.</summary>
    /// <param name="features">[inputs], each seen as value / 255.</param>
    /// <param name="label">The class that is right.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, zero and negative too.</param>
    /// <param name="allowedClasses">[classes]: which classes it may be; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set keeps floats.</exception>
    /// <exception cref="ArgumentException">A length does not fit, or the label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">The weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<byte> features, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default)
    {
        RequireOne(features.Length);
        AddRange(features, OneValue.Of(in label), OneValue.Of(in sampleWeight), allowedClasses);
    }

    /// <summary>Adds a sample with values to a set of floats. Makes no OpenGL call.</summary>
    /// <param name="features">[inputs].</param>
    /// <param name="targets">[outputs]: the values that the outputs should have.</param>
    /// <param name="sampleWeight">The factor of the sample's loss, zero and negative too.</param>
    /// <exception cref="InvalidOperationException">The set keeps bytes.</exception>
    /// <exception cref="ArgumentException">A length does not fit, or the set's samples have labels.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or the weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, float sampleWeight = 1)
    {
        RequireOne(features.Length);
        AddRange(features, targets, OneValue.Of(in sampleWeight));
    }

    /// <summary>Adds a sample with values to a set of bytes, each seen as value / 255. Makes no OpenGL call.</summary>
    /// <exception cref="InvalidOperationException">The set keeps floats.</exception>
    /// <inheritdoc cref="Add(ReadOnlySpan{float}, ReadOnlySpan{float}, float)"/>
    public void Add(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, float sampleWeight = 1)
    {
        RequireOne(features.Length);
        AddRange(features, targets, OneValue.Of(in sampleWeight));
    }

    /// <summary>Adds samples with labels to a set of floats, all of them or, if anything is wrong, none. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major; its length gives their number. Of more than the capacity the last ones stay.</param>
    /// <param name="labels">[samples], each a class.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's cross-entropy, zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[samples × classes]: which classes each sample may be; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set keeps bytes.</exception>
    /// <exception cref="ArgumentException">Lengths do not fit, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void AddRange(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default) =>
        AddRange(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));

    /// <summary>Adds samples with labels to a set of bytes, all of them or, if anything is wrong, none. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major, each seen as value / 255. Of more than the capacity the last ones stay.</param>
    /// <param name="labels">[samples], each a class.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's cross-entropy, zero and negative too; empty for all one.</param>
    /// <param name="allowedClasses">[samples × classes]: which classes each sample may be; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set keeps floats.</exception>
    /// <exception cref="ArgumentException">Lengths do not fit, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void AddRange(
        ReadOnlySpan<byte> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default) =>
        AddRange(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));

    /// <summary>Adds samples with values to a set of floats, all of them or, if anything is wrong, none. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major; its length gives their number. Of more than the capacity the last ones stay.</param>
    /// <param name="targets">[samples × outputs], row-major: the values that the outputs should have.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's loss, zero and negative too; empty for all one.</param>
    /// <inheritdoc cref="Add(ReadOnlySpan{float}, ReadOnlySpan{float}, float)"/>
    public void AddRange(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default) =>
        AddRange(features, BatchTargets.OfValues(targets, sampleWeights));

    /// <summary>Adds samples with values to a set of bytes, each seen as value / 255, all of them or, if anything is wrong, none. Makes no OpenGL call.</summary>
    /// <exception cref="InvalidOperationException">The set keeps floats.</exception>
    /// <inheritdoc cref="AddRange(ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public void AddRange(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default) =>
        AddRange(features, BatchTargets.OfValues(targets, sampleWeights));

    /// <summary>
    /// Adds what a texture of the game shows now as a sample with a label, without reading it back: scaled to width × height pixels, each the mean
    /// over its box of the texture. The features are the pixels row by row, from the texture's first row on (the bottom of what
    /// OpenGL has rendered), with the channels of a pixel side by side.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The texture is read by a dispatch that this call enqueues, so that the game may draw into it, or delete it, right afterwards. Until
    /// the next Tick the sample waits on the GPU, in the order of all that were added.
    /// </para>
    /// <para>
    /// Values are taken as shaders see them, swizzled as the texture says, from its base level: sRGB textures give linear light,
    /// normalized ones 0 to 1; a set of bytes keeps 0 to 1 of any. That they are finite is not checked: a trainer's loss tells. The
    /// texture's filter, wrap mode and mipmaps do not matter. What the game wrote by image stores needs the game's own barrier
    /// (GL_TEXTURE_FETCH_BARRIER_BIT). Within a conditional render that discards, the sample is whatever lay in its place.
    /// </para>
    /// <para>
    /// Does not wait. Allocates where another size comes, or more textures wait at once than ever before; the first call compiles a
    /// kernel, unless that of <see cref="KernelsFor"/> was warmed up.
    /// </para>
    /// </remarks>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <param name="width">Pixels side by side; width × height × channels are the set's inputs.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">Which values of a pixel are features.</param>
    /// <param name="label">The class that is right.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, zero and negative too.</param>
    /// <param name="allowedClasses">[classes]: which classes it may be; empty for all.</param>
    /// <exception cref="ArgumentException">
    /// The pixels are not as many features as the set has, it is no such texture, or the label is not among its allowed classes.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, the channels are none, or the label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">The weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">A pixel would be the mean of more than some 65,000 texels, or the driver has no memory.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The set or the device was disposed.</exception>
    public void AddTexture(
        uint texture, int width, int height, TextureChannels channels, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default) =>
        AddTexture(texture, width, height, channels, BatchTargets.OfLabels(OneValue.Of(in label), OneValue.Of(in sampleWeight), allowedClasses));

    /// <summary>Adds what a texture of the game shows now as a sample with values, without reading it back, as with a label.</summary>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <param name="width">Pixels side by side; width × height × channels are the set's inputs.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">Which values of a pixel are features.</param>
    /// <param name="targets">[outputs]: the values that the outputs should have.</param>
    /// <param name="sampleWeight">The factor of the sample's loss, zero and negative too.</param>
    /// <inheritdoc cref="AddTexture(uint, int, int, TextureChannels, int, float, ReadOnlySpan{bool})"/>
    public void AddTexture(uint texture, int width, int height, TextureChannels channels, ReadOnlySpan<float> targets, float sampleWeight = 1) =>
        AddTexture(texture, width, height, channels, BatchTargets.OfValues(targets, OneValue.Of(in sampleWeight)));

    /// <summary>The kernel of AddTexture, for <see cref="NeuralDevice.WarmUp"/>. Makes no OpenGL call.</summary>
    /// <param name="textureWidth">Texels side by side of the game's textures.</param>
    /// <param name="textureHeight">Their rows of texels.</param>
    /// <param name="channels">Which values of a pixel will be features.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, or the channels are none.</exception>
    public KernelSet KernelsFor(int textureWidth, int textureHeight, TextureChannels channels)
    {
        Requirements.Size(textureWidth, "texels side by side");
        Requirements.Size(textureHeight, "rows of texels");
        TextureFeatures.RequireChannels(channels);
        return new KernelSet([TextureFeatures.DispatchFor(new HostTexture(Device, textureWidth, textureHeight), Inputs, 1, channels, textures.ShapeToWarmUp)]);
    }

    /// <summary>
    /// Removes all samples, those that wait too. A trainer's epoch ends with it; a step that is still open keeps its samples to its end.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Clear()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        staging.Clear();
        textures.Clear();
        (head, Uploaded) = (0, 0);
        Generation++;
    }

    /// <summary>Gives back the memory in which samples wait, once they are uploaded: after a large set came in one go.</summary>
    public void TrimExcess()
    {
        staging.TrimExcess();
        textures.TrimExcess();
    }

    /// <summary>Frees its textures at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        Features.Dispose();
        Targets.Dispose();
        textures.Dispose();
    }

    /// <summary>Begins a call that needs its textures.</summary>
    internal NeuralDevice.Scope Enter()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return Device.Enter(savesHostState: false);   // what it does takes its own
    }

    /// <summary>
    /// Uploads what waits; a sample whose row an open step draws, and those after it, go on waiting. Neither waits nor allocates.
    /// </summary>
    internal void Upload()
    {
        using NeuralDevice.Scope scope = Enter();
        while (staging.Count > 0)
        {
            int rows = RowsBeforeOpenOnes(head, Math.Min(staging.ContiguousCount, Capacity - head));
            if (rows == 0) return;
            if (staging.IsFirstTexture) textures.MoveFirstTo(Features, head);
            else Features.UploadRows(head, staging.Features(rows));
            Targets.UploadRows(head, staging.Targets(rows));
            staging.RemoveFirst(rows);
            Uploaded = Math.Max(Uploaded, head + rows);
            head = (head + rows) % Capacity;
        }
    }

    /// <summary>An order whose open batches it respects, for as long as somebody holds it.</summary>
    internal void Register(SampleOrder order) => orders.Add(new WeakReference<SampleOrder>(order));

    internal void Unregister(SampleOrder order) => orders.RemoveAll(known => !known.TryGetTarget(out SampleOrder? other) || other == order);

    private int RowsBeforeOpenOnes(int firstRow, int rows)
    {
        for (int i = orders.Count - 1; i >= 0; i--)
        {
            if (!orders[i].TryGetTarget(out SampleOrder? order)) orders.RemoveAt(i);
            else rows = order.RowsBeforeOpenOnes(firstRow, rows);
        }

        return rows;
    }

    private void AddRange(ReadOnlySpan<float> features, BatchTargets targets)
    {
        RequireFormat(SampleFormat.Float);
        TrainingBatch batch = TrainingBatch.Check(Inputs, Layout, features, targets);
        Stage(MemoryMarshal.AsBytes(features), sizeof(float), batch.Targets, batch.Rows);
    }

    private void AddRange(ReadOnlySpan<byte> features, BatchTargets targets)
    {
        RequireFormat(SampleFormat.Bytes);
        TrainingBatch batch = TrainingBatch.Check(Inputs, Layout, features, targets);
        Stage(features, sizeof(byte), batch.Targets, batch.Rows);
    }

    private void AddTexture(uint texture, int width, int height, TextureChannels channels, BatchTargets targets)
    {
        using NeuralDevice.Scope scope = Enter();
        TextureFeatures.RequireSize(width, height, channels, Inputs);
        Layout.Check(1, targets);
        textures.Prepare(texture, width, height, channels);
        textures.RemoveFirst(staging.MakeRoom(1));
        textures.Append();
        Layout.Pack(targets, staging.Append(isTexture: true).Targets.Span);
    }

    private void Stage(ReadOnlySpan<byte> features, int bytesPerFeature, BatchTargets targets, int rows)
    {
        int bytes = Inputs * bytesPerFeature;
        int kept = Math.Min(rows, Capacity);
        textures.RemoveFirst(staging.MakeRoom(kept));
        for (int i = rows - kept; i < rows; i++)
        {
            (Memory<byte> stagedFeatures, Memory<uint> stagedTargets) = staging.Append();
            features.Slice(i * bytes, bytes).CopyTo(stagedFeatures.Span);   // the padding behind it was never written
            Layout.Pack(targets.Row(i, Outputs), stagedTargets.Span);
        }
    }

    private void RequireOne(int features)
    {
        if (features != Inputs)
            throw new ArgumentException($"Expected the {Inputs} features of one sample, but got {features} values.", nameof(features));
    }

    private void RequireFormat(SampleFormat format)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (Format == format) return;
        throw new InvalidOperationException(Format == SampleFormat.Bytes
            ? "This set keeps bytes, but got floats. Hand over bytes (a feature of 0 to 1 as value · 255), or make the set with SampleFormat.Float."
            : "This set keeps floats, but got bytes. Hand over floats (value / 255f), or make the set with SampleFormat.Bytes.");
    }
}
