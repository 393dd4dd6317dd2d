namespace NeuralPlugin;

/// <summary>
/// The matrices of one graph at one capacity, and the plans that run on them. Only matrices that a plan uses are
/// made. If a later one does not fit, the earlier ones are dropped and collected.
/// </summary>
internal abstract class Workspace : IDisposable
{
    protected Workspace(Network network, int capacity, BatchSource? source = null, TexelFormat features = TexelFormat.Float)
    {
        Network = network;
        Capacity = capacity;
        Graph = new ComputationGraph(network.Stack, capacity, network.CommittedParameters, network.KernelsInUse.Settle(), source, features);
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
        foreach (PlannedMatrix matrix in missing) matrix.RequireFit(Network.Device);   // all must fit and be runnable, or nothing is made
        Plan plan = new(Network.Device, dispatches, compile);
        foreach (PlannedMatrix matrix in missing) matrix.Realize(Network.Device);
        return plan;
    }
}

/// <summary>Predictions: the forward pass, plus the final softmax if probabilities are requested rather than raw outputs.</summary>
internal sealed class PredictionWorkspace : Workspace
{
    private readonly Plan plan;

    public PredictionWorkspace(Network network, int capacity, bool softmax = true) : base(network, capacity)
    {
        plan = PlanOf(ComputationsOf(Graph, softmax));
    }

    /// <summary>The kernels of its plan, with nothing made.</summary>
    public static IEnumerable<Dispatch> KernelsFor(Stack stack, FamilyKernels kernels, int rows, bool softmax)
    {
        PlannedMatrix[][] parameters =
            [.. stack.Layers.Select(layer => layer.Parameters.Select(p => new PlannedMatrix(new MatrixShape(p.Rows, p.Columns), "The parameters of a layer")).ToArray())];
        ComputationGraph graph = new(stack, rows, parameters, kernels);
        return ComputationsOf(graph, softmax).Select(planned => graph.ToDispatch(planned.Computation));
    }

    /// <summary>The results of <see cref="Enqueue"/>: the probabilities, or the outputs.</summary>
    public MatrixTexture Results => (Graph.Probabilities ?? Graph.Outputs).Texture;

    /// <summary>Uploads a checked batch and runs the forward pass, without waiting.</summary>
    public void Enqueue(ReadOnlySpan<float> features, int rows)
    {
        Input.Upload(features);
        plan.Run(rows);
    }

    /// <summary>Runs the forward pass on features already written into the input, without waiting.</summary>
    public void EnqueueWritten(int rows) => plan.Run(rows);

    /// <summary>Uploads a checked batch, runs the forward pass and waits for its results; false if the driver skipped it.</summary>
    public bool TryRun(ReadOnlySpan<float> features, int rows, Span<float> results)
    {
        Input.Upload(features);
        SkipMark.Put(Network.Device, Results);
        plan.Run(rows);
        return Results.TryRead(results);
    }

    private static IReadOnlyList<PlannedComputation> ComputationsOf(ComputationGraph graph, bool softmax)
    {
        if (softmax) graph.AddProbabilities();
        return Fusion.Fuse(graph, softmax ? graph.Probabilities : graph.Outputs);
    }
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

    /// <summary>Waits for the gradients; false if the driver skipped their computation.</summary>
    public bool TryRun(ReadOnlySpan<float> features, int rows, ReadOnlySpan<float> logitGradients, Span<float> inputGradients)
    {
        Input.Upload(features);
        Graph.OutputGradients!.Texture.Upload(logitGradients);
        SkipMark.Put(Network.Device, Graph.InputGradients!);
        plan.Run(rows);
        return Graph.InputGradients!.Texture.TryRead(inputGradients);
    }
}

/// <summary>
/// The loss of a batch and the gradients of the parameters; with an optimizer's state, a complete training step up to its commit.
/// </summary>
internal sealed class StepWorkspace : Workspace
{
    private readonly Plan plan;
    private readonly TargetStaging targets;
    private readonly Operand lastWritten;
    private readonly float[] batchLoss = new float[MatrixShape.ColumnsPerTexel];

