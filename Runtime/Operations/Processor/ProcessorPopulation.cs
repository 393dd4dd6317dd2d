namespace NeuralPlugin;

/// <summary>
/// The layout of a member's parameters in its row: W1 [inputs × hidden], b1, W2 transposed [outputs × hidden], so that all are traversed along hidden
/// units, and b2.
/// Hidden units are padded to complete blocks, outputs to complete texels.
/// </summary>
internal sealed class PopulationLayout(PopulationShape shape)
{
    /// <summary>Units of a block: the widest vector of any machine.</summary>
    public const int HiddenBlock = 16;

    public int Inputs => shape.Inputs;

    public int Outputs => shape.Outputs;

    /// <summary>The distance between rows of features.</summary>
    public int InputStride { get; } = MatrixShape.Texels(shape.Inputs) * MatrixShape.ColumnsPerTexel;

    /// <summary>The distance between rows of hidden units, and of both weight matrices.</summary>
    public int HiddenStride { get; } = MatrixShape.CeilingDivide(shape.Hidden, HiddenBlock) * HiddenBlock;

    /// <summary>The distance between rows of outputs.</summary>
    public int OutputStride { get; } = MatrixShape.Texels(shape.Outputs) * MatrixShape.ColumnsPerTexel;

    /// <summary>The position of b1.</summary>
    public int HiddenBias => Inputs * HiddenStride;

    /// <summary>The position of W2.</summary>
    public int OutputWeights => HiddenBias + HiddenStride;

    /// <summary>The position of b2.</summary>
    public int OutputBias => OutputWeights + (Outputs * HiddenStride);

    /// <summary>Values of a member.</summary>
    public int Length => OutputBias + OutputStride;

    /// <summary>The same length when it may exceed that of a matrix.</summary>
    public static long LengthOf(PopulationShape shape)
    {
        long stride = MatrixShape.CeilingDivide(shape.Hidden, HiddenBlock) * (long)HiddenBlock;
        return ((shape.Inputs + 1L + shape.Outputs) * stride) + (MatrixShape.Texels(shape.Outputs) * (long)MatrixShape.ColumnsPerTexel);
    }
}

/// <summary>
/// The kernels of populations on the processor: each member is a small network in one row of the matrix, computed by the products of dense layers.
/// </summary>
internal sealed class ProcessorPopulation : PopulationKernels
{
    /// <summary>Maximum members of a line; of those with more work fewer, so that no line takes long and few members keep several threads busy.</summary>
    private const int MostMembers = 8;

    /// <summary>Operations of a line: products of small networks run at a quarter of the speed of large ones.</summary>
    private static int MostOperations => MatrixProduct.PieceOperations / 4;

    /// <summary>The products of a training step: forward, the gradients of the weights, and those of the hidden units.</summary>
    private const int ProductsOfStep = 3;

    /// <summary>Rows of a prediction's line, and rows that a step holds in memory at a time.</summary>
    public const int Rows = 32;

    private readonly PopulationLayout layout;

    /// <exception cref="DeviceLimitException">Its parameters are too large for one matrix.</exception>
    public ProcessorPopulation(PopulationShape shape, DeviceLimits limits) : base(shape)
    {
        ParameterMatrix = limits.Shape(shape.Members, PopulationLayout.LengthOf(shape), "The parameters of a population");
        layout = new PopulationLayout(shape);
    }

    public override MatrixShape ParameterMatrix { get; }

    public override int MostPredictedRows => int.MaxValue;

    public override int RowOf(int member) => member;

    public override int HiddenColumn(int member, int input, int unit) => (input * layout.HiddenStride) + unit;

    public override int OutputColumn(int member, int unit, int output) =>
        unit < Shape.Hidden ? layout.OutputWeights + (output * layout.HiddenStride) + unit : layout.OutputBias + output;

    /// <summary>All rows: their gradients are summed in a thread's own memory.</summary>
    public override int RowsPerStep(int batchRows) => batchRows;

    public override int MembersOfLine(int batchRows) => MembersOfWork(ProductsOfStep * batchRows);

    public override KernelChoice Step(PopulationStep computation)
    {
        (PopulationShape shape, Activation activation, Loss loss) = (Shape, computation.Activation, computation.Loss);
        Optimizer optimizer = computation.Update?.Optimizer ?? throw new InvalidOperationException("A step of a population on the processor ends with its update.");
        int members = MembersOfLine(computation.Rows);
        return new KernelChoice(
            new KernelSource("network_population_step.comp") { Method = dispatch => new PopulationStepKernel(dispatch, shape, activation, loss, optimizer, members) },
            new DispatchGrid(MatrixShape.CeilingDivide(Shape.Members, members)));
    }

    /// <summary>Never called: a step and its update fit into one dispatch.</summary>
    public override KernelChoice Update(PopulationUpdate computation) =>
        throw new InvalidOperationException("A step of a population on the processor ends with its update.");

    public override KernelChoice Forward(PopulationForward computation)
    {
        (PopulationShape shape, Activation activation) = (Shape, computation.Activation);
        int members = MembersOfWork(Rows);
        return new KernelChoice(
            new KernelSource("network_population_forward.comp") { Method = dispatch => new PopulationForwardKernel(dispatch, shape, activation, members) },
            new DispatchGrid(MatrixShape.CeilingDivide(Shape.Members, members), RowsPerGroupX: Rows));
    }

    /// <summary>The members of a line, each of which computes this many rows.</summary>
    private int MembersOfWork(int rows)
    {
        long ofMember = 2L * rows * layout.HiddenStride * (layout.Inputs + layout.Outputs);
        return (int)Math.Clamp(MostOperations / ofMember, 1, MostMembers);
    }
}
