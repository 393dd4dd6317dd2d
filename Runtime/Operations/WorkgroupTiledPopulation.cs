using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The populations of <see cref="WorkgroupTiledFamily"/>: 32 invocations per network, one for each hidden unit, and several networks in a workgroup.
/// Shaders/Include/population_lane_layout.glsl describes the layout of its parameters, with the same addresses: members lie one behind the other.
/// </summary>
internal sealed class WorkgroupTiledPopulation : PopulationKernels
{
    /// <summary>Invocations per network.</summary>
    public const int Lanes = 32;

    /// <summary>Samples of each member that are computed at a time. Their gradients are one sum, so this decides the bits of larger batches.</summary>
    private const int MostBlockRows = 8;

    /// <summary>The maximum number of networks in a workgroup.</summary>
    private const int MostNetworks = 4;

    /// <summary>Hidden units of an invocation.</summary>
    private const int MostUnits = 4;

    /// <summary>Texels of the outputs, and of their weights that an invocation keeps in registers.</summary>
    private const int MostOutputTexels = 8;
    private const int MostOutputWeights = 16;

    /// <summary>Texels of weights with which an invocation also keeps those of the inputs, of the inputs and of the outputs.</summary>
    private const int MostKeptInputWeights = 16;
    private const int MostOutputWeightsBesides = 8;

    /// <summary>Texels of inputs that are written out; more run in a loop, since the source would take too long to compile.</summary>
    private const int MostInputTexelsWrittenOut = 16;

    /// <summary>The same where tuning chooses as many as fit.</summary>
    private const int MostTunedNetworks = 8;

    /// <summary>Shared memory that a workgroup takes of what the device has, so that several run on a processor of a card at once.</summary>
    private const int WantedSharedBytes = 16 * 1024;

    /// <summary>Shared memory that a network may take for more samples in a dispatch: what every driver has.</summary>
    private const int MostSharedBytesOfRows = 32 * 1024;

    /// <summary>Invocations of an update without a step.</summary>
    private const int UpdateLanes = 64;

    private readonly DeviceLimits limits;
    private readonly Func<string, int, GroupedNetworks> choose;

    /// <param name="shape">A population that <see cref="Suits"/>.</param>
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

    public override int MostPredictedRows => MostBlockRows * Math.Min(limits.MostWorkgroups, int.MaxValue / MostBlockRows);

    private int InputTexels => MatrixShape.Texels(Shape.Inputs);

    /// <summary>Texels of the biases of the hidden units; none where the inputs' last texel has room for an input that is always one.</summary>
    private int BiasTexels => Shape.Inputs % MatrixShape.ColumnsPerTexel == 0 ? MatrixShape.Texels(Shape.Hidden) : 0;

    private int OutputTexels => MatrixShape.Texels(Shape.Outputs);

    /// <summary>Hidden units of an invocation.</summary>
    private int Units => MatrixShape.CeilingDivide(Shape.Hidden, Lanes);

    private bool KeepsWeights => Units * InputTexels <= MostKeptInputWeights && Units * OutputTexels <= MostOutputWeightsBesides;

    private long LastLayer => ((long)InputTexels * Shape.Hidden) + BiasTexels;

    private long TexelsPerMember => LastLayer + (OutputTexels * (Shape.Hidden + 1L));

    /// <summary>Whether its networks are small enough for these kernels, and not more than a dispatch has workgroups.</summary>
    public static bool Suits(PopulationShape shape, DeviceLimits limits)
    {
        long units = MatrixShape.CeilingDivide(shape.Hidden, Lanes), outputTexels = MatrixShape.Texels(shape.Outputs);
        return units <= MostUnits && outputTexels <= MostOutputTexels && units * outputTexels <= MostOutputWeights
            && SharedTexels.Of(shape, MostBlockRows, blocks: 1).Bytes <= limits.SharedMemoryBytes && shape.Members <= limits.MostWorkgroups;
    }

    public override int RowOf(int member) => member;

    public override int HiddenColumn(int member, int input, int unit) => input == Shape.Inputs && BiasTexels > 0
        ? Column(((long)InputTexels * Shape.Hidden) + (unit / MatrixShape.ColumnsPerTexel), unit)
        : Column(((long)(input / MatrixShape.ColumnsPerTexel) * Shape.Hidden) + unit, input);

