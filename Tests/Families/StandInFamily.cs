using System.Runtime.CompilerServices;

namespace NeuralPlugin.Tests;

/// <summary>
/// A second family, which proves that the seam of families is real: an invocation has one texel of a result, and every sum runs from its last
/// product to its first, one at a time. It keeps the contract of <see cref="FamilyKernels"/> and nothing else of the register-tiled
/// one, and is many times slower. Its shaders are Tests/Shaders. Tests/run runs the tests of <see cref="Categories.EveryFamily"/> with it.
/// </summary>
internal sealed class StandInFamily : KernelFamily
{
    private StandInFamily() : base("stand-in")
    {
    }

    public static StandInFamily Instance { get; } = new();

    /// <summary>
    /// Makes it known before the first test is found, in child processes too: its shaders always, itself where the environment asks for it by its
    /// name, so that <see cref="KernelFamily.All"/> elsewhere is what users see.
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
    /// Texels of a result that a workgroup has side by side: all of one that is not wide, so that a line of workgroups, the least that a dispatch is
    /// cut into, is one.
    /// </summary>
    private const int GroupSize = 32;

    /// <summary>Rows that it has below each other: as few as let the most rows of a batch do with the workgroups that every device runs.</summary>
    private const int GroupRows = 4;

    /// <summary>A workgroup of the last layer: one invocation a row.</summary>
    private const int LastLayerRows = 16;

    /// <summary>Up to twelve outputs; register-tiled goes up to sixteen.</summary>
    private const int MostOutputTexels = 3;

    public override KernelChoice Forward(DenseForward computation) =>
        new(Product("stand_in_dense_forward.comp"), new DispatchGrid(Columns(computation.Output), RowsPerGroupY: GroupRows));

    public override KernelChoice BackwardInput(DenseBackwardInput computation) =>
        new(Product("stand_in_dense_backward_input.comp"), new DispatchGrid(Columns(computation.InputGradients), RowsPerGroupY: GroupRows));

    /// <summary>A further row of workgroups sums the losses, where it is asked to: no loop then turns more often than that over the batch.</summary>
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

    /// <summary>Members lie one behind the other, a workgroup each.</summary>
    public override PopulationKernels Population(PopulationShape shape) => new StandInPopulation(shape, Limits);

    private static KernelSource Product(string fileName) => new(fileName, ("GROUP_SIZE", GroupSize), ("GROUP_ROWS", GroupRows));

    private static int Columns(Operand result) => MatrixShape.CeilingDivide(result.Shape.TexelsPerRow, GroupSize);
}
