namespace NeuralPlugin;

/// <summary>
/// The parameters of a population's networks and their optimizer state, in the layout of the kernel family. All of it commits
/// at once, so that one step counts for all members, including those that keep their weights.
/// </summary>
internal sealed class PopulationParameters : IDisposable
{
    private readonly PopulationKernels kernels;
    private readonly Optimizer optimizer;
    private readonly CommitClock clock = new();
    private readonly PingPongMatrix weights;
    private readonly PingPongMatrix[] state;
    private readonly KernelArguments<float> scalars;
    private readonly float[] row;

    /// <summary>Makes the networks, with the initial values of a <see cref="Network"/> of the stack: member m's streams begin at m times the stack's parts.</summary>
    /// <param name="device">The owning device.</param>
    /// <param name="kernels">Their layout.</param>
    /// <param name="stack">The stack of each network.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="seed">Chooses the initial values.</param>
    /// <param name="outputWeightsOf">The initial output weights of a member; null for those from the seed.</param>
    /// <exception cref="DeviceLimitException">This device's kernels cannot write a matrix this large. Nothing was made.</exception>
    public PopulationParameters(NeuralDevice device, PopulationKernels kernels, Stack stack, Optimizer optimizer, int seed, Func<int, float[]>? outputWeightsOf)
    {
        this.kernels = kernels;
        this.optimizer = optimizer;
        scalars = optimizer.MakeScalars();
        MatrixShape shape = kernels.ParameterMatrix;
        device.RequireWritable(shape);
        Gradients = new PlannedMatrix(shape, "The gradients of a population");
        weights = PairOf(shape);
        state = [.. optimizer.State.Select(_ => PairOf(shape))];
        row = new float[shape.Columns];
        Initialize(stack, seed, outputWeightsOf);

        PingPongMatrix PairOf(MatrixShape shape)
        {
            PingPongMatrix pair = new(device, clock, shape);
            pair.EnsurePending();
            return pair;
        }
    }

    /// <summary>Their layout.</summary>
    public PopulationKernels Kernels => kernels;

    /// <summary>The committed weights.</summary>
    public Operand Weights => weights.Committed;

    /// <summary>The gradient sums, needed only by batches of many rows.</summary>
    public PlannedMatrix Gradients { get; }

    /// <summary>The update of all parameters.</summary>
    public ParameterUpdate Update => new(
        optimizer, Gradients, (weights.Committed, weights.Pending), [.. state.Select(matrix => (matrix.Committed, matrix.Pending))], scalars);

    /// <summary>The number of committed steps that count, as far as known.</summary>
    public long Steps { get; private set; }

    /// <summary>The weights that the last dispatch of a step writes.</summary>
    public Operand PendingWeights => weights.Pending;

    /// <summary>Sets the scalars of the next step.</summary>
    public void PrepareStep(float learningRate) => optimizer.WriteScalars(scalars, learningRate, Steps + 1);

    /// <summary>Commits the complete step.</summary>
    public void Commit()
    {
        clock.Commit();
        Steps++;
    }

    /// <summary>Copies committed into pending.</summary>
    public void CopyToPending()
    {
        weights.CopyToPending();
        foreach (PingPongMatrix matrix in state) matrix.CopyToPending();
    }

    /// <summary>Corrects the count when fewer steps changed the weights than were committed.</summary>
    public void Rewind(long steps) => Steps = steps;

    /// <summary>A copy of one member's parameters. Waits and allocates.</summary>
    public ClassifierParameters Read(int member)
    {
        weights.CommittedTexture.Read(row, kernels.RowOf(member));
        ClassifierParameters parameters = Allocate();
        ForEach(member, parameters, (array, i, column) => array[i] = row[column]);
        return parameters;
    }

    /// <summary>Replaces one member's parameters by others of the right lengths; their optimizer state stays. Waits.</summary>
    public void Write(int member, ClassifierParameters parameters)
    {
        int sharedRow = kernels.RowOf(member);
        weights.CommittedTexture.Read(row, sharedRow);
        Pack(member, parameters);
        weights.CommittedTexture.Upload<float>(row, sharedRow);
    }

    /// <summary>The current weights and each matrix of the optimizer's state.</summary>
    public IEnumerable<MatrixTexture> CommittedTextures => [weights.CommittedTexture, .. state.Select(matrix => matrix.CommittedTexture)];

    /// <summary>The weights, as they are now.</summary>
    public MatrixTexture WeightTexture => weights.CommittedTexture;

    /// <summary>One member's of a readback of the weights.</summary>
    public void Unpack(Readback readback, int member, float[][] into)
    {
        readback.Read(0, row, kernels.RowOf(member));
        ForEach(member, new ClassifierParameters(into[0], into[1], into[2], into[3]), (array, i, column) => array[i] = row[column]);
    }

