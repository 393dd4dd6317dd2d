namespace NeuralPlugin;

/// <summary>
/// Learning from reward: proximal policy optimization. Besides the policy's logits a brain has a value, the expected return: one more output, after
/// the actions. While agents act, their decisions are collected in a rollout; meanwhile the previous one is learned from, some steps per frame. The
/// advantage of a decision is how much better it went than the value predicted, by generalized advantage estimation: Aₜ = δₜ + Discount·Lambda·Aₜ₊₁
/// with δₜ = rₜ + Discount·Vₜ₊₁ − Vₜ, and its return is Rₜ = Aₜ + Vₜ. After <see cref="Agent.EndEpisode"/> V is 0; after
/// <see cref="Agent.EpisodeInterrupted"/>, <see cref="Agent.MaxStep"/> and the end of a rollout it is the value of the agent's observations there.
/// </summary>
/// <remarks>
/// <para>
/// A training step has the clipped objective (<see cref="ClipRange"/>), the value's squared error and an entropy bonus. Advantages are shifted to
/// mean 0 and divided by their deviation over the step's decisions. Values are learned as mean + deviation · output, and the last layer is rescaled
/// when the mean and deviation of the returns move, so that the scale of the rewards does not matter. The learning rate stays on the GPU and follows
/// the KL divergence that each step measures before its update.
/// </para>
/// <para>
/// The defaults are the steady settings: they learn long episodes, late rewards, and a policy that stays once it is found. For creatures that must
/// learn within a minute from immediate rewards, use <see cref="Quick"/>. Documentation~/agents.md gives the effect of each setting.
/// </para>
/// <para>
/// Brains of their own learn together, each from its agent's decisions, with a rollout of <see cref="RolloutSize"/> each, its own value scale, and
/// its own learning rate that follows its own divergence.
/// </para>
/// <para>
/// Sources: Schulman et al., 2017, "Proximal Policy Optimization Algorithms"; Schulman et al., 2016, "High-Dimensional Continuous Control Using
/// Generalized Advantage Estimation"; van Hasselt et al., 2016, "Learning values across many orders of magnitude"; Pardo et al., 2018, "Time Limits
/// in Reinforcement Learning".
/// </para>
/// </remarks>
public sealed record ActorCritic : AgentLearning
{
    private const int DefaultRollout = 2048, DefaultRolloutOfOwnBrain = 512;
    private const float DefaultLearningRate = 1e-3f;
    private const float AdamEpsilon = 1e-5f;   // gradients of a policy are small; with 1e-8 the first steps are as long for noise as for a signal

    /// <summary>
    /// For creatures that must learn from a few thousand decisions, with immediate rewards: short rollouts, many steps on each, a short horizon. It
    /// learns delayed rewards worse than the steady settings, and forgets sooner.
    /// </summary>
    public static ActorCritic Quick { get; } = new()
    {
        RolloutSize = 64,
        Epochs = 10,
        Minibatches = 2,
        Optimizer = new Adam(0.01f, Epsilon: AdamEpsilon),
        MostLearningRate = 0.02f,
        TargetDivergence = 0.05f,
        Discount = 0.9f,
        Lambda = 0.7f,
        ClipRange = 0.3f,
        EntropyBonus = 0.01f,
    };

    /// <summary>The weight of rewards one decision later, from 0 (only immediate ones) to 1: the horizon is 1 / (1 − Discount) decisions.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float Discount { get; init => field = Requirements.Share(value, "discount", nameof(Discount)); } = 0.99f;

    /// <summary>How much an advantage trusts actual rewards over the values: 0 only the next value, 1 only the rewards.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float Lambda { get; init => field = Requirements.Share(value, "lambda", nameof(Lambda)); } = 0.95f;

    /// <summary>
    /// Decisions collected from all agents of a brain before they are learned from; null for 2,048, or 512 of each agent if each has a brain of its
    /// own: thousands of brains need the memory for so many each, and a lone agent takes as many decisions of its own before it learns.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int? RolloutSize { get; init => field = value is { } size ? Requirements.Size(size, "decisions of a rollout") : null; }

    /// <summary>The minimum number of decisions from each of its agents: a rollout of many agents is larger, not shorter.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int LeastRolloutPerAgent { get; init => field = Requirements.Size(value, "decisions of an agent in a rollout"); } = 64;

    /// <summary>The maximum number of times each decision is learned from; fewer if the frame's budget has no room.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Epochs { get; init => field = Requirements.Size(value, "epochs"); } = 6;

    /// <summary>Training steps per epoch; each takes its share of the rollout.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Minibatches { get; init => field = Requirements.Size(value, "minibatches of a rollout"); } = 8;

    /// <summary>How far a decision's probability may move, relative to the original one, before the decision is no longer learned from.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float ClipRange { get; init => field = Requirements.Number(value, "clip range", limit: 1, name: nameof(ClipRange)); } = 0.15f;

    /// <summary>The reward for uncertain choices, in deviations of the advantages; keeps exploration alive.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float EntropyBonus { get; init => field = Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus)); } = 0.005f;

    /// <summary>The weight of the value's loss.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float ValueWeight { get; init => field = Requirements.Number(value, "weight of the value", name: nameof(ValueWeight)); } = 0.5f;

