namespace NeuralPlugin;

/// <summary>
/// Self-play: the agents of one team act with the brain and learn, and those of the other teams (<see cref="Agent.TeamId"/>) act with earlier
/// snapshots of it. So a brain learns to beat opponents that grow with it, and does not forget how to beat earlier ones. The settings and their names
/// are those of ML-Agents; a step is a decision of an agent that acts with the brain while it learns.
/// </summary>
/// <remarks>
/// <para>
/// When an opponent's episode begins, the brain that it acts with until the end is drawn: with a probability of <see cref="PlayAgainstLatestModelRatio"/> the
/// brain itself, whose decisions are then learned from too; otherwise the snapshot that was drawn last, the same for all opponents at a time. Nothing
/// is learned from the decisions of a snapshot.
/// </para>
/// <para>
/// The brain and each snapshot have an Elo rating (Elo, 1978). When an episode of an agent that acts with a snapshot is over, the sign of its last
/// reward is the snapshot's result: above 0 a win, below 0 a loss, 0 a draw. So reward both sides at the end of a game. With the expected result
/// e = 1 / (1 + 10^((brain − snapshot) / 400)), the snapshot gains 8 · (result − e), and the brain loses as much. An interrupted episode has no
/// result.
/// </para>
/// </remarks>
public sealed record SelfPlay
{
    /// <summary>The steps from one snapshot to the next. The first one is the brain as it is at the beginning.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int SaveSteps { get; init => field = Requirements.Size(value, "steps from snapshot to snapshot"); } = 10_000;

    /// <summary>The steps after which another team learns: that with the next <see cref="Agent.TeamId"/>. The first agent that is added is of the team that learns first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int TeamChange { get; init => field = Requirements.Size(value, "steps from team to team"); } = 50_000;

    /// <summary>The steps after which another snapshot is drawn, each with the same probability. Choose more steps than a game takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int SwapSteps { get; init => field = Requirements.Size(value, "steps from opponent to opponent"); } = 2_000;

    /// <summary>
    /// The maximum number of snapshots; a new one replaces the oldest. More than in ML-Agents, since the brains are small: a brain that no longer plays
    /// against its first versions forgets how to beat weak players.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Window { get; init => field = Requirements.Size(value, "snapshots"); } = 50;

    /// <summary>The probability that an opponent acts with the brain itself, from 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not from 0 to 1.</exception>
    public float PlayAgainstLatestModelRatio
    {
        get;
        init => field = value is >= 0 and <= 1 ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The probability of playing against the latest model must be from 0 to 1.");
    } = 0.5f;

    /// <summary>The rating of the brain at the beginning.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is NaN, infinite or beyond ±1,000,000.</exception>
    public float InitialElo
    {
        get;
        init => field = Math.Abs(value) <= EloRating.Most ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"The first rating must be a number from {-EloRating.Most} to {EloRating.Most}; 1200 is usual.");
    } = 1200;
}

/// <summary>Ratings of players by their results (Elo, 1978).</summary>
internal static class EloRating
{
    /// <summary>A bound that no number of results reaches.</summary>
    public const float Most = 1e6f;

    /// <summary>The same, with all results since the first rating.</summary>
    public const double MostInFiles = 1e9;

    private const double MostChange = 8;
    private const double Scale = 400;

    /// <summary>What a player gains, and the other one loses.</summary>
    /// <param name="rating">Its rating.</param>
    /// <param name="other">The rating of the other one.</param>
    /// <param name="result">1 for a win, 0.5 for a draw, 0 for a loss.</param>
    public static double GainOf(double rating, double other, double result) => MostChange * (result - (1 / (1 + Math.Pow(10, (other - rating) / Scale))));
}