    /// <summary>Matrices in the optimizer's state.</summary>
    public int StateCount => state.Length;

    /// <summary>Unpacks such a matrix from a readback: the four arrays of <see cref="ClassifierParameters"/>, each for all members in sequence.</summary>
    public float[][] Unpack(Readback readback, int matrix)
    {
        (int sharedRow, List<ClassifierParameters> members) = (-1, []);
        for (int member = 0; member < kernels.Shape.Members; member++)
        {
            if (kernels.RowOf(member) != sharedRow) readback.Read(matrix, row, sharedRow = kernels.RowOf(member));
            ClassifierParameters parameters = Allocate();
            ForEach(member, parameters, (array, i, column) => array[i] = row[column]);
            members.Add(parameters);
        }

        return
        [
            [.. members.SelectMany(member => member.HiddenWeights)], [.. members.SelectMany(member => member.HiddenBiases)],
            [.. members.SelectMany(member => member.OutputWeights)], [.. members.SelectMany(member => member.OutputBiases)],
        ];
    }

    /// <summary>Replaces the weights of all members and, if given, the optimizer's state.</summary>
    /// <param name="parameters">In the form of <see cref="Unpack(Readback, int)"/>.</param>
    /// <param name="moments">As above for each matrix of the state; empty to leave it.</param>
    /// <param name="steps">The step count at that point.</param>
    public void WriteAll(float[][] parameters, float[][][] moments, long steps)
    {
        WriteAll(weights.CommittedTexture, parameters);
        for (int i = 0; i < moments.Length; i++) WriteAll(state[i].CommittedTexture, moments[i]);
        Steps = steps;
    }

    public void Dispose()
    {
        weights.Dispose();
        foreach (PingPongMatrix matrix in state) matrix.Dispose();
        Gradients.Dispose();
    }

    private void Initialize(Stack stack, int seed, Func<int, float[]>? outputWeightsOf)
    {
        (ParameterPart Part, int Columns)[] parts =
            [.. stack.Layers.SelectMany(layer => layer.Parameters).SelectMany(declaration => declaration.Parts.Select(part => (part, declaration.Columns)))];
        int members = kernels.Shape.Members;
        for (int member = 0; member < members; member++)
        {
            float[] Values(int part) => parts[part].Part.InitialValues(parts[part].Columns, seed, ((ulong)member * (ulong)parts.Length) + (ulong)part);
            Pack(member, new ClassifierParameters(Values(0), Values(1), outputWeightsOf?.Invoke(member) ?? Values(2), Values(3)));
            int sharedRow = kernels.RowOf(member);
            if (member + 1 < members && kernels.RowOf(member + 1) == sharedRow) continue;
            weights.CommittedTexture.Upload<float>(row, sharedRow);
            Array.Clear(row);
        }
    }

    private ClassifierParameters Allocate()
    {
        PopulationShape shape = kernels.Shape;
        return new(new float[shape.Inputs * shape.Hidden], new float[shape.Hidden], new float[shape.Hidden * shape.Outputs], new float[shape.Outputs]);
    }

    private void WriteAll(MatrixTexture texture, float[][] arrays)
    {
        int members = kernels.Shape.Members;
        Array.Clear(row);
        for (int member = 0; member < members; member++)
        {
            float[] Of(int array) => arrays[array].AsSpan(member * (arrays[array].Length / members), arrays[array].Length / members).ToArray();
            Pack(member, new ClassifierParameters(Of(0), Of(1), Of(2), Of(3)));
            int sharedRow = kernels.RowOf(member);
            if (member + 1 < members && kernels.RowOf(member + 1) == sharedRow) continue;
            texture.Upload<float>(row, sharedRow);
            Array.Clear(row);
        }
    }

    private void Pack(int member, ClassifierParameters parameters) => ForEach(member, parameters, (array, i, column) => row[column] = array[i]);

    /// <summary>Visits each of a member's parameters with its index in its array and in the member's row of the matrix.</summary>
    private void ForEach(int member, ClassifierParameters parameters, Action<float[], int, int> action)
    {
        PopulationShape shape = kernels.Shape;
        for (int unit = 0; unit < shape.Hidden; unit++)
        {
            for (int input = 0; input < shape.Inputs; input++)
                action(parameters.HiddenWeights, (input * shape.Hidden) + unit, kernels.HiddenColumn(member, input, unit));
            action(parameters.HiddenBiases, unit, kernels.HiddenColumn(member, shape.Inputs, unit));
            for (int output = 0; output < shape.Outputs; output++)
                action(parameters.OutputWeights, (unit * shape.Outputs) + output, kernels.OutputColumn(member, unit, output));
        }

        for (int output = 0; output < shape.Outputs; output++)
            action(parameters.OutputBiases, output, kernels.OutputColumn(member, shape.Hidden, output));
    }
}
