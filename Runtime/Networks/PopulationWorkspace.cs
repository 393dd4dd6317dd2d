namespace NeuralPlugin;

/// <summary>
/// The matrices of a population's batches, which only grow, and the plans of its step and of its prediction, which are made anew where a batch of
/// another number of rows comes.
/// </summary>
internal sealed class PopulationWorkspace : IDisposable
{
    /// <summary>Of each member's losses, where the loss guides its learning rate: the loss, the divergence, the rate.</summary>
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

    /// <summary>The losses of the last step, as <see cref="PopulationStep"/> says.</summary>
    public MatrixTexture Losses => losses;

    /// <summary>The learning rates of all members, of a readback of <see cref="Losses"/>; zeros where none is guided, or before the first step.</summary>
    public float[] RatesOf(Readback readback, int matrix)
    {
        float[] rates = new float[Shape.Members], rows = new float[rates.Length * losses.Shape.Columns];
        readback.Read(matrix, rows);
        for (int member = 0; loss.RateGuide is not null && member < rates.Length; member++) rates[member] = rows[(member * GuidedColumns) + RateColumn];
        return rates;
    }

    /// <summary>Goes on with other learning rates, as far as the loss may move them; those of zero begin as the first one.</summary>
    public void SetRates(ReadOnlySpan<float> rates)
    {
        if (loss.RateGuide is not { } guide) return;
        float[] rows = new float[rates.Length * GuidedColumns];
        for (int member = 0; member < rates.Length; member++) rows[(member * GuidedColumns) + RateColumn] = rates[member] > 0 ? guide.Held(rates[member]) : 0;
        losses.Upload<float>(rows);
    }

    /// <summary>[members · rows × inputs], after a step or a prediction was prepared.</summary>
    public MatrixTexture Features => features!;

    /// <summary>[members · rows × classes], after a prediction was prepared.</summary>
    public MatrixTexture Probabilities => probabilities!;

    /// <summary>Rows of each member's batch that the step is prepared for; 0 for none.</summary>
    public int StepRows { get; private set; }

    private PopulationShape Shape => kernels.Shape;

    /// <summary>The dispatches of a step and a prediction of so many rows a member, of which nothing is made.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public IEnumerable<Dispatch> KernelsFor(int rows)
    {
        PlannedMatrix samples = new(FeatureShape(rows), "Features"), labels = new(TargetShape(rows), "Targets", TexelFormat.UnsignedInteger);
        PlannedMatrix results = new(ProbabilityShape(rows), "Probabilities");
        return Step(rows, samples, labels).Append(Forward(rows, samples, results)).Select(computation => computation.ToDispatch(family));
    }

    /// <summary>Makes and compiles what a step of so many rows a member needs, if that is not what the last one needed.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public void PrepareStep(int rows)
    {
        if (StepRows == rows) return;
        MatrixShape targetShape = TargetShape(rows);
        StepRows = 0;   // until it is whole
        EnsureFeatures(rows);
        Grow(ref targets, targetShape, TexelFormat.UnsignedInteger);
        step = PlanOf(Step(rows, features!, targets!));
        if (!parameters.Gradients.IsRealized && step.Dispatches.SelectMany(dispatch => dispatch.Matrices).Any(matrix => matrix.Operand == parameters.Gradients))
            parameters.Gradients.Realize(device);
        StepRows = rows;
    }

    /// <summary>Uploads the checked targets of the step that is prepared.</summary>
    public void UploadTargets(BatchTargets batchTargets) => staging.Upload(batchTargets, Shape.Members * StepRows, targets!);

    /// <summary>Runs the step on what is uploaded, without waiting.</summary>
    public void RunStep() => step!.Run(StepRows);

    /// <summary>The same, and waits for the losses; false where the driver skipped any of it.</summary>
    public bool TryRunStep(Span<float> found)
    {
        bool hasParts = step!.Dispatches.Count > 1;
        if (hasParts) SkipMark.Put(device, parameters.PendingWeights);
        RunStep();
        bool isWhole = !hasParts || !SkipMark.IsIn(device, parameters.PendingWeights);
        return isWhole && losses.TryRead(found);
    }

    /// <summary>Makes and compiles what a prediction of so many rows a member needs, if that is not what the last one needed.</summary>
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

    /// <summary>Runs the prediction on what is uploaded, and waits for it; false where the driver skipped it.</summary>
    public bool TryPredict(Span<float> result)
    {
        SkipMark.Put(device, Probabilities);
        prediction!.Run(predictionRows);
        return Probabilities.TryRead(result);
    }

    /// <summary>A forward pass of one sample a member with matrices of its own; its results are the outputs, before a softmax.</summary>
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
    /// A step of batches of so many rows: one dispatch or several, whose last one updates. Where the driver has no room for that, the update is a
    /// dispatch of its own, with the same bits.
    /// </summary>
    private IEnumerable<Computation> Step(int rows, Operand samples, Operand labels)
    {
        int rowsPerStep = kernels.RowsPerStep(rows);
        ParameterUpdate update = parameters.Update;
        PopulationStep last = StepFrom((rows - 1) / rowsPerStep * rowsPerStep) with { EndsBatch = true, Update = update };
        for (int firstRow = 0; firstRow < last.FirstRow; firstRow += rowsPerStep) yield return StepFrom(firstRow);
        if (Dispatch.Fits(last.Matrices, family.Limits.MostBindings))
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
            : throw new DeviceLimitException($"{rows} rows a member are more than one dispatch runs: {kernels.MostPredictedRows}.");
    }

    private void EnsureFeatures(int rows)
    {
        if (!Grow(ref features, FeatureShape(rows))) return;
        StepRows = 0;
        predictionRows = 0;
    }

    /// <summary>A matrix of at least this shape's rows; true if it is a new one.</summary>
    private bool Grow(ref MatrixTexture? matrix, MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        if (matrix is not null && matrix.Shape.Rows >= shape.Rows) return false;
        MatrixTexture larger = new(device, shape, format);
        matrix?.Dispose();
        matrix = larger;
        return true;
    }
}
