namespace NeuralPlugin;

/// <summary>The sizes of a population: many networks dense - activation - dense, each with weights and samples of its own.</summary>
/// <param name="Members">Networks.</param>
/// <param name="Inputs">Features of a sample.</param>
/// <param name="Hidden">Units of the first layer.</param>
/// <param name="Outputs">Units of the last layer.</param>
internal readonly record struct PopulationShape(int Members, int Inputs, int Hidden, int Outputs)
{
    /// <summary>Parameters of one member.</summary>
    public long ParameterCount => (((long)Inputs + 1) * Hidden) + (((long)Hidden + 1) * Outputs);
}

/// <summary>
/// A training step of every member on some rows of its batch: forward, loss, backward and, with an update, the new weights. A batch with more
/// rows than one dispatch takes needs several: the first begins the sums of the gradients and of the losses, later ones add to them, and the
/// last updates by the complete sum, as an optimizer that is not linear in the gradient requires.
/// </summary>
/// <param name="Shape">The population.</param>
/// <param name="Activation">The activation after the first layer.</param>
/// <param name="Loss">The loss.</param>
/// <param name="Weights">The committed parameters of all members, laid out by <see cref="PopulationKernels"/>.</param>
/// <param name="Features">[members · batch rows × inputs].</param>
/// <param name="Targets">[members · batch rows × words].</param>
/// <param name="Losses">
/// [members × 1]: the mean loss of each batch, or the part of it from the rows so far. If the loss guides the learning rate, [members × 4]: also the
/// mean divergence, the rate, each member's own, which stays there from step to step, and the policy's share of the loss.
/// </param>
/// <param name="Gradients">The sums of the gradients, laid out as the parameters. Not touched if one dispatch has all rows and updates.</param>
/// <param name="FirstRow">The first of its rows in every batch. If 0, it begins the sums.</param>
/// <param name="Rows">Its rows. Rows past the end of the batch are ignored.</param>
/// <param name="EndsBatch">Whether no more rows follow.</param>
/// <param name="Update">The update by the gradients of the complete batch; null if more rows follow, or if the update is a separate dispatch.</param>
internal sealed record PopulationStep(
    PopulationShape Shape, Activation Activation, Loss Loss, Operand Weights, Operand Features, Operand Targets, Operand Losses, Operand Gradients,
    int FirstRow, int Rows, bool EndsBatch, ParameterUpdate? Update) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("features", Features), MatrixBinding.Read("targets", Targets),
        new("losses", Losses, AddsToSums || Loss.RateGuide is not null ? MatrixAccess.ReadWrite : MatrixAccess.Write),
        .. Update is not null ? AddsToSums ? [MatrixBinding.Read("gradients", Gradients)] : Array.Empty<MatrixBinding>()
            : [new MatrixBinding("gradients", Gradients, AddsToSums ? MatrixAccess.ReadWrite : MatrixAccess.Write)],
        .. Update?.MatricesWithoutGradients ?? [MatrixBinding.Read("weights", Weights)],
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes =>
        [("members", Shape.Members), ("firstRow", FirstRow), ("targetTexels", Targets.Shape.TexelsPerRow)];

    public override IReadOnlyList<KernelArguments<float>> Scalars =>
        [.. Activation.Scalars, .. Loss.Scalars, .. Loss.RateGuide is { } guide ? [guide.MakeScalars()] : Array.Empty<KernelArguments<float>>(), .. Update?.Scalars ?? []];

    public override IReadOnlyList<(string Slot, string FileName)> Includes =>
        [(KernelSlot.Activation, Activation.Include), (KernelSlot.Loss, Loss.Include), .. Update?.Includes ?? []];

    public override IReadOnlyList<(string Name, int Value)> Constants =>
    [
        .. Loss.Constants, .. Loss.RateGuide is null ? Array.Empty<(string, int)>() : EndsBatch ? [RateGuide.Constant, ("ENDS_BATCH", 1)] : [RateGuide.Constant],
        .. AddsToSums ? [("ADDS_TO_SUMS", 1)] : Array.Empty<(string, int)>(),
        .. Update is null ? Array.Empty<(string, int)>() : [("UPDATE", 1), .. Update.Constants],
    ];

    public override IReadOnlyList<UnrolledMacro> Macros => Update?.Macros ?? [];

    public override bool FindsLosses => true;

    public override bool Updates => Update is not null;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.Population(Shape).Step(this);

    private bool AddsToSums => FirstRow > 0;
}

/// <summary>
/// The update of a population by the sums of its gradients, for drivers that cannot bind the matrices of the step and of the update in one dispatch.
/// A member whose loss is not finite keeps its weights and their optimizer state.
/// </summary>
/// <param name="Shape">The population.</param>
/// <param name="Update">The update of the matrix of all parameters.</param>
/// <param name="Losses">The step's losses.</param>
/// <param name="IsGuided">Whether they hold the learning rate of each member.</param>
internal sealed record PopulationUpdate(PopulationShape Shape, ParameterUpdate Update, Operand Losses, bool IsGuided) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices => [.. Update.Matrices, MatrixBinding.Read("losses", Losses)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("members", Shape.Members)];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Update.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Update.Includes;

    public override IReadOnlyList<(string Name, int Value)> Constants => IsGuided ? [RateGuide.Constant, .. Update.Constants] : Update.Constants;

    public override IReadOnlyList<UnrolledMacro> Macros => Update.Macros;

    public override bool Updates => true;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.Population(Shape).Update(this);
}

/// <summary>The outputs of every member's rows by its own network, or their softmax.</summary>
/// <param name="Shape">The population.</param>
/// <param name="Activation">The activation after the first layer.</param>
/// <param name="Weights">The committed parameters of all members.</param>
/// <param name="Features">[members · rows × inputs].</param>
/// <param name="Results">[members · rows × outputs].</param>
/// <param name="Rows">Rows of each member.</param>
/// <param name="Softmax">Whether the results are probabilities.</param>
internal sealed record PopulationForward(
    PopulationShape Shape, Activation Activation, Operand Weights, Operand Features, Operand Results, int Rows, bool Softmax) : Computation
{
    public override IReadOnlyList<MatrixBinding> Matrices =>
        [MatrixBinding.Read("weights", Weights), MatrixBinding.Read("features", Features), MatrixBinding.Write("results", Results)];

    public override IReadOnlyList<(string Name, int Value)> Sizes => [("members", Shape.Members)];

    public override IReadOnlyList<(string Name, int Value)> Constants => Softmax ? [("SOFTMAX", 1)] : [];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Activation.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => [(KernelSlot.Activation, Activation.Include)];

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.Population(Shape).Forward(this);
}
