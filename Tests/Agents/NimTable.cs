namespace NeuralPlugin.Tests;

/// <summary>
/// Nim with one heap for two agents of self-play: they take 1 to 3 stones in turn, and who takes the last one wins. Who leaves a multiple of four wins with right play.
/// </summary>
internal sealed class NimTable
{
    public const int Observations = MostStones;
    public const int Actions = 3;

    private const int MostStones = 10;

    private readonly SeededRandom world;
    private int stones;
    private int seated;

    public NimTable(int seed, int number)
    {
        world = new SeededRandom((ulong)seed, (ulong)number);
        Players = [new Player(this, 0), new Player(this, 1)];
    }

    public Player[] Players { get; }

    public static AgentPopulationOptions OptionsFor(int tables) => new()
    {
        Observations = Observations,
        Actions = Actions,
        Capacity = 2 * tables,
        Brains = BrainSharing.Shared,
        Latency = 0,
        Learning = new ActorCritic { Discount = 1 },
        SelfPlay = new SelfPlay(),
    };

    public static NimTable[] Fill(AgentPopulation population, int tables, int seed = 3)
    {
        NimTable[] made = [.. Enumerable.Range(0, tables).Select(i => new NimTable(seed, i))];
        foreach (Player player in made.SelectMany(table => table.Players)) population.Add(player);
        return made;
    }

    private void Sit()
    {
        if (++seated < 2) return;
        seated = 0;
        stones = MostStones - world.NextInt32(4);
        Players[world.NextInt32(2)].RequestDecision();
    }

    private void Take(Player player, int taken)
    {
        stones -= taken;
        Player other = Players[1 - player.TeamId];
        if (stones > 0)
        {
            other.RequestDecision();
            return;
        }

        player.Wins++;
        player.AddReward(1);
        other.AddReward(-1);
        player.EndEpisode();
        other.EndEpisode();
    }

    /// <summary>One side of it.</summary>
    internal sealed class Player : Agent
    {
        private readonly NimTable table;

        public Player(NimTable table, int team)
        {
            this.table = table;
            TeamId = team;
            DecisionPeriod = 0;
        }

        public int Wins { get; set; }

        public override void OnEpisodeBegin() => table.Sit();

        public override void CollectObservations(VectorSensor sensor)
        {
            for (int i = 0; i < MostStones; i++) sensor.AddObservation(table.stones == i + 1);
        }

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            for (int action = table.stones; action < Actions; action++) mask.SetActionEnabled(action, false);
        }

        public override int Heuristic() => table.world.NextInt32(Math.Min(Actions, table.stones));

        public override void OnActionReceived(int action) => table.Take(this, action + 1);
    }
}
