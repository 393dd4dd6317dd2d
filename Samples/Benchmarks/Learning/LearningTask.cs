namespace NeuralPlugin.Benchmarks;

/// <summary>A task that measures learning.</summary>
/// <param name="Observations">The number of observed values.</param>
/// <param name="Actions">The actions of its agents.</param>
/// <param name="Make">Creates an agent from a log, a seed and a number.</param>
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
