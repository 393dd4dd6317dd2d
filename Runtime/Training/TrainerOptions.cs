namespace NeuralPlugin;

/// <summary>How an <see cref="InFrameTrainer"/> trains.</summary>
public sealed record TrainerOptions
{
    /// <summary>Samples of a step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int BatchSize { get; init => field = Requirements.Size(value, "samples of a batch"); } = 64;

    /// <summary>The optimizer.</summary>
    /// <exception cref="ArgumentNullException">It is null.</exception>
    public Optimizer Optimizer { get; init => field = value ?? throw new ArgumentNullException(nameof(Optimizer)); } = new Sgd(LearningRate: 0.1f);

    /// <summary>
    /// The loss to minimize. Where none is set, it is plain cross-entropy for samples with labels and <see cref="MeanSquaredError"/> for samples
    /// with values; until it is set, this property says cross-entropy.
    /// </summary>
    /// <exception cref="ArgumentNullException">It is null.</exception>
    public Loss Loss { get => ChosenLoss ?? Loss.OfLabels; init => ChosenLoss = value ?? throw new ArgumentNullException(nameof(Loss)); }

    /// <summary>How much it does in a frame: a <see cref="TimeSpan"/>, or <see cref="FrameBudget.Steps"/>.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; init => field = InFrameTrainer.Require(value); } = TimeSpan.FromMilliseconds(2);

    /// <summary>Chooses the order of the samples, another one in each epoch.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The loss that was set; null for that of the samples' targets.</summary>
    internal Loss? ChosenLoss { get; private init; }

    /// <summary>The clock by which the calls are held to the budget; a test hands in one of its own.</summary>
    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
