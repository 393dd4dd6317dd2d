using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The populations of <see cref="WorkgroupTiledFamily"/>: 32 invocations per network, one for each hidden unit with its weights in registers, and several networks in a workgroup.
/// Shaders/Include/population_lane_layout.glsl describes the layout of its parameters, with the same addresses: members lie one behind the other.
/// </summary>
internal sealed class WorkgroupTiledPopulation : PopulationKernels
{
    /// <summary>Invocations per network.</summary>
    private const int Lanes = 32;

    /// <summary>The maximum number of samples of each member that one dispatch trains on.</summary>
    private const int MostRows = 8;

    /// <summary>The maximum number of networks in a workgroup.</summary>
    private const int MostNetworks = 4;

    /// <summary>Texels of weights that an invocation keeps in registers, of the inputs and of the outputs.</summary>
    private const int MostInputWeights = 16;
    private const int MostOutputWeights = 8;

    /// <summary>Texels of outputs that it keeps.</summary>
    private const int MostOutputTexels = 4;

    /// <summary>The same where tuning chooses as many as fit.</summary>
    private const int MostTunedNetworks = 8;

    /// <summary>Shared memory that a workgroup takes of what the device has, so that several run on a processor of a card at once.</summary>
    private const int WantedSharedBytes = 16 * 1024;

    /// <summary>Invocations of an update without a step.</summary>
    private const int UpdateLanes = 64;

    private readonly DeviceLimits limits;
    private readonly Func<string, int, GroupedNetworks> choose;

    /// <param name="shape">A population that <see cref="Suits"/>, of no more members than a dispatch has workgroups.</param>
    /// <param name="limits">The limits of the device.</param>
    /// <param name="choose">Gives the networks of a workgroup for what is computed and its rows. It decides no bits, and so not the layout.</param>
    /// <exception cref="DeviceLimitException">Its parameters are too large for one matrix.</exception>
    public WorkgroupTiledPopulation(PopulationShape shape, DeviceLimits limits, Func<string, int, GroupedNetworks> choose) : base(shape)
    {
        this.limits = limits;
        this.choose = choose;
        ParameterMatrix = limits.Shape(shape.Members, MatrixShape.ColumnsPerTexel * TexelsPerMember, "The parameters of a population");
    }

    public override MatrixShape ParameterMatrix { get; }

    public override int MostPredictedRows => MostRows * Math.Min(limits.MostWorkgroups, int.MaxValue / MostRows);

    /// <summary>Texels of the inputs and the one that is always one.</summary>
    private int InputTexels => MatrixShape.Texels(Shape.Inputs + 1);

    private int OutputTexels => MatrixShape.Texels(Shape.Outputs);

    /// <summary>Hidden units of an invocation.</summary>
    private int Units => MatrixShape.CeilingDivide(Shape.Hidden, Lanes);

    private long LastLayer => (long)InputTexels * Shape.Hidden;

    private long TexelsPerMember => LastLayer + (OutputTexels * (Shape.Hidden + 1L));

    /// <summary>Whether its networks are small enough for these kernels.</summary>
    public static bool Suits(PopulationShape shape)
    {
        long units = MatrixShape.CeilingDivide(shape.Hidden, Lanes), inputTexels = MatrixShape.Texels(shape.Inputs + 1), outputTexels = MatrixShape.Texels(shape.Outputs);
        return units * inputTexels <= MostInputWeights && units * outputTexels <= MostOutputWeights && outputTexels <= MostOutputTexels;
    }

    public override int RowOf(int member) => member;

    public override int HiddenColumn(int member, int input, int unit) => Column(((long)(input / MatrixShape.ColumnsPerTexel) * Shape.Hidden) + unit, input);

    public override int OutputColumn(int member, int unit, int output) =>
        Column(LastLayer + ((long)(output / MatrixShape.ColumnsPerTexel) * (Shape.Hidden + 1)) + unit, output);

