using System.Numerics;

namespace NeuralPlugin;

/// <summary>Every invocation keeps a tile of the result in registers and loads every texel it needs itself.</summary>
internal sealed class RegisterTiledFamily() : KernelFamily("register-tiled")
{
    internal override FamilyKernels For(DeviceLimits limits) => new RegisterTiledKernels(this, limits);
}

/// <summary>The kernels of <see cref="RegisterTiledFamily"/>, and the choice between their tiles.</summary>
internal sealed class RegisterTiledKernels(KernelFamily family, DeviceLimits limits) : FamilyKernels(family, limits)
{
    private const int ForwardRows = 8;
    private const int LargeForwardRows = 16;
    private const int NarrowRows = 2;
    private const int BackwardInputRows = 8;
    private const int WeightRows = 12;
    private const int WeightRowsWithState = 8;

    /// <summary>From this batch size on, the large tile, a sixth faster, is worth the extra half second of compilation.</summary>
    private const int LargeBatch = 64;

    /// <summary>Texels of outputs that one invocation keeps in registers.</summary>
    private const int MostOutputTexels = 4;

    /// <summary>Rows that a workgroup of the last layer takes.</summary>
    private const int RowGroupSize = 8;

    /// <summary>
    /// Tiles that a workgroup takes one after the other when it continues with the rows of a product; with more, each workgroup walks
    /// along weights that no cache holds: a quarter slower with eight.
    /// </summary>
    private const int MostColumnGroups = 2;

    /// <summary>Up to this many operations in a step's products, one workgroup is faster than a chip with five dispatches.</summary>
    private const long MostOperationsOfOneGroup = 1_000_000;

    private const int StepGroupSize = 32;

    public override KernelChoice Forward(DenseForward computation)
    {
        Tile tile = ForwardTile(computation);
        int texels = computation.Output.Shape.TexelsPerRow;
        return new KernelChoice(tile.Kernel("dense_forward.comp"), tile.GridOverRowsInUse(texels));
    }

    public override KernelChoice BackwardInput(DenseBackwardInput computation)
    {
        int texels = computation.InputGradients.Shape.TexelsPerRow;
        Tile tile = Tile.For(texels, BackwardInputRows, NarrowRows, mostTexels: 2);
        return new KernelChoice(tile.Kernel("dense_backward_input.comp"), tile.GridOverRowsInUse(texels));
    }

    /// <summary>
    /// An update with state takes a smaller tile: six loads and stores for each of 32 texels take long to compile; those for 16 take
    /// half a second, and the step is as fast.
    /// </summary>
    public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
    {
        int texels = computation.OutputGradients.Shape.TexelsPerRow;
        Tile tile = computation.Update is { State.Count: > 0 }
            ? Tile.For(texels, WeightRowsWithState, MatrixShape.ColumnsPerTexel, mostTexels: 2)
            : Tile.For(texels, WeightRows, MatrixShape.ColumnsPerTexel);
        DispatchGrid grid = tile.GridOver(computation.Input.Shape.Columns + 1, texels);
        return new KernelChoice(tile.Kernel("dense_backward_weights.comp"), computation.Sum is null ? grid : grid with { Y = grid.Y + 1 });
    }

    public override KernelChoice? LastLayerLoss(LastLayerLoss computation) => Rows("dense_loss_rows.comp", computation);

    public override KernelChoice? LastLayerSoftmax(LastLayerSoftmax computation) => Rows("dense_softmax_rows.comp", computation);

    /// <summary>H, dH, dZ and the loss.</summary>
    public override int SmallStepScratchTexels(LastLayerLoss last) => (2 * last.Hidden.Shape.TexelsPerRow) + last.OutputGradients.Shape.TexelsPerRow + 1;

    /// <summary>For optimizers without state: with an optimizer's matrices, the kernel needs more bindings than drivers must support.</summary>
    public override KernelChoice? SmallStep(SmallStep computation)
    {
        bool isSmall = computation.HiddenUpdate.State.Count == 0 && computation.Last.Hidden.Shape.Rows <= Loss.Parts && computation.FloatingPointOperations <= MostOperationsOfOneGroup;
        return isSmall ? new KernelChoice(new KernelSource("dense_activation_dense_step.comp", ("GROUP_SIZE", StepGroupSize)), new DispatchGrid(1)) : null;
    }

