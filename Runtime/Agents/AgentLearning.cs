namespace NeuralPlugin;

/// <summary>How the agents of a population learn: <see cref="ActorCritic"/>, <see cref="PolicyGradient"/> or <see cref="BehaviorCloning"/>.</summary>
/// <remarks>
/// A way to learn is one such record and its <see cref="Learner"/>. The record creates what the population needs from it and states what it needs
/// from the population; nothing else depends on which of them it is.
/// </remarks>
public abstract record AgentLearning
{
    private protected AgentLearning()
    {
    }

    /// <summary>
    /// The optimizer. Null: <see cref="Adam"/> with a rate of 0.003, and for <see cref="BehaviorCloning"/> of brains of their own without continuous actions plain <see cref="Sgd"/> with 0.1;
    /// <see cref="ActorCritic"/> has its own default.
    /// </summary>
    public Optimizer? Optimizer { get; init; }

    /// <summary>Its name in files.</summary>
    internal abstract string Name { get; }

    /// <summary>A demonstration to learn from in addition to the agents' own decisions; null for none.</summary>
    internal virtual Demonstration? Given => null;

    /// <summary>The brain whose policy the agents must stay near; null for none.</summary>
    internal virtual BrainState? ReferenceBrain => null;

    /// <summary>Checks that it fits a population, before anything is made.</summary>
    /// <param name="population">The options that the agents share.</param>
    /// <exception cref="ArgumentException">It does not.</exception>
    internal virtual void Check(AgentPopulationOptions population)
    {
    }

    /// <summary>The optimizer for brains of their own.</summary>
    internal virtual Optimizer OwnOptimizer => Optimizer ?? new Sgd(0.1f);

    /// <summary>The optimizer for a shared brain.</summary>
    internal virtual Optimizer SharedOptimizer => Optimizer ?? new Adam(0.003f);

    /// <summary>
    /// The optimizer for the brains of a population. Likelihoods of continuous actions have gradients that grow as deviations shrink; only an optimizer that
    /// scales its steps lasts.
    /// </summary>
    /// <param name="population">The options that the agents share.</param>
    internal Optimizer OptimizerFor(AgentPopulationOptions population) =>
        population.Brains == BrainSharing.OneEach && population.Policy.Continuous == 0 ? OwnOptimizer : SharedOptimizer;

    /// <summary>Whether brains have one more output, after the logits: the value.</summary>
    internal virtual bool EstimatesValues => false;

    /// <summary>Whether the normalization uses all observations so far, and not only those up to some earlier time.</summary>
    internal virtual bool NormalizationFollows => false;

    /// <summary>Makes the loss that a training step reduces.</summary>
    /// <param name="population">The options that the agents share.</param>
    internal abstract Loss CreateLoss(AgentPopulationOptions population);

    /// <summary>The maximum number of decisions of each brain in a training step.</summary>
    /// <param name="population">The options that the agents share.</param>
    internal abstract int MostRowsOfAStep(AgentPopulationOptions population);

    /// <summary>Makes the learner that turns the decisions of a population into training steps. Called once per population, after its brains are made.</summary>
    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="normalizer">The normalizer of the agents' observations; null if they stay raw.</param>
    /// <exception cref="ArgumentException">The demonstration has other sizes.</exception>
    internal abstract Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer);

    /// <summary>
    /// The maximum number of decisions that its learner keeps at a time. If agents see textures, that many of these are kept on the GPU, so too small
    /// a number runs out of rows.
    /// </summary>
    /// <param name="population">The options that the agents share.</param>
    internal abstract int MostDecisionsKept(AgentPopulationOptions population);
}