    public override int RowsPerStep(int batchRows) => (int)Math.Min(MostRows, BitOperations.RoundUpToPowerOf2((uint)batchRows));

    public override KernelChoice Step(PopulationStep computation)
    {
        (KernelSource source, int networks) = Kernel("network_population_step_lanes.comp", computation.Rows, choose("population step", computation.Rows));
        return new KernelChoice(source.With(("ROW_SUMS", networks * computation.Rows)), new DispatchGrid(Groups(networks)));
    }

    public override KernelChoice Forward(PopulationForward computation)
    {
        int rows = RowsPerStep(computation.Rows);
        (KernelSource source, int networks) = Kernel("network_population_forward_lanes.comp", rows, choose("population forward", rows));
        return new KernelChoice(source, new DispatchGrid(Groups(networks), RowsPerGroupY: rows));
    }

    public override KernelChoice Update(PopulationUpdate computation)
    {
        KernelSource source = new("network_population_update_lanes.comp", [.. LayoutConstants, ("GROUP_SIZE", UpdateLanes)]) { Fetches = true };
        return new KernelChoice(source, new DispatchGrid(Shape.Members));
    }

    private (string Name, int Value)[] LayoutConstants => [("INPUTS", Shape.Inputs), ("HIDDEN", Shape.Hidden), ("OUTPUTS", Shape.Outputs)];

    /// <summary>Shaders/Include/population_lanes.glsl describes the constants and macros.</summary>
    private (KernelSource Source, int Networks) Kernel(string fileName, int rows, GroupedNetworks grouped)
    {
        int rowTexels = MatrixShape.Texels(rows), paddedRows = rowTexels * MatrixShape.ColumnsPerTexel;
        int samples = paddedRows * InputTexels, outputs = paddedRows * OutputTexels, laneOutputs = rows * OutputTexels * (Lanes + 1);
        int bytes = (samples + (2 * outputs) + laneOutputs + rows + 1) * MatrixShape.BytesPerTexel;
        int networks = grouped switch
        {
            GroupedNetworks.One => 1,
            GroupedNetworks.Two => Math.Clamp(limits.SharedMemoryBytes / bytes, 1, 2),
            GroupedNetworks.Most => Math.Clamp(limits.SharedMemoryBytes / bytes, 1, MostTunedNetworks),
            _ => Math.Clamp(WantedSharedBytes / bytes, 1, MostNetworks),
        };
        KernelSource source = new KernelSource(
            fileName,
            [
                .. LayoutConstants, ("GROUP_SIZE", networks * Lanes), ("NETWORKS", networks), ("ROWS", rows), ("UNITS", Units),
                ("SAMPLES", networks * samples), ("LANE_OUTPUTS", networks * laneOutputs), ("SHARED_OUTPUTS", networks * outputs),
            ])
        {
            Fetches = true,
            Macros =
            [
                new UnrolledMacro("EACH_UNIT(F)", "F(#)", Units), new UnrolledMacro("EACH_INPUT_TEXEL(F)", "F(#)", InputTexels),
                new UnrolledMacro("EACH_OUTPUT_TEXEL(F)", "F(#)", OutputTexels), new UnrolledMacro("EACH_ROW(F)", "F(#)", rows),
                new UnrolledMacro("EACH_ROW_TEXEL(F)", "F(#)", rowTexels),
            ],
        };
        return (source, networks);
    }

    private int Groups(int networks) => MatrixShape.CeilingDivide(Shape.Members, networks);

    private static int Column(long texel, int column) => (int)((texel * MatrixShape.ColumnsPerTexel) + (column % MatrixShape.ColumnsPerTexel));
}

/// <summary>How many networks a workgroup has: what a card's tuning chooses from.</summary>
internal enum GroupedNetworks
{
    /// <summary>Up to four, in 16 kB of shared memory.</summary>
    ByRule,
    One,
    Two,

    /// <summary>Up to eight, in all shared memory.</summary>
    Most,
}
