namespace NeuralPlugin;

/// <summary>
/// A family's kernels for populations of one shape, and the layout of their parameters: part of the contract
/// <see cref="FamilyKernels"/>.
/// </summary>
/// <remarks>
/// <para>
/// A family may lay out the parameters as suits its kernels. They are elements of one matrix, <see cref="ParameterMatrix"/>; the
/// gradients' sums and each matrix of the optimizer's state have the same layout. All parameters of a member are in one row; the members of a row
/// follow each other; elements that are no member's parameters are zero and stay so.
/// </para>
/// <para>
/// Features, targets, outputs and losses have the layout that all families share: one row per sample, a member's samples contiguous, and one
/// row per member.
/// </para>
/// </remarks>
internal abstract class PopulationKernels(PopulationShape shape)
{
    /// <summary>The population.</summary>
    public PopulationShape Shape => shape;

    /// <summary>The matrix of all parameters.</summary>
    public abstract MatrixShape ParameterMatrix { get; }

    /// <summary>The maximum number of rows of a batch that one prediction takes.</summary>
    public abstract int MostPredictedRows { get; }

    /// <summary>The row of the matrix that holds a member's parameters.</summary>
    public abstract int RowOf(int member);

    /// <summary>The column of a parameter of a member's first layer: an input's weight or, after the last input, the bias.</summary>
    public abstract int HiddenColumn(int member, int input, int unit);

    /// <summary>The column of a parameter of a member's last layer: a hidden unit's weight or, after the last one, the bias.</summary>
    public abstract int OutputColumn(int member, int unit, int output);

    /// <summary>Rows that each dispatch of a step takes from batches of the given size.</summary>
    public abstract int RowsPerStep(int batchRows);

    /// <summary>Members of a line of <see cref="Step"/>'s grid for batches of the given size: lines have consecutive members, and depend on no others.</summary>
    public abstract int MembersOfLine(int batchRows);

    /// <summary>A step on some rows of every member's batch.</summary>
    public abstract KernelChoice Step(PopulationStep computation);

    /// <summary>The update by the sums of the gradients.</summary>
    public abstract KernelChoice Update(PopulationUpdate computation);

    /// <summary>The outputs of rows, or their probabilities.</summary>
    public abstract KernelChoice Forward(PopulationForward computation);
}