    /// <summary>
    /// The target KL divergence of the policy from the one that made the decisions: if a step measures more than twice as much, its learning rate is
    /// a third smaller than the previous one; if less than half, half as large again. 0 keeps the rate constant.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float TargetDivergence { get; init => field = Requirements.Number(value, "target divergence", name: nameof(TargetDivergence)); } = 0.01f;

    /// <summary>The minimum learning rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LeastLearningRate { get; init => field = Requirements.Number(value, "least learning rate", name: nameof(LeastLearningRate)); } = 1e-5f;

    /// <summary>The maximum learning rate. That of an <see cref="Optimizer"/> may not be larger, so <see cref="Sgd"/> with a rate of 0.1 needs a larger maximum, such as 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float MostLearningRate { get; init => field = Requirements.Number(value, "greatest learning rate", name: nameof(MostLearningRate)); } = 3e-3f;

    /// <summary>
    /// Advantages are divided by at least this share of the returns' deviation. Before there is anything to learn they are all noise, and dividing by
    /// their own deviation would turn it into steps.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float AdvantageFloor { get; init => field = Requirements.Number(value, "floor of the advantages", name: nameof(AdvantageFloor)); } = 0.5f;

    /// <summary>Demonstrations that are cloned beside learning from reward, with a weight that fades; null for none.</summary>
    public CloningTerm? Cloning { get; init; }

    /// <summary>
    /// The brain that a game was shipped with, if what agents learn on the player's machine must stay near it; null for no such bound. It is evaluated at
    /// each decision, on the same observations, and is copied, so later changes to it have no effect. It may have another number of hidden units.
    /// <see cref="AgentProgress.Drift"/> is the distance from it.
    /// </summary>
    public BrainState? Reference { get; init; }

    /// <summary>
    /// How far the policy p may drift from the policy q of the <see cref="Reference"/>: the KL divergence D = KL(p ‖ q) for the observations of a decision, in nats.
    /// A decision with D beyond this bound only moves the policy back, with a force of 4·(D − MaximumDrift), so the mean of D stays below
    /// the bound. Steps on other decisions may move a single decision beyond it for a while.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float MaximumDrift { get; init => field = Requirements.Number(value, "maximum drift", name: nameof(MaximumDrift)); } = 0.1f;

    internal override string Name => "actor_critic";

    internal override Demonstration? Given => Cloning?.Demonstration;

    internal override BrainState? ReferenceBrain => Reference;

    /// <summary>Whether its loss takes rows with weights or the outputs of a reference, as only that of composed actions does.</summary>
    internal bool IsComposed => Cloning is not null || Reference is not null;

    internal override Optimizer OwnOptimizer => SharedOptimizer;

    internal override Optimizer SharedOptimizer => Optimizer ?? new Adam(DefaultLearningRate, Epsilon: AdamEpsilon);

    internal override bool EstimatesValues => true;

    internal override bool NormalizationFollows => true;

    /// <summary>Decisions of a shared brain, with this many agents, that are collected before they are learned from.</summary>
    internal int RolloutOf(int agents) => checked(Math.Max(RolloutSize ?? DefaultRollout, LeastRolloutPerAgent * agents));

    /// <summary>The same of each brain if each agent has its own.</summary>
    internal int RolloutOfOwnBrain => Math.Max(RolloutSize ?? DefaultRolloutOfOwnBrain, LeastRolloutPerAgent);

    internal override Loss CreateLoss(AgentPopulationOptions population)
    {
        RateGuide guide = new(SharedOptimizer.LearningRate, LeastLearningRate, MostLearningRate, TargetDivergence);
        if (IsComposed)
            return new ComposedProximalLoss(population.Policy, ClipRange, EntropyBonus, ValueWeight, guide, Cloning is not null, Reference is null ? null : new DriftBound(MaximumDrift));
        return population.Policy.IsOneBranch ? new ProximalPolicyLoss(population.Actions, ClipRange, EntropyBonus, ValueWeight, guide)
            : new ComposedProximalLoss(population.Policy, ClipRange, EntropyBonus, ValueWeight, guide);
    }

    internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
    {
        return Cloning is { } term ? new CloningActorCriticLearner(brains, population, this, new CloningRows(brains, population, term, normalizer))
            : new ActorCriticLearner(brains, population, this);
    }

    internal override void Check(AgentPopulationOptions population)
    {
        float first = SharedOptimizer.LearningRate;
        if (first > MostLearningRate)   // neither is NaN
            throw new ArgumentException($"The optimizer's learning rate must be at most MostLearningRate ({MostLearningRate}), but got {first}. Give a larger MostLearningRate.");
        if (Reference is not null) ReferencePolicy.Check(Reference, population);
        Given?.RequireSizes(population.Observations, population.Policy, nameof(Cloning));
        Given?.RequireEpisodes(population.NumStackedVectorObservations, nameof(Cloning));
    }

    internal override int MostRowsOfAStep(AgentPopulationOptions population) => checked(MostDecisionsOfAStep(population) + (Cloning?.BatchSize ?? 0));

    /// <summary>The same without demonstrated ones.</summary>
    internal int MostDecisionsOfAStep(AgentPopulationOptions population) => MatrixShape.CeilingDivide(
        population.Brains == BrainSharing.OneEach ? RolloutOfOwnBrain : Rollout.CapacityOf(population, this), Minibatches);

    internal override int MostDecisionsKept(AgentPopulationOptions population) => checked((2 * Rollout.CapacityOf(population, this)) + ((Cloning?.Capacity ?? 0) * population.BrainCount));
}
