namespace NeuralPlugin;

/// <summary>
/// A stack of layers with parameters in textures. It maps a batch of features [batch × inputs] to outputs [batch × outputs], both
/// row-major: the logits of a classification, the values of a regression. Its backward pass is derived from the stack by the chain rule.
/// </summary>
/// <remarks>
/// All calls wait for the GPU and must come from the thread on which the device's context is current. Each throws
/// <see cref="ObjectDisposedException"/> if the network or its device was disposed, and
/// <see cref="WrongContextException"/> from another thread or with another context, before anything has changed.
/// </remarks>
public sealed class Network : IDisposable
{
    private readonly PingPongMatrix[][] matrices;
    private readonly Predictions predictions;
    private readonly Predictions outputs;
    private StepWorkspace? gradients;
    private InputGradientWorkspace? inputGradients;
    private bool disposed;

    /// <summary>Makes a network with the seed 1.</summary>
    /// <inheritdoc cref="Network(NeuralDevice, int, int, Layer[])"/>
    public Network(NeuralDevice device, int inputs, params Layer[] layers) : this(device, 1, inputs, layers)
    {
    }

    /// <summary>Makes a network; its weights start from the seed, the same on every machine, its biases at zero.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="seed">Chooses the initial weights.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="layers">The stack, starting at the features: <c>new Dense(128), new Relu(), new Dense(10)</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The inputs are zero or less.</exception>
    /// <exception cref="ArgumentException">There is no layer, or one is null.</exception>
    /// <exception cref="DeviceLimitException">A weight matrix is too large for this device.</exception>
    public Network(NeuralDevice device, int seed, int inputs, params Layer[] layers)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        Stack = new Stack(inputs, layers);
        using NeuralDevice.Scope scope = device.Enter();
        KernelsInUse = new NetworkKernels(device);
        foreach (StackLayer layer in Stack.Layers)
        {
            foreach (ParameterDeclaration declaration in layer.Parameters) _ = ShapeOf(declaration);   // all must fit, or nothing is made
        }

