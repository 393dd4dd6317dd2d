namespace NeuralPlugin.Samples;

/// <summary>
/// A player drives, and a ghost, a second car, learns from it while driving alongside. After that the ghost drives alone, and learning stops.
/// </summary>
internal sealed class PlayTrial : IDisposable
{
    public const int Player = 0;
    public const int Ghost = 1;
    public const int Hidden = 32;

    /// <summary>The number of frames that the means cover.</summary>
    public const int Window = 300;

    private const int Cars = 2;
    private const int Latency = 1;

    private readonly AgentPopulation population;
    private readonly BrainReader reader;
    private readonly RaceAgent ghost;
    private readonly PlayerAgent player;
    private readonly ShadowAgent shadow;
    private readonly bool learns;
    private BrainState? recent;
    private int travelledWhenAlone;

    /// <param name="device">The device of the brain.</param>
    /// <param name="seed">Draws bumps, weights and batches.</param>
    /// <param name="budget">How much it learns per frame.</param>
    /// <param name="world">Two cars: the player's and the ghost.</param>
    /// <param name="steering">The player's action.</param>
    public PlayTrial(NeuralDevice device, int seed, TrainingBudget budget, RaceWorld world, Func<int> steering)
    {
        World = world;
        learns = !budget.IsOff;
        population = new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = RaceWorld.Observations,
            Actions = RaceWorld.Actions,
            Capacity = Cars + 1,
            Brains = BrainSharing.Shared,
            HiddenUnits = Hidden,
            Learning = new BehaviorCloning { BatchSize = 128, Optimizer = new Adam(0.01f) },
            FrameBudget = budget.Time is { } time ? time : FrameBudget.Steps(Math.Max(1, budget.Steps)),
            Latency = Latency,
            NormalizeObservations = false, // they are about -1 to 1 already, and the picture of the network shows them so
            Seed = seed,
        })
        { Learns = learns, Explores = false };
        player = new PlayerAgent(world, Player, steering) { Name = "player", ActsByHeuristic = true, Demonstrates = true };
        ghost = new RaceAgent(world, Ghost) { Name = "ghost" };
        shadow = new ShadowAgent(world, Player, steering, Agreement) { Name = "shadow" };
        population.Add(player);
        population.Add(ghost);
        population.Add(shadow);
        reader = population.ReadBrain(0);
    }

    public RaceWorld World { get; }

    public AgentProgress Progress => population.Progress;

    /// <summary>Whether the player has handed over.</summary>
    public bool IsGhostAlone { get; private set; }

    /// <summary>The share of the player's last frames in which the brain would have pressed the same.</summary>
    public MovingMean Agreement { get; } = new(Window);

    /// <summary>The share of the ghost's last frames in which it was on the road.</summary>
    public MovingMean GhostOnRoad { get; } = new(Window);

    /// <summary>The player's offset from the middle of the road in the last frames, in half widths, positive to the right.</summary>
    public MovingMean PlayerOffset { get; } = new(Window);

    /// <summary>The same for the ghost.</summary>
    public MovingMean GhostOffset { get; } = new(Window);

    /// <summary>Laps that the ghost has driven since the player handed over.</summary>
    public double LapsAlone => IsGhostAlone ? (double)(World.Cars[Ghost].Travelled - travelledWhenAlone) / World.Track.Center.Count : 0;

    /// <summary>The ghost's observation.</summary>
    public ReadOnlySpan<float> GhostSees => ghost.Seen;

    /// <summary>The ghost's action.</summary>
    public int GhostAction => ghost.Action;

    /// <summary>The ghost's brain some frames ago; null before the first has arrived.</summary>
    public ClassifierParameters? RecentBrain => recent?.Parameters;

    /// <summary>The ghost's current brain. Waits.</summary>
    public ClassifierParameters Brain() => population.GetBrain(0);

    /// <summary>Advances one frame.</summary>
    public void Step()
    {
        population.Update();
        World.Step();
        GhostOnRoad.Add(World.Cars[Ghost].FramesBeside == 0 ? 1 : 0);
        GhostOffset.Add(World.Track.Offset(World.Cars[Ghost].Place));
        if (!IsGhostAlone) PlayerOffset.Add(World.Track.Offset(World.Cars[Player].Place));
        ReadBrain();
    }

    /// <summary>Lets the ghost drive alone, or the player drive again.</summary>
    public void HandOver()
    {
        IsGhostAlone = !IsGhostAlone;
        population.Learns = learns && !IsGhostAlone;
        travelledWhenAlone = World.Cars[Ghost].Travelled;
        if (IsGhostAlone)
        {
            population.Remove(player);
            population.Remove(shadow);
            return;
        }

        shadow.Forget();
        population.Add(player);
        population.Add(shadow);
    }

    /// <summary>Saves the ghost while the game continues.</summary>
    public Task SaveAsync(string path) => population.SaveAsync(path);

    /// <summary>Replaces this ghost with a saved one. Waits.</summary>
    /// <exception cref="UserErrorException">The file is missing, or does not hold such a ghost.</exception>
    public void Load(string path)
    {
        try
        {
            population.LoadBrains(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ModelFileException or ArgumentException)
        {
            throw new UserErrorException($"The ghost cannot be loaded from {path}: {exception.Message}", exception);
        }
    }

    public void Dispose()
    {
        reader.Dispose();
        population.Dispose();
    }

    private void ReadBrain()
    {
        if (reader.TryTake(out BrainState? taken)) (recent ??= taken.Copy()).CopyFrom(taken);
        if (!reader.IsPending) reader.Begin();
    }
}
