namespace NeuralPlugin;

/// <summary>
/// Steps and predictions of small networks whose shapes reach every kernel of a family, dispatch by dispatch. Each is judged on
/// the inputs it received, so that a wrong one does not spoil those after it.
/// </summary>
internal sealed class StepVerification(NeuralDevice device, FamilyKernels family)
{
    /// <summary>The step of the log that a logged case is: its row is not the first.</summary>
    private const int LoggedStep = 5;

    private readonly SeededRandom random = new(seed: 1);
    private readonly HashSet<string> configurations = [];

    /// <summary>Sizes are odd, to exercise padding and guards.</summary>
    private static IReadOnlyList<VerifiedCase> Cases =>
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
        new("a prediction of outputs with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, Optimizer: null, IsFused: true) { IsOfOutputs = true },
        new("a wide prediction", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, Optimizer: null, IsFused: true),
        new("a drawn step of bytes with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: false) { IsDrawn = true, IsOfBytes = true, IsLogged = true },
        new("a small step of bytes", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsOfBytes = true },
        new("a small, drawn step with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsDrawn = true, IsLogged = true },
        new("a narrow, drawn step of bytes with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: true) { IsDrawn = true, IsOfBytes = true, IsLogged = true },
        new("a wide, drawn step with a log", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsDrawn = true, IsLogged = true },
    ];

    public IEnumerable<KernelCheck> Run() => Cases.SelectMany(Run);

    /// <summary>
    /// As the family offers it first, and then in the other configurations that it was asked for: a user's card may choose any. Once for each kind of choice, whatever the sizes, since each takes kernels of
    /// its own to compile.
    /// </summary>
    private IEnumerable<KernelCheck> Run(VerifiedCase verified)
    {
        TuningQuestions asked = new();
        List<KernelCheck> checks = Run(verified, family.With(KernelTuning.Default, asked), configuration: "");
        foreach (TuningQuestion question in asked.Asked)
        {
            string kind = question.Sizes[..question.Sizes.LastIndexOf(' ')];
            foreach (string other in question.Offered.Where(other => other != question.Chosen && configurations.Add($"{kind}: {other}")))
                checks.AddRange(Run(verified, family.With(KernelTuning.Default.With(question.Sizes, other)), $", {question.Sizes}: {other}"));
        }

        return checks;
    }

    private List<KernelCheck> Run(VerifiedCase verified, FamilyKernels kernels, string configuration)
    {
        Stack stack = new(verified.Inputs, [new Dense(verified.Hidden), new Relu(), new Dense(verified.Outputs)]);
        using VerifiedBatch batch = new(verified, random);
        using StepLog? log = verified.IsLogged ? new StepLog(device) : null;
        log?.BeginStep(LoggedStep);
        ComputationGraph graph = verified.Optimizer is null ? PredictionOf(stack, verified.Rows, kernels, !verified.IsOfOutputs) : ComputationGraph.OfStep(
            stack, verified.Rows, new SoftmaxCrossEntropy(), verified.Optimizer, kernels, matrices: [], batch.Format, batch.Source, log?.Results);
        Operand[] wanted = verified.IsOfOutputs ? [graph.Outputs] : graph.Probabilities is { } probabilities ? [probabilities] : [graph.BatchLoss!];
        Computation[] computations = [.. (verified.IsFused ? Fusion.Fuse(graph, wanted) : graph.Computations).Select(planned => planned.Computation)];
        Dispatch[] dispatches = [.. computations.Select(computation => graph.ToDispatch(computation, log))];
        PlannedMatrix[] matrices = [.. dispatches.SelectMany(dispatch => dispatch.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct()];
        try
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Realize(device);
            ParameterUpdate[] updates = [.. graph.Computations.Select(planned => planned.Computation).OfType<ParameterUpdate>()];
            Operand[] nonNegative = [.. updates.SelectMany(NonNegativeStateOf)];
            foreach (PlannedMatrix matrix in matrices.Where(matrix => matrix.Format == TexelFormat.Float))
                matrix.Texture.Upload<float>(MatrixContent.Random(random, matrix.Shape, least: nonNegative.Contains(matrix) ? 0 : -0.5f));
            batch.Upload(device, graph);
            foreach (ParameterUpdate update in updates)
                update.Optimizer.WriteScalars(update.OptimizerScalars, update.Optimizer.LearningRate, step: 1);
            List<KernelCheck> checks = [.. computations.Zip(dispatches, (computation, dispatch) => Check($"{verified}{configuration}", batch, graph, log, computation, dispatch))];
            if (log is not null && !verified.IsOfBytes) checks.Add(CheckGuard(verified, batch, graph, log, updates, dispatches));
            return checks;
        }
        finally
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
        }
    }

    private static ComputationGraph PredictionOf(Stack stack, int rows, FamilyKernels kernels, bool hasProbabilities)
    {
        PlannedMatrix[][] parameters =
        [
            .. stack.Layers.Select(layer => layer.Parameters.Select(p => new PlannedMatrix(new MatrixShape(p.Rows, p.Columns), "The parameters of a layer")).ToArray()),
        ];
        ComputationGraph graph = new(stack, rows, parameters, kernels);
        if (hasProbabilities) graph.AddProbabilities();
        return graph;
    }

    private KernelCheck Check(string name, VerifiedBatch batch, ComputationGraph graph, StepLog? log, Computation computation, Dispatch dispatch)
    {
        ComputationTwin twin = new(batch.Labels.Length, batch.Labels);
        foreach (Operand read in computation.Reads.Where(matrix => matrix == graph.Input || matrix.Format == TexelFormat.Float))
            twin.Set(read, read == graph.Input ? batch.Inputs : MatrixContent.Read((PlannedMatrix)read).Select(value => (double)value));
        IReadOnlyDictionary<Operand, double[]> given = twin.Content;
        twin.Run(computation);
        new Plan(device, [dispatch]).Run(batch.Labels.Length);
        double error = computation.Writes.Where(matrix => twin.Of(matrix) != given.GetValueOrDefault(matrix))   // excludes scratch matrices
            .Max(written => written == log?.Results ? ErrorOfRow(log, twin.Of(written)!, batch.Labels.Length) : MatrixContent.ErrorOf(MatrixContent.Read((PlannedMatrix)written), twin.Of(written)!));
        return new KernelCheck(family.Family.Name, dispatch.Source.FileName, name, error);
    }

    /// <summary>The row of the log, which also has the rows and the number of the step.</summary>
    private static double ErrorOfRow(StepLog log, double[] loss, int rows)
    {
        float[] found = new float[MatrixShape.ColumnsPerTexel];
        log.Texture.Read(found, StepLog.SlotOf(LoggedStep));
        return MatrixContent.ErrorOf(found, [loss[0], loss[1], rows, StepLog.NumberOf(LoggedStep)]);
    }

    /// <summary>A step whose loss is not a number is noted in the log and changes no parameter: compilers have turned such guards round.</summary>
    private KernelCheck CheckGuard(VerifiedCase verified, VerifiedBatch batch, ComputationGraph graph, StepLog log, ParameterUpdate[] updates, Dispatch[] dispatches)
    {
        PlannedMatrix[] pending = [.. updates.Select(update => (PlannedMatrix)update.Weights.Pending)];
        float[][] before = [.. pending.Select(MatrixContent.Read)];
        batch.Spoil(graph);
        new Plan(device, dispatches).Run(verified.Rows);
        float[] noted = new float[MatrixShape.ColumnsPerTexel];
        log.Texture.Read(noted, StepLog.Slots);
        double error = pending.Zip(before, (matrix, values) => MatrixContent.ErrorOf(MatrixContent.Read(matrix), [.. values.Select(value => (double)value)])).Max();
        if (noted[0] != StepLog.NumberOf(LoggedStep)) error = double.PositiveInfinity;
        return new KernelCheck(family.Family.Name, dispatches[^1].Source.FileName, $"{verified}, whose loss is not a number", error);
    }

    private static IEnumerable<Operand> NonNegativeStateOf(ParameterUpdate update) =>
        update.State.Where((_, i) => update.Optimizer.State[i].IsNonNegative).Select(state => state.Committed);
}
