using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// Workgroups stage tiles of both sides of a product in shared memory, and read by texelFetch. For graphics cards: a software driver runs it correctly, and slowly.
/// </summary>
/// <param name="tiling">The tilings of its products; null for those by rule.</param>
internal sealed class WorkgroupTiledFamily(WorkgroupTiling? tiling = null) : KernelFamily("workgroup-tiled")
{
    internal override bool IsCandidateOn(DeviceLimits limits) => RunsOn(limits) && !limits.IsSoftware;

    internal override FamilyKernels For(DeviceLimits limits) =>
        new WorkgroupTiledKernels(this, limits, tiling ?? (limits.IsSoftware ? WorkgroupTiling.ForSoftware : WorkgroupTiling.ByRule));
}

/// <summary>
/// The kernels of <see cref="WorkgroupTiledFamily"/>. Its sums have one order, whatever kernel computes them: the inputs of a layer of many outputs one by one in
/// parts that are added in order; those of a layer of few outputs by <see cref="RowLanes"/> lanes; outputs and batch rows one by one.
/// </summary>
internal sealed class WorkgroupTiledKernels(KernelFamily family, DeviceLimits limits, WorkgroupTiling tiling) : FamilyKernels(family, limits)
{
    /// <summary>Invocations that share a row of the last layer. They decide the order of its sums.</summary>
    private const int RowLanes = 32;

    /// <summary>Rows of the last layer that a workgroup has.</summary>
    private const int RowsPerGroup = 4;

    /// <summary>Invocations of the one workgroup that has a small network's step.</summary>
    private const int StepLanes = 256;

    /// <summary>Texels of outputs that an invocation keeps in registers.</summary>
    private const int MostOutputTexels = 4;

    /// <summary>Parts of a sum that are loaded before they are added.</summary>
    private const int PartsAtOnce = 16;

    /// <summary>The most memory that the parts of a product may take, and the most workgroups with which a product needs none, since it fills a card.</summary>
    private const long MostBytesOfParts = 16 << 20;
    private const int FullTiles = 128;

    public override KernelChoice Forward(DenseForward computation)
    {
        if (IsNarrow(computation.Output.Shape.Columns))
            return new KernelChoice(RowKernel("dense_forward_rows.comp").With(("OUTPUT_TEXELS", computation.Output.Shape.TexelsPerRow), LaneSums(computation.Output.Shape.Columns)), RowGrid);
        ProductTiling product = TilingOf(ProductSizes.Of(computation));
        return new KernelChoice(ForwardKernel(product, computation), GridOf(product.Shape, computation.Output));
    }

    /// <summary>Where parts exist and the tiles of the result alone do not fill a card.</summary>
    public override int? PartLengthOf(DenseForward computation)
    {
        MatrixShape output = computation.Output.Shape;
        if (IsNarrow(output.Columns)) return null;
        ProductTiling product = TilingOf(ProductSizes.Of(computation));
        int parts = PartCount(product, computation);
        (int across, int down) = TileShape.Medium.TilesOf(output.Rows, output.Columns);
        long texels = (long)parts * output.TexelCount, bytes = texels * MatrixShape.BytesPerTexel;
        bool isApart = parts > 1 && (long)across * down < FullTiles && texels <= Limits.MostTexels && bytes <= Math.Min(MostBytesOfParts, Limits.MostStorageBytes)
            && (long)product.Shape.TilesOf(1, output.Columns).Across * parts <= Limits.MostWorkgroups;
        return isApart ? product.PartLength : null;
    }

    public override KernelChoice? ForwardParts(DenseForwardParts computation)
    {
        ProductTiling product = TilingOf(ProductSizes.Of(computation.Layer));
        DispatchGrid grid = GridOf(product.Shape, computation.Layer.Output);
        return new KernelChoice(ForwardKernel(product, computation.Layer).With(("PARTS_APART", 1)), grid with { X = grid.X * PartCount(product, computation.Layer) });
    }

    public override KernelChoice? PartsSum(DensePartsSum computation)
    {
        const int GroupSize = 64;
        KernelSource source = new KernelSource("dense_parts_sum.comp", ("GROUP_SIZE", GroupSize)) { Fetches = true };
        return new KernelChoice(WithParts(source, computation.Layer), new DispatchGrid(MatrixShape.CeilingDivide(computation.Layer.Output.Shape.TexelsPerRow, GroupSize), RowsPerGroupY: 1));
    }

