namespace NeuralPlugin;

/// <summary>
/// Steps and predictions of small networks whose shapes reach every kernel of a family, dispatch by dispatch. Each is judged on
/// the inputs it received, so that a wrong one does not spoil those after it.
/// </summary>
internal sealed class StepVerification(NeuralDevice device, FamilyKernels kernels)
{
    private readonly SeededRandom random = new(seed: 1);

    /// <summary>Sizes are odd, to exercise padding and guards.</summary>
    private static IReadOnlyList<Case> Cases =>
    [
        new("a step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: false),
        new("a small step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true),
        new("a narrow step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: true),
        new("a wide step", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, new Sgd(0.1f), IsFused: true),
        new("a step with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, new Adam(0.01f), IsFused: true),
        new("a step with many inputs and outputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 41, new Adam(0.01f), IsFused: true),
        new("a step with many outputs", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 41, new Adam(0.01f), IsFused: true),
        new("a prediction", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, Optimizer: null, IsFused: false),
        new("a narrow prediction", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, Optimizer: null, IsFused: true),
        new("a prediction with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, Optimizer: null, IsFused: true),
        new("a wide prediction", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, Optimizer: null, IsFused: true),
    ];

    public IEnumerable<KernelCheck> Run() => Cases.SelectMany(Run);

    private List<KernelCheck> Run(Case verified)
    {
        Stack stack = new(verified.Inputs, [new Dense(verified.Hidden), new Relu(), new Dense(verified.Outputs)]);
        int[] labels = [.. Enumerable.Range(0, verified.Rows).Select(_ => random.NextInt32(verified.Outputs))];
        ComputationGraph graph = verified.Optimizer is null ? PredictionOf(stack, verified.Rows)
            : ComputationGraph.OfStep(stack, verified.Rows, new SoftmaxCrossEntropy(), verified.Optimizer, kernels, matrices: []);
        Operand[] wanted = graph.Probabilities is { } probabilities ? [probabilities] : [graph.BatchLoss!];
        Computation[] computations = [.. (verified.IsFused ? Fusion.Fuse(graph, wanted) : graph.Computations).Select(planned => planned.Computation)];
        Dispatch[] dispatches = [.. computations.Select(computation => graph.ToDispatch(computation))];
        PlannedMatrix[] matrices = [.. dispatches.SelectMany(dispatch => dispatch.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct()];
        try
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Realize(device);
            ParameterUpdate[] updates = [.. graph.Computations.Select(planned => planned.Computation).OfType<ParameterUpdate>()];
            Operand[] nonNegative = [.. updates.SelectMany(NonNegativeStateOf)];
            foreach (PlannedMatrix matrix in matrices.Where(matrix => matrix.Format == TexelFormat.Float))
                matrix.Texture.Upload<float>(MatrixContent.Random(random, matrix.Shape, least: nonNegative.Contains(matrix) ? 0 : -0.5f));
            if (graph.Targets is PlannedMatrix { IsRealized: true } targets)
                new TargetStaging(new LabelTargets(verified.Outputs)).Upload(BatchTargets.OfLabels(labels), verified.Rows, targets.Texture);
            foreach (ParameterUpdate update in updates)
                update.Optimizer.WriteScalars(update.OptimizerScalars, update.Optimizer.LearningRate, step: 1);
            return [.. computations.Zip(dispatches, (computation, dispatch) => Check(verified, labels, computation, dispatch))];
        }
        finally
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
        }
    }

    private ComputationGraph PredictionOf(Stack stack, int rows)
    {
        PlannedMatrix[][] parameters =
        [
            .. stack.Layers.Select(layer => layer.Parameters.Select(p => new PlannedMatrix(new MatrixShape(p.Rows, p.Columns), "The parameters of a layer")).ToArray()),
        ];
        ComputationGraph graph = new(stack, rows, parameters, kernels);
        graph.AddProbabilities();
        return graph;
    }

    private KernelCheck Check(Case verified, int[] labels, Computation computation, Dispatch dispatch)
    {
        ComputationTwin twin = new(verified.Rows, labels);
        foreach (Operand read in computation.Reads.Where(matrix => matrix.Format == TexelFormat.Float))
            twin.Set(read, MatrixContent.Read((PlannedMatrix)read).Select(value => (double)value));
        IReadOnlyDictionary<Operand, double[]> given = twin.Content;
        twin.Run(computation);
        new Plan(device, [dispatch]).Run(verified.Rows);
        double error = computation.Writes.Where(matrix => twin.Of(matrix) != given.GetValueOrDefault(matrix))   // excludes scratch matrices
            .Max(written => MatrixContent.ErrorOf(MatrixContent.Read((PlannedMatrix)written), twin.Of(written)!));
        return new KernelCheck(kernels.Family.Name, dispatch.Source.FileName, verified.ToString(), error);
    }

    private static IEnumerable<Operand> NonNegativeStateOf(ParameterUpdate update) =>
        update.State.Where((_, i) => update.Optimizer.State[i].IsNonNegative).Select(state => state.Committed);

    private sealed record Case(string Name, int Rows, int Inputs, int Hidden, int Outputs, Optimizer? Optimizer, bool IsFused)
    {
        public override string ToString() => $"{Name}, {Rows} × {Inputs}-{Hidden}-{Outputs}";
    }
}
