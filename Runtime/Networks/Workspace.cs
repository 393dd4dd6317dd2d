namespace NeuralPlugin;

/// <summary>
/// The matrices of one recording at one capacity, and the plans that run on them. Only those that a plan touches are
/// made. If a later one does not fit, those made before are dropped and collected.
/// </summary>
internal abstract class Workspace : IDisposable
{
    protected Workspace(Network network, int capacity, BatchSource? source = null, TexelFormat features = TexelFormat.Float)
    {
        Network = network;
        Capacity = capacity;
        Recording = new Recording(
            network.Stack, capacity, network.CommittedParameters, network.KernelFamily, source, features, network.Device.Limits.MostBindings);
    }

    public int Capacity { get; }

    public MatrixTexture Input => ((PlannedMatrix)Recording.Input).Texture;

    protected Network Network { get; }

    protected Recording Recording { get; }

    public void Dispose()
    {
        foreach (RecordedMatrix recorded in Recording.Matrices) recorded.Matrix.Dispose();
    }

    protected Plan PlanOf(IEnumerable<RecordedDispatch> recorded, StepRecord? record = null, bool compile = true)
    {
        IEnumerable<Dispatch> plain = recorded.Select(r => Recording.FindBatch(r.Dispatch));
        Dispatch[] dispatches = [.. record is null ? plain : record.Guard(plain)];
        PlannedMatrix[] missing =
            [.. dispatches.SelectMany(d => d.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Where(m => !m.IsRealized).Distinct()];
        foreach (PlannedMatrix matrix in missing) matrix.RequireFit(Network.Device);   // all fit and can be run, or nothing is made
        Plan plan = new(Network.Device, dispatches, compile);
        foreach (PlannedMatrix matrix in missing) matrix.Realize(Network.Device);
        return plan;
    }
}

/// <summary>Predictions: the forward pass, and the softmax at its end.</summary>
internal sealed class PredictionWorkspace : Workspace
{
    /// <summary>What no softmax gives: it stays where <see cref="MarkSkipped"/> put it and the driver skipped the dispatches.</summary>
    public const float Skipped = -1;

    private readonly float[] skippedRow;
    private readonly Plan logitsPlan;
    private readonly Plan probabilitiesPlan;

    public PredictionWorkspace(Network network, int capacity) : base(network, capacity)
    {
        Recording.RecordProbabilities();
        logitsPlan = PlanOf(ForLogits(Recording, network.Stack), compile: false);   // which few ask for
        probabilitiesPlan = PlanOf(ForProbabilities(Recording));
        skippedRow = SkippedRow(network.Outputs);
    }

    /// <summary>A row that no softmax gives.</summary>
    public static float[] SkippedRow(int outputs)
    {
        float[] row = new float[outputs];
        row.AsSpan().Fill(Skipped);
        return row;
    }

    /// <summary>The kernels of both plans, with nothing made.</summary>
    public static IEnumerable<Dispatch> KernelsFor(Network network, int rows)
    {
        Recording recording = new(network.Stack, rows, network.CommittedParameters, network.KernelFamily, mostMatrices: network.Device.Limits.MostBindings);
        recording.RecordProbabilities();
        return ForLogits(recording, network.Stack).Concat(ForProbabilities(recording)).Select(recorded => recorded.Dispatch);
    }

    /// <summary>What <see cref="Enqueue"/> finds.</summary>
    public MatrixTexture Probabilities => Recording.Probabilities!.Texture;

    /// <summary>
    /// Before <see cref="Enqueue"/>: the driver skips dispatches, not uploads, while a conditional render of the host is open, and then
    /// the first row is <see cref="Skipped"/>, and not what an earlier batch has left.
    /// </summary>
    public void MarkSkipped() => Probabilities.Upload<float>(skippedRow);

    /// <summary>Uploads a checked batch and runs the forward pass, without waiting.</summary>
    public void Enqueue(ReadOnlySpan<float> features, int rows)
    {
        Input.Upload(features);
        probabilitiesPlan.Run(rows);
    }

    /// <summary>Runs the forward pass on features that were written into the input, without waiting.</summary>
    public void EnqueueWritten(int rows) => probabilitiesPlan.Run(rows);

    public void Run(ReadOnlySpan<float> features, int rows, Span<float> result, bool probabilities)
    {
        if (!probabilities) logitsPlan.Compile();
        Input.Upload(features);
        (probabilities ? probabilitiesPlan : logitsPlan).Run(rows);
        (probabilities ? Recording.Probabilities! : Recording.Logits).Texture.Read(result);
    }

    private static IEnumerable<RecordedDispatch> ForLogits(Recording recording, Stack stack)
    {
        int lossBlock = stack.Layers.Count;
        return Fusion.Fuse(recording, recording.Logits).Where(recorded => recorded.Block != lossBlock);
    }

