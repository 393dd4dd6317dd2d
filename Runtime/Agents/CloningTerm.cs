namespace NeuralPlugin;

/// <summary>
/// Cloning beside learning from reward (<see cref="ActorCritic.Cloning"/>), like <c>behavioral_cloning</c> of ML-Agents: each training step also
/// makes demonstrated actions more likely, by cross-entropy, with a weight that falls to zero. Demonstrations show where the rewards are; once the term
/// has faded, reward alone decides, and agents may become better than what was shown.
/// </summary>
/// <remarks>
/// The loss of a step is that of <see cref="ActorCritic"/>, a mean over its decisions, plus w times the mean of −log p(a) over <see cref="BatchSize"/>
/// demonstrated decisions, sampled with replacement; w = <see cref="Strength"/> · max(0, 1 − n / <see cref="DecayDecisions"/>) after n decisions of the
/// brain. A shared brain learns from all that is shown, a brain of its own from its agent's demonstrations and from the given one.
/// </remarks>
public sealed record CloningTerm
{
    /// <summary>A demonstration to learn from in addition to that of agents that <see cref="Agent.Demonstrates"/>; null for none.</summary>
    public Demonstration? Demonstration { get; init; }

    /// <summary>The weight at the beginning. Advantages have a deviation of about 1, so 0.5 carries half the weight of the rewards.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float Strength { get; init => field = Requirements.Number(value, "strength of cloning", name: nameof(Strength)); } = 0.5f;

    /// <summary>
    /// The decisions of a brain over which the weight falls linearly to zero; 0 for a constant weight. ML-Agents calls them steps. They
    /// are counted from the time at which the population began to learn this way, and saved with it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long DecayDecisions
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(DecayDecisions), value, "Expected 0 decisions or more; 0 keeps the weight.");
    } = 100_000;

    /// <summary>Demonstrated decisions in a training step, of each brain.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int BatchSize { get; init => field = Requirements.Size(value, "demonstrated decisions of a batch"); } = 64;

    /// <summary>The maximum number of decisions kept per brain of agents that demonstrate in the game; after that the oldest is dropped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Capacity { get; init => field = Requirements.Size(value, "demonstrated decisions"); } = 4096;
}
