namespace NeuralPlugin.Samples;

/// <summary>
/// A player chases quarries, and meanwhile a brain clones the steering; the other pursuers, which share that brain,
/// follow it. Every few frames the brain is tested on unseen states.
/// </summary>
internal sealed class PursuitTrial : IDisposable
{
    public const int Followers = 12;
    public const int Hidden = 32;
    public const int BatchSize = 256;

    /// <summary>The number of frames that the means cover.</summary>
    public const int Window = 300;

    /// <summary>Frames between exams.</summary>
    public const int FramesBetweenExams = 10;

    private const int Player = 0;
    private const ulong WorldStream = 1;
    private const ulong ExamStream = 2;

    private readonly AgentPopulation population;
    private readonly PursuitAgent player;
    private readonly List<Agent> agents;
    private readonly PursuitExam exam;
    private readonly int[] shown = new int[PursuitWorld.Actions];
    private int frames;

    /// <param name="device">The device of the brain.</param>
    /// <param name="seed">Draws worlds, weights and batches.</param>
    /// <param name="budget">How much it learns per frame.</param>
    public PursuitTrial(NeuralDevice device, int seed, TrainingBudget budget)
    {
        World = new PursuitWorld(1 + Followers, seed, WorldStream);
        exam = new PursuitExam(device, new PursuitWorld(1 + Followers, seed, ExamStream), Hidden);
        population = new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = PursuitWorld.Observations,
            Actions = PursuitWorld.Actions,
            Capacity = 1 + Followers,
            Brains = BrainSharing.Shared,
            HiddenUnits = Hidden,
            Learning = new BehaviorCloning { BatchSize = BatchSize, BalanceActions = true, Optimizer = new Adam(0.015f) },
            FrameBudget = budget.Time is { } time ? time : FrameBudget.Steps(Math.Max(1, budget.Steps)),
            Latency = 1,
            NormalizeObservations = false, // they are from -1 to 1 already, and the exam passes them so
            Seed = seed,
        })
        { Learns = !budget.IsOff, Explores = false };
        player = new PursuitAgent(World, Player) { Name = "player", ActsByHeuristic = true, Demonstrates = true };
        agents = [player, .. Enumerable.Range(1, Followers).Select(i => new PursuitAgent(World, i) { Name = $"follower {i}" })];
        foreach (var agent in agents) population.Add(agent);
        exam.Ask(population.GetBrain(0));
    }

    public PursuitWorld World { get; }

    public AgentProgress Progress => population.Progress;

    public AgentPopulation Population => population;

    /// <summary>The agents by the numbers of their pursuers; the player is the first.</summary>
    public IReadOnlyList<Agent> Agents => agents;

    /// <summary>From the last exam: the mean, over the actions, of the share of unseen states in which the brain acts like the script.</summary>
    public double BalancedAccuracy => exam.BalancedAccuracy;

    /// <summary>From the last exam: the mean cross-entropy of the script's actions.</summary>
    public double UnseenLoss => exam.Loss;

    /// <summary>From the last exam: the mean entropy of the policy, in nats.</summary>
    public double UnseenEntropy => exam.Entropy;

    /// <summary>[actions]: that share for each action.</summary>
    public IReadOnlyList<double> Recalls => exam.Recalls;

    /// <summary>Unseen states per exam.</summary>
    public int UnseenStates => exam.Count;

    /// <summary>The share of the unseen states with the most common action.</summary>
    public double LargestUnseenShare => exam.LargestShare;

    /// <summary>The share of the most common action among those that the player has shown.</summary>
    public double LargestShare => Enumerable.Range(0, PursuitWorld.Actions).Max(Share);

    /// <summary>Quarries caught per follower and hundred frames, over the last frames.</summary>
    public MovingMean FollowerCatches { get; } = new(Window);

    /// <summary>The same for the player.</summary>
    public MovingMean PlayerCatches { get; } = new(Window);

    /// <summary>The share of this action among those that the player has shown.</summary>
    public double Share(int action) => frames == 0 ? 0 : (double)shown[action] / frames;

    /// <summary>Advances one frame.</summary>
    public void Step()
    {
        const int Hundred = 100;
        population.Update();
        shown[player.Action]++;
        frames++;
        World.Step();
        PlayerCatches.Add(Hundred * World.Catches[Player]);
        FollowerCatches.Add(Hundred * FollowersCaught() / (double)Followers);
        if (frames % FramesBetweenExams == 0) exam.Ask(population.GetBrain(0));
    }

    public void Dispose()
    {
        population.Dispose();
        exam.Dispose();
    }

    private int FollowersCaught()
    {
        var sum = 0;
        for (var i = Player + 1; i < World.Catches.Length; i++) sum += World.Catches[i];
        return sum;
    }
}
