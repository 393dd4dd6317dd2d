namespace NeuralPlugin;

/// <summary>A step and a prediction of a small population: each member is compared with its own network in double precision.</summary>
/// <param name="device">The device.</param>
/// <param name="family">The kernels.</param>
/// <param name="configuration">What distinguishes them from those that the family offers first, for the names of the checks.</param>
internal sealed class PopulationVerification(NeuralDevice device, FamilyKernels family, string configuration = "")
{
    private static readonly PopulationShape Shape = new(Members: 11, Inputs: 5, Hidden: 7, Outputs: 3);

    private readonly SeededRandom random = new(seed: 2);
    private readonly PopulationKernels kernels = family.Population(Shape);
    private readonly SoftmaxCrossEntropy loss = new();
    private readonly Sgd optimizer = new(0.1f);

    private MatrixShape ParameterMatrix => kernels.ParameterMatrix;

    /// <summary>As the family offers them first, and then in each other configuration, of all its kernels at once.</summary>
    public static IEnumerable<KernelCheck> Run(NeuralDevice device, FamilyKernels family)
    {
        TuningQuestions asked = new();
        List<KernelCheck> checks = [.. new PopulationVerification(device, family.With(KernelTuning.Default, asked)).Run()];
        foreach (string other in asked.Asked.SelectMany(question => question.Offered.Except([question.Chosen])).Distinct())
        {
            KernelTuning tuning = asked.Asked.Where(question => question.Offered.Contains(other))
                .Aggregate(KernelTuning.Default, (tuning, question) => tuning.With(question.Sizes, other));
            checks.AddRange(new PopulationVerification(device, family.With(tuning), $", {other}").Run());
        }

        return checks;
    }

    /// <summary>A batch of one dispatch, which also updates, and one of several.</summary>
    private IEnumerable<KernelCheck> Run() => [.. Step(rows: 3), .. Step(rows: 11), Prediction(rows: 3)];

    private IEnumerable<KernelCheck> Step(int rows)
    {
        int rowsPerStep = kernels.RowsPerStep(rows);
        bool updatesInStep = rowsPerStep >= rows;   // otherwise the update is a separate dispatch, which takes the sums
        LabelTargets layout = new(Shape.Outputs);
        using PlannedMatrix weights = Planned(ParameterMatrix), pending = Planned(ParameterMatrix), gradients = Planned(ParameterMatrix);
        using PlannedMatrix features = Planned(SamplesOf(rows, Shape.Inputs)), losses = Planned(new MatrixShape(Shape.Members, 1));
        using PlannedMatrix targets = Planned(SamplesOf(rows, layout.WordsPerRow), TexelFormat.UnsignedInteger);
        float[] parameters = UploadParameters(weights), samples = UploadSamples(features);
        int[] labels = [.. Enumerable.Range(0, Shape.Members * rows).Select(_ => random.NextInt32(Shape.Outputs))];
        new TargetStaging(layout).Upload(BatchTargets.OfLabels(labels), labels.Length, targets.Texture);

        ParameterUpdate update = new(optimizer, gradients, (weights, pending), [], optimizer.MakeScalars());
        List<Computation> computations = [];
        for (int first = 0; first < rows; first += rowsPerStep)
        {
            computations.Add(new PopulationStep(
                Shape, new Relu(), loss, weights, features, targets, losses, gradients, first, rowsPerStep, EndsBatch: first + rowsPerStep >= rows, updatesInStep ? update : null));
        }

        if (!updatesInStep) computations.Add(new PopulationUpdate(Shape, update, losses, IsGuided: false));
        Dispatch[] dispatches = [.. computations.Select(computation => computation.ToDispatch(family))];
        new Plan(device, dispatches).Run(rows);

        float[] found = MatrixContent.Read(losses), updated = MatrixContent.Read(pending);
        double ofLosses = 0, ofUpdate = 0;
        for (int member = 0; member < Shape.Members; member++)
        {
            (double expectedLoss, double[][] expected) = TwinStep(member, rows, parameters, samples, labels);
            ofLosses = Math.Max(ofLosses, MatrixContent.ErrorOf([found[member]], [expectedLoss]));
            ofUpdate = Math.Max(ofUpdate, ParametersOf(member, updated).Zip(expected, MatrixContent.ErrorOf).Max());
        }

        string name = $"a population's step, {Shape.Members} × {rows} × {Shape.Inputs}-{Shape.Hidden}-{Shape.Outputs}{configuration}";
        string file = dispatches[0].Source.FileName;
        if (updatesInStep) return [new KernelCheck(family.Family.Name, file, name, Math.Max(ofLosses, ofUpdate))];
        return [new KernelCheck(family.Family.Name, file, name, ofLosses), new KernelCheck(family.Family.Name, dispatches[^1].Source.FileName, name, ofUpdate)];
    }

