using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// The populations of <see cref="RegisterTiledFamily"/>: one network per invocation. Shaders/Include/population_layout.glsl describes the layout
/// of its parameters, with the same addresses.
/// </summary>
internal sealed class RegisterTiledPopulation : PopulationKernels
{
    /// <summary>The lanes that a software driver runs at once.</summary>
    public const int SoftwareLanes = 8;

    /// <summary>The maximum number of samples of each member that one dispatch trains on.</summary>
    private const int MostRows = 8;

    /// <summary>Iterations, over all loops together, after which a software driver silently leaves a kernel's loops.</summary>
    private const int MostLoopIterations = 65_535;

    /// <summary>Beyond this, the texels of inputs or outputs run in loops: unrolled source would take too long to compile.</summary>
    private const int MostInputTexelsWrittenOut = 8;
    private const int MostOutputTexelsWrittenOut = 4;

    /// <summary>Iterations of a loss for each texel of the outputs: softmax.glsl walks them twice, once value by value.</summary>
    private const int LossIterationsPerTexel = 6;

    /// <summary>Texels per invocation of an update without a step.</summary>
    private const int UpdatedTexels = 64;

    private readonly DeviceLimits limits;
    private readonly int groupSize;

    /// <param name="shape">The population.</param>
    /// <param name="limits">The limits of the device.</param>
    /// <param name="groupSize">Members per workgroup. They share a row of the matrix, with their texels interleaved.</param>
    /// <exception cref="DeviceLimitException">One dispatch cannot train it, or its parameters are too large for one matrix.</exception>
    public RegisterTiledPopulation(PopulationShape shape, DeviceLimits limits, int groupSize = SoftwareLanes) : base(shape)
    {
        this.limits = limits;
        this.groupSize = groupSize;
        string population = $"A population of {shape.Members} networks {shape.Inputs}-{shape.Hidden}-{shape.Outputs}, of {shape.ParameterCount} parameters each,";
        if (LoopIterations > MostLoopIterations)
        {
            throw new DeviceLimitException(
                $"{population} needs {LoopIterations} loop iterations in a kernel, but software drivers stop after {MostLoopIterations}. " +
                "Use fewer inputs, hidden units or classes.");
        }

        if (Groups > limits.MostWorkgroups)
        {
            throw new DeviceLimitException(
                $"{population} is more than one dispatch runs: {(long)groupSize * limits.MostWorkgroups} members. Use several populations.");
        }

        ParameterMatrix = limits.Shape(Groups, MatrixShape.ColumnsPerTexel * TexelsPerMember * groupSize, "The parameters of a population");
    }

    public override MatrixShape ParameterMatrix { get; }

    public override int MostPredictedRows => MostRows * Math.Min(limits.MostWorkgroups, int.MaxValue / MostRows);

    private int Groups => MatrixShape.CeilingDivide(Shape.Members, groupSize);

    private int InputTexels => MatrixShape.Texels(Shape.Inputs);

    private int HiddenTexels => MatrixShape.Texels(Shape.Hidden);

    private int OutputTexels => MatrixShape.Texels(Shape.Outputs);

    /// <summary>The weights and biases of a texel of hidden units.</summary>
    private long RunTexels => (long)Shape.Inputs + 1 + Shape.Outputs;

    private long TexelsPerMember => (HiddenTexels * RunTexels) + OutputTexels;

    private bool WritesInputsOut => InputTexels <= MostInputTexelsWrittenOut;

    private bool WritesOutputsOut => OutputTexels <= MostOutputTexelsWrittenOut;

    /// <summary>The iterations of a step with the most rows.</summary>
    private long LoopIterations
    {
        get
        {
            long inputs = WritesInputsOut ? 0 : InputTexels, outputs = WritesOutputsOut ? 0 : OutputTexels;
            long ofLosses = MostRows * ((2 * outputs) + (LossIterationsPerTexel * (long)OutputTexels));
            return (HiddenTexels * (2 + (3 * inputs) + (2 * outputs))) + (2 * outputs) + ofLosses;
        }
    }

    public override int RowOf(int member) => member / groupSize;

    public override int HiddenColumn(int member, int input, int unit) => Column(member, RunOf(unit) + input, unit);

    public override int OutputColumn(int member, int unit, int output) => unit < Shape.Hidden
        ? Column(member, RunOf(unit) + Shape.Inputs + 1 + output, unit)
        : Column(member, (HiddenTexels * RunTexels) + (output / MatrixShape.ColumnsPerTexel), output);

    public override int RowsPerStep(int batchRows) => (int)Math.Min(MostRows, BitOperations.RoundUpToPowerOf2((uint)batchRows));

    public override int MembersOfLine(int batchRows) => groupSize;

    public override KernelChoice Step(PopulationStep computation) =>
        new(Kernel("network_population_step.comp", computation.Rows), new DispatchGrid(Groups));

    public override KernelChoice Forward(PopulationForward computation)
    {
        int rows = RowsPerStep(computation.Rows);
        return new KernelChoice(Kernel("network_population_forward.comp", rows), new DispatchGrid(Groups, RowsPerGroupY: rows));
    }

    public override KernelChoice Update(PopulationUpdate computation)
    {
        KernelSource source = new("network_population_update.comp", [.. LayoutConstants, ("UPDATED_TEXELS", UpdatedTexels)]);
        return new KernelChoice(source, new DispatchGrid(Groups, (int)((TexelsPerMember + UpdatedTexels - 1) / UpdatedTexels)));
    }

    private (string Name, int Value)[] LayoutConstants =>
        [("GROUP_SIZE", groupSize), ("INPUTS", Shape.Inputs), ("HIDDEN", Shape.Hidden), ("OUTPUTS", Shape.Outputs)];

    /// <summary>Shaders/Include/population.glsl describes the macros.</summary>
    private KernelSource Kernel(string fileName, int rows)
    {
        (string, int)[] keepsFeatures = WritesInputsOut ? [("KEEPS_FEATURES", 1)] : [];
        return new KernelSource(fileName, [.. LayoutConstants, ("ROWS", rows), .. keepsFeatures])
        {
            Macros =
            [
                new UnrolledMacro("EACH_ROW(F)", "F(#)", rows),
                new UnrolledMacro("EACH_INPUT_TEXEL(F)", "F(#)", InputTexels) { LoopVariable = WritesInputsOut ? null : "nextInput" },
                new UnrolledMacro("EACH_OUTPUT_TEXEL(F)", "F(#)", OutputTexels) { LoopVariable = WritesOutputsOut ? null : "nextOutput" },
            ],
        };
    }

    private long RunOf(int unit) => RunTexels * (unit / MatrixShape.ColumnsPerTexel);

    private int Column(int member, long texel, int column)
    {
        return (int)((((texel * groupSize) + (member % groupSize)) * MatrixShape.ColumnsPerTexel) + (column % MatrixShape.ColumnsPerTexel));
    }
}
