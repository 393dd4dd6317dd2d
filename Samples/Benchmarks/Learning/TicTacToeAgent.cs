namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Tic-tac-toe against an opponent with random moves; the first player is random, too. 1 for a win, −1 for a loss. Taken fields are masked. An episode's
/// score is 1 for a win or a draw, else 0.
/// </summary>
internal sealed class TicTacToeAgent(TaskLog log, int seed, int number) : TaskAgent(log, seed, number)
{
    public const int Observations = 2 * Fields;
    public const int Actions = Fields;

    private const int Fields = 9;

    /// <summary>The fields of each line that wins.</summary>
    public static readonly int[][] Lines = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];

    private readonly Side[] board = new Side[Fields];
    private bool isLost;

    private enum Side
    {
        None,
        Own,
        Opponent,
    }

    /// <summary>Moves on taken fields.</summary>
    public int IllegalMoves { get; private set; }

    protected override float Score => isLost ? 0 : 1;

    public override void OnEpisodeBegin()
    {
        Array.Clear(board);
        isLost = false;
        if (Random.NextInt32(2) == 0) Reply();
    }

    public override void CollectObservations(VectorSensor sensor)
    {
        foreach (Side side in board) sensor.AddObservation(side == Side.Own ? 1 : 0);
        foreach (Side side in board) sensor.AddObservation(side == Side.Opponent ? 1 : 0);
    }

    public override void WriteDiscreteActionMask(ActionMask mask)
    {
        for (int field = 0; field < Fields; field++) mask.SetActionEnabled(field, board[field] == Side.None);
    }

    protected override bool Act(int action)
    {
        if (board[action] != Side.None) IllegalMoves++;
        board[action] = Side.Own;
        if (HasWon(Side.Own))
        {
            AddReward(1);
            return true;
        }

        if (IsFull) return true;
        Reply();
        isLost = HasWon(Side.Opponent);
        if (isLost) AddReward(-1);
        return isLost || IsFull;
    }

    private bool IsFull => Array.IndexOf(board, Side.None) < 0;

    private bool HasWon(Side side) => Lines.Any(line => line.All(field => board[field] == side));

    private void Reply()
    {
        int[] free = [.. Enumerable.Range(0, Fields).Where(field => board[field] == Side.None)];
        board[free[Random.NextInt32(free.Length)]] = Side.Opponent;
    }
}
