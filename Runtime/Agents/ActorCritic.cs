namespace NeuralPlugin;

/// <summary>
/// Learning from reward: proximal policy optimization. Beside the policy's logits a brain has a value, what it expects to come: an
/// output more, behind the actions. While agents act, their decisions are collected to a rollout; the one before is learned from meanwhile, some steps
/// a frame. The advantage of a decision is how much better it went than the value had foretold, by generalized advantage estimation:
/// Aₜ = δₜ + Discount·Lambda·Aₜ₊₁ with δₜ = rₜ + Discount·Vₜ₊₁ − Vₜ, and its return is Rₜ = Aₜ + Vₜ. Behind <see cref="Agent.EndEpisode"/> V is 0; behind
/// <see cref="Agent.EpisodeInterrupted"/>, <see cref="Agent.MaxStep"/> and the end of a rollout it is the value of what the agent observes there.
/// </summary>
/// <remarks>
/// <para>
/// A training step has the clipped objective (<see cref="ClipRange"/>), the value's squared error and an entropy bonus. Advantages are brought to mean 0 and
/// divided by their deviation in the step's decisions. Values are learned as mean + deviation · output, with the last layer rescaled when mean and deviation
/// of the returns move, so that the scale of the rewards does not matter. The learning rate stays on the GPU and follows the KL divergence
/// that each step finds before it.
/// </para>
/// <para>
/// The numbers here are the steady settings: they learn long episodes, rewards that come late, and a policy that stays once it is found. For creatures that
/// are to learn within a minute from rewards that come at once, take <see cref="Quick"/>. Documentation~/agents.md says what each is worth.
/// </para>
/// <para>
/// Brains of their own learn together, each from its agent's decisions, with a rollout of <see cref="RolloutSize"/> of each, a value on a scale of its own, and a learning
/// rate of its own that follows its own divergence.
/// </para>
/// <para>
/// Sources: Schulman et al., 2017, "Proximal Policy Optimization Algorithms"; Schulman et al., 2016, "High-Dimensional Continuous Control Using
/// Generalized Advantage Estimation"; van Hasselt et al., 2016, "Learning values across many orders of magnitude"; Pardo et al., 2018, "Time Limits in Reinforcement Learning".
/// </para>
/// </remarks>
public sealed record ActorCritic : AgentLearning
{
    private const float DefaultLearningRate = 1e-3f;
    private const float AdamEpsilon = 1e-5f;   // gradients of a policy are small; with 1e-8 the first steps are as long for noise as for a signal

    /// <summary>
    /// For creatures that must learn from some thousand decisions, of rewards that come at once: short rollouts, many steps on each, a
    /// short horizon. What takes long to pay off it learns worse than the steady settings, and forgets sooner.
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

    /// <summary>How much of what comes a decision later counts, from 0 (only what it brings at once) to 1: 1 / (1 − Discount) decisions are its horizon.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float Discount { get; init => field = Requirements.Share(value, "discount", nameof(Discount)); } = 0.99f;

    /// <summary>How much an advantage trusts what came rather than the values: 0 the next value alone, 1 the rewards alone.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1], or NaN.</exception>
    public float Lambda { get; init => field = Requirements.Share(value, "lambda", nameof(Lambda)); } = 0.95f;

    /// <summary>Decisions of a brain's agents together that are collected before they are learned from.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int RolloutSize { get; init => field = Requirements.Size(value, "decisions of a rollout"); } = 2048;

    /// <summary>And at least so many of each of its agents: a rollout of many agents is larger, not shorter.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int LeastRolloutPerAgent { get; init => field = Requirements.Size(value, "decisions of an agent in a rollout"); } = 64;

    /// <summary>How often each decision is learned from, at most; less often where the frame's budget has no room for it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Epochs { get; init => field = Requirements.Size(value, "epochs"); } = 6;

    /// <summary>Training steps of an epoch; each takes its share of the rollout.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Minibatches { get; init => field = Requirements.Size(value, "minibatches of a rollout"); } = 8;

    /// <summary>How far a decision's probability may move, as a share of what it was, before the decision is no more learned from.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1), or NaN.</exception>
    public float ClipRange { get; init => field = Requirements.Number(value, "clip range", limit: 1, name: nameof(ClipRange)); } = 0.15f;

    /// <summary>How much uncertain choices are rewarded, in deviations of the advantages, which keeps exploration alive.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float EntropyBonus { get; init => field = Requirements.Number(value, "entropy bonus", name: nameof(EntropyBonus)); } = 0.005f;

    /// <summary>The share of the value's loss.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float ValueWeight { get; init => field = Requirements.Number(value, "weight of the value", name: nameof(ValueWeight)); } = 0.5f;

    /// <summary>
    /// The KL divergence of the policy from the one that had decided at which steps aim: where a step finds more than twice as much, its learning rate is
    /// a third smaller than the one before, and half as large again where it finds less than half. 0 leaves the rate where it is.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float TargetDivergence { get; init => field = Requirements.Number(value, "target divergence", name: nameof(TargetDivergence)); } = 0.01f;

    /// <summary>The learning rate falls no further.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LeastLearningRate { get; init => field = Requirements.Number(value, "least learning rate", name: nameof(LeastLearningRate)); } = 1e-5f;

    /// <summary>The learning rate grows no further. Of an <see cref="Sgd"/> it is larger: 1, and its first rate 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float MostLearningRate { get; init => field = Requirements.Number(value, "greatest learning rate", name: nameof(MostLearningRate)); } = 3e-3f;

    /// <summary>
    /// Advantages are divided by no less than this share of the returns' deviation. While nothing is found yet all of them are noise, and dividing by their
    /// own deviation would make steps of it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float AdvantageFloor { get; init => field = Requirements.Number(value, "floor of the advantages", name: nameof(AdvantageFloor)); } = 0.5f;

    internal override string Name => "actor_critic";

    internal override Optimizer OwnOptimizer => SharedOptimizer;

    internal override Optimizer SharedOptimizer => Optimizer ?? new Adam(DefaultLearningRate, Epsilon: AdamEpsilon);

    internal override bool EstimatesValues => true;

    internal override bool NormalizationFollows => true;

    /// <summary>Decisions of a brain that are collected before they are learned from, of so many agents.</summary>
    internal int RolloutOf(int agents) => checked(Math.Max(RolloutSize, LeastRolloutPerAgent * agents));

    internal override Loss CreateLoss(AgentPopulationOptions population)
    {
        float first = SharedOptimizer.LearningRate;
        if (!(first <= MostLearningRate))
            throw new ArgumentException($"The optimizer's learning rate must be at most MostLearningRate ({MostLearningRate}), but got {first}. Give a larger MostLearningRate.");
        RateGuide guide = new(first, LeastLearningRate, MostLearningRate, TargetDivergence);
        return population.Policy.IsOneBranch ? new ProximalPolicyLoss(population.Actions, ClipRange, EntropyBonus, ValueWeight, guide)
            : new ComposedProximalLoss(population.Policy, ClipRange, EntropyBonus, ValueWeight, guide);
    }

    internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
    {
        return new ActorCriticLearner(brains, population, this);
    }

    internal override int MostRowsOfAStep(AgentPopulationOptions population) => MatrixShape.CeilingDivide(
        population.Brains == BrainSharing.OneEach ? RolloutOf(agents: 1) : Rollout.CapacityOf(population, this), Minibatches);

    internal override int MostDecisionsKept(AgentPopulationOptions population) => checked(2 * Rollout.CapacityOf(population, this));
}
