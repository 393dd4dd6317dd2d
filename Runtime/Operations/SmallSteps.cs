namespace NeuralPlugin;

/// <summary>
/// Consecutive steps of a small network in one dispatch, each on the batch that is drawn next: the launch, and the way of the parameters between memory and the
/// workgroup, are paid once. After each step the two sides of the parameters and of the optimizer's state are as if it had been a dispatch.
/// </summary>
/// <param name="Step">One step.</param>
/// <param name="Arguments">The number of steps, and what differs from step to step.</param>
/// <param name="Most">The most steps of a dispatch.</param>
internal sealed record SmallSteps(SmallStep Step, StepArguments Arguments, int Most) : Computation
{
    /// <summary>All but the samples in place: a step may write what it, or the one before, has read.</summary>
    public override IReadOnlyList<MatrixBinding> Matrices =>
    [
        MatrixBinding.Read("inputs", Step.Hidden.Input), MatrixBinding.Read("targets", Step.Last.Targets),
        .. Step.Matrices.Skip(2).Select(matrix => MatrixBinding.InPlace(matrix.Name, matrix.Operand)),
        .. Arguments.Scalars is { } scalars ? [MatrixBinding.Read("stepScalars", scalars)] : Array.Empty<MatrixBinding>(),
    ];

    public override IReadOnlyList<(string Name, int Value)> Sizes => Step.Sizes;

    public override IReadOnlyList<KernelArguments<int>> ChangingSizes => [Arguments.Sizes];

    public override IReadOnlyList<KernelArguments<float>> Scalars => Step.Scalars;

    public override IReadOnlyList<(string Slot, string FileName)> Includes => Step.Includes;

    public override IReadOnlyList<(string Name, int Value)> Constants =>
        [.. Step.Constants, ("STEP_NUMBERS", Arguments.StepNumbers), .. Arguments.Scalars is null ? Array.Empty<(string, int)>() : [("STEP_SCALARS", 1)]];

    public override IReadOnlyList<UnrolledMacro> Macros => Step.Macros;

    public override long FloatingPointOperations => Step.FloatingPointOperations;

    public override bool FindsLosses => true;

    public override bool Updates => true;

    public override int MostSteps => Most;

    public override KernelChoice? KernelOf(FamilyKernels kernels) => kernels.SmallSteps(this);
}

/// <summary>What a dispatch of consecutive steps is told: their number, and what of it differs from step to step.</summary>
/// <param name="StepNumbers">Step numbers repeat after this many.</param>
/// <param name="Scalars">The optimizer's scalars of each step, a row of one texel; null for an optimizer whose scalars stay.</param>
internal sealed record StepArguments(int StepNumbers, Operand? Scalars)
{
    /// <summary>The names in Shaders/Include/consecutive_steps.glsl.</summary>
    public KernelArguments<int> Sizes { get; } =
        new(("steps", 0), ("batchSize", 0), ("epochSamples", 0), ("batchesPerEpoch", 0), ("batchInEpoch", 0), ("firstScalars", 0));

    /// <summary>Sets the steps of the next dispatch.</summary>
    /// <param name="steps">Their number.</param>
    /// <param name="batches">Where their batches are in an epoch.</param>
    /// <param name="firstScalars">The row of the first step's scalars.</param>
    public void Set(int steps, EpochBatches batches, int firstScalars)
    {
        (Sizes["steps"], Sizes["firstScalars"]) = (steps, firstScalars);
        (Sizes["batchSize"], Sizes["epochSamples"], Sizes["batchInEpoch"]) = (batches.BatchSize, batches.Samples, batches.Batch);
        Sizes["batchesPerEpoch"] = MatrixShape.CeilingDivide(batches.Samples, batches.BatchSize);
    }
}

/// <summary>A batch among those of an epoch: the last one has the remaining samples, and the next epoch's first one follows it.</summary>
internal readonly record struct EpochBatches(int Samples, int BatchSize, int Batch);
