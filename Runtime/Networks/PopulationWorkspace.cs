namespace NeuralPlugin;

/// <summary>
/// The matrices of a population's batches, which only grow, and the plans for its step and prediction, which are rebuilt when the
/// number of rows changes.
/// </summary>
internal sealed class PopulationWorkspace : IDisposable
{
    private const int GuidedColumns = PopulationGraph.GuidedColumns, RateColumn = 2;

    private readonly NeuralDevice device;
    private readonly NetworkKernels kernels;
    private readonly PopulationGraph graph;
    private readonly PopulationParameters parameters;
    private readonly TargetStaging staging;
    private readonly MatrixTexture losses;
    private MatrixTexture? features;
    private MatrixTexture? targets;
    private MatrixTexture? probabilities;
    private Plan? step;
    private Plan? prediction;
    private int predictionRows;
    private int membersOfLine;

    /// <param name="device">The device.</param>
    /// <param name="kernels">The population's kernels, which stay from the first plan on.</param>
    /// <param name="graph">Its computations.</param>
    /// <param name="parameters">Its parameters.</param>
    public PopulationWorkspace(NeuralDevice device, NetworkKernels kernels, PopulationGraph graph, PopulationParameters parameters)
    {
        this.device = device;
        this.kernels = kernels;
        this.graph = graph;
        this.parameters = parameters;
        staging = new TargetStaging(graph.TargetLayout);
        losses = new MatrixTexture(device, graph.LossShape);
    }

    /// <summary>The losses of the last step, as <see cref="PopulationStep"/> defines them.</summary>
    public MatrixTexture Losses => losses;

    /// <summary>The learning rates of all members, from a readback of <see cref="Losses"/>; zeros if none is guided, or before the first step.</summary>
    public float[] RatesOf(Readback readback, int matrix)
    {
        float[] rates = new float[Shape.Members], rows = new float[rates.Length * losses.Shape.Columns];
        readback.Read(matrix, rows);
        for (int member = 0; graph.Loss.RateGuide is not null && member < rates.Length; member++) rates[member] = rows[(member * GuidedColumns) + RateColumn];
        return rates;
    }

    /// <summary>Continues with other learning rates, within the bounds of the loss; a rate of zero starts at the initial one.</summary>
    public void SetRates(ReadOnlySpan<float> rates)
    {
        if (graph.Loss.RateGuide is not { } guide) return;
        float[] rows = new float[rates.Length * GuidedColumns];
        for (int member = 0; member < rates.Length; member++) rows[(member * GuidedColumns) + RateColumn] = rates[member] > 0 ? guide.Held(rates[member]) : 0;
        losses.Upload<float>(rows);
    }

    /// <summary>[members · rows × inputs], after a step or a prediction is prepared.</summary>
    public MatrixTexture Features => features!;

    /// <summary>[members · rows × classes], after a prediction is prepared.</summary>
    public MatrixTexture Probabilities => probabilities!;

    /// <summary>Rows per member's batch of the prepared step; 0 for none.</summary>
    public int StepRows { get; private set; }

    private PopulationShape Shape => graph.Shape;

    /// <summary>The computations with the kernels for plans.</summary>
    private PopulationGraph Settled => graph with { Kernels = kernels.Settle() };

    /// <summary>Makes and compiles the step for this many rows per member, unless the last one had as many.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public void PrepareStep(int rows)
    {
        if (StepRows == rows) return;
        MatrixShape targetShape = graph.TargetShape(rows);
        StepRows = 0;   // until it is complete
        EnsureFeatures(rows);
        Grow(ref targets, targetShape, TexelFormat.UnsignedInteger);
        step = new Plan(device, Settled.Step(rows, features!, targets!, losses, parameters.Update));
        if (!parameters.Gradients.IsRealized && step.Dispatches.SelectMany(dispatch => dispatch.Matrices).Any(matrix => matrix.Operand == parameters.Gradients))
            parameters.Gradients.Realize(device);
        membersOfLine = Settled.Population.MembersOfLine(rows);
        StepLines = LinesOf(step, rows);
        StepRows = rows;
    }

    /// <summary>Uploads the checked targets of the prepared step.</summary>
    public void UploadTargets(BatchTargets batchTargets) => UploadTargets(batchTargets, 0, Shape.Members);

