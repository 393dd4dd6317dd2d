namespace NeuralPlugin;

/// <summary>The members of a verified population: their parameters and batches on the device, and each as a network of its own in double precision.</summary>
internal class VerifiedPopulationMembers : IDisposable
{
    private readonly List<PlannedMatrix> matrices = [];
    private readonly SeededRandom random;

    public VerifiedPopulationMembers(NeuralDevice device, VerifiedPopulation verified, FamilyKernels kernels, SeededRandom random)
    {
        (Device, Verified, this.random) = (device, verified, random);
        Graph = verified.GraphWith(kernels);
        Weights = Made(ParameterMatrix);
        Features = Made(Graph.FeatureShape(verified.Rows));
        Parameters = UploadParameters(Weights, least: -0.5f);
        Samples = MatrixContent.Random(random, Features.Shape);
        Features.Texture.Upload<float>(Samples);
    }

    protected NeuralDevice Device { get; }

    protected VerifiedPopulation Verified { get; }

    protected PopulationGraph Graph { get; }

    protected PlannedMatrix Weights { get; }

    protected PlannedMatrix Features { get; }

    /// <summary>What is in <see cref="Weights"/>.</summary>
    protected float[] Parameters { get; }

    /// <summary>What is in <see cref="Features"/>.</summary>
    protected float[] Samples { get; }

    protected PopulationShape Shape => Verified.Shape;

    protected MatrixShape ParameterMatrix => Graph.Population.ParameterMatrix;

    /// <summary>Runs a prediction of all members.</summary>
    public KernelCheck Predict(VerifiedConfiguration configuration, KernelRejections rejections)
    {
        PlannedMatrix probabilities = Made(Graph.ResultShape(Verified.Rows));
        Dispatch dispatch = Graph.Forward(Verified.Rows, Weights, Features, probabilities, softmax: true);
        (string family, string name) = (configuration.Kernels.Family.Name, $"{Verified}{configuration.Name}");
        if (rejections.Compile(dispatch, family, name, configuration.IsUsed) is { } rejected) return rejected;
        new Plan(Device, [dispatch]).Run(Verified.Rows);
        float[] found = MatrixContent.Read(probabilities);
        double error = Enumerable.Range(0, Shape.Members).Max(member =>
        {
            (ComputationGraph graph, ComputationTwin twin) = TwinOf(member, labels: []);
            graph.AddProbabilities();
            foreach (PlannedComputation planned in graph.Computations) twin.Run(planned.Computation);
            return MatrixContent.ErrorOf([.. RowsOf(member, Shape.Outputs, found)], twin.Of(graph.Probabilities!)!);
        });
        return new KernelCheck(family, dispatch.Source.FileName, name, error);
    }

    public void Dispose()
    {
        foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
    }

    protected PlannedMatrix Made(MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        PlannedMatrix matrix = new(shape, "A verified population", format);
        matrices.Add(matrix);
        matrix.Realize(Device);
        return matrix;
    }

    /// <summary>Values for all members' parameters, at least the given one and less than one above it; everything that is not a parameter is zero.</summary>
    protected float[] UploadParameters(PlannedMatrix matrix, float least)
    {
        float[] values = new float[matrix.Shape.Elements];
        foreach (int place in Enumerable.Range(0, Shape.Members).SelectMany(PlacesOf).SelectMany(layer => layer)) values[place] = random.NextSingle() + least;
        matrix.Texture.Upload<float>(values);
        return values;
    }

    /// <summary>A member as a separate network, with its batch.</summary>
    protected (ComputationGraph Graph, ComputationTwin Twin) TwinOf(int member, int[] labels)
    {
        Stack stack = new(Shape.Inputs, [new Dense(Shape.Hidden), new Relu(), new Dense(Shape.Outputs)]);
        float[][] own = ParametersOf(member, Parameters);
        PlannedMatrix hidden = new(new MatrixShape(Shape.Inputs + 1, Shape.Hidden), "Parameters"), output = new(new MatrixShape(Shape.Hidden + 1, Shape.Outputs), "Parameters");
        ComputationGraph graph = new(stack, Verified.Rows, [[hidden], [], [output]], Graph.Kernels);
        ComputationTwin twin = new(Verified.Rows, labels, targetValues: []);
        twin.Set(hidden, own[0].Select(value => (double)value));
        twin.Set(output, own[1].Select(value => (double)value));
        twin.Set(graph.Input, RowsOf(member, Shape.Inputs, Samples).Select(value => (double)value));
        return (graph, twin);
    }

    protected IEnumerable<T> RowsOf<T>(int member, int columns, T[] ofAll) => ofAll.Skip(member * Verified.Rows * columns).Take(Verified.Rows * columns);

    /// <summary>A member's parameters, the first layer's and the last one's, in the form of network layers.</summary>
    protected float[][] ParametersOf(int member, float[] ofAll) => [.. PlacesOf(member).Select(layer => layer.Select(place => ofAll[place]).ToArray())];

    /// <summary>Where they are in a matrix of all parameters.</summary>
    protected IEnumerable<IEnumerable<int>> PlacesOf(int member)
    {
        int begin = Graph.Population.RowOf(member) * ParameterMatrix.Columns;
        yield return Enumerable.Range(0, (Shape.Inputs + 1) * Shape.Hidden)
            .Select(i => begin + Graph.Population.HiddenColumn(member, i / Shape.Hidden, i % Shape.Hidden));
        yield return Enumerable.Range(0, (Shape.Hidden + 1) * Shape.Outputs)
            .Select(i => begin + Graph.Population.OutputColumn(member, i / Shape.Outputs, i % Shape.Outputs));
    }
}
