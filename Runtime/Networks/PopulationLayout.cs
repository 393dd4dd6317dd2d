namespace NeuralPlugin;

/// <summary>
/// Where the parameters of a population's networks lie in their matrix: Shaders/Include/population.glsl says it in words, and
/// has the same addresses.
/// </summary>
/// <param name="Inputs">Features of a sample.</param>
/// <param name="Hidden">Hidden units.</param>
/// <param name="Classes">Classes.</param>
internal readonly record struct PopulationLayout(int Inputs, int Hidden, int Classes)
{
    /// <summary>
    /// Members that a workgroup trains: the lanes that a software driver runs at once. They share a row of the matrix, their texels by turns.
    /// </summary>
    public const int GroupSize = 8;

    /// <summary>Samples of each member that one dispatch trains on, at most.</summary>
    public const int MostRows = 8;

    /// <summary>Iterations, of all loops together, after which a software driver leaves a kernel's loops without a word.</summary>
    private const int MostLoopIterations = 65_535;

    private const int MostInputsWrittenOut = 32;
    private const int MostClassesWrittenOut = 16;

    public long ParameterCount => (((long)Inputs + 1) * Hidden) + (((long)Hidden + 1) * Classes);

    /// <summary>Texels of one member.</summary>
    public long TexelsPerMember => (HiddenTexels * RunTexels) + MatrixShape.Texels(Classes);

    private long HiddenTexels => MatrixShape.Texels(Hidden);

    private long RunTexels => (long)Inputs + 1 + Classes;

    private long LoopIterations
    {
        get
        {
            long inputs = Inputs > MostInputsWrittenOut ? MatrixShape.Texels(Inputs) : 0;
            long classes = Classes > MostClassesWrittenOut ? Classes : 0;
            return (HiddenTexels * (2 + (3 * inputs) + (2 * classes))) + (((3 * MostRows) + 2) * classes);
        }
    }

    /// <summary>The layout of a population.</summary>
    /// <exception cref="DeviceLimitException">One dispatch cannot train it.</exception>
    public static PopulationLayout For(int members, int inputs, int hidden, int classes)
    {
        PopulationLayout layout = new(inputs, hidden, classes);
        string shape = $"A population of {members} networks {inputs}-{hidden}-{classes}, of {layout.ParameterCount} parameters each,";
        if (layout.LoopIterations > MostLoopIterations)
        {
            throw new DeviceLimitException(
                $"{shape} needs {layout.LoopIterations} loop iterations in a kernel, and software drivers stop after {MostLoopIterations}. " +
                "Use fewer inputs, hidden units or classes.", nameof(classes));
        }

        return MatrixShape.CeilingDivide(members, GroupSize) <= Dispatch.MaximumGroups ? layout : throw new DeviceLimitException(
            $"{shape} is more than one dispatch runs: {GroupSize * Dispatch.MaximumGroups} members. Use several populations.", nameof(members));
    }

    public MatrixShape Shape(NeuralDevice device, int members)
    {
        return device.Shape(
            MatrixShape.CeilingDivide(members, GroupSize), MatrixShape.ColumnsPerTexel * TexelsPerMember * GroupSize, "The parameters of a population");
    }

    public ClassifierParameters Allocate() => new(new float[Inputs * Hidden], new float[Hidden], new float[Hidden * Classes], new float[Classes]);

    /// <summary>Writes a member's parameters into its row of the matrix.</summary>
    public void Pack(ClassifierParameters parameters, int member, Span<float> row)
    {
        for (int unit = 0; unit < Hidden; unit++)
        {
            for (int i = 0; i < Inputs; i++) row[HiddenAt(member, unit, i)] = parameters.HiddenWeights[(i * Hidden) + unit];
            row[HiddenAt(member, unit, Inputs)] = parameters.HiddenBiases[unit];
            for (int j = 0; j < Classes; j++) row[HiddenAt(member, unit, Inputs + 1 + j)] = parameters.OutputWeights[(unit * Classes) + j];
        }

        for (int j = 0; j < Classes; j++) row[OutputBiasAt(member, j)] = parameters.OutputBiases[j];
    }

    /// <summary>Reads a member's parameters from its row of the matrix.</summary>
    public ClassifierParameters Unpack(int member, ReadOnlySpan<float> row)
    {
        ClassifierParameters parameters = Allocate();
        for (int unit = 0; unit < Hidden; unit++)
        {
            for (int i = 0; i < Inputs; i++) parameters.HiddenWeights[(i * Hidden) + unit] = row[HiddenAt(member, unit, i)];
            parameters.HiddenBiases[unit] = row[HiddenAt(member, unit, Inputs)];
            for (int j = 0; j < Classes; j++) parameters.OutputWeights[(unit * Classes) + j] = row[HiddenAt(member, unit, Inputs + 1 + j)];
        }

        for (int j = 0; j < Classes; j++) parameters.OutputBiases[j] = row[OutputBiasAt(member, j)];
        return parameters;
    }

    /// <summary>Where a row has the value of a hidden unit: of an input's weight, the bias, or a class's weight.</summary>
    private int HiddenAt(int member, int unit, int texelOfRun) => At(member, ((int)RunTexels * (unit / MatrixShape.ColumnsPerTexel)) + texelOfRun, unit);

    private int OutputBiasAt(int member, int j) => At(member, (int)(HiddenTexels * RunTexels) + (j / MatrixShape.ColumnsPerTexel), j);

    private static int At(int member, int texel, int column)
    {
        return (((texel * GroupSize) + (member % GroupSize)) * MatrixShape.ColumnsPerTexel) + (column % MatrixShape.ColumnsPerTexel);
    }
}
