namespace NeuralPlugin;

/// <summary>
/// The matrices of one graph at one capacity, and the plans that run on them. Only those that a plan touches are
/// made. If a later one does not fit, those made before are dropped and collected.
/// </summary>
internal abstract class Workspace : IDisposable
{
    protected Workspace(Network network, int capacity, BatchSource? source = null, TexelFormat features = TexelFormat.Float)
    {
        Network = network;
        Capacity = capacity;
        Graph = new ComputationGraph(network.Stack, capacity, network.CommittedParameters, network.Kernels, source, features);
    }

    public int Capacity { get; }

    public MatrixTexture Input => ((PlannedMatrix)Graph.Input).Texture;

    protected Network Network { get; }

    protected ComputationGraph Graph { get; }

    public void Dispose()
    {
        foreach (GraphMatrix planned in Graph.Matrices) planned.Matrix.Dispose();
    }

    protected Plan PlanOf(IEnumerable<PlannedComputation> computations, StepLog? log = null, bool compile = true)
    {
        Dispatch[] dispatches = [.. computations.Select(planned => Graph.ToDispatch(planned.Computation, log))];
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
        Graph.AddProbabilities();
        logitsPlan = PlanOf(ForLogits(Graph, network.Stack), compile: false);   // which few ask for
        probabilitiesPlan = PlanOf(ForProbabilities(Graph));
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
        ComputationGraph graph = new(network.Stack, rows, network.CommittedParameters, network.Kernels);
        graph.AddProbabilities();
        return ForLogits(graph, network.Stack).Concat(ForProbabilities(graph)).Select(planned => graph.ToDispatch(planned.Computation));
    }

    /// <summary>What <see cref="Enqueue"/> finds.</summary>
    public MatrixTexture Probabilities => Graph.Probabilities!.Texture;

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
        (probabilities ? Graph.Probabilities! : Graph.Outputs).Texture.Read(result);
    }

    private static IEnumerable<PlannedComputation> ForLogits(ComputationGraph graph, Stack stack)
    {
        int lossLayer = stack.Layers.Count;
        return Fusion.Fuse(graph, graph.Outputs).Where(planned => planned.Layer != lossLayer);
    }

    private static IReadOnlyList<PlannedComputation> ForProbabilities(ComputationGraph graph) => Fusion.Fuse(graph, graph.Probabilities);
}

/// <summary>The outputs of a network as they are, without a softmax, enqueued and left on the GPU: what agents ask for.</summary>
internal sealed class OutputWorkspace : Workspace
{
    private readonly Plan plan;

    public OutputWorkspace(Network network, int capacity) : base(network, capacity) => plan = PlanOf(Fusion.Fuse(Graph, Graph.Outputs));

    /// <summary>What <see cref="Enqueue"/> finds, a row a sample.</summary>
    public MatrixTexture Outputs => Graph.Outputs.Texture;

    /// <summary>Uploads a checked batch and runs the forward pass.</summary>
    public void Enqueue(ReadOnlySpan<float> features, int rows)
    {
        Input.Upload(features);
        EnqueueWritten(rows);
    }

    /// <summary>Runs the forward pass on features that were written into the input.</summary>
    public void EnqueueWritten(int rows) => plan.Run(rows);
}

/// <summary>The gradient of the features from a given gradient of the logits.</summary>
internal sealed class InputGradientWorkspace : Workspace
{
    private readonly Plan plan;

    public InputGradientWorkspace(Network network, int capacity) : base(network, capacity)
    {
        Graph.AddGivenOutputGradients();
        Graph.AddBackward(inputGradients: true, parameterGradients: false);
        plan = PlanOf(Fusion.Fuse(Graph, Graph.InputGradients));
    }

    public void Run(ReadOnlySpan<float> features, int rows, ReadOnlySpan<float> logitGradients, Span<float> inputGradients)
    {
        Input.Upload(features);
        Graph.OutputGradients!.Texture.Upload(logitGradients);
        plan.Run(rows);
        Graph.InputGradients!.Texture.Read(inputGradients);
    }
}

/// <summary>
/// The loss of a batch and the gradients of the parameters; with an optimizer's state, a whole training step up to its commit.
/// </summary>
internal sealed class StepWorkspace : Workspace
{
    private readonly Plan plan;
    private readonly TargetLayout layout;
    private readonly float[] batchLoss = new float[MatrixShape.ColumnsPerTexel];
    private uint[] targetWords = [];

    public StepWorkspace(
        Network network, int capacity, Loss loss, OptimizerState? optimizer = null, bool fused = true,
        BatchSource? source = null, StepLog? log = null, TexelFormat features = TexelFormat.Float)
        : base(network, capacity, source, features)
    {
        Loss = loss;
        layout = loss.TargetsFor(network.Outputs);
        Graph.AddLoss(loss, log?.Results);
        Graph.AddBackward(inputGradients: false);
        if (optimizer is not null) Graph.AddUpdate(optimizer.Optimizer, optimizer.Operands, optimizer.Scalars);
        plan = PlanOf(fused ? Graph.Fuse(keepGradients: optimizer is null) : Graph.Computations, log, compile: log is null);
    }

    /// <summary>The kernels of a plan of these, with nothing made.</summary>
    public static IEnumerable<Dispatch> KernelsFor(
        Network network, int rows, Loss loss, Optimizer? optimizer, bool fused = true, TexelFormat features = TexelFormat.Float)
    {
        ComputationGraph graph = ComputationGraph.OfStep(network.Stack, rows, loss, optimizer, network.Kernels, [], features);
        IEnumerable<PlannedComputation> computations = fused ? graph.Fuse(keepGradients: optimizer is null) : graph.Computations;
        return computations.Select(planned => graph.ToDispatch(planned.Computation));
    }

    public Loss Loss { get; }

    public IReadOnlyList<Dispatch> Dispatches => plan.Dispatches;

    /// <summary>Compiles the plan of a step that keeps a log, whose trainer warms its kernels up.</summary>
    public void Compile() => plan.Compile();

    /// <summary>Uploads a checked batch, runs the plan and waits for the loss.</summary>
    public BatchResult Run(TrainingBatch batch)
    {
        Upload(batch);
        Enqueue(batch.Rows);
        ((PlannedMatrix)Graph.BatchLoss!).Texture.Read(batchLoss);
        return new BatchResult(batchLoss[0], (int)batchLoss[1]);
    }

    /// <summary>Runs the plan on what is uploaded, without waiting.</summary>
    public void Enqueue(int rows) => plan.Run(rows);

    public float[][] ReadGradients()
    {
        MatrixTexture[] gradients = [.. Graph.ParameterGradients.SelectMany(layer => layer).Select(gradient => gradient.Texture)];
        return [.. Network.Parameters.Select(parameter => parameter.ReadFrom(gradients[parameter.MatrixNumber]))];
    }

    public void Upload(TrainingBatch batch)
    {
        if (Input.Format == TexelFormat.Byte) Input.Upload(batch.FeatureBytes);
        else Input.Upload(batch.Features);
        UploadTargets(batch.Targets, batch.Rows);
    }

    /// <summary>Uploads the checked targets of samples whose features are written on the GPU.</summary>
    public void UploadTargets(BatchTargets targets, int rows)
    {
        MatrixTexture texture = ((PlannedMatrix)Graph.Targets!).Texture;
        int words = rows * layout.WordsPerRow;
        if (targetWords.Length < words) targetWords = new uint[words];
        layout.Pack(targets, targetWords.AsSpan(0, words));
        texture.Upload<uint>(targetWords.AsSpan(0, words));
    }
}