    public override KernelChoice BackwardInput(DenseBackwardInput computation)
    {
        TileShape shape = TilingOf(ProductSizes.Of(computation)).Shape;
        return new KernelChoice(shape.Kernel("dense_backward_input_tile.comp", isAAlongSum: true, isBAlongSum: true), GridOf(shape, computation.InputGradients));
    }

    public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
    {
        ProductSizes sizes = ProductSizes.Of(computation);
        TileShape shape = TilingOf(sizes).Shape;
        (int across, int down) = shape.TilesOf(sizes.Rows, sizes.Columns);
        return new KernelChoice(
            shape.Kernel("dense_backward_weights_tile.comp", isAAlongSum: false, isBAlongSum: false), new DispatchGrid(across, computation.Sum is null ? down : down + 1));
    }

    /// <summary>Both layers have the tiles of the first one.</summary>
    public override KernelChoice? TwoLayerUpdate(TwoLayerUpdate computation)
    {
        ProductSizes first = ProductSizes.Of(computation.First), second = ProductSizes.Of(computation.Second);
        TileShape shape = TilingOf(first).Shape;
        (int across, int down) = shape.TilesOf(first.Rows, first.Columns);
        (int acrossSecond, int downSecond) = shape.TilesOf(second.Rows, second.Columns);
        int behind = (acrossSecond * downSecond) + (computation.Second.Sum is null ? 0 : 1);
        return new KernelChoice(
            shape.Kernel("two_layer_update_tile.comp", isAAlongSum: false, isBAlongSum: false), new DispatchGrid(across, down + MatrixShape.CeilingDivide(behind, across)));
    }

    public override KernelChoice? LastLayerLoss(LastLayerLoss computation) => LastLayer("dense_loss_row_lanes.comp", computation, storesHidden: true);

    public override KernelChoice? LastLayerSoftmax(LastLayerSoftmax computation) => LastLayer("dense_softmax_row_lanes.comp", computation, storesHidden: false);

    public override KernelChoice? LastLayerOutputs(LastLayerOutputs computation) => LastLayer("dense_output_row_lanes.comp", computation, storesHidden: false);

    /// <summary>
    /// For a network that has room in a workgroup's shared memory, with any optimizer. Its losses are summed as those of a batch that has one row in each part.
    /// </summary>
    public override KernelChoice? SmallStep(SmallStep computation)
    {
        MatrixShape input = computation.Hidden.Input.Shape, hidden = computation.Hidden.Output.Shape;
        int outputTexels = MatrixShape.Texels(computation.Last.Outputs), inputLanes = PowerOfTwo(input.TexelsPerRow), lanesOfZ = Math.Min(RowLanes, PowerOfTwo(hidden.TexelsPerRow));
        bool isHiddenNarrow = IsNarrow(hidden.Columns);
        bool isSumWhole = isHiddenNarrow ? inputLanes <= RowLanes : PartCount(TilingOf(ProductSizes.Of(computation.Hidden)), computation.Hidden) == 1;
        if (input.Rows > Loss.Parts || !IsNarrow(computation.Last.Outputs) || !isSumWhole) return null;

        (int texels, int hiddenTexels) = (input.TexelsPerRow, hidden.TexelsPerRow);
        int weights = Math.Max(MatrixShape.ColumnsPerTexel * texels, input.Columns + 1) * hiddenTexels;
        int lastWeights = Math.Max(MatrixShape.ColumnsPerTexel * hiddenTexels, hidden.Columns + 1) * outputTexels;
        int hiddenRows = input.Rows * hiddenTexels, gradientRows = input.Rows * outputTexels, laneSums = Math.Max(StepLanes * outputTexels, hiddenRows), features = input.Rows * texels;
        long bytes = ((long)(weights + lastWeights + hiddenRows + gradientRows + laneSums) * MatrixShape.BytesPerTexel) + (input.Rows * 2 * sizeof(float)) + sizeof(int);
        if (bytes > Limits.SharedMemoryBytes) return null;

        KernelSource source = new KernelSource(
            "small_step_workgroup.comp", ("GROUP_SIZE", StepLanes), ("LANES_OF_Z", lanesOfZ), ("HIDDEN_WEIGHTS", weights), ("LAST_WEIGHTS", lastWeights), ("HIDDEN_ROWS", hiddenRows),
            ("GRADIENT_ROWS", gradientRows), ("LANE_SUMS", laneSums), ("LOSS_ROWS", input.Rows))
        {
            Fetches = true,
        };
        if (isHiddenNarrow) source = source.With(("HIDDEN_LANES", inputLanes));
        if (bytes + ((long)features * MatrixShape.BytesPerTexel) <= Limits.SharedMemoryBytes) source = source.With(("FEATURES", features));
        return new KernelChoice(source, new DispatchGrid(1));
    }

