namespace NeuralPlugin;

/// <summary>
/// Learning from reward: REINFORCE with a baseline (Williams, 1992). Decision t is followed by the rewards rₜ, rₜ₊₁, …; its return is Gₜ = rₜ +
/// Discount·Gₜ₊₁, and its advantage Aₜ = (Gₜ − b(xₜ)) / d. The baseline b(x) = m + w·x predicts the return from the observations x: the running mean m of the
/// returns and a linear function, learned as returns arrive. The deviation d is the running one of the returns, but at least half of that of all
/// returns so far, so that noise does not undo a mastered task, whose returns hardly differ. A training step makes actions of positive
/// advantage more likely: it is a step on weighted cross-entropy, with Aₜ as the weight of the sample, minus the entropy bonus.
/// </summary>
/// <remarks>
/// Returns are computed when an episode ends (G after the end is 0) or after <see cref="Horizon"/> decisions (G after them is the baseline of the
/// observations at that point). The mean and the variance of the returns are updated with each return at the rate max(BaselineRate, 1/n), after n returns, before
/// the advantages are computed; w after them. Each brain has its own; a shared one has one for all agents. Source: Sutton and Barto, 2018, section 13.4.
/// </remarks>
public sealed record PolicyGradient : AgentLearning
{
    private const int BatchPerAgent = 16;
    private const float DefaultLearningRate = 3e-3f;

    /// <summary>
    /// Decisions per training step: of each brain, if each agent has its own; of all agents together, if they share one. Null, the default, is 16 from
    /// each agent, so that a step of many agents is larger and no decision is left over.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int? BatchSize { get; init => field = value is { } size ? Requirements.Size(size, "decisions of a batch") : null; }

    /// <summary>The weight of the next decision's return in this one's, from 0 (only immediate rewards) to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float Discount { get; init => field = Requirements.Share(value, "discount", nameof(Discount)); } = 0.95f;

    /// <summary>The maximum number of an agent's decisions before their returns are computed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Horizon { get; init => field = Requirements.Size(value, "decisions of a horizon"); } = 16;

    /// <summary>The share of each return in the running mean and variance.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float BaselineRate { get; init => field = Requirements.Share(value, "rate of the baseline", nameof(BaselineRate)); } = 0.02f;

    /// <summary>Whether advantages are divided by the deviation of the returns, so that the scale of the rewards does not matter.</summary>
    public bool NormalizeAdvantages { get; init; } = true;

    /// <summary>The reward for uncertain choices, which keeps exploration alive.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float EntropyBonus { get; init => field = Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus)); } = 0.1f;

    /// <summary>
    /// Steps on each batch. Beyond 1 the later ones are off-policy: faster when rewards are rare and frames few, but less steady.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Epochs { get; init => field = Requirements.Size(value, "steps on a batch"); } = 1;

    internal override string Name => "policy_gradient";

    internal override Optimizer OwnOptimizer => SharedOptimizer;

    internal override Optimizer SharedOptimizer => Optimizer ?? new Adam(DefaultLearningRate);

    /// <summary>Decisions of a step of a brain with this many agents.</summary>
    internal int BatchOf(int agents) => BatchSize ?? checked(BatchPerAgent * Math.Max(agents, 1));

    internal override Loss CreateLoss(AgentPopulationOptions population) =>
        population.Policy.IsOneBranch ? new SoftmaxCrossEntropy(EntropyBonus) : new ComposedCrossEntropy(population.Policy, EntropyBonus);

    internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
    {
        return new PolicyGradientLearner(brains, population, this);
    }

    internal override int MostRowsOfAStep(AgentPopulationOptions population) => BatchOf(population.Brains == BrainSharing.OneEach ? 1 : population.Capacity);

    internal override int MostDecisionsKept(AgentPopulationOptions population) => PolicyGradientLearner.MostKept(population, this);
}
