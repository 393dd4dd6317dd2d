namespace NeuralPlugin;

/// <summary>The products of a dense layer.</summary>
internal enum DenseProduct
{
    /// <summary>X·W, rows × outputs, summed over the inputs.</summary>
    Forward,

    /// <summary>dY·Wᵀ, rows × inputs, summed over the outputs.</summary>
    BackwardInput,

    /// <summary>Xᵀ·dY, inputs and one × outputs, summed over the rows.</summary>
    BackwardWeights,
}

/// <summary>A product's sizes, from which its tiling follows. The rows of the batch are those of the plan's capacity.</summary>
/// <param name="Product">Which of a dense layer's products it is.</param>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Sum">Products that are added for each element.</param>
internal readonly record struct ProductSizes(DenseProduct Product, int Rows, int Columns, int Sum)
{
    public static ProductSizes Of(DenseForward computation) =>
        new(DenseProduct.Forward, computation.Input.Shape.Rows, computation.Output.Shape.Columns, computation.Input.Shape.Columns);

    public static ProductSizes Of(DenseBackwardInput computation) =>
        new(DenseProduct.BackwardInput, computation.InputGradients.Shape.Rows, computation.InputGradients.Shape.Columns, computation.OutputGradients.Shape.Columns);

    public static ProductSizes Of(DenseBackwardWeights computation) =>
        new(DenseProduct.BackwardWeights, computation.Input.Shape.Columns + 1, computation.OutputGradients.Shape.Columns, computation.Input.Shape.Rows);
}

/// <summary>
/// How the workgroups of a product share its result: each has a tile, and each of its invocations a smaller tile of that in registers. Shaders/Include/workgroup_product.glsl
/// describes the macros. The shape of a tile does not change the bits of a product.
/// </summary>
/// <param name="Rows">Rows of a workgroup's tile.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="LaneRows">Rows of an invocation's tile, a multiple of four.</param>
/// <param name="LaneColumns">Its columns, a multiple of four.</param>
/// <param name="Depth">How much of the sum is in shared memory at a time, a multiple of eight.</param>
internal sealed record TileShape(int Rows, int Columns, int LaneRows, int LaneColumns, int Depth)
{
    /// <summary>All shapes, the largest first.</summary>
    public static IReadOnlyList<TileShape> All { get; } = [Large, Deep, Medium, Flat, Square, Narrow, Small];

    /// <summary>The fastest where there are enough tiles of it for all processors of a card.</summary>
    public static TileShape Large => new(Rows: 128, Columns: 128, LaneRows: 8, LaneColumns: 8, Depth: 8);

    /// <summary>The large one with half as many barriers, and twice the shared memory.</summary>
    public static TileShape Deep => Large with { Depth = 16 };

    public static TileShape Medium => new(Rows: 64, Columns: 64, LaneRows: 4, LaneColumns: 4, Depth: 16);

    public static TileShape Flat => new(Rows: 64, Columns: 32, LaneRows: 4, LaneColumns: 4, Depth: 16);

    /// <summary>For results that would have fewer tiles than a card has processors.</summary>
    public static TileShape Square => new(Rows: 32, Columns: 32, LaneRows: 4, LaneColumns: 4, Depth: 16);

    /// <summary>For a layer with few outputs, of which a wider tile would compute mostly padding.</summary>
    public static TileShape Narrow => new(Rows: 64, Columns: 16, LaneRows: 4, LaneColumns: 4, Depth: 16);

    /// <summary>For software drivers, where the family runs in tests alone: little to compile, and little computed in vain for small results.</summary>
    public static TileShape Small => new(Rows: 16, Columns: 16, LaneRows: 4, LaneColumns: 4, Depth: 8);

    /// <summary>Invocations of a workgroup.</summary>
    public int Lanes => Rows / LaneRows * (Columns / LaneColumns);

    private int LaneTexels => LaneColumns / MatrixShape.ColumnsPerTexel;

    /// <summary>The tiles that cover a result.</summary>
    public (int Across, int Down) TilesOf(int rows, int columns) => (MatrixShape.CeilingDivide(columns, Columns), MatrixShape.CeilingDivide(rows, Rows));

    /// <summary>A product's kernel. A side that lies along the sum is staged in rows that are a texel longer.</summary>
    public KernelSource Kernel(string fileName, bool isAAlongSum, bool isBAlongSum)
    {
        int depthTexels = Depth / MatrixShape.ColumnsPerTexel;
        int TexelsOf(int lines) => lines * depthTexels;
        int StagedOf(int lines, bool isAlongSum) => isAlongSum ? lines * (depthTexels + 1) : TexelsOf(lines);
        (int ofA, int ofB) = (TexelsOf(Rows) / Lanes, TexelsOf(Columns) / Lanes);
        return new KernelSource(
            fileName, ("GROUP_SIZE", Lanes), ("TILE_ROWS", Rows), ("TILE_COLUMNS", Columns), ("TILE_DEPTH", Depth), ("LANE_ROWS", LaneRows), ("LANE_TEXELS", LaneTexels),
            ("LOADS_OF_A", ofA), ("LOADS_OF_B", ofB), ("STAGED_A", StagedOf(Rows, isAAlongSum)), ("STAGED_B", StagedOf(Columns, isBAlongSum)))
        {
            Fetches = true,
            Macros =
            [
                new UnrolledMacro("EACH_LOAD_OF_A(F)", "F(#)", ofA), new UnrolledMacro("EACH_LOAD_OF_B(F)", "F(#)", ofB),
                new UnrolledMacro("EACH_LANE_ROW(F)", "F(#)", LaneRows), new UnrolledMacro("ACROSS(F, row)", "F(row, #)", LaneTexels),
                new UnrolledMacro("EACH_LANE_COLUMN(F)", "F(#)", LaneColumns), new UnrolledMacro("EACH_QUAD(F)", "F(#)", depthTexels),
            ],
        };
    }
}