    /// <summary>The register-tiled kernels for networks that are too large, or too many, for the family's own.</summary>
    public override PopulationKernels Population(PopulationShape shape) =>
        WorkgroupTiledPopulation.Suits(shape) && shape.Members <= Limits.MostWorkgroups
            ? new WorkgroupTiledPopulation(shape, Limits, (what, rows) => NetworksOfGroup(what, shape, rows)) : new RegisterTiledPopulation(shape, Limits);

    /// <summary>By the rule, which a card's tuning may replace; a tiling that the family was given is taken as it is, and so is that for software drivers.</summary>
    private ProductTiling TilingOf(ProductSizes sizes)
    {
        ProductTiling given = tiling.Of(sizes);
        if (tiling != WorkgroupTiling.ByRule) return given;
        if (WorkgroupTiling.MayHaveParts(sizes))
            given = given with { PartLength = WorkgroupTiling.Scaled(given.PartLength, Choose(ShapeClass.Of("forward parts", sizes.Columns, sizes.Sum), WorkgroupTiling.PartScales, decidesBits: true), sizes.Sum) };
        ShapeClass shape = ShapeClass.Of($"{sizes.Product} tiles", sizes.Rows, sizes.Columns, sizes.Sum);
        return given with { Shape = Choose(shape, WorkgroupTiling.ShapesFor(sizes, given.Shape), decidesBits: false) };
    }

    private GroupedNetworks NetworksOfGroup(string what, PopulationShape shape, int rows) =>
        tiling != WorkgroupTiling.ByRule ? GroupedNetworks.ByRule
            : Choose(ShapeClass.Of(what, shape.Members, rows, shape.Inputs, shape.Hidden, shape.Outputs), Enum.GetValues<GroupedNetworks>(), decidesBits: false);

    private static int PowerOfTwo(int value) => (int)BitOperations.RoundUpToPowerOf2((uint)value);

    private static bool IsNarrow(int outputs) => MatrixShape.Texels(outputs) <= MostOutputTexels;

    private static (string, int) LaneSums(int outputs) => ("LANE_SUMS", RowsPerGroup * RowLanes * MatrixShape.Texels(outputs));

    private static DispatchGrid RowGrid => new(1, RowsPerGroupX: RowsPerGroup);

    private static KernelSource RowKernel(string fileName) =>
        new(fileName, ("GROUP_SIZE", RowsPerGroup * RowLanes), ("ROW_LANES", RowLanes), ("GROUP_ROWS", RowsPerGroup)) { Fetches = true };

    private static DispatchGrid GridOf(TileShape shape, Operand result) => new(shape.TilesOf(1, result.Shape.Columns).Across, RowsPerGroupY: shape.Rows);

    private static int PartCount(ProductTiling product, DenseForward layer) => MatrixShape.CeilingDivide(layer.Input.Shape.Columns, product.PartLength);

    private static KernelSource ForwardKernel(ProductTiling product, DenseForward layer) =>
        product.Shape.Kernel("dense_forward_tile.comp", isAAlongSum: true, isBAlongSum: false).With(("PARTS", PartCount(product, layer)), ("PART_LENGTH", product.PartLength));

    private KernelSource WithParts(KernelSource source, DenseForward layer) =>
        source.With(("PARTS", PartCount(TilingOf(ProductSizes.Of(layer)), layer)), ("PARTS_AT_ONCE", PartsAtOnce)) with { Macros = [new UnrolledMacro("EACH_PART(F)", "F(#)", PartsAtOnce)] };

    /// <summary>The layer before is taken along if its sums come in parts and its rows have room in shared memory.</summary>
    private KernelChoice? LastLayer(string fileName, LastLayer computation, bool storesHidden)
    {
        if (!IsNarrow(computation.Outputs)) return null;
        (string, int) laneSums = LaneSums(computation.Outputs);
        KernelSource source = RowKernel(fileName).With(laneSums);
        if (computation.Before is not { } before) return new KernelChoice(source, RowGrid);
        int kept = RowsPerGroup * before.Output.Shape.TexelsPerRow;
        if (computation.PartSums is null || (laneSums.Item2 + kept) * MatrixShape.BytesPerTexel > Limits.SharedMemoryBytes) return null;
        source = WithParts(source.With(("KEPT_HIDDEN", kept)), before);
        return new KernelChoice(storesHidden ? source.With(("STORES_HIDDEN", 1)) : source, RowGrid);
    }
}
