namespace NeuralPlugin;

/// <summary>Every invocation keeps a tile of the result in registers and loads each texel that it needs itself.</summary>
internal sealed class RegisterTiledFamily() : KernelFamily("register-tiled")
{
    private const int GroupSize = 8;
    private const int ForwardRows = 8;
    private const int LargeForwardRows = 16;
    private const int NarrowRows = 2;
    private const int BackwardInputRows = 8;
    private const int WeightRows = 12;
    private const int WeightRowsWithState = 8;

    /// <summary>From this batch on the large tile, a sixth faster, is worth the half second more that it takes to compile.</summary>
    private const int LargeBatch = 64;

    internal override string ForwardFile => "dense_forward.comp";

    internal override string BackwardInputFile => "dense_backward_input.comp";

    internal override string BackwardWeightsFile => "dense_backward_weights.comp";

    internal override bool GoesOnInGroup => true;

    /// <summary>
    /// The large tile, unless its workgroups would not go round: a software driver's processors take one each. The bits are the same.
    /// </summary>
    internal override ProductKernel Forward(MatrixShape input, MatrixShape output)
    {
        bool isLarge = input.Rows >= LargeBatch && MatrixShape.CeilingDivide(input.Rows, LargeForwardRows) >= Environment.ProcessorCount;
        Tile tile = Tile.For(output.TexelsPerRow, isLarge ? LargeForwardRows : ForwardRows, NarrowRows);
        return new ProductKernel(tile.Kernel(ForwardFile), tile.GridOverRowsInUse(output.TexelsPerRow));
    }

    internal override ProductKernel BackwardInput(MatrixShape input, MatrixShape output)
    {
        Tile tile = Tile.For(input.TexelsPerRow, BackwardInputRows, NarrowRows, mostTexels: 2);
        return new ProductKernel(tile.Kernel(BackwardInputFile), tile.GridOverRowsInUse(input.TexelsPerRow));
    }

    /// <summary>
    /// An update with state takes a smaller tile: the text of six loads and stores for each of 32 texels takes long to compile,
    /// that for 16 half a second, and the step is as fast.
    /// </summary>
    internal override ProductKernel BackwardWeights(MatrixShape input, MatrixShape output, bool withState)
    {
        Tile tile = withState
            ? Tile.For(output.TexelsPerRow, WeightRowsWithState, MatrixShape.ColumnsPerTexel, mostTexels: 2)
            : Tile.For(output.TexelsPerRow, WeightRows, MatrixShape.ColumnsPerTexel);
        return new ProductKernel(tile.Kernel(BackwardWeightsFile), tile.GridOver(input.Columns + 1, output.TexelsPerRow));
    }

    /// <summary>
    /// How a workgroup of eight invocations covers a result: each keeps Rows × Texels texels of it in registers, and
    /// ColumnLanes of them lie side by side. A narrow result has its invocations below each other, so that none is idle.
    /// </summary>
    private readonly record struct Tile(int Rows, int Texels, int ColumnLanes)
    {
        private const int NarrowTexels = 4;

        public static Tile For(int resultTexels, int rows, int narrowRows, int mostTexels = 4)
        {
            if (resultTexels <= NarrowTexels)
                return new Tile(narrowRows, Math.Min(mostTexels, PowerOfTwo(resultTexels)), resultTexels > mostTexels ? 2 : 1);
            return new Tile(rows, Math.Min(mostTexels, PowerOfTwo(MatrixShape.CeilingDivide(resultTexels, GroupSize))), GroupSize);
        }

        public KernelSource Kernel(string fileName)
        {
            return new KernelSource(
                fileName, ("GROUP_SIZE", GroupSize), ("ROWS", Rows), ("TEXELS", Texels), ("COLUMN_LANES", ColumnLanes));
        }

        public DispatchGrid GridOverRowsInUse(int resultTexels) => new(Columns(resultTexels), RowsPerGroupY: RowsPerGroup);

        public DispatchGrid GridOver(int resultRows, int resultTexels)
        {
            return new DispatchGrid(Columns(resultTexels), MatrixShape.CeilingDivide(resultRows, RowsPerGroup));
        }

        private int RowsPerGroup => Rows * (GroupSize / ColumnLanes);

        private int Columns(int resultTexels) => MatrixShape.CeilingDivide(resultTexels, Texels * ColumnLanes);

        private static int PowerOfTwo(int value) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)value);
    }
}
