using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// A small network's step in one workgroup of the <see cref="WorkgroupTiledFamily"/>, with everything in its shared memory: what has to be there, what else there is room for,
/// and how many steps one dispatch may run.
/// </summary>
internal sealed class WorkgroupStep
{
    /// <summary>Rows of the batch that an invocation loads before it adds what they give.</summary>
    private const int RowsAtOnce = 8;

    /// <summary>More steps in a dispatch would save no more: the launch is a hundredth of the time.</summary>
    private const int MostUsefulSteps = 128;

    /// <summary>Iterations of all loops of an invocation: a common driver stops after 65,535, silently.</summary>
    private const int MostIterations = 60_000;

    private readonly SmallStep step;
    private readonly int lanes;
    private readonly int lanesOfSum;
    private readonly RowSums sumsOfZ;
    private readonly int lanesOfZ;
    private readonly int summingLanes;
    private readonly int freeBytes;
    private readonly KernelSource source;

    private WorkgroupStep(SmallStep step, DeviceLimits limits, int lanesOfSum, RowSums sumsOfZ, int lanes)
    {
        this.step = step;
        this.lanes = lanes;
        this.lanesOfSum = lanesOfSum;
        this.sumsOfZ = sumsOfZ;
        lanesOfZ = Math.Min(WorkgroupTiledKernels.RowLanes, sumsOfZ.UsefulLanes(Hidden.TexelsPerRow));
        summingLanes = Math.Min(lanes, Input.Rows * lanesOfZ);
        int weights = Math.Max(MatrixShape.ColumnsPerTexel * Input.TexelsPerRow, Input.Columns + 1) * Hidden.TexelsPerRow;
        int lastWeights = Math.Max(MatrixShape.ColumnsPerTexel * Hidden.TexelsPerRow, Hidden.Columns + 1) * OutputTexels;
        int hiddenRows = Input.Rows * Hidden.TexelsPerRow, gradientRows = Input.Rows * OutputTexels, laneSums = Math.Max(summingLanes / lanesOfZ * sumsOfZ.TexelsOfRow(lanesOfZ), hiddenRows);
        long bytes = ((long)(weights + lastWeights + hiddenRows + gradientRows + laneSums) * MatrixShape.BytesPerTexel) + (Input.Rows * 2 * sizeof(float)) + sizeof(int);
        freeBytes = (int)Math.Max(-1, limits.SharedMemoryBytes - bytes);
        source = new KernelSource(
            "small_step_workgroup.comp",
            [
                ("GROUP_SIZE", lanes), ("LANES_OF_Z", lanesOfZ), ("SUMMING_LANES", summingLanes), ("ROWS_AT_ONCE", RowsAtOnce), ("HIDDEN_WEIGHTS", weights), ("LAST_WEIGHTS", lastWeights),
                ("HIDDEN_ROWS", hiddenRows), ("GRADIENT_ROWS", gradientRows), ("LANE_SUMS", laneSums), ("LOSS_ROWS", Input.Rows), .. sumsOfZ.Constants,
            ])
        {
            Fetches = true,
            Macros = [new UnrolledMacro("EACH_ROW_AT_ONCE(F)", "F(#)", RowsAtOnce)],
        };
        if (lanesOfSum > 0) source = source.With(("HIDDEN_LANES", lanesOfSum));
        long features = (long)Input.Rows * (Input.TexelsPerRow | 1);
        if (features * MatrixShape.BytesPerTexel > freeBytes) return;
        freeBytes -= (int)features * MatrixShape.BytesPerTexel;
        int loads = MatrixShape.CeilingDivide((int)Input.TexelCount, lanes);
        source = source.With(("FEATURES", (int)features), ("FEATURE_LOADS", loads)) with { Macros = [.. source.Macros, new UnrolledMacro("EACH_FEATURE_LOAD(F)", "F(#)", loads)] };
    }

