namespace NeuralPlugin;

/// <summary>
/// The populations of <see cref="ProcessorFamily"/>. The parameters of eight members share a row of the matrix, their texels by turns. A member's
/// texels are, for each texel of hidden units, the rows of W1, then b1, then the rows of W2 transposed; and behind all of them b2. So one texel
/// of all eight is what vectors take, a lane for each unit of each member, and a member's parameters are read from the first to the last.
/// </summary>
internal sealed class ProcessorPopulation : PopulationKernels
{
    /// <summary>Members that share a row.</summary>
    public const int Group = 8;

    /// <summary>Values of one texel of all members of a group.</summary>
    public const int Lanes = Group * MatrixShape.ColumnsPerTexel;

    /// <summary>Rows of a prediction's line, and rows that a step has in memory at a time.</summary>
    public const int Rows = 8;

    /// <exception cref="DeviceLimitException">Its parameters are too large for one matrix.</exception>
    public ProcessorPopulation(PopulationShape shape, DeviceLimits limits) : base(shape) =>
        ParameterMatrix = limits.Shape(Groups, Lanes * (((long)HiddenTexels * RunTexels) + MatrixShape.Texels(shape.Outputs)), "The parameters of a population");

    public override MatrixShape ParameterMatrix { get; }

    public override int MostPredictedRows => int.MaxValue;

    private int Groups => MatrixShape.CeilingDivide(Shape.Members, Group);

    private int HiddenTexels => MatrixShape.Texels(Shape.Hidden);

    private int RunTexels => Shape.Inputs + 1 + Shape.Outputs;

    public override int RowOf(int member) => member / Group;

    public override int HiddenColumn(int member, int input, int unit) => Column(member, (unit / MatrixShape.ColumnsPerTexel * RunTexels) + input, unit);

    public override int OutputColumn(int member, int unit, int output) => unit < Shape.Hidden
        ? Column(member, (unit / MatrixShape.ColumnsPerTexel * RunTexels) + Shape.Inputs + 1 + output, unit)
        : Column(member, (HiddenTexels * RunTexels) + (output / MatrixShape.ColumnsPerTexel), output);

    /// <summary>All: their gradients are summed in a thread's own memory.</summary>
    public override int RowsPerStep(int batchRows) => batchRows;

    public override KernelChoice Step(PopulationStep computation)
    {
        (PopulationShape shape, Activation activation, Loss loss) = (Shape, computation.Activation, computation.Loss);
        Optimizer optimizer = computation.Update?.Optimizer ?? throw new InvalidOperationException("A step of a population on the processor ends with its update.");
        return new KernelChoice(
            new KernelSource("network_population_step.comp") { Method = dispatch => new PopulationStepKernel(dispatch, shape, activation, loss, optimizer) },
            new DispatchGrid(Groups));
    }

    /// <summary>Never: there is room for the matrices of a step and of its update together.</summary>
    public override KernelChoice Update(PopulationUpdate computation) =>
        throw new InvalidOperationException("A step of a population on the processor ends with its update.");

    public override KernelChoice Forward(PopulationForward computation)
    {
        (PopulationShape shape, Activation activation) = (Shape, computation.Activation);
        return new KernelChoice(
            new KernelSource("network_population_forward.comp") { Method = dispatch => new PopulationForwardKernel(dispatch, shape, activation) },
            new DispatchGrid(Groups, RowsPerGroupX: Rows));
    }

    private static int Column(int member, int texel, int column) =>
        (((texel * Group) + (member % Group)) * MatrixShape.ColumnsPerTexel) + (column % MatrixShape.ColumnsPerTexel);
}
