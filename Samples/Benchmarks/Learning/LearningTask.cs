namespace NeuralPlugin.Benchmarks;

/// <summary>A task that learning is measured by.</summary>
/// <param name="Observations">Numbers that its agents observe.</param>
/// <param name="Actions">What their actions are.</param>
/// <param name="Make">Makes an agent, for a log, of a seed and with a number.</param>
internal sealed record LearningTask(int Observations, ActionSpec Actions, Func<TaskLog, int, int, TaskAgent> Make)
{
    public static LearningTask CartPole { get; } =
        new(CartPoleAgent.Observations, ActionSpec.MakeDiscrete(CartPoleAgent.Actions), (log, seed, number) => new CartPoleAgent(log, seed, number));

    public static LearningTask Grid { get; } = new(GridAgent.Observations, ActionSpec.MakeDiscrete(GridAgent.Actions), (log, seed, number) => new GridAgent(log, seed, number));

    public static LearningTask TicTacToe { get; } =
        new(TicTacToeAgent.Observations, ActionSpec.MakeDiscrete(TicTacToeAgent.Actions), (log, seed, number) => new TicTacToeAgent(log, seed, number));

    public static LearningTask Acrobot { get; } =
        new(AcrobotAgent.Observations, ActionSpec.MakeDiscrete(AcrobotAgent.Actions), (log, seed, number) => new AcrobotAgent(log, seed, number));

    public static LearningTask Pendulum { get; } =
        new(PendulumAgent.Observations, ActionSpec.MakeContinuous(1), (log, seed, number) => new PendulumAgent(log, seed, number));
}