    public override PopulationKernels Population(PopulationShape shape) => new RegisterTiledPopulation(shape, Limits);

    /// <summary>
    /// The large tile for a software driver, unless its workgroups would not occupy all processors, which take one each; many small workgroups keep a
    /// card busy. The bits are the same.
    /// </summary>
    private Tile ForwardTile(DenseForward computation)
    {
        int rows = computation.Input.Shape.Rows;
        bool isLarge = Limits.IsSoftware && rows >= LargeBatch && MatrixShape.CeilingDivide(rows, LargeForwardRows) >= Environment.ProcessorCount;
        return Tile.For(computation.Output.Shape.TexelsPerRow, isLarge ? LargeForwardRows : ForwardRows, NarrowRows);
    }

    /// <summary>A workgroup of the last layer has complete rows; if it also computes the layer before, as many as its tile covers.</summary>
    private KernelChoice? Rows(string fileName, LastLayer computation)
    {
        if (MatrixShape.Texels(computation.Outputs) > MostOutputTexels) return null;
        if (computation.Before is not { } before)
            return new KernelChoice(new KernelSource(fileName, ("GROUP_SIZE", RowGroupSize)), new DispatchGrid(1, RowsPerGroupX: RowGroupSize));
        Tile tile = ForwardTile(before);
        DispatchGrid grid = tile.GridOverRowsInUse(before.Output.Shape.TexelsPerRow);
        return grid.X > MostColumnGroups ? null
            : new KernelChoice(tile.Kernel(fileName).With(("GROUP_ROWS", grid.RowsPerGroupY)), grid with { X = 1 });
    }

    /// <summary>
    /// How a workgroup of eight invocations covers a result: each keeps Rows × Texels texels of it in registers, and
    /// ColumnLanes of them lie side by side. For a narrow result the invocations lie below each other, so that none is idle.
    /// </summary>
    private readonly record struct Tile(int Rows, int Texels, int ColumnLanes)
    {
        private const int GroupSize = 8;
        private const int NarrowTexels = 4;

        public static Tile For(int resultTexels, int rows, int narrowRows, int mostTexels = 4)
        {
            if (resultTexels <= NarrowTexels)
                return new Tile(narrowRows, Math.Min(mostTexels, PowerOfTwo(resultTexels)), resultTexels > mostTexels ? 2 : 1);
            return new Tile(rows, Math.Min(mostTexels, PowerOfTwo(MatrixShape.CeilingDivide(resultTexels, GroupSize))), GroupSize);
        }

        /// <summary>Shaders/Include/tile.glsl describes the macros.</summary>
        public KernelSource Kernel(string fileName)
        {
            return new KernelSource(fileName, ("GROUP_SIZE", GroupSize), ("ROWS", Rows), ("TEXELS", Texels), ("COLUMN_LANES", ColumnLanes))
            {
                Macros =
                [
                    new UnrolledMacro("EACH_ROW(F)", "F(#)", Rows), new UnrolledMacro("DOWN(F, t)", "F(#, t)", Rows),
                    new UnrolledMacro("EACH_TEXEL(F)", "F(#)", Texels), new UnrolledMacro("ACROSS(F, row)", "F(row, #)", Texels),
                ],
            };
        }

        public DispatchGrid GridOverRowsInUse(int resultTexels) => new(Columns(resultTexels), RowsPerGroupY: RowsPerGroup);

        public DispatchGrid GridOver(int resultRows, int resultTexels)
        {
            return new DispatchGrid(Columns(resultTexels), MatrixShape.CeilingDivide(resultRows, RowsPerGroup));
        }

        private int RowsPerGroup => Rows * (GroupSize / ColumnLanes);

        private int Columns(int resultTexels) => MatrixShape.CeilingDivide(resultTexels, Texels * ColumnLanes);

        private static int PowerOfTwo(int value) => (int)BitOperations.RoundUpToPowerOf2((uint)value);
    }
}
