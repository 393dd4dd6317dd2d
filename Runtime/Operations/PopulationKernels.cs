namespace NeuralPlugin;

/// <summary>
/// A family's kernels for populations of one shape, and the layout of their parameters: part of the contract that
/// <see cref="FamilyKernels"/> is.
/// </summary>
/// <remarks>
/// <para>
/// A family is free to lay out the parameters as its kernels read them best. They are numbers of one matrix, <see cref="ParameterMatrix"/>; the
/// gradients' sums and each matrix of the optimizer's state are laid out alike. All numbers of a member lie in one row of it; the members of a row
/// follow each other; what is no parameter of any member is zero and stays so.
/// </para>
/// <para>
/// Features, targets, outputs and losses have the layout that all families share: a row a sample, those of a member below each other, and a row
/// a member.
/// </para>
/// </remarks>
internal abstract class PopulationKernels(PopulationShape shape)
{
    /// <summary>The population.</summary>
    public PopulationShape Shape => shape;

    /// <summary>The matrix of all parameters.</summary>
    public abstract MatrixShape ParameterMatrix { get; }

    /// <summary>Rows of a batch that one prediction has at most.</summary>
    public abstract int MostPredictedRows { get; }

    /// <summary>The row of the matrix that a member's parameters lie in.</summary>
    public abstract int RowOf(int member);

    /// <summary>The column of a parameter of a member's first layer: of an input's weight or, after the last input, of the bias.</summary>
    public abstract int HiddenColumn(int member, int input, int unit);

    /// <summary>The column of a parameter of a member's last layer: of a hidden unit's weight or, after the last one, of the bias.</summary>
    public abstract int OutputColumn(int member, int unit, int output);

    /// <summary>Rows that each dispatch of a step takes of batches of so many.</summary>
    public abstract int RowsPerStep(int batchRows);

    /// <summary>A step on some rows of every member's batch.</summary>
    public abstract KernelChoice Step(PopulationStep computation);

    /// <summary>The update by the sums of the gradients.</summary>
    public abstract KernelChoice Update(PopulationUpdate computation);

    /// <summary>The outputs of rows, or their probabilities.</summary>
    public abstract KernelChoice Forward(PopulationForward computation);
}
