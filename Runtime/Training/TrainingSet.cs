using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Samples on the GPU: a matrix of features [capacity × inputs], and for each sample its weight and its target:
/// a label and the allowed classes, or values (<see cref="ForValues"/>). Trainers draw batches from it by index in their kernels, so that steps upload nothing.
/// </summary>
/// <remarks>
/// <para>
/// An added sample waits in memory and is uploaded, with all other waiting ones, by the next Tick of a trainer of this set
/// (texture samples wait on the GPU).
/// When the set is full, the oldest samples are replaced. An open step keeps the samples of its batch: their
/// replacements wait until it is complete.
/// </para>
/// <para>
/// A trainer draws each sample once per epoch, in an order that depends only on its seed, the epoch and the number of samples. An
/// epoch covers the samples present when it begins: a sample added during it joins the next epoch or, in a full
/// set, replaces the oldest one at once. The last batch of an epoch is smaller if the batch size does not divide the number of
/// samples; its loss and gradient are the mean over the samples it has. Fewer samples than a batch form one batch.
/// </para>
/// <para>Not thread-safe. Adding allocates nothing once the most samples ever waiting at a time have been reached.</para>
/// </remarks>
public sealed class TrainingSet : IDisposable
{
    private readonly SampleStaging staging;
    private readonly TextureStaging textures;
    private int head;
    private bool disposed;