    private KernelCheck Prediction(int rows)
    {
        using PlannedMatrix weights = Planned(ParameterMatrix), features = Planned(SamplesOf(rows, Shape.Inputs));
        using PlannedMatrix probabilities = Planned(SamplesOf(rows, Shape.Outputs));
        float[] parameters = UploadParameters(weights), samples = UploadSamples(features);
        Dispatch dispatch = new PopulationForward(Shape, new Relu(), weights, features, probabilities, rows, Softmax: true).ToDispatch(family);
        new Plan(device, [dispatch]).Run(rows);
        float[] found = MatrixContent.Read(probabilities);
        double error = Enumerable.Range(0, Shape.Members).Max(member =>
        {
            (ComputationGraph graph, ComputationTwin twin) = TwinOf(member, rows, parameters, samples, labels: []);
            graph.AddProbabilities();
            foreach (PlannedComputation planned in graph.Computations) twin.Run(planned.Computation);
            return MatrixContent.ErrorOf([.. RowsOf(member, rows, Shape.Outputs, found)], twin.Of(graph.Probabilities!)!);
        });
        string name = $"a population's prediction, {Shape.Members} × {rows} × {Shape.Inputs}-{Shape.Hidden}-{Shape.Outputs}{configuration}";
        return new KernelCheck(family.Family.Name, dispatch.Source.FileName, name, error);
    }

    /// <summary>The loss and the new parameters, the first layer's and the last one's, of a member trained on its own.</summary>
    private (double Loss, double[][] Parameters) TwinStep(int member, int rows, float[] parameters, float[] samples, int[] labels)
    {
        (ComputationGraph graph, ComputationTwin twin) = TwinOf(member, rows, parameters, samples, [.. RowsOf(member, rows, 1, labels)]);
        graph.AddLoss(loss);
        graph.AddBackward(inputGradients: false);
        List<double[]> updated = [];
        foreach (PlannedComputation planned in graph.Computations) twin.Run(planned.Computation);
        foreach (DenseBackwardWeights product in graph.Computations.Select(planned => planned.Computation).OfType<DenseBackwardWeights>().Reverse())
        {
            PlannedMatrix weights = new(product.Gradients.Shape, "Parameters"), pending = new(product.Gradients.Shape, "New parameters");
            twin.Set(weights, ParametersOf(member, parameters)[updated.Count].Select(value => (double)value));
            twin.Run(new ParameterUpdate(optimizer, product.Gradients, (weights, pending), [], optimizer.MakeScalars()));
            updated.Add(twin.Of(pending)!);
        }

        return (twin.Of(graph.BatchLoss!)![0], [.. updated]);
    }

    /// <summary>A member as a separate network.</summary>
    private (ComputationGraph Graph, ComputationTwin Twin) TwinOf(int member, int rows, float[] parameters, float[] samples, int[] labels)
    {
        Stack stack = new(Shape.Inputs, [new Dense(Shape.Hidden), new Relu(), new Dense(Shape.Outputs)]);
        float[][] own = ParametersOf(member, parameters);
        PlannedMatrix hidden = new(new MatrixShape(Shape.Inputs + 1, Shape.Hidden), "Parameters"), output = new(new MatrixShape(Shape.Hidden + 1, Shape.Outputs), "Parameters");
        ComputationGraph graph = new(stack, rows, [[hidden], [], [output]], family);
        ComputationTwin twin = new(rows, labels);
        twin.Set(hidden, own[0].Select(value => (double)value));
        twin.Set(output, own[1].Select(value => (double)value));
        twin.Set(graph.Input, RowsOf(member, rows, Shape.Inputs, samples).Select(value => (double)value));
        return (graph, twin);
    }

    private static IEnumerable<T> RowsOf<T>(int member, int rows, int columns, T[] ofAll) => ofAll.Skip(member * rows * columns).Take(rows * columns);

    /// <summary>A member's parameters, the first layer's and the last one's, in the form of network layers.</summary>
    private float[][] ParametersOf(int member, float[] ofAll) => [.. PlacesOf(member).Select(layer => layer.Select(place => ofAll[place]).ToArray())];

    private IEnumerable<IEnumerable<int>> PlacesOf(int member)
    {
        int begin = kernels.RowOf(member) * ParameterMatrix.Columns;
        yield return Enumerable.Range(0, (Shape.Inputs + 1) * Shape.Hidden)
            .Select(i => begin + kernels.HiddenColumn(member, i / Shape.Hidden, i % Shape.Hidden));
        yield return Enumerable.Range(0, (Shape.Hidden + 1) * Shape.Outputs)
            .Select(i => begin + kernels.OutputColumn(member, i / Shape.Outputs, i % Shape.Outputs));
    }

    private float[] UploadParameters(PlannedMatrix matrix)
    {
        float[] values = new float[matrix.Shape.Elements];   // everything that is not a parameter is zero
        foreach (int place in Enumerable.Range(0, Shape.Members).SelectMany(PlacesOf).SelectMany(layer => layer)) values[place] = random.NextSingle() - 0.5f;
        matrix.Texture.Upload<float>(values);
        return values;
    }

    private float[] UploadSamples(PlannedMatrix matrix)
    {
        float[] values = MatrixContent.Random(random, matrix.Shape);
        matrix.Texture.Upload<float>(values);
        return values;
    }

    private PlannedMatrix Planned(MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        PlannedMatrix matrix = new(shape, "A verified population", format);
        matrix.Realize(device);
        return matrix;
    }

    private static MatrixShape SamplesOf(int rows, int columns) => new(Shape.Members * rows, columns);
}