        List<NetworkParameter> parameters = [];
        int number = 0;
        matrices =
        [
            .. Stack.Layers.Select((layer, layerNumber) => layer.Parameters
                .Select(declaration => Declare(declaration, number++, layerNumber, parameters)).ToArray()),
        ];
        Parameters = parameters;
        predictions = new Predictions(this, softmax: true);
        outputs = new Predictions(this, softmax: false);
        CommittedParameters = [.. matrices.Select(layer => layer.Select(matrix => matrix.Committed).ToArray())];
        Initialize(seed);
    }

    /// <summary>Features per sample.</summary>
    public int Inputs => Stack.Inputs;

    /// <summary>Outputs per sample: the classes of a classification, the values of a regression.</summary>
    public int Outputs => Stack.Outputs;

    /// <summary>The parameters in the order of the stack.</summary>
    public IReadOnlyList<NetworkParameter> Parameters { get; }

    /// <summary>The number of parameters: Σ (inputs + 1) · units over its dense layers.</summary>
    public int ParameterCount => Parameters.Sum(parameter => parameter.Rows * parameter.Columns);

    /// <summary>The kernel family of its matrix products: its device's family when the network was made.</summary>
    public KernelFamily KernelFamily => Kernels.Family;

    internal FamilyKernels Kernels => KernelsInUse.Current;

    internal NetworkKernels KernelsInUse { get; }

    internal NeuralDevice Device { get; }

    internal Stack Stack { get; }

    internal CommitClock Clock { get; } = new();

    /// <summary>Changes with every commit and every upload of weights, so that a step that spans frames notices.</summary>
    internal long Changes { get; private set; }

    /// <summary>Whether the pending weights differ from those before the last step: a step that writes nothing would bring them back.</summary>
    internal bool PendingIsStale { get; private set; } = true;

    /// <summary>The owner of the step that spans frames, held weakly; null for none.</summary>
    internal WeakReference? StepOwner { get; set; }

    internal IReadOnlyList<IReadOnlyList<Operand>> CommittedParameters { get; }

    internal IReadOnlyList<IReadOnlyList<PingPongMatrix>> Matrices => matrices;

    /// <summary>
    /// The cost of one cross-entropy training step of a stack, without a device and without making it: for each layer and in total, the
    /// floating-point operations of the matrix products, the bytes moved and the bytes allocated.
    /// </summary>
    /// <param name="batchSize">Samples per step.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="optimizer">Adds the update and its state; null for the gradients alone.</param>
    /// <param name="layers">The stack.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less.</exception>
    /// <exception cref="ArgumentException">There is no layer, or one is null.</exception>
    /// <exception cref="DeviceLimitException">A size is beyond any device.</exception>
    public static NetworkCost EstimateCost(int batchSize, int inputs, Optimizer? optimizer, params Layer[] layers)
    {
        return EstimateCost(KernelFamily.RegisterTiled, batchSize, inputs, optimizer, layers);
    }

    /// <summary>As above, for one kernel family.</summary>
    /// <param name="family">The kernel family, which affects fusion.</param>
    /// <param name="batchSize">Samples per step.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="optimizer">Adds the update and its state; null for the gradients alone.</param>
    /// <param name="layers">The stack.</param>
    /// <inheritdoc cref="EstimateCost(int, int, Optimizer?, Layer[])"/>
    public static NetworkCost EstimateCost(KernelFamily family, int batchSize, int inputs, Optimizer? optimizer, params Layer[] layers)
    {
        return EstimateCost(family, Loss.OfLabels, batchSize, inputs, optimizer, layers);
    }

    /// <summary>As above, for one kernel family and another loss.</summary>
    /// <param name="family">The kernel family, which affects fusion.</param>
    /// <param name="loss">The loss to minimize.</param>
    /// <param name="batchSize">Samples per step.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="optimizer">Adds the update and its state; null for the gradients alone.</param>
    /// <param name="layers">The stack.</param>
    /// <inheritdoc cref="EstimateCost(int, int, Optimizer?, Layer[])"/>
    public static NetworkCost EstimateCost(KernelFamily family, Loss loss, int batchSize, int inputs, Optimizer? optimizer, params Layer[] layers)
    {
        ArgumentNullException.ThrowIfNull(family);
        ArgumentNullException.ThrowIfNull(loss);
        return NetworkCost.Of(new Stack(inputs, layers), batchSize, loss, optimizer, fused: true, family.For(DeviceLimits.WithoutDevice));
    }

    /// <summary>The cost of a training step of this network. The byte counts match the device's.</summary>
    /// <param name="batchSize">Samples per step.</param>
    /// <param name="optimizer">Adds the update and its state; null for the gradients alone.</param>
    /// <param name="fused">True for the plan that steps run; false for the plain one, one dispatch per computation.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is zero or less.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than any device can run.</exception>
    public NetworkCost Cost(int batchSize, Optimizer? optimizer = null, bool fused = true, Loss? loss = null)
    {
        return NetworkCost.Of(Stack, batchSize, loss ?? Loss.OfLabels, optimizer, fused, Kernels);
    }

    /// <summary>
    /// The kernels for predictions of this many rows (including probabilities, if the loss is for classes) and for an optimizer's steps, for
    /// <see cref="NeuralDevice.WarmUp"/>, which tunes those of a network that has not computed anything yet (<see cref="KernelTuning"/>). Makes nothing.
    /// </summary>
    /// <param name="rows">Samples per batch: of the first batch, or the trainer's capacity.</param>
    /// <param name="optimizer">The optimizer; null for the kernels that compute gradients alone.</param>
    /// <param name="loss">The loss to minimize; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are zero or less.</exception>
    /// <exception cref="DeviceLimitException">There are more rows than any device can run.</exception>
    public KernelSet KernelsFor(int rows, Optimizer? optimizer = null, Loss? loss = null)
    {
        loss ??= Loss.OfLabels;
        ComputationGraph.RequireCapacity(Requirements.Size(rows, "rows of a batch"));
        Stack stack = Stack;
        IEnumerable<Dispatch> Step(FamilyKernels kernels) => StepWorkspace.KernelsFor(stack, kernels, rows, loss, optimizer);
        IEnumerable<Dispatch> Predictions(FamilyKernels kernels, bool softmax) => PredictionWorkspace.KernelsFor(stack, kernels, rows, softmax);
        return KernelsInUse.SetOf(rows, Step, kernels => [.. Predictions(kernels, false), .. loss.OutputsAreLogits ? Predictions(kernels, true) : [], .. Step(kernels)]);
    }

    /// <summary>
    /// The raw outputs of a batch: the values of a regression, the logits of a classification. Waits; allocates only when the batch is
    /// larger than any before.
    /// </summary>
    /// <param name="features">[batch × inputs]; its length gives the batch size.</param>
    /// <param name="outputs">[batch × outputs], written.</param>
    /// <exception cref="ArgumentException">The lengths do not match the network or each other.</exception>
    /// <exception cref="NonFiniteValueException">A feature is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void ComputeOutputs(ReadOnlySpan<float> features, Span<float> outputs) =>
        this.outputs.Compute(features, outputs, "outputs", nameof(outputs));

    /// <summary>The logits of a batch: <see cref="ComputeOutputs"/> under its classification name.</summary>
    /// <param name="features">[batch × inputs]; its length gives the batch size.</param>
    /// <param name="logits">[batch × outputs], written.</param>
    /// <inheritdoc cref="ComputeOutputs"/>
    public void ComputeLogits(ReadOnlySpan<float> features, Span<float> logits) =>
        outputs.Compute(features, logits, "classes", nameof(logits));

    /// <summary>The probabilities of a batch: the softmax of its logits. Waits; allocates only when the batch is larger than any before.</summary>
    /// <param name="features">[batch × inputs]; its length gives the batch size.</param>
    /// <param name="probabilities">[batch × outputs], written; each row sums to 1.</param>
    /// <inheritdoc cref="ComputeOutputs"/>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities) =>
        predictions.Compute(features, probabilities, "classes", nameof(probabilities));

    /// <summary>
    /// Requests the probabilities of a batch, by the current weights, without waiting. The answer, with the same bits as
    /// <see cref="Predict(ReadOnlySpan{float}, Span{float})"/>, is ready some frames later (<see cref="PredictionRequest"/>), once an Update or Tick has found it.
    /// </summary>
    /// <remarks>
    /// The last <see cref="PredictionRequest.Capacity"/> requests of a network are kept: a new one replaces the oldest, which expires,
    /// read or not. While that many are pending, a new request does nothing and is expired from the start. Allocates only
    /// when the batch is larger than any before, and for the first requests until all slots have been used.
    /// </remarks>
    /// <param name="features">[batch × inputs]; its length gives the batch size. The buffer may be reused at once.</param>
    /// <exception cref="ArgumentException">The length does not match the network.</exception>
    /// <exception cref="NonFiniteValueException">A feature is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public PredictionRequest RequestPrediction(ReadOnlySpan<float> features) => predictions.Request(features);

    /// <summary>
    /// Requests the raw outputs of a batch, by the current weights, without waiting. The answer, with the same bits as
    /// <see cref="ComputeOutputs"/>, is ready some frames later (<see cref="PredictionRequest"/>), once an Update or Tick has found it.
    /// </summary>
    /// <remarks>As with <see cref="RequestPrediction"/>, with the same number of slots of its own.</remarks>
    /// <inheritdoc cref="RequestPrediction"/>
    public PredictionRequest RequestOutputs(ReadOnlySpan<float> features) => outputs.Request(features);

    /// <summary>The loss gradients of a labeled batch for every parameter, in the order of <see cref="Parameters"/>. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs].</param>
    /// <param name="labels">[batch], each in [0, outputs).</param>
    /// <param name="sampleWeights">[batch], or empty for all ones.</param>
    /// <param name="allowedClasses">[batch × outputs], or empty for all allowed.</param>
    /// <param name="loss">The loss; null for plain cross-entropy.</param>
    /// <exception cref="ArgumentException">Lengths do not match, a label is not among its allowed classes, or the loss takes values.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public float[][] ComputeGradients(
        ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default,
        ReadOnlySpan<bool> allowedClasses = default, Loss? loss = null)
    {
        return ComputeGradients(features, BatchTargets.OfLabels(labels, sampleWeights, allowedClasses), loss ?? Loss.OfLabels);
    }

    /// <summary>The loss gradients of a batch with values for every parameter, in the order of <see cref="Parameters"/>. Waits and allocates.</summary>
    /// <param name="features">[batch × inputs].</param>
    /// <param name="targets">[batch × outputs], the values to learn.</param>
    /// <param name="sampleWeights">[batch], or empty for all ones.</param>
    /// <param name="loss">The loss; null for <see cref="MeanSquaredError"/>.</param>
    /// <exception cref="ArgumentException">Lengths do not match, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteValueException">A feature, a target or a weight is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    public float[][] ComputeGradients(
        ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> sampleWeights = default, Loss? loss = null)
    {
        return ComputeGradients(features, BatchTargets.OfValues(targets, sampleWeights), loss ?? Loss.OfValues);
    }

    /// <summary>
    /// The gradient of the features, given that of the outputs (the logits of a classification): per sample dx = Jᵀ·dz, with J the
    /// derivative of the outputs with respect to the features. Waits.
    /// </summary>
    /// <param name="features">[batch × inputs].</param>
    /// <param name="logitGradients">[batch × outputs].</param>
    /// <param name="featureGradients">[batch × inputs], written.</param>
    /// <exception cref="ArgumentException">The lengths do not match the network or each other.</exception>
    /// <exception cref="NonFiniteValueException">A feature or a gradient is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The batch has more rows than this device can hold or run.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the computation. Nothing has changed.</exception>
    public void ComputeInputGradients(ReadOnlySpan<float> features, ReadOnlySpan<float> logitGradients, Span<float> featureGradients)
    {
        int rows = TrainingBatch.CheckFeatures(features, Inputs);
        Requirements.Length(logitGradients.Length, (long)rows * Outputs, $"{rows} samples × {Outputs} logits", nameof(logitGradients));
        Requirements.Finite(logitGradients, "gradients of the logits", nameof(logitGradients));
        Requirements.Length(featureGradients.Length, features.Length, $"{rows} samples × {Inputs} features", nameof(featureGradients));
        using NeuralDevice.Scope scope = Enter();
        if (inputGradients is null || inputGradients.Capacity < rows) Replace(ref inputGradients, new InputGradientWorkspace(this, rows));
        if (!inputGradients!.TryRun(features, rows, logitGradients, featureGradients)) throw DispatchesSkippedException.OfCall();
    }

    /// <summary>
    /// The current committed values of all parameters, read back without a wait. The task completes in a later Update of
    /// the device, but never on its thread.
    /// </summary>
    internal Task<float[][]> ReadParametersAsync()
    {
        using NeuralDevice.Scope scope = Enter();
        TaskCompletionSource<float[][]> values = new(TaskCreationOptions.RunContinuationsAsynchronously);
        MatrixTexture[] textures = [.. matrices.SelectMany(layer => layer).Select(matrix => matrix.CommittedTexture)];
        new Readback(Device, textures.Select(texture => texture.Shape), readback => HandOver(readback, values)).Start(textures);
        return values.Task;
    }

    /// <summary>Frees its textures at the device's next call. Any thread may call it; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (PingPongMatrix matrix in matrices.SelectMany(layer => layer)) matrix.Dispose();
        predictions.Dispose();
        outputs.Dispose();
        gradients?.Dispose();
        inputGradients?.Dispose();
    }

    /// <summary>Replaces the values of all parameters, in their order, or none if any is invalid.</summary>
    internal void SetParameters(params (string Name, float[] Values)[] parameters)
    {
        for (int i = 0; i < parameters.Length; i++) Parameters[i].Check(parameters[i].Values, $"values of {parameters[i].Name}", parameters[i].Name);
        using NeuralDevice.Scope scope = Enter();
        for (int i = 0; i < parameters.Length; i++) Parameters[i].Upload(parameters[i].Values);
    }

    internal NeuralDevice.Scope Enter(bool savesHostState = true)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return Device.Enter(savesHostState);
    }

    /// <summary>Makes the textures that updates write, if they do not exist yet.</summary>
    internal void EnsurePending()
    {
        foreach (PingPongMatrix matrix in matrices.SelectMany(layer => layer)) matrix.EnsurePending();
    }

    /// <summary>Makes the pending parameters the committed ones.</summary>
    internal void Commit()
    {
        Clock.Commit();
        Changes++;
    }

    /// <summary>The committed weights were set from outside, or the pending ones are invalid: a step that spans frames starts over.</summary>
    internal void MakePendingStale()
    {
        PendingIsStale = true;
        Changes++;
    }

    /// <summary>Copies the committed textures into those that updates write.</summary>
    internal void CopyToPending()
    {
        foreach (PingPongMatrix[] layer in matrices) Array.ForEach(layer, static matrix => matrix.CopyToPending());
        PendingIsStale = false;
    }

    private MatrixShape ShapeOf(ParameterDeclaration declaration) => Device.Shape(declaration.Rows, declaration.Columns, "The parameters of a layer");

    private PingPongMatrix Declare(ParameterDeclaration declaration, int number, int layer, List<NetworkParameter> parameters)
    {
        PingPongMatrix matrix = new(Device, Clock, ShapeOf(declaration));
        int row = 0;
        foreach (ParameterPart part in declaration.Parts)
        {
            parameters.Add(new NetworkParameter(this, matrix, number, layer, row, part));
            row += part.Rows;
        }

        return matrix;
    }

    /// <summary>Uploads the initial values. Each parameter has its own random stream, so that its start does not depend on the others' sizes.</summary>
    private void Initialize(int seed)
    {
        ParameterPart[] parts = [.. Stack.Layers.SelectMany(layer => layer.Parameters).SelectMany(declaration => declaration.Parts)];
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].InitialBound == 0) continue;
            Parameters[i].Upload(parts[i].InitialValues(Parameters[i].Columns, seed, stream: (ulong)i));
        }
    }

    private void HandOver(Readback readback, TaskCompletionSource<float[][]> values)
    {
        using (readback)
        {
            try
            {
                if (readback.Failure is not null) values.SetException(readback.Failure);
                else values.SetResult([.. Parameters.Select(parameter => parameter.ReadFrom(readback))]);
            }
            catch (Exception exception) when (exception is OutOfMemoryException or InvalidOperationException)
            {
                values.SetException(exception);   // the game continues, and the task's awaiter gets the error
            }
        }
    }

    private static void Replace<T>(ref T? workspace, T larger) where T : Workspace
    {
        workspace?.Dispose();
        workspace = larger;
    }

    private float[][] ComputeGradients(ReadOnlySpan<float> features, BatchTargets targets, Loss loss)
    {
        TrainingBatch batch = TrainingBatch.Check(Inputs, loss.TargetsFor(Outputs), features, targets);
        using NeuralDevice.Scope scope = Enter();
        if (gradients is null || gradients.Capacity < batch.Rows || gradients.Loss != loss)
            Replace(ref gradients, new StepWorkspace(this, batch.Rows, loss));
        if (!gradients!.TryRun(batch, out _)) throw DispatchesSkippedException.OfCall();
        return gradients.ReadGradients();
    }
}
