namespace NeuralPlugin.Tests;

/// <summary>
/// A family with a choice: its products are the stand-in's, those with twice the workgroups, or the register-tiled ones, whose sums have another order and which need fewer workgroups
/// than either. It fuses nothing.
/// </summary>
internal sealed class TunedFamily : KernelFamily
{
    /// <summary>The first is the one without a tuning.</summary>
    public const string StandIn = "stand-in", Twice = "twice as many workgroups", RegisterTiledProducts = "register-tiled";

    private TunedFamily() : base("tuned")
    {
    }

    public static TunedFamily Instance { get; } = new();

    internal override FamilyKernels For(DeviceLimits limits) => new TunedKernels(this, limits);
}

/// <summary>The kernels of <see cref="TunedFamily"/>.</summary>
internal sealed class TunedKernels(KernelFamily family, DeviceLimits limits) : FamilyKernels(family, limits)
{
    private static readonly string[] Offered = [TunedFamily.StandIn, TunedFamily.Twice, TunedFamily.RegisterTiledProducts];

    private readonly FamilyKernels standIn = StandInFamily.Instance.For(limits), registerTiled = KernelFamily.RegisterTiled.For(limits);

    public override KernelChoice Forward(DenseForward computation) =>
        Chosen("forward", computation.Input.Shape.Columns, computation.Output.Shape.Columns, kernels => kernels.Forward(computation));

    /// <summary>Both have the same order of sums.</summary>
    public override KernelChoice BackwardInput(DenseBackwardInput computation)
    {
        string chosen = Choose(ShapeClass.Of("input", computation.InputGradients.Shape.Columns), [TunedFamily.StandIn, TunedFamily.Twice], decidesBits: false);
        return WithGroups(standIn.BackwardInput(computation), chosen);
    }

    /// <summary>Without the sum of the losses in a row of workgroups of its own, which must stay the last.</summary>
    public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
    {
        return computation.Sum is not null ? standIn.BackwardWeights(computation)
            : Chosen("weights", computation.Input.Shape.Columns, computation.OutputGradients.Shape.Columns, kernels => kernels.BackwardWeights(computation));
    }

    public override PopulationKernels Population(PopulationShape shape) =>
        new TunedPopulation(standIn.Population(shape), what => Choose(ShapeClass.Of(what, shape.Members), [TunedFamily.Twice, TunedFamily.StandIn], decidesBits: false));

    private KernelChoice Chosen(string product, int inputs, int outputs, Func<FamilyKernels, KernelChoice> of)
    {
        string chosen = Choose(ShapeClass.Of(product, inputs, outputs), Offered, decidesBits: true, TunedFamily.RegisterTiledProducts);
        KernelChoice choice = of(chosen == TunedFamily.RegisterTiledProducts ? registerTiled : standIn);
        return WithGroups(choice, chosen);
    }

    internal static KernelChoice WithGroups(KernelChoice choice, string chosen) =>
        chosen == TunedFamily.Twice ? choice with { Grid = choice.Grid with { X = 2 * choice.Grid.X } } : choice;
}

/// <summary>The stand-in's populations, by default in twice as many workgroups as they need.</summary>
internal sealed class TunedPopulation(PopulationKernels standIn, Func<string, string> choose) : PopulationKernels(standIn.Shape)
{
    public override MatrixShape ParameterMatrix => standIn.ParameterMatrix;

    public override int MostPredictedRows => standIn.MostPredictedRows;

    public override int RowOf(int member) => standIn.RowOf(member);

    public override int HiddenColumn(int member, int input, int unit) => standIn.HiddenColumn(member, input, unit);

    public override int OutputColumn(int member, int unit, int output) => standIn.OutputColumn(member, unit, output);

    public override int RowsPerStep(int batchRows) => standIn.RowsPerStep(batchRows);

    public override int MembersOfLine(int batchRows) => standIn.MembersOfLine(batchRows);

    public override KernelChoice Step(PopulationStep computation) => TunedKernels.WithGroups(standIn.Step(computation), choose("population step"));

    public override KernelChoice Update(PopulationUpdate computation) => standIn.Update(computation);

    public override KernelChoice Forward(PopulationForward computation) => TunedKernels.WithGroups(standIn.Forward(computation), choose("population forward"));
}
