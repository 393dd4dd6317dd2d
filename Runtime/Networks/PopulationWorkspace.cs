namespace NeuralPlugin;

/// <summary>
/// The matrices of a population's batches, which only grow, and the plans for its step and prediction, which are rebuilt when the
/// number of rows changes.
/// </summary>
internal sealed class PopulationWorkspace : IDisposable
{
    /// <summary>Columns per member when the loss guides its learning rate: the loss, the divergence, the rate, the policy's share of the loss.</summary>
    private const int GuidedColumns = 4;
    private const int RateColumn = 2;

    private readonly NeuralDevice device;
    private readonly FamilyKernels family;
    private readonly PopulationKernels kernels;
    private readonly PopulationParameters parameters;
    private readonly Activation activation;
    private readonly Loss loss;
    private readonly TargetLayout targetLayout;
    private readonly TargetStaging staging;
    private readonly MatrixTexture losses;
    private MatrixTexture? features;
    private MatrixTexture? targets;
    private MatrixTexture? probabilities;
    private Plan? step;
    private Plan? prediction;
    private int predictionRows;

    public PopulationWorkspace(NeuralDevice device, FamilyKernels family, PopulationKernels kernels, PopulationParameters parameters, Activation activation, Loss loss)
    {
        this.device = device;
        this.family = family;
        this.kernels = kernels;
        this.parameters = parameters;
        this.activation = activation;
        this.loss = loss;
        targetLayout = loss.TargetsFor(Shape.Outputs);
        staging = new TargetStaging(targetLayout);
        losses = new MatrixTexture(device, device.Shape(Shape.Members, loss.RateGuide is null ? 1 : GuidedColumns, "The losses of a population"));
    }

    /// <summary>The losses of the last step, as <see cref="PopulationStep"/> defines them.</summary>
    public MatrixTexture Losses => losses;

    /// <summary>The learning rates of all members, from a readback of <see cref="Losses"/>; zeros if none is guided, or before the first step.</summary>
    public float[] RatesOf(Readback readback, int matrix)
    {
        float[] rates = new float[Shape.Members], rows = new float[rates.Length * losses.Shape.Columns];
        readback.Read(matrix, rows);
        for (int member = 0; loss.RateGuide is not null && member < rates.Length; member++) rates[member] = rows[(member * GuidedColumns) + RateColumn];
        return rates;
    }

    /// <summary>Continues with other learning rates, within the bounds of the loss; a rate of zero starts at the initial one.</summary>
    public void SetRates(ReadOnlySpan<float> rates)
    {
        if (loss.RateGuide is not { } guide) return;
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

    private PopulationShape Shape => kernels.Shape;

    /// <summary>The dispatches of a step and a prediction of this many rows per member, with nothing made.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public IEnumerable<Dispatch> KernelsFor(int rows)
    {
        PlannedMatrix samples = new(FeatureShape(rows), "Features"), labels = new(TargetShape(rows), "Targets", TexelFormat.UnsignedInteger);
        PlannedMatrix results = new(ProbabilityShape(rows), "Probabilities");
        return Step(rows, samples, labels).Append(Forward(rows, samples, results)).Select(computation => computation.ToDispatch(family));
    }

    /// <summary>Makes and compiles the step for this many rows per member, unless the last one had as many.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public void PrepareStep(int rows)
    {
        if (StepRows == rows) return;
        MatrixShape targetShape = TargetShape(rows);
        StepRows = 0;   // until it is complete
        EnsureFeatures(rows);
        Grow(ref targets, targetShape, TexelFormat.UnsignedInteger);
        step = PlanOf(Step(rows, features!, targets!));
        if (!parameters.Gradients.IsRealized && step.Dispatches.SelectMany(dispatch => dispatch.Matrices).Any(matrix => matrix.Operand == parameters.Gradients))
            parameters.Gradients.Realize(device);
        StepRows = rows;
    }

    /// <summary>Uploads the checked targets of the prepared step.</summary>
    public void UploadTargets(BatchTargets batchTargets) => staging.Upload(batchTargets, Shape.Members * StepRows, targets!);

    /// <summary>Runs the step on the uploaded data, without waiting.</summary>
    public void RunStep() => step!.Run(StepRows);

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
        MatrixShape shape = ProbabilityShape(rows);
        predictionRows = 0;
        EnsureFeatures(rows);
        Grow(ref probabilities, shape);
        prediction = PlanOf([Forward(rows, features!, probabilities!)]);
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
        MatrixTexture samples = new(device, FeatureShape(1)), results = new(device, ProbabilityShape(1));
        return (samples, results, PlanOf([Forward(1, samples, results, softmax: false)]));
    }

    public void Dispose()
    {
        losses.Dispose();
        features?.Dispose();
        targets?.Dispose();
        probabilities?.Dispose();
    }

    private Plan PlanOf(IEnumerable<Computation> computations) => new(device, computations.Select(computation => computation.ToDispatch(family)));

    /// <summary>
    /// A step on batches of this many rows: one or more dispatches, the last of which updates. If the driver has no room for that, the update is a
    /// separate dispatch, with the same bits.
    /// </summary>
    private IEnumerable<Computation> Step(int rows, Operand samples, Operand labels)
    {
        int rowsPerStep = kernels.RowsPerStep(rows);
        ParameterUpdate update = parameters.Update;
        PopulationStep last = StepFrom((rows - 1) / rowsPerStep * rowsPerStep) with { EndsBatch = true, Update = update };
        for (int firstRow = 0; firstRow < last.FirstRow; firstRow += rowsPerStep) yield return StepFrom(firstRow);
        if (Dispatch.Fits(last.Matrices, kernels.Step(last).Source.Fetches, family.Limits.MostBindings))
        {
            yield return last;
            yield break;
        }

        yield return last with { Update = null };
        yield return new PopulationUpdate(Shape, update, losses, loss.RateGuide is not null);

        PopulationStep StepFrom(int firstRow) => new(
            Shape, activation, loss, parameters.Weights, samples, labels, losses, parameters.Gradients, firstRow, rowsPerStep, EndsBatch: false, Update: null);
    }

    private PopulationForward Forward(int rows, Operand samples, Operand results, bool softmax = true) =>
        new(Shape, activation, parameters.Weights, samples, results, rows, softmax);

    private MatrixShape FeatureShape(int rows) => device.Shape((long)Shape.Members * rows, Shape.Inputs, "The features of a population");

    private MatrixShape TargetShape(int rows) => device.Shape((long)Shape.Members * rows, targetLayout.WordsPerRow, "The labels of a population");

    private MatrixShape ProbabilityShape(int rows)
    {
        MatrixShape shape = device.Shape((long)Shape.Members * rows, Shape.Outputs, "The probabilities of a population");
        return rows <= kernels.MostPredictedRows ? shape
            : throw new DeviceLimitException($"A dispatch runs at most {kernels.MostPredictedRows} rows per member, but got {rows}.");
    }

    private void EnsureFeatures(int rows)
    {
        if (!Grow(ref features, FeatureShape(rows))) return;
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
