namespace NeuralPlugin;

/// <summary>
/// Learning from demonstrations: a training step is one of cross-entropy on decisions that were drawn at random, with replacement,
/// from what the agents that demonstrate have shown (<see cref="Agent.Demonstrates"/>) and from what was given. A brain that all share
/// learns from all of them; one of its own from its agent's, and from what was given.
/// </summary>
public sealed record BehaviorCloning : AgentLearning
{
    /// <summary>What to learn from besides what agents show; null for nothing.</summary>
    public Demonstration? Demonstration { get; init; }

    /// <summary>Decisions of a training step: of each brain, where each agent has its own; of all agents together, where they share one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int BatchSize { get; init => field = Requirements.Size(value, "decisions of a batch"); } = 16;

    /// <summary>Most decisions that are kept of what agents show, of each brain; then the oldest goes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Capacity { get; init => field = Requirements.Size(value, "demonstrated decisions"); } = 4096;

    /// <summary>
    /// Whether each action counts alike, however often it was shown: the weight of a sample is n / (k·nₐ), with nₐ of the n samples
    /// showing its action, and k actions shown.
    /// </summary>
    public bool BalanceActions { get; init; }

    internal override string Name => "behavior_cloning";

    internal override Demonstration? Given => Demonstration;

    internal override Loss CreateLoss(AgentPopulationOptions population) =>
        population.Policy.IsOneBranch ? new SoftmaxCrossEntropy() : new ComposedCrossEntropy(population.Policy);

    internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
    {
        return new BehaviorCloningLearner(brains, population, this, normalizer);
    }

    internal override int MostRowsOfAStep(AgentPopulationOptions population) => BatchSize;

    internal override int MostDecisionsKept(AgentPopulationOptions population) => checked(Capacity * population.BrainCount);
}
