namespace NeuralPlugin;

/// <summary>A step of a verified population: every dispatch's losses, gradients and update, member by member.</summary>
internal sealed class VerifiedPopulationStep : VerifiedPopulationMembers
{
    /// <summary>The step's number for the optimizer.</summary>
    private const int NumberOfStep = 2;

    private readonly Optimizer optimizer;
    private readonly PlannedMatrix losses;
    private readonly PlannedMatrix targets;
    private readonly PlannedMatrix gradients;
    private readonly ParameterUpdate update;
    private readonly float[][] states;
    private readonly int[] labels;
    private int spoiled = -1;

    public VerifiedPopulationStep(NeuralDevice device, VerifiedPopulation verified, Optimizer optimizer, FamilyKernels kernels, SeededRandom random) : base(device, verified, kernels, random)
    {
        this.optimizer = optimizer;
        (losses, gradients) = (Made(Graph.LossShape), Made(ParameterMatrix));
        targets = Made(Graph.TargetShape(verified.Rows), TexelFormat.UnsignedInteger);
        labels = [.. Enumerable.Range(0, Shape.Members * verified.Rows).Select(_ => random.NextInt32(Shape.Outputs))];
        new TargetStaging(Graph.TargetLayout).Upload(BatchTargets.OfLabels(labels), labels.Length, targets.Texture);
        (PlannedMatrix Committed, PlannedMatrix Pending)[] sides = [.. optimizer.State.Select(_ => (Made(ParameterMatrix), Made(ParameterMatrix)))];
        states = [.. sides.Select((side, i) => UploadParameters(side.Committed, optimizer.State[i].IsNonNegative ? 0 : -0.5f))];
        update = new ParameterUpdate(optimizer, gradients, (Weights, Made(ParameterMatrix)), [.. sides.Select(side => ((Operand)side.Committed, (Operand)side.Pending))], optimizer.MakeScalars());
        optimizer.WriteScalars(update.OptimizerScalars, optimizer.LearningRate, NumberOfStep);
        foreach ((_, Operand pending) in Sides) UploadParameters((PlannedMatrix)pending, least: 1);   // so that what is not written is noticed
    }

    /// <summary>Whether the driver rejected one of its kernels, so that not all of it has run.</summary>
    public bool HasRejected { get; private set; }

    private IEnumerable<(Operand Committed, Operand Pending)> Sides => update.State.Prepend(update.Weights);

    /// <summary>
    /// Gives one member a feature that is not a number, so that it must keep its parameters and its state, and another one gradients of one feature's weights that are so large that these must keep theirs, with
    /// a finite loss: the feature is 0, but vast in one row, and its weights are 0.
    /// </summary>
    public void Spoil(int member, int overflowing)
    {
        const float Vast = 3e38f, LargeRate = 1e4f;
        spoiled = member;
        Samples[member * Verified.Rows * Shape.Inputs] = float.NaN;
        for (int row = 0; row < Verified.Rows; row++) Samples[((overflowing * Verified.Rows) + row) * Shape.Inputs] = row == 0 ? Vast : 0;
        Features.Texture.Upload<float>(Samples);
        foreach ((float[] values, Operand committed) in states.Prepend(Parameters).Zip(Sides, (values, side) => (values, side.Committed)))
        {
            foreach (int place in PlacesOf(overflowing).First().Take(Shape.Hidden)) values[place] = 0;
            ((PlannedMatrix)committed).Texture.Upload<float>(values);
        }

        if (states.Length == 0) update.OptimizerScalars["learningRate"] = LargeRate;   // else the state is not finite
    }

    /// <summary>Runs and checks its dispatches, one after the other; if it is spoiled, those that update.</summary>
    public IEnumerable<KernelCheck> Run(VerifiedConfiguration configuration, KernelRejections rejections)
    {
        string family = Graph.Kernels.Family.Name;
        int at = 0;
        foreach (Computation computation in Graph.StepOf(Verified.Rows, Features, targets, losses, update))
        {
            Dispatch dispatch = computation.ToDispatch(Graph.Kernels);
            bool isWanted = configuration.IsWanted[at++] && (spoiled < 0 || computation.Updates);
            string name = $"{Verified}{configuration.Name}{(computation is PopulationStep { FirstRow: > 0 and var row } ? $", from row {row}" : "")}";
            if (spoiled >= 0) name += ", with a loss that is not a number and a gradient that is too large";
            if (rejections.Compile(dispatch, family, name, configuration.IsUsed) is { } rejected)
            {
                HasRejected = true;
                if (isWanted) yield return rejected;
                continue;
            }

            float[] lossesBefore = MatrixContent.Read(losses), gradientsBefore = MatrixContent.Read(gradients);
            new Plan(Device, [dispatch]).Run(Verified.Rows);
            if (isWanted)
                yield return new KernelCheck(family, dispatch.Source.FileName, name, Enumerable.Range(0, Shape.Members).Max(member => ErrorOf(computation, member, lossesBefore, gradientsBefore)));
        }
    }