/// <summary>The tiling of a product.</summary>
/// <param name="Shape">The tiles.</param>
/// <param name="PartLength">
/// How much of the sum is a part, of those that are added in order. It decides the bits, so it must not depend on the rows of the batch; a multiple of the shapes' depths,
/// or the whole sum.
/// </param>
internal readonly record struct ProductTiling(TileShape Shape, int PartLength);

/// <summary>
/// The tilings of the products of <see cref="WorkgroupTiledFamily"/>: those that are chosen for some sizes, and for all others by a rule. The rule starts from what was
/// measured on one card (Documentation~/performance.md), and depends on the sizes alone.
/// </summary>
/// <param name="choose">Gives a product's tiling in place of the rule, or null for the rule's.</param>
internal sealed class WorkgroupTiling(Func<ProductSizes, ProductTiling?> choose)
{
    /// <summary>Sums up to this long are one part.</summary>
    private const int LongestWholeSum = 127;

    /// <summary>Parts are at least this long, and a multiple of it.</summary>
    private const int LeastPartLength = 16;

    /// <summary>The workgroups that the parts of a small batch's product come to, about: enough to fill a card.</summary>
    private const int WantedWorkgroups = 100;

    /// <summary>So few parts would not fill a card any better than the tiles of a result that wide do.</summary>
    private const int LeastParts = 4;

    /// <summary>Tiles of the large shape, and of the medium one, from which they are worth their registers.</summary>
    private const int LeastLargeTiles = 96;
    private const int LeastMediumTiles = 64;

    /// <summary>The rule for all sizes.</summary>
    public static WorkgroupTiling ByRule { get; } = new(sizes => null);

    /// <summary>The rule's parts, and so its bits, in the smallest tiles.</summary>
    public static WorkgroupTiling ForSoftware { get; } = WithShape(TileShape.Small);

    /// <summary>The rule's parts in tiles of one shape.</summary>
    public static WorkgroupTiling WithShape(TileShape shape) => new(sizes => new ProductTiling(shape, PartLengthOf(sizes)));

    /// <summary>Whether a sum may be cut in parts.</summary>
    public static bool MayHaveParts(ProductSizes sizes) => sizes.Product == DenseProduct.Forward && sizes.Sum > LongestWholeSum;

    /// <summary>The lengths of parts that a card's tuning chooses from: that of the rule, and about half and double of it.</summary>
    public static IReadOnlyList<int> PartLengthsFor(int byRule, int sum)
    {
        int half = MatrixShape.CeilingDivide(byRule, 2 * LeastPartLength) * LeastPartLength;
        int twice = MatrixShape.CeilingDivide(2 * byRule, LeastPartLength) * LeastPartLength;
        return [.. new[] { byRule, half, twice }.Select(length => Math.Min(length, sum)).Distinct()];
    }

    /// <summary>Whether parts of a sum may be so long: what the kernels can compute, whatever the rule of this version is.</summary>
    public static bool IsPartLength(int length, int sum) => length == sum || (length > 0 && length < sum && length % LeastPartLength == 0);

    /// <summary>The shapes that the rule has for no sizes, and a card's tuning may choose.</summary>
    public static IReadOnlyList<TileShape> TunedShapes { get; } = [TileShape.Deep, TileShape.Square];

    /// <summary>The shapes that a card's tuning chooses from for a product; that of the rule comes first.</summary>
    public static IReadOnlyList<TileShape> ShapesFor(ProductSizes sizes, TileShape byRule)
    {
        TileShape[] shapes = sizes.Columns <= TileShape.Narrow.Columns ? [TileShape.Narrow, TileShape.Flat] : [TileShape.Large, TileShape.Deep, TileShape.Medium, TileShape.Flat, TileShape.Square];
        return [byRule, .. shapes.Where(shape => shape != byRule)];
    }

    /// <summary>The tiling of a product.</summary>
    public ProductTiling Of(ProductSizes sizes)
    {
        if (choose(sizes) is { } chosen) return chosen;
        int partLength = PartLengthOf(sizes);
        return new ProductTiling(ShapeOf(sizes, MatrixShape.CeilingDivide(sizes.Sum, partLength)), partLength);
    }

    /// <summary>Only the sum over the inputs has parts: gradients of weights have large results, and outputs are few.</summary>
    private static int PartLengthOf(ProductSizes sizes)
    {
        if (!MayHaveParts(sizes)) return Math.Max(1, sizes.Sum);
        int parts = WantedWorkgroups / TileShape.Medium.TilesOf(1, sizes.Columns).Across;
        if (parts < LeastParts) return sizes.Sum;
        return MatrixShape.CeilingDivide(MatrixShape.CeilingDivide(sizes.Sum, parts), LeastPartLength) * LeastPartLength;
    }

    private static TileShape ShapeOf(ProductSizes sizes, int parts)
    {
        if (sizes.Columns <= TileShape.Narrow.Columns) return TileShape.Narrow;
        long TilesOf(TileShape shape)
        {
            (int across, int down) = shape.TilesOf(sizes.Rows, sizes.Columns);
            return (long)across * down * parts;
        }

        return parts == 1 && TilesOf(TileShape.Large) >= LeastLargeTiles ? TileShape.Large
            : TilesOf(TileShape.Medium) >= LeastMediumTiles ? TileShape.Medium : TileShape.Flat;
    }
}
