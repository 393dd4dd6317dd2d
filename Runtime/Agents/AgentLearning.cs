namespace NeuralPlugin;

/// <summary>How the agents of a population learn: <see cref="ActorCritic"/>, <see cref="PolicyGradient"/> or <see cref="BehaviorCloning"/>.</summary>
/// <remarks>
/// A way to learn is one such record and its <see cref="Learner"/>. The record creates what the population needs of it and says what it
/// needs of the population; nothing else decides by which of them it is.
/// </remarks>
public abstract record AgentLearning
{
    private protected AgentLearning()
    {
    }

    /// <summary>
    /// The optimizer. Null: <see cref="Adam"/> of a rate of 0.003 for one brain that all share, plain <see cref="Sgd"/> of
    /// 0.1 for a brain each; <see cref="ActorCritic"/> has its own.
    /// </summary>
    public Optimizer? Optimizer { get; init; }

    /// <summary>What files call it.</summary>
    internal abstract string Name { get; }

    /// <summary>What to learn from besides what agents do and show; null for nothing.</summary>
    internal virtual Demonstration? Given => null;

    /// <summary>What trains brains of their own.</summary>
    internal virtual Optimizer OwnOptimizer => Optimizer ?? new Sgd(0.1f);

    /// <summary>What trains the one brain that all share.</summary>
    internal virtual Optimizer SharedOptimizer => Optimizer ?? new Adam(0.003f);

    /// <summary>Whether brains have an output more, behind the logits: what they expect to come.</summary>
    internal virtual bool EstimatesValues => false;

    /// <summary>Whether observations are normalized by all that was observed until now, and not until some time ago.</summary>
    internal virtual bool NormalizationFollows => false;

    /// <summary>The loss that a training step reduces.</summary>
    /// <param name="population">What the agents have in common.</param>
    internal abstract Loss CreateLoss(AgentPopulationOptions population);

    /// <summary>Most decisions of each brain that a training step has.</summary>
    /// <param name="population">What the agents have in common.</param>
    internal abstract int MostRowsOfAStep(AgentPopulationOptions population);

    /// <summary>What turns the decisions of a population into training steps. Called once for a population, when its brains are there.</summary>
    /// <param name="brains">What learns.</param>
    /// <param name="population">What the agents have in common.</param>
    /// <param name="normalizer">That of the agents' observations; null where they stay raw.</param>
    /// <exception cref="ArgumentException">The demonstration is of other sizes.</exception>
    internal abstract Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer);

    /// <summary>
    /// Most decisions that its learner keeps at a time. Where agents see textures, as many of these are kept on the GPU, so that too small a
    /// number runs out of rows.
    /// </summary>
    /// <param name="population">What the agents have in common.</param>
    internal abstract int MostDecisionsKept(AgentPopulationOptions population);
}
