namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Tic-tac-toe between two agents of self-play, which see the board as a <see cref="TicTacToeAgent"/> does. The first player is random. 1 for a win, −1
/// for a loss. Taken fields are masked.
/// </summary>
internal sealed class TicTacToeMatch
{
    private const int Fields = TicTacToeAgent.Actions;
    private const int Free = -1;

    private readonly SeededRandom random;
    private readonly int[] board = new int[Fields];   // the team of each field
    private int seated;

    public TicTacToeMatch(int seed, int number)
    {
        random = new SeededRandom((ulong)seed, (ulong)number);
        Players = [new Player(this, team: 0), new Player(this, team: 1)];
    }

    public IReadOnlyList<Agent> Players { get; }

    /// <summary>The number of finished games.</summary>
    public long Games { get; private set; }

    /// <summary>Moves on taken fields.</summary>
    public int IllegalMoves { get; private set; }

    /// <summary>When the episodes of both have begun, the game begins.</summary>
    private void Sit()
    {
        if (++seated < Players.Count) return;
        seated = 0;
        Array.Fill(board, Free);
        Players[random.NextInt32(Players.Count)].RequestDecision();
    }

    private void Move(Player player, int field)
    {
        if (board[field] != Free) IllegalMoves++;
        board[field] = player.TeamId;
        Agent other = Players[1 - player.TeamId];
        bool isWon = TicTacToeAgent.Lines.Any(line => line.All(of => board[of] == player.TeamId));
        if (!isWon && Array.IndexOf(board, Free) >= 0)
        {
            other.RequestDecision();
            return;
        }

        player.AddReward(isWon ? 1 : 0);
        other.AddReward(isWon ? -1 : 0);
        player.EndEpisode();
        other.EndEpisode();
        Games++;
    }

    private sealed class Player : Agent
    {
        private readonly TicTacToeMatch match;

        public Player(TicTacToeMatch match, int team)
        {
            this.match = match;
            TeamId = team;
            DecisionPeriod = 0;   // only when it is its turn
        }

        public override void OnEpisodeBegin() => match.Sit();

        public override void CollectObservations(VectorSensor sensor)
        {
            foreach (int team in match.board) sensor.AddObservation(team == TeamId ? 1 : 0);
            foreach (int team in match.board) sensor.AddObservation(team != TeamId && team != Free ? 1 : 0);
        }

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            for (int field = 0; field < Fields; field++) mask.SetActionEnabled(field, match.board[field] == Free);
        }

        public override void OnActionReceived(int action) => match.Move(this, action);
    }
}