    public override int OutputColumn(int member, int unit, int output) =>
        Column(LastLayer + ((long)(output / MatrixShape.ColumnsPerTexel) * (Shape.Hidden + 1)) + unit, output);

    /// <summary>Up to a block, or as many blocks as shared memory has room for; those of a larger batch are spread evenly over its dispatches.</summary>
    public override int RowsPerStep(int batchRows)
    {
        if (batchRows <= MostBlockRows) return (int)BitOperations.RoundUpToPowerOf2((uint)batchRows);
        int blocks = MatrixShape.CeilingDivide(batchRows, MostBlockRows), most = 1;
        while (most < blocks && SharedTexels.Of(Shape, MostBlockRows, most + 1).Bytes <= Math.Min(MostSharedBytesOfRows, limits.SharedMemoryBytes)) most++;
        return MostBlockRows * MatrixShape.CeilingDivide(blocks, MatrixShape.CeilingDivide(blocks, most));
    }

    public override int MembersOfLine(int batchRows) => StepKernel(RowsPerStep(batchRows)).Networks;

    public override KernelChoice Step(PopulationStep computation)
    {
        (KernelSource source, int networks) = StepKernel(computation.Rows);
        return new KernelChoice(source, new DispatchGrid(Groups(networks)));
    }

    public override KernelChoice Forward(PopulationForward computation)
    {
        int rows = Math.Min(RowsPerStep(computation.Rows), MostBlockRows);
        (KernelSource source, int networks) = Kernel("network_population_forward_lanes.comp", rows, blocks: 1, choose("population forward", rows));
        return new KernelChoice(source, new DispatchGrid(Groups(networks), RowsPerGroupY: rows));
    }

    public override KernelChoice Update(PopulationUpdate computation)
    {
        KernelSource source = new("network_population_update_lanes.comp", [.. LayoutConstants, ("GROUP_SIZE", UpdateLanes)]) { Fetches = true };
        return new KernelChoice(source, new DispatchGrid(Shape.Members));
    }

    private (KernelSource Source, int Networks) StepKernel(int rows)
    {
        int blockRows = Math.Min(rows, MostBlockRows), blocks = rows / blockRows;
        (KernelSource source, int networks) = Kernel("network_population_step_lanes.comp", blockRows, blocks, choose("population step", rows));
        SharedTexels texels = SharedTexels.Of(Shape, blockRows, blocks);
        return (source.With(("ROW_SUMS", networks * texels.Rows), ("BIAS_SUMS", networks * blocks * Units * Lanes)), networks);
    }

    private (string Name, int Value)[] LayoutConstants => [("INPUTS", Shape.Inputs), ("HIDDEN", Shape.Hidden), ("OUTPUTS", Shape.Outputs)];

    /// <summary>Shaders/Include/population_lanes.glsl describes the constants and macros.</summary>
    private (KernelSource Source, int Networks) Kernel(string fileName, int rows, int blocks, GroupedNetworks grouped)
    {
        SharedTexels texels = SharedTexels.Of(Shape, rows, blocks);
        int networks = grouped switch
        {
            GroupedNetworks.One => 1,
            GroupedNetworks.Two => (int)Math.Clamp(limits.SharedMemoryBytes / texels.Bytes, 1, 2),
            GroupedNetworks.Most => (int)Math.Clamp(limits.SharedMemoryBytes / texels.Bytes, 1, MostTunedNetworks),
            _ => (int)Math.Clamp(WantedSharedBytes / texels.Bytes, 1, MostNetworks),
        };
        KernelSource source = new KernelSource(
            fileName,
            [
                .. LayoutConstants, ("GROUP_SIZE", networks * Lanes), ("NETWORKS", networks), ("BLOCKS", blocks), ("ROWS", rows), ("PASS_ROWS", texels.PassRows), ("UNITS", Units),
                ("SAMPLES", networks * texels.Samples), ("LANE_OUTPUTS", networks * texels.LaneOutputs), ("SHARED_OUTPUTS", networks * texels.Outputs),
                ("KEPT_HIDDEN", networks * texels.KeptHidden), .. KeepsWeights ? [("KEEPS_WEIGHTS", 1)] : Array.Empty<(string, int)>(),
            ])
        {
            Fetches = true,
            Macros =
            [
                new UnrolledMacro("EACH_UNIT(F)", "F(#)", Units), EachInputTexel,
                new UnrolledMacro("EACH_OUTPUT_TEXEL(F)", "F(#)", OutputTexels), new UnrolledMacro("EACH_ROW(F)", "F(#)", rows),
                new UnrolledMacro("EACH_ROW_TEXEL(F)", "F(#)", MatrixShape.Texels(rows)),
                new UnrolledMacro("EACH_PASS(F)", "F(#)", rows / texels.PassRows), new UnrolledMacro("EACH_ROW_OF_PASS(F)", "F(#)", texels.PassRows),
            ],
        };
        return (source, networks);
    }

