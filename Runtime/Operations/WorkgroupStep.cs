using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// A small network's step in one workgroup of the <see cref="WorkgroupTiledFamily"/>, with everything in its shared memory: what has to be there, what else there is room for,
/// and how many steps one dispatch may run.
/// </summary>
internal sealed class WorkgroupStep
{
    /// <summary>Invocations of the workgroup.</summary>
    private const int Lanes = 256;

    /// <summary>More steps in a dispatch would save no more: the launch is a hundredth of the time.</summary>
    private const int MostUsefulSteps = 128;

    /// <summary>Iterations of all loops of an invocation: a common driver stops after 65,535, silently.</summary>
    private const int MostIterations = 60_000;

    private readonly SmallStep step;
    private readonly int lanesOfSum;
    private readonly int lanesOfZ;
    private readonly int freeBytes;
    private readonly KernelSource source;

    private WorkgroupStep(SmallStep step, DeviceLimits limits, int lanesOfSum)
    {
        this.step = step;
        this.lanesOfSum = lanesOfSum;
        lanesOfZ = Math.Min(WorkgroupTiledKernels.RowLanes, (int)BitOperations.RoundUpToPowerOf2((uint)Hidden.TexelsPerRow));
        int weights = Math.Max(MatrixShape.ColumnsPerTexel * Input.TexelsPerRow, Input.Columns + 1) * Hidden.TexelsPerRow;
        int lastWeights = Math.Max(MatrixShape.ColumnsPerTexel * Hidden.TexelsPerRow, Hidden.Columns + 1) * OutputTexels;
        int hiddenRows = Input.Rows * Hidden.TexelsPerRow, gradientRows = Input.Rows * OutputTexels, laneSums = Math.Max(Lanes * OutputTexels, hiddenRows);
        long bytes = ((long)(weights + lastWeights + hiddenRows + gradientRows + laneSums) * MatrixShape.BytesPerTexel) + (Input.Rows * 2 * sizeof(float)) + sizeof(int);
        freeBytes = (int)Math.Max(-1, limits.SharedMemoryBytes - bytes);
        source = new KernelSource(
            "small_step_workgroup.comp", ("GROUP_SIZE", Lanes), ("LANES_OF_Z", lanesOfZ), ("HIDDEN_WEIGHTS", weights), ("LAST_WEIGHTS", lastWeights), ("HIDDEN_ROWS", hiddenRows),
            ("GRADIENT_ROWS", gradientRows), ("LANE_SUMS", laneSums), ("LOSS_ROWS", Input.Rows))
        {
            Fetches = true,
        };
        if (lanesOfSum > 0) source = source.With(("HIDDEN_LANES", lanesOfSum));
        long features = (long)Input.Rows * Input.TexelsPerRow;
        if (features * MatrixShape.BytesPerTexel > freeBytes) return;
        freeBytes -= (int)features * MatrixShape.BytesPerTexel;
        source = source.With(("FEATURES", (int)features));
    }

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
            int hiddenTasks = MatrixShape.CeilingDivide(Input.Rows * Hidden.TexelsPerRow, Lanes), groups = MatrixShape.CeilingDivide(Input.Rows * lanesOfZ, Lanes);
            int parameters = (int)(step.HiddenUpdate.Weights.Committed.Shape.TexelCount + step.OutputUpdate.Weights.Committed.Shape.TexelCount);
            int features = MatrixShape.CeilingDivide(Input.Rows * Input.TexelsPerRow, Lanes), ofOutputs = 8 * (OutputTexels + 1);
            int ofInputs = lanesOfSum > 0 ? 4 * lanesOfSum : Input.TexelsPerRow;
            int ofZ = MatrixShape.CeilingDivide(Hidden.TexelsPerRow, lanesOfZ) * (OutputTexels + 1);
            return 1 + features + (hiddenTasks * (ofInputs + ofOutputs)) + (groups * (ofZ + (BitOperations.Log2((uint)lanesOfZ) * (OutputTexels + 1)) + ofOutputs))
                + (MatrixShape.CeilingDivide(parameters, Lanes) * (Input.Rows + 2)) + Input.Rows;
        }
    }

    /// <param name="step">The step.</param>
    /// <param name="limits">The limits of the device.</param>
    /// <param name="lanesOfSum">The lanes that share a sum over the inputs, 0 for one that runs in order, null for one that a workgroup does not compute.</param>
    /// <returns>Null for a network that one workgroup does not suit.</returns>
    public static WorkgroupStep? For(SmallStep step, DeviceLimits limits, int? lanesOfSum)
    {
        if (lanesOfSum is not { } lanes || step.Hidden.Input.Shape.Rows > Loss.Parts || !WorkgroupTiledKernels.IsNarrow(step.Last.Outputs)) return null;
        WorkgroupStep made = new(step, limits, lanes);
        return made.freeBytes < 0 ? null : made;
    }
}