    private static IReadOnlyList<RecordedDispatch> ForProbabilities(Recording recording) => Fusion.Fuse(recording, recording.Probabilities);
}

/// <summary>The gradient of the features from a given gradient of the logits.</summary>
internal sealed class InputGradientWorkspace : Workspace
{
    private readonly Plan plan;

    public InputGradientWorkspace(Network network, int capacity) : base(network, capacity)
    {
        Recording.RecordGivenLogitGradients();
        Recording.RecordBackward(inputGradients: true, parameterGradients: false);
        plan = PlanOf(Fusion.Fuse(Recording, Recording.InputGradients));
    }

    public void Run(ReadOnlySpan<float> features, int rows, ReadOnlySpan<float> logitGradients, Span<float> inputGradients)
    {
        Input.Upload(features);
        Recording.LogitGradients!.Texture.Upload(logitGradients);
        plan.Run(rows);
        Recording.InputGradients!.Texture.Read(inputGradients);
    }
}

/// <summary>
/// The loss of a batch and the gradients of the parameters; with an optimizer's state, a whole training step up to its commit.
/// </summary>
internal sealed class StepWorkspace : Workspace
{
    private readonly Plan plan;
    private readonly float[] batchLoss = new float[MatrixShape.ColumnsPerTexel];
    private uint[] targetWords = [];

    public StepWorkspace(
        Network network, int capacity, SoftmaxCrossEntropy loss, OptimizerState? optimizer = null, bool fused = true,
        BatchSource? source = null, StepRecord? record = null, TexelFormat features = TexelFormat.Float)
        : base(network, capacity, source, features)
    {
        Loss = loss;
        Recording.RecordLoss(loss, record?.Results);
        Recording.RecordBackward(inputGradients: false);
        if (optimizer is not null) Recording.RecordUpdate(optimizer.Optimizer, optimizer.Operands, optimizer.Scalars);
        plan = PlanOf(fused ? Recording.Fuse(keepGradients: optimizer is null) : Recording.Dispatches, record, compile: record is null);
    }

    /// <summary>The kernels of a plan of these, with nothing made.</summary>
    public static IEnumerable<Dispatch> KernelsFor(
        Network network, int rows, Optimizer? optimizer, bool fused = true, TexelFormat features = TexelFormat.Float)
    {
        Recording recording = Recording.OfStep(network.Stack, rows, optimizer, network.KernelFamily, [], features, network.Device.Limits.MostBindings);
        IEnumerable<RecordedDispatch> recorded = fused ? recording.Fuse(keepGradients: optimizer is null) : recording.Dispatches;
        return recorded.Select(r => recording.FindBatch(r.Dispatch));
    }

    public SoftmaxCrossEntropy Loss { get; }

    public IReadOnlyList<Dispatch> Dispatches => plan.Dispatches;

    /// <summary>Compiles the plan of a step that keeps a record, whose trainer warms its kernels up.</summary>
    public void Compile() => plan.Compile();

    /// <summary>Uploads a checked batch, runs the plan and waits for the loss.</summary>
    public BatchResult Run(LabeledBatch batch)
    {
        Upload(batch);
        Enqueue(batch.Rows);
        ((PlannedMatrix)Recording.BatchLoss!).Texture.Read(batchLoss);
        return new BatchResult(batchLoss[0], (int)batchLoss[1]);
    }

    /// <summary>Runs the plan on what is uploaded, without waiting.</summary>
    public void Enqueue(int rows) => plan.Run(rows);

    /// <summary>Runs the plan on what is uploaded as a step of a record, without waiting.</summary>
    public void Enqueue(int rows, StepArguments arguments)
    {
        for (int i = 0; i < plan.Dispatches.Count; i++)   // an enumerator would be allocated
        {
            Dispatch dispatch = plan.Dispatches[i];
            Network.Device.Run(dispatch, rows, arguments, 0, dispatch.Grid.Lines(rows));
        }

        Network.Device.MakeWritesVisible();
    }

    public float[][] ReadGradients()
    {
        MatrixTexture[] gradients = [.. Recording.ParameterGradients.SelectMany(block => block).Select(gradient => gradient.Texture)];
        return [.. Network.Parameters.Select(parameter => parameter.ReadFrom(gradients[parameter.MatrixNumber]))];
    }

    public void Upload(LabeledBatch batch)
    {
        if (Input.Format == TexelFormat.Byte) Input.Upload(batch.FeatureBytes);
        else Input.Upload(batch.Features);
        UploadTargets(batch.Labels, batch.SampleWeights, batch.AllowedClasses);
    }

    /// <summary>Uploads what checked samples want, whose features are written on the GPU.</summary>
    public void UploadTargets(ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        MatrixTexture targets = ((PlannedMatrix)Recording.Targets!).Texture;
        int words = labels.Length * targets.Shape.Columns;
        if (targetWords.Length < words) targetWords = new uint[words];
        TargetLayout.Pack(labels, sampleWeights, allowedClasses, Network.Outputs, targetWords.AsSpan(0, words));
        targets.Upload<uint>(targetWords.AsSpan(0, words));
    }
}