    /// <summary>In a loop, four texels at a time if their number allows it: a loop waits for the loads of each iteration.</summary>
    private UnrolledMacro EachInputTexel
    {
        get
        {
            const string Signature = "EACH_INPUT_TEXEL(F)", LoopVariable = "nextInput";
            return InputTexels <= MostInputTexelsWrittenOut ? new UnrolledMacro(Signature, "F(#)", InputTexels)
                : InputTexels % 4 == 0 ? new UnrolledMacro(Signature, "F(4 * #) F(4 * # + 1) F(4 * # + 2) F(4 * # + 3)", InputTexels / 4) { LoopVariable = LoopVariable }
                : new UnrolledMacro(Signature, "F(#)", InputTexels) { LoopVariable = LoopVariable };
        }
    }

    private int Groups(int networks) => MatrixShape.CeilingDivide(Shape.Members, networks);

    private static int Column(long texel, int column) => (int)((texel * MatrixShape.ColumnsPerTexel) + (column % MatrixShape.ColumnsPerTexel));
}

/// <summary>The texels of shared memory that a network takes, of each array of Shaders/Include/population_lanes.glsl and of network_population_step_lanes.comp.</summary>
/// <param name="Rows">Rows of all blocks, each padded to whole texels.</param>
/// <param name="PassRows">Rows whose lanes add their outputs at once: as many as give every lane at most one texel of the result.</param>
/// <param name="Samples">Of the samples.</param>
/// <param name="Outputs">Of the outputs, and as many of their gradients.</param>
/// <param name="LaneOutputs">Of what each lane adds to the outputs.</param>
/// <param name="KeptHidden">Of the hidden units, where there are several blocks.</param>
/// <param name="BiasSums">Of the gradients of the hidden units' biases.</param>
internal readonly record struct SharedTexels(int Rows, int PassRows, int Samples, int Outputs, int LaneOutputs, int KeptHidden, int BiasSums)
{
    private const int Lanes = WorkgroupTiledPopulation.Lanes;

    /// <summary>All of it, with a texel for each row's loss and one for what applies to the network.</summary>
    public long Bytes => ((long)Samples + (2 * Outputs) + LaneOutputs + KeptHidden + BiasSums + Rows + 1) * MatrixShape.BytesPerTexel;

    /// <param name="shape">The population.</param>
    /// <param name="rows">Rows of a block, a power of two.</param>
    /// <param name="blocks">Blocks of a dispatch.</param>
    public static SharedTexels Of(PopulationShape shape, int rows, int blocks)
    {
        int units = MatrixShape.CeilingDivide(shape.Hidden, Lanes), outputTexels = MatrixShape.Texels(shape.Outputs), rowTexels = MatrixShape.Texels(rows);
        int allRows = blocks * rowTexels * MatrixShape.ColumnsPerTexel;
        int passRows = Math.Min(rows, outputTexels * rows <= Lanes ? rows : MatrixShape.ColumnsPerTexel);
        return new SharedTexels(
            allRows, passRows, allRows * MatrixShape.Texels(shape.Inputs), allRows * outputTexels, passRows * outputTexels * (Lanes + 1),
            blocks == 1 ? 0 : blocks * units * rowTexels * Lanes, blocks * units * Lanes / MatrixShape.ColumnsPerTexel);
    }
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