    /// <summary>Those of some members.</summary>
    public void UploadTargets(BatchTargets batchTargets, int firstMember, int members) =>
        staging.Upload(batchTargets, members * StepRows, targets!, firstMember * StepRows);

    /// <summary>The lines that the prepared step can be cut into, each of some members; 1 if it runs whole, as it does where its dispatches are cut differently.</summary>
    public int StepLines { get; private set; } = 1;

    /// <summary>The members of some lines: the first, and their number.</summary>
    public (int First, int Count) MembersOf(StepPart part)
    {
        int first = part.FirstLine * membersOfLine;
        return StepLines == 1 ? (0, Shape.Members) : (first, Math.Min(part.Lines * membersOfLine, Shape.Members - first));
    }

    /// <summary>Runs the step on the uploaded data, without waiting.</summary>
    public void RunStep() => step!.Run(StepRows);

    /// <summary>Runs some lines of it: the members of others are unchanged.</summary>
    public void RunStep(StepPart part)
    {
        if (part.Lines == StepLines)
        {
            RunStep();
            return;
        }

        foreach (Dispatch dispatch in step!.Dispatches)
        {
            if (dispatch.NeedsBarrier && part.FirstLine > 0) device.MakeWritesVisible();   // which a dispatch does by itself only before its first line
            device.Run(dispatch, StepRows, part.FirstLine, part.Lines);
        }

        device.MakeWritesVisible();
    }

    /// <summary>As above, and waits for the losses; false if the driver skipped any of it.</summary>
    public bool TryRunStep(Span<float> found)
    {
        bool hasParts = step!.Dispatches.Count > 1;
        if (hasParts) SkipMark.Put(device, parameters.PendingWeights);
        RunStep();
        bool isWhole = !hasParts || !SkipMark.IsIn(device, parameters.PendingWeights);
        return isWhole && losses.TryRead(found);
    }

    /// <summary>Makes and compiles the prediction for this many rows per member, unless the last one had as many.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold or run.</exception>
    public void PreparePrediction(int rows)
    {
        if (predictionRows == rows) return;
        MatrixShape shape = graph.ResultShape(rows);
        predictionRows = 0;
        EnsureFeatures(rows);
        Grow(ref probabilities, shape);
        prediction = new Plan(device, [Settled.Forward(rows, parameters.Weights, features!, probabilities!, softmax: true)]);
        predictionRows = rows;
    }

    /// <summary>Runs the prediction on the uploaded data and waits for it; false if the driver skipped it.</summary>
    public bool TryPredict(Span<float> result)
    {
        SkipMark.Put(device, Probabilities);
        prediction!.Run(predictionRows);
        return Probabilities.TryRead(result);
    }

    /// <summary>A forward pass of one sample per member with its own matrices; its results are the outputs, before a softmax.</summary>
    /// <exception cref="DeviceLimitException">The samples are too large for this device.</exception>
    public (MatrixTexture Features, MatrixTexture Outputs, Plan Plan) PlanPrediction()
    {
        MatrixTexture samples = new(device, graph.FeatureShape(1)), results = new(device, graph.ResultShape(1));
        return (samples, results, new Plan(device, [Settled.Forward(1, parameters.Weights, samples, results, softmax: false)]));
    }

    public void Dispose()
    {
        losses.Dispose();
        features?.Dispose();
        targets?.Dispose();
        probabilities?.Dispose();
    }

    private int LinesOf(Plan plan, int rows)
    {
        int lines = MatrixShape.CeilingDivide(Shape.Members, membersOfLine);
        DispatchGrid grid = plan.Dispatches[0].Grid;
        return plan.Dispatches.All(dispatch => dispatch.Grid == grid) && grid.Lines(rows) == lines ? lines : 1;
    }

    private void EnsureFeatures(int rows)
    {
        if (!Grow(ref features, graph.FeatureShape(rows))) return;
        StepRows = 0;
        predictionRows = 0;
    }

    /// <summary>Ensures a matrix with at least this shape's rows; true if it is new.</summary>
    private bool Grow(ref MatrixTexture? matrix, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        if (matrix is not null && matrix.Shape.Rows >= shape.Rows) return false;
        MatrixTexture larger = new(device, shape, format);
        matrix?.Dispose();
        matrix = larger;
        return true;
    }
}