    private double ErrorOf(Computation computation, int member, float[] lossesBefore, float[] gradientsBefore)
    {
        double[][] sums = [.. ParametersOf(member, gradientsBefore).Select(layer => layer.Select(value => (double)value).ToArray())];
        double error = 0;
        if (computation is PopulationStep step)
        {
            (double loss, double[][] ofRows) = TwinStep(member, step.FirstRow, step.FirstRow + step.Rows);
            if (step.FirstRow == 0) sums = ofRows;
            else (loss, sums) = (loss + lossesBefore[member], [.. sums.Zip(ofRows, (before, more) => before.Zip(more, (a, b) => a + b).ToArray())]);
            error = MatrixContent.ErrorOf([MatrixContent.Read(losses)[member]], [loss]);
            if (step.Update is null && member != spoiled) error = Math.Max(error, ErrorOf(member, gradients, sums));
        }

        return computation.Updates ? Math.Max(error, ErrorOfUpdate(member, sums)) : error;
    }

    private double ErrorOf(int member, Operand matrix, double[][] expected) => ParametersOf(member, MatrixContent.Read((PlannedMatrix)matrix)).Zip(expected, MatrixContent.ErrorOf).Max();

    private double ErrorOfUpdate(int member, double[][] sums)
    {
        if (member == spoiled)
        {
            bool keepsAll = Sides.Zip(states.Prepend(Parameters), (side, values) =>
                ParametersOf(member, MatrixContent.Read((PlannedMatrix)side.Pending)).Zip(ParametersOf(member, values), (found, kept) => found.AsSpan().SequenceEqual(kept)).All(isKept => isKept)).All(isKept => isKept);
            return keepsAll ? 0 : double.PositiveInfinity;
        }

        double[][][] expected = [.. sums.Select((ofLayer, layer) => TwinUpdate(member, layer, ofLayer))];
        return Sides.Select((side, i) => ErrorOf(member, side.Pending, [.. expected.Select(ofLayer => ofLayer[i])])).Max();
    }

    /// <summary>A member's share of the mean loss and of the gradients, the first layer's and the last one's, from some rows of its batch.</summary>
    private (double Loss, double[][] Gradients) TwinStep(int member, int first, int end)
    {
        (ComputationGraph graph, ComputationTwin twin) = TwinOf(member, [.. RowsOf(member, 1, labels)]);
        graph.AddLoss(Graph.Loss);
        graph.AddBackward(inputGradients: false);
        double loss = 0;
        foreach (Computation computation in graph.Computations.Select(planned => planned.Computation))
        {
            twin.Run(computation);
            if (computation is LossForward forward) loss = twin.Of(forward.RowLosses)!.Chunk(MatrixShape.ColumnsPerTexel).Skip(first).Take(end - first).Sum(row => row[0]) / Verified.Rows;
            if (computation is LossBackward backward)
                twin.Set(backward.OutputGradients, twin.Of(backward.OutputGradients)!.Select((value, i) => i / Shape.Outputs >= first && i / Shape.Outputs < end ? value : 0));
        }

        return (loss, [.. graph.Computations.Select(planned => planned.Computation).OfType<DenseBackwardWeights>().Reverse().Select(product => twin.Of(product.Gradients)!)]);
    }

    /// <summary>A layer's new parameters, and its new state.</summary>
    private double[][] TwinUpdate(int member, int layer, double[] sums)
    {
        ComputationTwin twin = new(Verified.Rows, labels: [], targetValues: [], NumberOfStep);
        Operand Set(float[] ofAll)
        {
            float[] own = ParametersOf(member, ofAll)[layer];
            PlannedMatrix matrix = new(new MatrixShape(1, own.Length), "Parameters");
            twin.Set(matrix, own.Select(value => (double)value));
            return matrix;
        }

        PlannedMatrix gradient = new(new MatrixShape(1, sums.Length), "Gradients");
        twin.Set(gradient, sums);
        (Operand, Operand)[] sides = [.. states.Prepend(Parameters).Select(ofAll => (Set(ofAll), Set(ofAll)))];
        ParameterUpdate ofLayer = new(optimizer, gradient, sides[0], sides[1..], update.OptimizerScalars);
        twin.Run(ofLayer);
        return [.. sides.Select(side => twin.Of(side.Item2)!)];
    }
}
