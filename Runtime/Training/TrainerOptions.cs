namespace NeuralPlugin;

/// <summary>The options of an <see cref="InFrameTrainer"/>.</summary>
public sealed record TrainerOptions
{
    /// <summary>Samples per step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int BatchSize { get; init => field = Requirements.Size(value, "samples of a batch"); } = 64;

    /// <summary>The optimizer.</summary>
    /// <exception cref="ArgumentNullException">It is null.</exception>
    public Optimizer Optimizer { get; init => field = value ?? throw new ArgumentNullException(nameof(Optimizer)); } = new Sgd(LearningRate: 0.1f);

    /// <summary>
    /// The loss to minimize. If none is set, it is plain cross-entropy for samples with labels and <see cref="MeanSquaredError"/> for samples
    /// with values; until it is set, this property returns cross-entropy.
    /// </summary>
    /// <exception cref="ArgumentNullException">It is null.</exception>
    public Loss Loss { get => ChosenLoss ?? Loss.OfLabels; init => ChosenLoss = value ?? throw new ArgumentNullException(nameof(Loss)); }

    /// <summary>The budget per frame: a <see cref="TimeSpan"/>, or another <see cref="FrameBudget"/>.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; init => field = InFrameTrainer.Require(value); } = TimeSpan.FromMilliseconds(2);

    /// <summary>Chooses the order of the samples, which differs in each epoch.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The loss that was set; null for the default of the samples' targets.</summary>
    internal Loss? ChosenLoss { get; private init; }

    /// <summary>The clock that measures the calls against the budget; tests supply their own.</summary>
    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
