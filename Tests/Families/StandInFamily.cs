using System.Runtime.CompilerServices;

namespace NeuralPlugin.Tests;

/// <summary>
/// A second family, which proves that families are interchangeable: an invocation computes one texel of a result, and every sum runs from its last
/// product to its first, one at a time. It shares the contract of <see cref="FamilyKernels"/> with the register-tiled one and nothing
/// else, and is many times slower. Its shaders are Tests/Shaders. Tests/run runs the tests of <see cref="Categories.EveryFamily"/> with it.
/// </summary>
internal sealed class StandInFamily : KernelFamily
{
    private StandInFamily() : base("stand-in")
    {
    }

    public static StandInFamily Instance { get; } = new();

    /// <summary>
    /// Registers it before the first test is found, also in child processes: its shaders always, the family only if the environment names
    /// it, so that <see cref="KernelFamily.All"/> is otherwise the list that users see.
    /// </summary>
    [ModuleInitializer]
    public static void MakeKnown()
    {
        ShaderLibrary.AddAssembly(typeof(StandInFamily).Assembly);
        if (Environment.GetEnvironmentVariable(EnvironmentVariable) != Instance.Name) return;
        Add(Instance);
        Add(TunedFamily.Instance);
    }

    internal override FamilyKernels For(DeviceLimits limits) => new StandInKernels(this, limits);
}

/// <summary>The kernels of <see cref="StandInFamily"/>. It fuses the loss into the last layer, and has no other kernel that replaces several.</summary>
internal sealed class StandInKernels(KernelFamily family, DeviceLimits limits) : FamilyKernels(family, limits)
{
    /// <summary>
    /// Texels of a result that a workgroup has side by side: all texels of a narrow result, so that a line of workgroups, the smallest part of a
    /// dispatch, is one workgroup.
    /// </summary>
    private const int GroupSize = 32;

    /// <summary>Rows that it has below each other: as few as possible, so that the largest batch fits into the number of workgroups that every device runs.</summary>
    private const int GroupRows = 4;

    /// <summary>A workgroup of the last layer: one invocation per row.</summary>
    private const int LastLayerRows = 16;

    /// <summary>Up to twelve outputs; register-tiled goes up to sixteen.</summary>
    private const int MostOutputTexels = 3;

    public override KernelChoice Forward(DenseForward computation) =>
        new(Product("stand_in_dense_forward.comp"), new DispatchGrid(Columns(computation.Output), RowsPerGroupY: GroupRows));

    public override KernelChoice BackwardInput(DenseBackwardInput computation) =>
        new(Product("stand_in_dense_backward_input.comp"), new DispatchGrid(Columns(computation.InputGradients), RowsPerGroupY: GroupRows));

    /// <summary>A further row of workgroups sums the losses on request: then no loop has more iterations than the one over the batch.</summary>
    public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
    {
        int groups = MatrixShape.CeilingDivide(computation.Input.Shape.Columns + 1, GroupRows);
        DispatchGrid grid = new(Columns(computation.OutputGradients), computation.Sum is null ? groups : groups + 1);
        return new KernelChoice(Product("stand_in_dense_backward_weights.comp"), grid);
    }

    public override KernelChoice? LastLayerLoss(LastLayerLoss computation)
    {
        if (computation.Before is not null || MatrixShape.Texels(computation.Outputs) > MostOutputTexels) return null;
        return new KernelChoice(
            new KernelSource("stand_in_dense_loss_rows.comp", ("GROUP_SIZE", 1), ("GROUP_ROWS", LastLayerRows)), new DispatchGrid(1, RowsPerGroupY: LastLayerRows));
    }

    /// <summary>Members are contiguous, with one workgroup each.</summary>
    public override PopulationKernels Population(PopulationShape shape) => new StandInPopulation(shape, Limits);

    private static KernelSource Product(string fileName) => new(fileName, ("GROUP_SIZE", GroupSize), ("GROUP_ROWS", GroupRows));

    private static int Columns(Operand result) => MatrixShape.CeilingDivide(result.Shape.TexelsPerRow, GroupSize);
}
