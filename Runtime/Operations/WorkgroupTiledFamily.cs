using System.Globalization;
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
    public const int RowLanes = 32;

    /// <summary>Rows of the last layer that a workgroup has: without a tuning the first number for which there is room. They decide no bits.</summary>
    private static readonly int[] RowsPerGroup = [4, 8, 2, 1];

    /// <summary>Those that only a tuning chooses: where they have room, so do fewer that come before them.</summary>
    private const int TunedRowsPerGroup = 8;

    /// <summary>Texels of a row that an invocation loads before it adds their products.</summary>
    private const int MostTexelsAtOnce = 4;

    /// <summary>Texels of outputs of a layer whose sums are shared by <see cref="RowLanes"/>.</summary>
    private const int MostSharedSumTexels = 4;

    /// <summary>
    /// Texels of weights that an invocation of a prediction's last layer reads at most, so that many outputs or hidden units leave the product to tiles: 65,536 weights.
    /// </summary>
    private const int MostWeightTexels = 512;

    /// <summary>Parts of a sum that are loaded before they are added.</summary>
    private const int PartsAtOnce = 16;

    /// <summary>The most memory that the parts of a product may take, and the most workgroups with which a product needs none, since it fills a card.</summary>
    private const long MostBytesOfParts = 16 << 20;
    private const int FullTiles = 128;

    public override KernelChoice Forward(DenseForward computation)
    {
        if (IsNarrow(computation.Output.Shape.Columns))
        {
            int outputTexels = computation.Output.Shape.TexelsPerRow;
            KernelSource source = RowKernel("dense_forward_rows.comp", RowsPerGroup[0], new RowSums(outputTexels, Parts: 0, PartLength: 0), computation.Input.Shape.TexelsPerRow);
            return new KernelChoice(source.With(("OUTPUT_TEXELS", outputTexels)), new DispatchGrid(1, RowsPerGroupX: RowsPerGroup[0]));
        }

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
    public override KernelChoice? SmallStep(SmallStep computation) => StepOf(computation)?.Kernel;

    public override int MostStepsOf(SmallStep step) => StepOf(step)?.MostSteps ?? 1;

    public override KernelChoice? SmallSteps(SmallSteps computation) => StepOf(computation.Step)?.KernelOfSeveral;

    /// <summary>The register-tiled kernels for networks that are too large, or too many, for the family's own.</summary>
    public override PopulationKernels Population(PopulationShape shape) =>
        WorkgroupTiledPopulation.Suits(shape, Limits)
            ? new WorkgroupTiledPopulation(shape, Limits, (what, rows) => NetworksOfGroup(what, shape, rows)) : new RegisterTiledPopulation(shape, Limits);

    /// <summary>
    /// By the rule, which a card's tuning may replace; a tiling that the family was given is taken as it is. A software driver has its own tiles, but takes the parts of a tuning that was made
    /// elsewhere, since they decide the bits.
    /// </summary>
    private ProductTiling TilingOf(ProductSizes sizes)
    {
        ProductTiling given = tiling.Of(sizes);
        bool isOfCard = tiling == WorkgroupTiling.ByRule;
        if (!isOfCard && tiling != WorkgroupTiling.ForSoftware) return given;
        if (WorkgroupTiling.MayHaveParts(sizes)) given = given with { PartLength = PartLengthOf(sizes, given.PartLength, isOfCard) };
        if (!isOfCard) return given;
        ShapeClass shape = ShapeClass.Of($"{sizes.Product} tiles", sizes.Rows, sizes.Columns, sizes.Sum);
        return given with { Shape = Choose(shape, WorkgroupTiling.ShapesFor(sizes, given.Shape), decidesBits: false, WorkgroupTiling.TunedShapes) };
    }

    /// <summary>
    /// A configuration is the length itself, for a layer of just these sizes: so what a checkpoint names stays what it was if another version has another rule, or offers other lengths.
    /// </summary>
    private int PartLengthOf(ProductSizes sizes, int byRule, bool isOfCard)
    {
        ShapeClass layer = ShapeClass.OfExactly("forward part length", sizes.Sum, sizes.Columns);
        IReadOnlyList<int> offered = isOfCard ? WorkgroupTiling.PartLengthsFor(byRule, sizes.Sum) : [byRule];
        bool isKnown = int.TryParse(Tuned(layer), NumberStyles.None, CultureInfo.InvariantCulture, out int tuned) && WorkgroupTiling.IsPartLength(tuned, sizes.Sum);
        return Choose(layer, isKnown ? [.. offered.Append(tuned).Distinct()] : offered, decidesBits: true);
    }

    private GroupedNetworks NetworksOfGroup(string what, PopulationShape shape, int rows) =>
        tiling != WorkgroupTiling.ByRule ? GroupedNetworks.ByRule
            : Choose(ShapeClass.Of(what, shape.Members, rows, shape.Inputs, shape.Hidden, shape.Outputs), Enum.GetValues<GroupedNetworks>(), decidesBits: false, Enum.GetValues<GroupedNetworks>().Skip(1));

    private WorkgroupStep? StepOf(SmallStep step)
    {
        int? lanesOfSum = LanesOfSum(step.Hidden);
        RowSums? sumsOfZ = RowSumsOf(step.Last);
        WorkgroupStep? Of(int lanes) => WorkgroupStep.For(step, Limits, lanesOfSum, sumsOfZ, lanes);
        int[] offered = [.. WorkgroupStep.Lanes.Where(lanes => Of(lanes) is not null)];
        if (offered.Length == 0) return null;
        MatrixShape input = step.Hidden.Input.Shape;
        return Of(tiling != WorkgroupTiling.ByRule ? offered[0]
            : Choose(ShapeClass.Of("small step lanes", input.Rows, input.Columns, step.Hidden.Output.Shape.Columns, step.Last.Outputs), offered, decidesBits: false, WorkgroupStep.Lanes.Skip(1)));
    }

    /// <summary>The lanes that share a sum over the inputs of a layer; 0 where it runs in order, and null where no single workgroup computes it with the same bits.</summary>
    private int? LanesOfSum(DenseForward layer)
    {
        int lanes = (int)BitOperations.RoundUpToPowerOf2((uint)layer.Input.Shape.TexelsPerRow);
        if (IsNarrow(layer.Output.Shape.Columns)) return lanes <= RowLanes ? lanes : null;
        return PartCount(TilingOf(ProductSizes.Of(layer)), layer) == 1 ? 0 : null;
    }

    private static bool IsNarrow(int outputs) => MatrixShape.Texels(outputs) <= MostSharedSumTexels;

    /// <summary>The sums of a last layer whose rows are shared by invocations; null for more outputs than the loss keeps in registers, or than a prediction reads the weights of.</summary>
    private RowSums? RowSumsOf(LastLayer computation)
    {
        int outputTexels = MatrixShape.Texels(computation.Outputs);
        if (IsNarrow(computation.Outputs)) return new RowSums(outputTexels, Parts: 0, PartLength: 0);
        bool isTooWide = computation is LastLayerLoss || (long)computation.Hidden.Shape.Columns * outputTexels > MostWeightTexels * RowLanes;
        if (outputTexels > RowSums.MostTexelsInRegisters && isTooWide) return null;
        ProductSizes sizes = new(DenseProduct.Forward, computation.Hidden.Shape.Rows, computation.Outputs, computation.Hidden.Shape.Columns);
        int length = TilingOf(sizes).PartLength;
        return new RowSums(outputTexels, MatrixShape.CeilingDivide(sizes.Sum, length), length);
    }

    /// <param name="fileName">The shader.</param>
    /// <param name="rows">Rows of a workgroup.</param>
    /// <param name="sums">The sums of a row.</param>
    /// <param name="texels">Texels of a row over which it sums.</param>
    /// <param name="loads">What an invocation loads for each of them.</param>
    private static KernelSource RowKernel(string fileName, int rows, RowSums sums, int texels, int loads = 1)
    {
        int atOnce = Math.Clamp(PartsAtOnce / loads, 1, Math.Min(MostTexelsAtOnce, MatrixShape.CeilingDivide(texels, RowLanes)));
        return new KernelSource(
            fileName,
            [
                ("GROUP_SIZE", rows * RowLanes), ("ROW_LANES", RowLanes), ("GROUP_ROWS", rows), ("LANE_SUMS", rows * sums.TexelsOfRow(RowLanes)), ("TEXELS_AT_ONCE", atOnce),
                .. sums.Constants,
            ])
        {
            Fetches = true,
        };
    }

    private static DispatchGrid GridOf(TileShape shape, Operand result) => new(shape.TilesOf(1, result.Shape.Columns).Across, RowsPerGroupY: shape.Rows);

    private static int PartCount(ProductTiling product, DenseForward layer) => MatrixShape.CeilingDivide(layer.Input.Shape.Columns, product.PartLength);

    private static KernelSource ForwardKernel(ProductTiling product, DenseForward layer) =>
        product.Shape.Kernel("dense_forward_tile.comp", isAAlongSum: true, isBAlongSum: false).With(("PARTS", PartCount(product, layer)), ("PART_LENGTH", product.PartLength));

    private KernelSource WithParts(KernelSource source, DenseForward layer) =>
        source.With(("PARTS", PartCount(TilingOf(ProductSizes.Of(layer)), layer)), ("PARTS_AT_ONCE", PartsAtOnce)) with { Macros = [new UnrolledMacro("EACH_PART(F)", "F(#)", PartsAtOnce)] };

    /// <summary>The layer before is taken along if its sums come in parts and its rows have room in shared memory.</summary>
    private KernelChoice? LastLayer(string fileName, LastLayer computation, bool storesHidden)
    {
        if ((computation.Before is not null && computation.PartSums is null) || RowSumsOf(computation) is not { } sums) return null;
        MatrixShape hidden = computation.Hidden.Shape;
        int Kept(int rows) => computation.Before is null ? 0 : rows * hidden.TexelsPerRow;
        bool HasRoom(int rows) => (long)((rows * sums.TexelsOfRow(RowLanes)) + Kept(rows)) * MatrixShape.BytesPerTexel <= Limits.SharedMemoryBytes
            && MatrixShape.CeilingDivide(hidden.Rows, rows) <= Limits.MostWorkgroups;
        int[] offered = [.. RowsPerGroup.Where(HasRoom)];
        if (offered.Length == 0) return null;
        int rows = tiling != WorkgroupTiling.ByRule ? offered[0]
            : Choose(ShapeClass.Of("last layer rows", hidden.Rows, hidden.Columns, computation.Outputs), offered, decidesBits: false, TunedRowsPerGroup);
        DispatchGrid grid = new(1, RowsPerGroupX: rows);
        if (computation.Before is not { } before) return new KernelChoice(RowKernel(fileName, rows, sums, hidden.TexelsPerRow), grid);
        int parts = PartCount(TilingOf(ProductSizes.Of(before)), before);
        KernelSource source = WithParts(RowKernel(fileName, rows, sums, hidden.TexelsPerRow, parts).With(("KEPT_HIDDEN", Kept(rows))), before);
        return new KernelChoice(storesHidden ? source.With(("STORES_HIDDEN", 1)) : source, grid);
    }
}
