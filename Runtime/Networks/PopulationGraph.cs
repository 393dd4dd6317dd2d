namespace NeuralPlugin;

/// <summary>
/// The computations of a population's steps and predictions. They run on matrices that exist, or on planned ones: then they tell which kernels are needed, and can be timed
/// without a population.
/// </summary>
/// <param name="Kernels">The kernels of the device.</param>
/// <param name="Shape">The population.</param>
/// <param name="Activation">The activation after the first layer.</param>
/// <param name="Loss">The loss.</param>
internal sealed record PopulationGraph(FamilyKernels Kernels, PopulationShape Shape, Activation Activation, Loss Loss)
{
    /// <summary>Columns per member when the loss guides its learning rate: the loss, the divergence, the rate, the policy's share of the loss.</summary>
    public const int GuidedColumns = 4;

    /// <summary>The kernels and the layout of its parameters, which no tuning changes.</summary>
    public PopulationKernels Population => Kernels.Population(Shape);

    /// <summary>The layout of the targets.</summary>
    public TargetLayout TargetLayout => Loss.TargetsFor(Shape.Outputs);

    /// <summary>[members × 1], or [members × 4].</summary>
    public MatrixShape LossShape => Kernels.Limits.Shape(Shape.Members, Loss.RateGuide is null ? 1 : GuidedColumns, "The losses of a population");

    /// <summary>[members · rows × inputs].</summary>
    public MatrixShape FeatureShape(int rows) => Kernels.Limits.Shape((long)Shape.Members * rows, Shape.Inputs, "The features of a population");

    /// <summary>[members · rows × words].</summary>
    public MatrixShape TargetShape(int rows) => Kernels.Limits.Shape((long)Shape.Members * rows, TargetLayout.WordsPerRow, "The labels of a population");

    /// <summary>[members · rows × outputs].</summary>
    /// <exception cref="DeviceLimitException">They are too large, or more rows than one dispatch predicts.</exception>
    public MatrixShape ResultShape(int rows)
    {
        MatrixShape shape = Kernels.Limits.Shape((long)Shape.Members * rows, Shape.Outputs, "The probabilities of a population");
        int most = Population.MostPredictedRows;
        return rows <= most ? shape : throw new DeviceLimitException($"A dispatch runs at most {most} rows per member, but got {rows}.");
    }

    /// <summary>
    /// A step on batches of this many rows: one or more dispatches, the last of which updates. If the driver has no room for that, the update is a
    /// separate dispatch, with the same bits.
    /// </summary>
    public IEnumerable<Dispatch> Step(int rows, Operand samples, Operand targets, Operand losses, ParameterUpdate update) =>
        StepOf(rows, samples, targets, losses, update).Select(computation => computation.ToDispatch(Kernels));

    /// <summary>A prediction.</summary>
    public Dispatch Forward(int rows, Operand weights, Operand samples, Operand results, bool softmax) =>
        new PopulationForward(Shape, Activation, weights, samples, results, rows, softmax).ToDispatch(Kernels);

    /// <summary>A step with nothing made.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold.</exception>
    public IEnumerable<Dispatch> PlannedStep(int rows, Optimizer optimizer)
    {
        PlannedMatrix Parameters(string what) => new(Population.ParameterMatrix, what);
        PlannedMatrix samples = new(FeatureShape(rows), "Features"), targets = new(TargetShape(rows), "Targets", TexelFormat.UnsignedInteger), losses = new(LossShape, "Losses");
        ParameterUpdate update = new(
            optimizer, Parameters("The gradients of a population"), (Parameters("The parameters of a population"), Parameters("The parameters of a population")),
            [.. optimizer.State.Select(_ => ((Operand)Parameters("An optimizer's state"), (Operand)Parameters("An optimizer's state")))], optimizer.MakeScalars());
        return Step(rows, samples, targets, losses, update);
    }

    /// <summary>A prediction with nothing made.</summary>
    /// <exception cref="DeviceLimitException">The batches have more rows than this device can hold or run.</exception>
    public Dispatch PlannedForward(int rows, bool softmax)
    {
        PlannedMatrix weights = new(Population.ParameterMatrix, "The parameters of a population");
        return Forward(rows, weights, new PlannedMatrix(FeatureShape(rows), "Features"), new PlannedMatrix(ResultShape(rows), "Results"), softmax);
    }

    /// <summary>The computations of a step, one for each dispatch.</summary>
    public IEnumerable<Computation> StepOf(int rows, Operand samples, Operand targets, Operand losses, ParameterUpdate update)
    {
        int rowsPerStep = Population.RowsPerStep(rows);
        PopulationStep last = StepFrom((rows - 1) / rowsPerStep * rowsPerStep) with { EndsBatch = true, Update = update };
        for (int firstRow = 0; firstRow < last.FirstRow; firstRow += rowsPerStep) yield return StepFrom(firstRow);
        if (Dispatch.Fits(last.Matrices, Population.Step(last).Source.Fetches, Kernels.Limits.MostBindings))
        {
            yield return last;
            yield break;
        }

        yield return last with { Update = null };
        yield return new PopulationUpdate(Shape, update, losses, Loss.RateGuide is not null);

        PopulationStep StepFrom(int firstRow) => new(
            Shape, Activation, Loss, update.Weights.Committed, samples, targets, losses, update.Gradients, firstRow, rowsPerStep, EndsBatch: false, Update: null);
    }
}
