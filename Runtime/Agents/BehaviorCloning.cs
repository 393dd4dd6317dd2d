namespace NeuralPlugin;

/// <summary>
/// Learning from demonstrations: a training step minimizes cross-entropy on decisions sampled at random, with replacement, from those of
/// demonstrating agents (<see cref="Agent.Demonstrates"/>) and from a given demonstration. A shared brain learns from all of them; a brain of its own
/// from its agent's, and from the given one.
/// </summary>
public sealed record BehaviorCloning : AgentLearning
{
    /// <summary>A demonstration to learn from in addition to the agents' own; null for none.</summary>
    public Demonstration? Demonstration { get; init; }

    /// <summary>Decisions per training step: of each brain, if each agent has its own; of all agents together, if they share one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int BatchSize { get; init => field = Requirements.Size(value, "decisions of a batch"); } = 16;

    /// <summary>The maximum number of demonstrated decisions kept per brain; after that the oldest is dropped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Capacity { get; init => field = Requirements.Size(value, "demonstrated decisions"); } = 4096;

    /// <summary>
    /// Whether each action counts equally, however often it was shown: the weight of a sample is n / (k·nₐ), where nₐ of the n samples show its
    /// action, and k actions were shown.
    /// </summary>
    public bool BalanceActions { get; init; }

    internal override string Name => "behavior_cloning";

    internal override Demonstration? Given => Demonstration;

    internal override void Check(AgentPopulationOptions population)
    {
        Given?.RequireSizes(population.Observations, population.Policy, nameof(Demonstration));
        Given?.RequireEpisodes(population.NumStackedVectorObservations, nameof(Demonstration));
        if (BalanceActions && !population.Policy.IsOneBranch)
            throw new ArgumentException("BalanceActions weights the actions of one discrete branch, but the agents have other actions. Leave it false.", nameof(population));
    }

    internal override Loss CreateLoss(AgentPopulationOptions population) =>
        population.Policy.IsOneBranch ? new SoftmaxCrossEntropy() : new ComposedCrossEntropy(population.Policy);

    internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
    {
        return new BehaviorCloningLearner(brains, population, this, normalizer);
    }

    internal override int MostRowsOfAStep(AgentPopulationOptions population) => BatchSize;

    internal override int MostDecisionsKept(AgentPopulationOptions population) => checked(Capacity * population.BrainCount);
}