    public StepWorkspace(
        Network network, int capacity, Loss loss, OptimizerState? optimizer = null, bool fused = true,
        BatchSource? source = null, StepLog? log = null, TexelFormat features = TexelFormat.Float)
        : base(network, capacity, source, features)
    {
        Loss = loss;
        targets = new TargetStaging(loss.TargetsFor(network.Outputs));
        Graph.AddLoss(loss, log?.Results);
        Graph.AddBackward(inputGradients: false);
        if (optimizer is not null) Graph.AddUpdate(optimizer.Optimizer, optimizer.Operands, optimizer.Scalars);
        plan = PlanOf(fused ? Graph.Fuse(keepGradients: optimizer is null) : Graph.Computations, log, compile: log is null);
        Operand[] written = [.. plan.Dispatches[^1].Matrices.Where(matrix => matrix.IsWritten).Select(matrix => matrix.Operand)];
        lastWritten = written.Contains(Graph.BatchLoss!) ? Graph.BatchLoss! : written[0];
    }

    /// <summary>The kernels of such a plan, with nothing made.</summary>
    public static IEnumerable<Dispatch> KernelsFor(
        Network network, int rows, Loss loss, Optimizer? optimizer, bool fused = true, TexelFormat features = TexelFormat.Float) =>
        KernelsFor(network.Stack, network.Kernels, rows, loss, optimizer, fused, features);

    /// <summary>As above, with other kernels.</summary>
    public static IEnumerable<Dispatch> KernelsFor(
        Stack stack, FamilyKernels kernels, int rows, Loss loss, Optimizer? optimizer, bool fused = true, TexelFormat features = TexelFormat.Float)
    {
        ComputationGraph graph = ComputationGraph.OfStep(stack, rows, loss, optimizer, kernels, [], features);
        IEnumerable<PlannedComputation> computations = fused ? graph.Fuse(keepGradients: optimizer is null) : graph.Computations;
        return computations.Select(planned => graph.ToDispatch(planned.Computation));
    }

    /// <summary>As above, of a step that keeps a log and, with a source, draws its batch.</summary>
    public static IEnumerable<Dispatch> LoggedKernelsFor(Stack stack, FamilyKernels kernels, int rows, Loss loss, Optimizer optimizer, BatchSource? source = null)
    {
        StepLog log = StepLog.Planned(kernels.Limits, loss.RateGuide);
        ComputationGraph graph = ComputationGraph.OfStep(stack, rows, loss, optimizer, kernels, [], source: source, batchLoss: log.Results);
        return graph.Fuse(keepGradients: false).Select(planned => graph.ToDispatch(planned.Computation, log));
    }

    /// <summary>Checks the matrices of such a plan, before it is made.</summary>
    /// <exception cref="DeviceLimitException">One is too large for this device.</exception>
    public static void RequireFit(Network network, int rows, Loss loss, Optimizer optimizer)
    {
        foreach (Dispatch dispatch in KernelsFor(network, rows, loss, optimizer))
        {
            foreach (MatrixBinding matrix in dispatch.Matrices) (matrix.Operand as PlannedMatrix)?.RequireFit(network.Device);
        }
    }

    public Loss Loss { get; }

    public IReadOnlyList<Dispatch> Dispatches => plan.Dispatches;

    /// <summary>Compiles the plan of a logged step, whose trainer warms up its kernels.</summary>
    public void Compile() => plan.Compile();

    /// <summary>Uploads a checked batch, runs the plan and waits for it; false if the driver skipped any of it.</summary>
    public bool TryRun(TrainingBatch batch, out BatchResult result)
    {
        MatrixTexture loss = ((PlannedMatrix)Graph.BatchLoss!).Texture;
        Upload(batch);
        SkipMark.Put(Network.Device, loss);
        if (lastWritten != Graph.BatchLoss) SkipMark.Put(Network.Device, lastWritten);
        Enqueue(batch.Rows);
        bool hasRun = loss.TryRead(batchLoss) && (lastWritten == Graph.BatchLoss || !SkipMark.IsIn(Network.Device, lastWritten));
        result = hasRun ? new BatchResult(batchLoss[0], (int)batchLoss[1]) : default;
        return hasRun;
    }

    /// <summary>Runs the plan on the uploaded data, without waiting.</summary>
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
    public void UploadTargets(BatchTargets batchTargets, int rows) => targets.Upload(batchTargets, rows, ((PlannedMatrix)Graph.Targets!).Texture);
}
