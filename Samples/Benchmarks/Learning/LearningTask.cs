namespace NeuralPlugin.Benchmarks;

/// <summary>A task that learning is measured by.</summary>
/// <param name="Observations">Numbers that its agents observe.</param>
/// <param name="Actions">Actions that they choose from.</param>
/// <param name="Make">Makes an agent, for a log, of a seed and with a number.</param>
internal sealed record LearningTask(int Observations, int Actions, Func<TaskLog, int, int, TaskAgent> Make)
{
    public static LearningTask CartPole { get; } =
        new(CartPoleAgent.Observations, CartPoleAgent.Actions, (log, seed, number) => new CartPoleAgent(log, seed, number));

    public static LearningTask Grid { get; } = new(GridAgent.Observations, GridAgent.Actions, (log, seed, number) => new GridAgent(log, seed, number));

    public static LearningTask TicTacToe { get; } =
        new(TicTacToeAgent.Observations, TicTacToeAgent.Actions, (log, seed, number) => new TicTacToeAgent(log, seed, number));

    public static LearningTask Acrobot { get; } =
        new(AcrobotAgent.Observations, AcrobotAgent.Actions, (log, seed, number) => new AcrobotAgent(log, seed, number));
}