    /// <summary>Makes an empty set of samples with labels. It allocates its GPU memory now, for its full capacity.</summary>
    /// <param name="device">The owning device, shared with the networks that learn from the set.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="classes">The number of classes of the labels.</param>
    /// <param name="capacity">The maximum number of samples.</param>
    /// <param name="format">The storage format of features.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is zero or less, or the format is invalid.</exception>
    /// <exception cref="DeviceLimitException">The set is too large for one matrix of this device, or the driver has no memory for it.</exception>
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
        textures = new TextureStaging(device, texels, inputs, Layout, capacity);
    }

    /// <summary>Makes an empty set of samples with values, for a loss such as <see cref="MeanSquaredError"/>. It allocates its GPU memory now.</summary>
    /// <param name="device">The owning device, shared with the networks that learn from the set.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="outputs">Values per sample: the outputs of the networks.</param>
    /// <param name="capacity">The maximum number of samples.</param>
    /// <param name="format">The storage format of features; values are floats.</param>
    /// <inheritdoc cref="TrainingSet(NeuralDevice, int, int, int, SampleFormat)"/>
    public static TrainingSet ForValues(NeuralDevice device, int inputs, int outputs, int capacity, SampleFormat format = SampleFormat.Float)
    {
        return new TrainingSet(device, inputs, new ValueTargets(Requirements.Size(outputs, "outputs")), capacity, format);
    }

    /// <summary>Samples in the set, uploaded or waiting; at most <see cref="Capacity"/>.</summary>
    public int Count => Math.Min(Capacity, Uploaded + staging.Count);

    /// <summary>The maximum number of samples.</summary>
    public int Capacity { get; }

    /// <summary>Features per sample.</summary>
    public int Inputs { get; }

    /// <summary>Outputs of the networks that learn from the set: the classes of the labels, or the values per sample.</summary>
    public int Outputs => Layout.Outputs;

    /// <summary>The number of classes of the labels: <see cref="Outputs"/> for samples with labels.</summary>
    public int Classes => Outputs;

    /// <summary>The storage format of features.</summary>
    public SampleFormat Format { get; }

    internal NeuralDevice Device { get; }

    /// <summary>The layout of the samples' targets.</summary>
    internal TargetLayout Layout { get; }

    internal MatrixTexture Features { get; }

    internal MatrixTexture Targets { get; }

    /// <summary>Samples on the GPU, in the first rows.</summary>
    internal int Uploaded { get; private set; }

    /// <summary>The number of times it was cleared.</summary>
    internal int Generation { get; private set; }

    /// <summary>The orders that draw from it.</summary>
    internal SampleOrders Orders { get; } = new();

    /// <summary>Adds a sample with a label to a set of floats. Makes no OpenGL call.</summary>
    /// <param name="features">[inputs].</param>
    /// <param name="label">The correct class.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, which may be zero or negative.</param>
    /// <param name="allowedClasses">[classes]: the classes allowed for the sample; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set stores bytes.</exception>
    /// <exception cref="ArgumentException">A length does not match, or the label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or the weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<float> features, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default)
    {
        RequireOne(features.Length);
        AddRange(features, OneValue.Of(in label), OneValue.Of(in sampleWeight), allowedClasses);
    }

    /// <summary>Adds a sample with a label to a set of bytes. Makes no OpenGL call.</summary>
    /// <param name="features">[inputs], each read as value / 255.</param>
    /// <param name="label">The correct class.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, which may be zero or negative.</param>
    /// <param name="allowedClasses">[classes]: the classes allowed for the sample; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set stores floats.</exception>
    /// <exception cref="ArgumentException">A length does not match, or the label is not among its allowed classes.</exception>
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
    /// <param name="targets">[outputs]: the values to learn.</param>
    /// <param name="sampleWeight">The factor of the sample's loss, which may be zero or negative.</param>
    /// <exception cref="InvalidOperationException">The set stores bytes.</exception>
    /// <exception cref="ArgumentException">A length does not match, or the set's samples have labels.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or the weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void Add(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, float sampleWeight = 1)
    {
        RequireOne(features.Length);
        AddRange(features, targets, OneValue.Of(in sampleWeight));
    }

    /// <summary>Adds a sample with values to a set of bytes, each read as value / 255. Makes no OpenGL call.</summary>
    /// <exception cref="InvalidOperationException">The set stores floats.</exception>
    /// <inheritdoc cref="Add(ReadOnlySpan{float}, ReadOnlySpan{float}, float)"/>
    public void Add(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, float sampleWeight = 1)
    {
        RequireOne(features.Length);
        AddRange(features, targets, OneValue.Of(in sampleWeight));
    }

    /// <summary>Adds samples with labels to a set of floats: all of them, or none if anything is invalid. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major; its length gives their number. If there are more than the capacity, the last ones stay.</param>
    /// <param name="labels">[samples], each a class.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's cross-entropy, which may be zero or negative; empty for all ones.</param>
    /// <param name="allowedClasses">[samples × classes]: the classes allowed for each sample; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set stores bytes.</exception>
    /// <exception cref="ArgumentException">Lengths do not match, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void AddRange(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default) =>
        AddRange(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));

    /// <summary>Adds samples with labels to a set of bytes: all of them, or none if anything is invalid. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major, each read as value / 255. If there are more than the capacity, the last ones stay.</param>
    /// <param name="labels">[samples], each a class.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's cross-entropy, which may be zero or negative; empty for all ones.</param>
    /// <param name="allowedClasses">[samples × classes]: the classes allowed for each sample; empty for all.</param>
    /// <exception cref="InvalidOperationException">The set stores floats.</exception>
    /// <exception cref="ArgumentException">Lengths do not match, or a label is not among its allowed classes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public void AddRange(
        ReadOnlySpan<byte> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default) =>
        AddRange(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses));

    /// <summary>Adds samples with values to a set of floats: all of them, or none if anything is invalid. Makes no OpenGL call.</summary>
    /// <param name="features">[samples × inputs], row-major; its length gives their number. If there are more than the capacity, the last ones stay.</param>
    /// <param name="targets">[samples × outputs], row-major: the values to learn.</param>
    /// <param name="sampleWeights">[samples]: the factor of each sample's loss, which may be zero or negative; empty for all ones.</param>
    /// <inheritdoc cref="Add(ReadOnlySpan{float}, ReadOnlySpan{float}, float)"/>
    public void AddRange(ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default) =>
        AddRange(features, BatchTargets.OfValues(targets, sampleWeights));

    /// <summary>Adds samples with values to a set of bytes, each read as value / 255: all of them, or none if anything is invalid. Makes no OpenGL call.</summary>
    /// <exception cref="InvalidOperationException">The set stores floats.</exception>
    /// <inheritdoc cref="AddRange(ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public void AddRange(ReadOnlySpan<byte> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default) =>
        AddRange(features, BatchTargets.OfValues(targets, sampleWeights));

    /// <summary>
    /// Adds the current content of a game texture as a sample with a label, without reading it back: scaled to width × height pixels, each the mean
    /// over its box of the texture. The features are the pixels row by row, starting at the texture's first row (the bottom of an
    /// OpenGL rendering), with the channels of each pixel adjacent.
    /// </summary>
    /// <remarks>
    /// <para>
    /// A dispatch that this call enqueues reads the texture, so the game may draw into it, or delete it, right afterwards. Until
    /// the next Tick the sample waits on the GPU, in order with all added samples.
    /// </para>
    /// <para>
    /// Values are taken as shaders see them, with the texture's swizzle, from its base level: sRGB textures yield linear light, normalized ones 0 to 1; a byte set keeps only 0 to 1, and 0 in place of NaN.
    /// Values are not checked for finiteness: in a set of floats a trainer's loss reveals it. The texture's filter, wrap mode and mipmaps do not matter. Content written by image stores needs the game's own barrier
    /// (GL_TEXTURE_FETCH_BARRIER_BIT). Within a conditional render that discards, the driver reads no texture: the sample is added with the weight 0, and so teaches nothing.
    /// </para>
    /// <para>
    /// Does not wait: if the textures of earlier calls that the GPU has not read yet amount to some 50 ms of its time (by a guess of a nanosecond a texel), or are of the last twelve frames, nothing is
    /// added, and the call returns false. A game goes on without this sample; a loop that adds many views repeats the call after <see cref="NeuralDevice.Update"/>, until it returns true. Allocates when the
    /// size changes, or more textures wait at once than ever before; the first call compiles a kernel, unless <see cref="KernelsFor"/> was warmed up.
    /// </para>
    /// </remarks>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <param name="width">Pixels per row; width × height × channels are the set's inputs.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">The values of a pixel that become features.</param>
    /// <param name="label">The correct class.</param>
    /// <param name="sampleWeight">The factor of the sample's cross-entropy, which may be zero or negative.</param>
    /// <param name="allowedClasses">[classes]: the classes allowed for the sample; empty for all.</param>
    /// <returns>Whether the sample was added. False, and nothing has changed, if the GPU is too far behind with the textures of earlier calls.</returns>
    /// <exception cref="ArgumentException">
    /// The pixels do not yield the set's number of features, the texture is unsuitable, or the label is not among its allowed classes.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, the channels are invalid, or the label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">The weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">A pixel would be the mean of more than some 65,000 texels, or the driver has no memory.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The set or the device was disposed.</exception>
    public bool AddTexture(
        uint texture, int width, int height, TextureChannels channels, int label, float sampleWeight = 1, ReadOnlySpan<bool> allowedClasses = default) =>
        AddTexture(texture, width, height, channels, BatchTargets.OfLabels(OneValue.Of(in label), OneValue.Of(in sampleWeight), allowedClasses));

    /// <summary>Adds the current content of a game texture as a sample with values, without reading it back, as with a label.</summary>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <param name="width">Pixels per row; width × height × channels are the set's inputs.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">The values of a pixel that become features.</param>
    /// <param name="targets">[outputs]: the values to learn.</param>
    /// <param name="sampleWeight">The factor of the sample's loss, which may be zero or negative.</param>
    /// <inheritdoc cref="AddTexture(uint, int, int, TextureChannels, int, float, ReadOnlySpan{bool})"/>
    public bool AddTexture(uint texture, int width, int height, TextureChannels channels, ReadOnlySpan<float> targets, float sampleWeight = 1) =>
        AddTexture(texture, width, height, channels, BatchTargets.OfValues(targets, OneValue.Of(in sampleWeight)));

    /// <summary>The kernel of AddTexture, for <see cref="NeuralDevice.WarmUp"/>. Makes no OpenGL call.</summary>
    /// <param name="textureWidth">Texels per row of the game's textures.</param>
    /// <param name="textureHeight">Their rows of texels.</param>
    /// <param name="channels">The values of a pixel that will become features.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, or the channels are invalid.</exception>
    public KernelSet KernelsFor(int textureWidth, int textureHeight, TextureChannels channels)
    {
        Requirements.Size(textureWidth, "texels side by side");
        Requirements.Size(textureHeight, "rows of texels");
        TextureFeatures.RequireChannels(channels);
        return new KernelSet([textures.DispatchToWarmUp(new HostTexture(Device, textureWidth, textureHeight), channels)]);
    }

    /// <summary>
    /// Removes all samples, including waiting ones. A trainer's epoch ends; a step that is still open keeps its samples to its end.
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

    /// <summary>Frees the memory for waiting samples, once they are uploaded: for use after a large set was added at once.</summary>
    public void TrimExcess()
    {
        staging.TrimExcess();
        textures.TrimExcess();
    }

    /// <summary>Frees its textures at the device's next call. Any thread may call it; a second call does nothing.</summary>
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
        return Device.Enter(savesHostState: false);   // its own calls save their state
    }

    /// <summary>
    /// Uploads the waiting samples. A sample whose row an open step draws, and those after it, keep waiting. Neither waits nor allocates.
    /// </summary>
    internal void Upload()
    {
        using NeuralDevice.Scope scope = Enter();
        textures.EndFrame();
        while (staging.Count > 0)
        {
            int rows = Orders.RowsBeforeOpenOnes(head, Math.Min(staging.ContiguousCount, Capacity - head));
            if (rows == 0) return;
            if (staging.IsFirstTexture) rows = textures.MoveFirstTo(Features, Targets, head, rows);
            else staging.UploadFirstTo(Features, Targets, head, rows);
            staging.RemoveFirst(rows);
            Uploaded = Math.Max(Uploaded, head + rows);
            head = (head + rows) % Capacity;
        }
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

    private bool AddTexture(uint texture, int width, int height, TextureChannels channels, BatchTargets targets)
    {
        using NeuralDevice.Scope scope = Enter();
        TextureFeatures.RequireSize(width, height, channels, Inputs);
        Layout.Check(1, targets);
        if (!textures.TryPrepare(texture, width, height, channels)) return false;
        textures.RemoveFirst(staging.MakeRoom(1));
        Span<uint> target = staging.Append(isTexture: true).Targets.Span;
        Layout.Pack(targets, target);
        textures.Append(target);
        return true;
    }

    private void Stage(ReadOnlySpan<byte> features, int bytesPerFeature, BatchTargets targets, int rows)
    {
        int bytes = Inputs * bytesPerFeature;
        int kept = Math.Min(rows, Capacity);
        textures.RemoveFirst(staging.MakeRoom(kept));
        for (int i = rows - kept; i < rows; i++)
        {
            (Memory<byte> stagedFeatures, Memory<uint> stagedTargets) = staging.Append();
            features.Slice(i * bytes, bytes).CopyTo(stagedFeatures.Span);   // the padding after it was never written
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
            ? "This set stores bytes, but got floats. Pass bytes (a feature from 0 to 1 as value · 255), or make the set with SampleFormat.Float."
            : "This set stores floats, but got bytes. Pass floats (value / 255f), or make the set with SampleFormat.Bytes.");
    }
}