    /// <summary>Invocations of the workgroup. The first number is that without a tuning, since it has room where more have; they decide no bits.</summary>
    public static IReadOnlyList<int> Lanes { get; } = [256, 512];

    /// <summary>The kernel of one step.</summary>
    public KernelChoice Kernel => new(source, new DispatchGrid(1));

    /// <summary>The kernel of several. It also keeps the optimizer's state in shared memory if that has room there.</summary>
    public KernelChoice KernelOfSeveral
    {
        get
        {
            int hiddenTexels = (int)step.HiddenUpdate.Weights.Committed.Shape.TexelCount, texels = hiddenTexels + (int)step.OutputUpdate.Weights.Committed.Shape.TexelCount;
            int states = step.HiddenUpdate.State.Count * texels;
            KernelSource several = source.With(("STEPS", 1), ("HIDDEN_PARAMETER_TEXELS", hiddenTexels), ("PARAMETER_TEXELS", texels));
            if (states > 0 && (long)states * MatrixShape.BytesPerTexel <= freeBytes) several = several.With(("KEPT_STATES", states));
            return new KernelChoice(several, new DispatchGrid(1));
        }
    }

    /// <summary>The most steps of a dispatch.</summary>
    public int MostSteps => Math.Clamp(MostIterations / Iterations, 1, MostUsefulSteps);

    private MatrixShape Input => step.Hidden.Input.Shape;

    private MatrixShape Hidden => step.Hidden.Output.Shape;

    private int OutputTexels => MatrixShape.Texels(step.Last.Outputs);

    /// <summary>The iterations of an invocation in a step, with all rows in use; at least as many as there are.</summary>
    private int Iterations
    {
        get
        {
            int hiddenTasks = MatrixShape.CeilingDivide(Input.Rows * Hidden.TexelsPerRow, lanes), groups = MatrixShape.CeilingDivide(Input.Rows * lanesOfZ, summingLanes);
            int parameters = (int)(step.HiddenUpdate.Weights.Committed.Shape.TexelCount + step.OutputUpdate.Weights.Committed.Shape.TexelCount);
            int ofOutputs = 8 * (OutputTexels + 1);
            int ofInputs = lanesOfSum > 0 ? 4 * lanesOfSum : Input.TexelsPerRow;
            int ofZ = sumsOfZ.Parts == 0
                ? (MatrixShape.CeilingDivide(Hidden.TexelsPerRow, lanesOfZ) + BitOperations.Log2((uint)lanesOfZ)) * (OutputTexels + 1)
                : MatrixShape.CeilingDivide(Hidden.TexelsPerRow, lanesOfZ) + sumsOfZ.IterationsOfRow(lanesOfZ);
            int ofRows = (MatrixShape.CeilingDivide(Input.Rows, RowsAtOnce) * (RowsAtOnce + 1)) + 1;   // written out, or loops that a driver has found
            return 1 + (hiddenTasks * (ofInputs + ofOutputs)) + (groups * (ofZ + ofOutputs)) + (MatrixShape.CeilingDivide(parameters, lanes) * (ofRows + 1)) + ofRows;
        }
    }

    /// <param name="step">The step.</param>
    /// <param name="limits">The limits of the device.</param>
    /// <param name="lanesOfSum">The lanes that share a sum over the inputs, 0 for one that runs in order, null for one that a workgroup does not compute.</param>
    /// <param name="sumsOfZ">The sums of the last layer; null for one that has too many outputs.</param>
    /// <param name="lanes">One of <see cref="Lanes"/>.</param>
    /// <returns>Null for a network that one workgroup does not suit.</returns>
    public static WorkgroupStep? For(SmallStep step, DeviceLimits limits, int? lanesOfSum, RowSums? sumsOfZ, int lanes)
    {
        if (lanesOfSum is not { } summing || sumsOfZ is not { } sums || step.Hidden.Input.Shape.Rows > Loss.Parts) return null;
        WorkgroupStep made = new(step, limits, summing, sums, lanes);
        return made.freeBytes < 0 ? null : made;
    }
}
