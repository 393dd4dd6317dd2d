namespace NeuralPlugin;

/// <summary>A verified case with a family's kernels: its computations, and the dispatches that run them. Its matrices are planned until <see cref="Realize"/>.</summary>
internal sealed class VerifiedStep : IDisposable
{
    private readonly bool isRun;
    private readonly ConsecutiveSteps? consecutive;
    private readonly PlannedMatrix[] matrices;

    /// <param name="verified">The case.</param>
    /// <param name="kernels">The kernels.</param>
    /// <param name="random">The source of the batch.</param>
    /// <param name="device">The device that it is to run on; null to learn which kernels it needs.</param>
    public VerifiedStep(VerifiedCase verified, FamilyKernels kernels, SeededRandom random, NeuralDevice? device = null)
    {
        isRun = device is not null;
        Batch = new VerifiedBatch(verified, random);
        Log = !verified.IsLogged ? null : device is null ? StepLog.Planned(kernels.Limits) : new StepLog(device);
        Stack stack = new(verified.Inputs, verified.Hidden == 0 ? [new Dense(verified.Outputs)] : [new Dense(verified.Hidden), verified.Activation, new Dense(verified.Outputs)]);
        Graph = verified.Optimizer is null ? PredictionOf(stack, verified, kernels)
            : ComputationGraph.OfStep(stack, verified.Rows, verified.Loss, verified.Optimizer, kernels, matrices: [], Batch.Format, Batch.Source, Log?.Results);
        if (verified is { IsDrawn: true, IsLogged: true, Optimizer: { } optimizer })
        {
            consecutive = device is null ? null : new ConsecutiveSteps(device, optimizer);
            Graph.Steps = consecutive?.Arguments ?? ConsecutiveSteps.Planned(optimizer);
        }

        Operand[] wanted = verified.IsOfOutputs ? [Graph.Outputs] : Graph.Probabilities is { } probabilities ? [probabilities] : [Graph.BatchLoss!];
        Computations = [.. (verified.IsFused ? Fusion.Fuse(Graph, wanted) : Graph.Computations).Select(planned => planned.Computation)];
        Dispatches = [.. Computations.Select(computation => Graph.ToDispatch(computation, Log))];
        Updates = [.. Graph.Computations.Select(planned => planned.Computation).OfType<ParameterUpdate>()];
        matrices = [.. Dispatches.SelectMany(dispatch => dispatch.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct()];
    }

    public VerifiedBatch Batch { get; }

    public StepLog? Log { get; }

    public ComputationGraph Graph { get; }

    public Computation[] Computations { get; }

    public Dispatch[] Dispatches { get; }

    /// <summary>The updates of the layers, the first one's first.</summary>
    public ParameterUpdate[] Updates { get; }

    public void Realize(NeuralDevice device)
    {
        foreach (PlannedMatrix matrix in matrices) matrix.Realize(device);
    }

    /// <summary>Fills all matrices and the log as they are before a step, with the case's batch.</summary>
    public void Begin(NeuralDevice device, SeededRandom random)
    {
        Operand[] nonNegative = [.. Updates.SelectMany(NonNegativeStateOf)];
        foreach (PlannedMatrix matrix in matrices.Where(matrix => matrix.Format == TexelFormat.Float))
            matrix.Texture.Upload<float>(MatrixContent.Random(random, matrix.Shape, least: nonNegative.Contains(matrix) ? 0 : -0.5f));
        Batch.Upload(device, Graph);
        Log?.Texture.Upload<float>(new float[Log.Texture.Shape.Elements]);
    }

    /// <summary>Sets the numbers of the steps that run next: the first one's, of the optimizer and of the log.</summary>
    public void BeginSteps(int steps, long firstStep, long firstLogged)
    {
        Log?.BeginStep(firstLogged);
        consecutive?.Prepare(steps: 1, firstStep: 1, Batch.Epoch);   // so that the scalars of a later step are not the first ones of the table
        consecutive?.Prepare(steps, firstStep, Batch.Epoch);
        foreach (ParameterUpdate update in Updates) update.Optimizer.WriteScalars(update.OptimizerScalars, update.Optimizer.LearningRate, firstStep);
    }

    /// <summary>
    /// Makes the first layer's gradient of one feature so large that no update of its weights is finite, in one of its steps, and the loss finite: the feature is 0, but vast in one row, and its weights are 0.
    /// </summary>
    public void Overflow(int step = 0)
    {
        const float Vast = 3e38f, LargeRate = 1e4f;
        Batch.Spoil(Graph, Vast, step);
        float[] zeros = new float[Updates[0].Weights.Committed.Shape.Columns];
        foreach ((Operand committed, _) in Updates[0].State.Prepend(Updates[0].Weights)) ((PlannedMatrix)committed).Texture.Upload<float>(zeros, firstRow: 0);
        foreach (ParameterUpdate update in Updates.Where(update => update.State.Count == 0)) update.OptimizerScalars["learningRate"] = LargeRate;   // else the state is not finite
    }

    public void Dispose()
    {
        foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
        consecutive?.Dispose();
        if (isRun) Log?.Dispose();
        Batch.Dispose();
    }

    private static ComputationGraph PredictionOf(Stack stack, VerifiedCase verified, FamilyKernels kernels)
    {
        PlannedMatrix[][] parameters =
        [
            .. stack.Layers.Select(layer => layer.Parameters.Select(p => new PlannedMatrix(new MatrixShape(p.Rows, p.Columns), "The parameters of a layer")).ToArray()),
        ];
        ComputationGraph graph = new(stack, verified.Rows, parameters, kernels);
        if (!verified.IsOfOutputs) graph.AddProbabilities();
        return graph;
    }

    private static IEnumerable<Operand> NonNegativeStateOf(ParameterUpdate update) =>
        update.State.Where((_, i) => update.Optimizer.State[i].IsNonNegative).Select(state => state.Committed);
}
