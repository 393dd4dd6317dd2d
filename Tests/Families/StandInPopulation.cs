namespace NeuralPlugin.Tests;

/// <summary>
/// The populations of <see cref="StandInFamily"/>: a workgroup is a network, and its invocations exchange results in shared memory. The parameters
/// of a network are a row of their matrix, with its two layers in sequence: Tests/Shaders/stand_in_population.glsl.
/// </summary>
internal sealed class StandInPopulation : PopulationKernels
{
    private const int GroupSize = 16;

    /// <summary>Rows of each member's batch per dispatch.</summary>
    private const int Rows = 4;

    private readonly DeviceLimits limits;

    /// <exception cref="DeviceLimitException">A workgroup has no room for one of the networks, or there are more networks than workgroups.</exception>
    public StandInPopulation(PopulationShape shape, DeviceLimits limits) : base(shape)
    {
        this.limits = limits;
        ParameterMatrix = limits.Shape(shape.Members, (long)MatrixShape.ColumnsPerTexel * TexelsPerMember, "The parameters of a population");
        long bytes = ((Rows * ((2L * HiddenTexels) + OutputTexels)) + 2) * MatrixShape.BytesPerTexelOf(TexelFormat.Float);
        if (bytes > limits.SharedMemoryBytes)
            throw new DeviceLimitException($"{Rows} rows of a network take {bytes} bytes of shared memory, and this device has {limits.SharedMemoryBytes}. Use fewer hidden units or classes.");
        if (shape.Members > limits.MostWorkgroups)
            throw new DeviceLimitException($"{shape.Members} members are more than one dispatch runs: {limits.MostWorkgroups}. Use several populations.");
    }

    public override MatrixShape ParameterMatrix { get; }

    public override int MostPredictedRows => Rows * Math.Min(limits.MostWorkgroups, int.MaxValue / Rows);

    private int HiddenTexels => MatrixShape.Texels(Shape.Hidden);

    private int OutputTexels => MatrixShape.Texels(Shape.Outputs);

    private long TexelsPerMember => ((Shape.Inputs + 1L) * HiddenTexels) + ((Shape.Hidden + 1L) * OutputTexels);

    public override int RowOf(int member) => member;

    public override int HiddenColumn(int member, int input, int unit) => (input * HiddenTexels * MatrixShape.ColumnsPerTexel) + unit;

    public override int OutputColumn(int member, int unit, int output) =>
        ((((Shape.Inputs + 1) * HiddenTexels) + (unit * OutputTexels)) * MatrixShape.ColumnsPerTexel) + output;

    public override int RowsPerStep(int batchRows) => Rows;

    public override int MembersOfLine(int batchRows) => 1;

    public override KernelChoice Step(PopulationStep computation) => new(Kernel("stand_in_population_step.comp"), new DispatchGrid(Shape.Members));

    public override KernelChoice Update(PopulationUpdate computation) => new(Kernel("stand_in_population_update.comp"), new DispatchGrid(Shape.Members));

    public override KernelChoice Forward(PopulationForward computation) =>
        new(Kernel("stand_in_population_forward.comp"), new DispatchGrid(Shape.Members, RowsPerGroupY: Rows));

    private KernelSource Kernel(string fileName) => new(
        fileName, ("GROUP_SIZE", GroupSize), ("ROWS", Rows), ("INPUTS", Shape.Inputs), ("HIDDEN", Shape.Hidden), ("OUTPUTS", Shape.Outputs));
}
