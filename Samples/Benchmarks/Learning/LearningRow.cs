using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>A row of the table: a task, how to run it, and the limits of its figures.</summary>
/// <param name="Name">The name that selects it.</param>
/// <param name="What">The task in words.</param>
/// <param name="Run">Runs it with a seed on a device; returns its figures by name.</param>
/// <param name="Limits">The limits that its figures must meet.</param>
internal sealed record LearningRow(
    string Name, string What, Func<NeuralDevice, int, IReadOnlyList<LearningFigure>> Run, IReadOnlyList<LearningLimit> Limits)
{
    private const int LongRun = 1_000_000;

    /// <summary>
    /// All rows. They have the default settings, except for a discount of 1 for the board game, <see cref="ActorCritic.Quick"/> for the arena, and the
    /// settings of its scene for the pursuit.
    /// </summary>
    public static IReadOnlyList<LearningRow> All { get; } =
    [
        CartPole("cart-pole", agents: 32, within: 130_000, medianWithin: 110_000, LongRun),
        CartPole("cart-pole-4", agents: 4, within: 130_000),
        CartPole("cart-pole-16", agents: 16, within: 130_000),
        CartPole("cart-pole-64", agents: 64, within: 200_000),
        CartPole("cart-pole-128", agents: 128, within: 400_000),
        new(
            "cart-pole-own", "CartPole-v1, 100 brains of their own, 50,000 steps each: the median brain's mean of ten episodes, and how many brains are above 350, in percent", OwnBrains,
            [LearningLimit.AtLeast("median brain", 470), LearningLimit.AtLeast("above 350", 90), NothingSkipped]),
        new(
            "grid", "5 x 5 grid, 16 agents: greedy paths of optimal length after 60,000 and 500,000 steps, in percent", Grid,
            [LearningLimit.AtLeast("at 60,000", 99), LearningLimit.AtLeast("at 500,000", 100), NothingSkipped]),
        new(
            "tic-tac-toe", "tic-tac-toe against a random opponent, 32 agents, discount 1: greedy wins and draws after 60,000 games, in percent", TicTacToe,
            [LearningLimit.AtLeast("wins and draws", 96), LearningLimit.MedianAtLeast("wins and draws", 98), LearningLimit.AtMost("illegal moves", 0), NothingSkipped]),
        new(
            "self-play", "tic-tac-toe by self-play, 64 agents, discount 1: greedy wins and draws against a random opponent after 60,000 games, in percent, and what its Elo rating has gained", SelfPlay,
            [
                LearningLimit.AtLeast("wins and draws", 95), LearningLimit.MedianAtLeast("wins and draws", 98), LearningLimit.AtLeast("elo", 100), LearningLimit.AtMost("illegal moves", 0), NothingSkipped,
            ]),
        new(
            "acrobot", "Acrobot-v1, 16 agents: mean return of 100 episodes after 300,000 steps", Acrobot,
            [LearningLimit.AtLeast("mean return", -100), NothingSkipped]),
        new(
            "pendulum", "Pendulum-v1, 16 agents, a continuous action: mean return of 100 episodes after 150,000 and 400,000 steps, and of greedy episodes after that", Pendulum,
            [LearningLimit.AtLeast("mean return", -220), LearningLimit.AtLeast("greedy", -165), NothingSkipped]),
        new(
            "arena", "300 creatures with brains of their own, quick settings: the share of the way from a random policy to the hand-written one, over 300 frames, in percent", Arena,
            [LearningLimit.AtLeast("at 3,000", 90), LearningLimit.AtLeast("at 6,000", 100), NothingSkipped]),
        new(
            "pursuit", "a brain that clones a player's steering: the share of unseen states in which it steers as the player does, balanced over the actions, after 600 frames of 4 steps, in percent",
            Pursuit, [LearningLimit.AtLeast("balanced accuracy", 95)]),
    ];

    private static LearningLimit NothingSkipped => LearningLimit.AtMost("skipped", 0);

    private static LearningRow CartPole(string name, int agents, long within, long? medianWithin = null, long until = 0)
    {
        List<LearningLimit> limits = [LearningLimit.AtMost("steps to 475", within), NothingSkipped];
        if (medianWithin is { } median) limits.Add(LearningLimit.MedianAtMost("steps to 475", median));
        if (until > 0) limits.AddRange([LearningLimit.AtLeast("means above 400", 95), LearningLimit.AtLeast("greedy", 500)]);
        return new LearningRow(
            name, $"CartPole-v1, {agents} agents: steps until the mean of 100 episodes is 475",
            (device, seed) => CartPole(device, seed, agents, Math.Max(within, until), isLong: until > 0), limits);
    }

    private static List<LearningFigure> CartPole(NeuralDevice device, int seed, int agents, long until, bool isLong)
    {
        using TaskRun run = new(device, LearningTask.CartPole, agents, learning: null, seed);
        long reached = 0, counted = 0, high = 0;
        while (run.Log.Steps < until && (isLong || reached == 0))
        {
            run.Frame();
            double mean = run.Log.RecentMean;
            if (reached == 0 && mean >= 475) reached = run.Log.Steps;
            if (reached == 0) continue;
            counted++;
            if (mean > 400) high++;
        }

        List<LearningFigure> figures = [new("steps to 475", reached == 0 ? double.PositiveInfinity : reached)];
        if (isLong)
        {
            figures.Add(new LearningFigure("means above 400", counted == 0 ? 0 : 100.0 * high / counted));
            figures.Add(new LearningFigure("greedy", run.MeasureGreedy(50)));
        }

        figures.Add(Skipped(run));
        return figures;
    }

    private static List<LearningFigure> OwnBrains(NeuralDevice device, int seed)
    {
        const int Brains = 100;
        using TaskRun run = new(device, LearningTask.CartPole, Brains, learning: null, seed, BrainSharing.OneEach);
        run.UntilSteps(Brains * 50_000L);
        double[] means = [.. run.Agents.Select(agent => agent.RecentMean)];
        return [new("median brain", Statistics.Median(means)), new("above 350", 100.0 * means.Count(mean => mean > 350) / Brains), Skipped(run)];
    }

    private static List<LearningFigure> Grid(NeuralDevice device, int seed)
    {
        const int Paths = 500;
        using TaskRun run = new(device, LearningTask.Grid, 16, learning: null, seed);
        run.UntilSteps(60_000);
        double early = 100 * run.MeasureGreedy(Paths);
        run.UntilSteps(500_000);
        return [new("at 60,000", early), new("at 500,000", 100 * run.MeasureGreedy(Paths)), Skipped(run)];
    }

    private static List<LearningFigure> TicTacToe(NeuralDevice device, int seed)
    {
        using TaskRun run = new(device, LearningTask.TicTacToe, 32, new ActorCritic { Discount = 1 }, seed);
        run.UntilEpisodes(60_000);
        double share = run.MeasureGreedy(10_000);
        return [new("wins and draws", 100 * share), new("illegal moves", run.Agents.Cast<TicTacToeAgent>().Sum(agent => agent.IllegalMoves)), Skipped(run)];
    }

    private static List<LearningFigure> SelfPlay(NeuralDevice device, int seed)
    {
        const int Matches = 32;
        SelfPlay selfPlay = new();
        ActorCritic learning = new() { Discount = 1 };
        using AgentPopulation players = new(device, new AgentPopulationOptions
        {
            Observations = TicTacToeAgent.Observations,
            Actions = TicTacToeAgent.Actions,
            HiddenUnits = 64,
            Capacity = 2 * Matches,
            Brains = BrainSharing.Shared,
            Latency = 0,
            Seed = seed,
            Learning = learning,
            SelfPlay = selfPlay,
        });
        TicTacToeMatch[] matches = [.. Enumerable.Range(0, Matches).Select(i => new TicTacToeMatch(seed, i))];
        foreach (Agent player in matches.SelectMany(match => match.Players)) players.Add(player);
        while (matches.Sum(match => match.Games) < 60_000) players.Update();
        using TaskRun exam = new(device, LearningTask.TicTacToe, 32, learning, seed);
        exam.SetBrain(players.GetBrainState(0));
        double share = exam.MeasureGreedy(10_000);
        return
        [
            new("wins and draws", 100 * share), new("elo", players.Progress.Elo - selfPlay.InitialElo), new("illegal moves", matches.Sum(match => match.IllegalMoves)),
            new("skipped", players.Progress.SkippedDecisions),
        ];
    }

    private static List<LearningFigure> Acrobot(NeuralDevice device, int seed)
    {
        using TaskRun run = new(device, LearningTask.Acrobot, 16, learning: null, seed);
        run.UntilSteps(300_000);
        return [new("mean return", run.Log.RecentMean), Skipped(run)];
    }

    private static List<LearningFigure> Pendulum(NeuralDevice device, int seed)
    {
        using TaskRun run = new(device, LearningTask.Pendulum, 16, learning: null, seed);
        run.UntilSteps(150_000);
        double early = run.Log.RecentMean;
        run.UntilSteps(400_000);
        double late = run.Log.RecentMean;
        return [new("early", early), new("mean return", late), new("greedy", run.MeasureGreedy(500)), Skipped(run)];
    }

    private static List<LearningFigure> Arena(NeuralDevice device, int seed)
    {
        using ArenaTrial trial = new(device, ArenaTrial.Creatures, seed, TrainingBudget.OfSteps(1));
        double After(int frames)
        {
            while (trial.Frames < frames) trial.Step();
            return 100 * trial.GapClosed;
        }

        return
        [
            new("at 1,500", After(1500)), new("at 3,000", After(3000)), new("at 6,000", After(6000)), new("skipped", trial.Progress.SkippedDecisions),
        ];
    }

    private static List<LearningFigure> Pursuit(NeuralDevice device, int seed)
    {
        using PursuitTrial trial = new(device, seed, TrainingBudget.OfSteps(4));
        for (int frame = 0; frame < 600; frame++) trial.Step();
        return [new("balanced accuracy", 100 * trial.BalancedAccuracy), new("least recall", 100 * trial.Recalls.Min())];
    }

    private static LearningFigure Skipped(TaskRun run) => new("skipped", run.Progress.SkippedDecisions);
}

/// <summary>A result of a run.</summary>
internal sealed record LearningFigure(string Name, double Value);

/// <summary>A limit that the figures of several seeds must meet.</summary>
/// <param name="Figure">The name of the figure.</param>
/// <param name="Text">The limit in words.</param>
/// <param name="Holds">Whether the figures of all seeds meet it.</param>
internal sealed record LearningLimit(string Figure, string Text, Func<IReadOnlyList<double>, bool> Holds)
{
    public static LearningLimit AtLeast(string figure, double least) =>
        new(figure, FormattableString.Invariant($"{figure} at least {least}"), values => values.All(value => value >= least));

    public static LearningLimit AtMost(string figure, double most) =>
        new(figure, FormattableString.Invariant($"{figure} at most {most}"), values => values.All(value => value <= most));

    public static LearningLimit MedianAtLeast(string figure, double least) =>
        new(figure, FormattableString.Invariant($"median of {figure} at least {least}"), values => Statistics.Median([.. values]) >= least);

    public static LearningLimit MedianAtMost(string figure, double most) =>
        new(figure, FormattableString.Invariant($"median of {figure} at most {most}"), values => Statistics.Median([.. values]) <= most);
}
