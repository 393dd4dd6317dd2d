namespace NeuralPlugin.Samples;

/// <summary>
/// Creatures that eat and are eaten, on a plane whose edges wrap around. A creature sees how near food and hunters
/// are in each of eight directions, and moves one step up, right, down or left. Eaten food regrows elsewhere; an eaten creature
/// is placed elsewhere; a hunter chases the nearest creature, is slower than it, and rests after a meal.
/// </summary>
internal sealed class ArenaWorld
{
    public const float Width = 64;
    public const float Height = 36;
    public const int Observations = 2 * Directions;
    public const int Actions = 4;

    /// <summary>The observations, as a compass has their directions.</summary>
    public static readonly IReadOnlyList<string> ObservationNames =
        [.. ((string[])["food", "hunter"]).SelectMany(_ => (string[])["ESE", "SSE", "SSW", "WSW", "WNW", "NNW", "NNE", "ENE"], (what, where) => $"{what} {where}")];

    public static readonly IReadOnlyList<string> ActionNames = ["up", "right", "down", "left"];

    public const float FoodReward = 1;
    public const float EatenReward = -2;

    private const int Directions = 8;
    private const int FoodCount = 400;
    private const int HunterCount = 24;
    private const float FoodSight = 5;
    private const float HunterSight = 6;
    private const float Speed = 0.45f;
    private const float HunterSpeed = 0.36f;
    private const float FoodReach = 0.7f;
    private const float HunterReach = 0.9f;
    private const int Rest = 12;

    private readonly SeededRandom random;
    private readonly Position[] creatures;
    private readonly float[] earned;   // in this frame
    private readonly Position[] food = new Position[FoodCount];
    private readonly Position[] hunters = new Position[HunterCount];
    private readonly float[] headings = new float[HunterCount];
    private readonly int[] resting = new int[HunterCount];
    private readonly PlaceGrid foodGrid;
    private readonly PlaceGrid hunterGrid;
    private readonly int[] eaten = new int[FoodCount];   // by the creature that moves

    public ArenaWorld(int creatureCount, int seed, ulong stream)
    {
        random = new SeededRandom((ulong)seed, stream);
        creatures = new Position[creatureCount];
        Rewards = new float[creatureCount];
        Moves = new int[creatureCount];
        earned = new float[creatureCount];
        Eaten = new bool[creatureCount];
        foreach (ref var place in creatures.AsSpan()) place = Anywhere();
        foreach (ref var place in food.AsSpan()) place = Anywhere();
        foreach (ref var place in hunters.AsSpan()) place = Anywhere();
        (foodGrid, hunterGrid) = (new PlaceGrid(food, FoodSight), new PlaceGrid(hunters, HunterSight));
    }

    public ReadOnlySpan<Position> Creatures => creatures;

    public ReadOnlySpan<Position> Food => food;

    public ReadOnlySpan<Position> Hunters => hunters;

    /// <summary>The heading of each hunter, in radians clockwise from the right.</summary>
    public ReadOnlySpan<float> Headings => headings;

    /// <summary>[creatures]: the reward of each in the last frame.</summary>
    public float[] Rewards { get; }

    /// <summary>[creatures]: which were eaten in the last frame, and are elsewhere now.</summary>
    public bool[] Eaten { get; }

    /// <summary>[creatures]: the last move of each.</summary>
    public int[] Moves { get; }

    /// <summary>A creature's observation: how near food is in eight directions, then how near hunters are; 0 (none) to 1 (here).</summary>
    public void Observe(int creature, Span<float> observations)
    {
        observations.Clear();
        var here = creatures[creature];
        foreach (var place in foodGrid.Near(here, FoodSight)) See(here, food[place], FoodSight, observations[..Directions]);
        foreach (var hunter in hunterGrid.Near(here, HunterSight)) See(here, hunters[hunter], HunterSight, observations[Directions..]);
    }

    /// <summary>
    /// Moves a creature one step, 0 up, 1 right, 2 down, 3 left; it eats what it reaches. Both happen at once, so that its next observation is
    /// made from there. With a frame between observation and action, a creature that moved later would chase food already eaten: the hand-written
    /// policy then gets only 72 % as far.
    /// </summary>
    public void Move(int creature, int action)
    {
        Moves[creature] = action;
        creatures[creature] = Moved(creatures[creature], action);
        Eat(creature);
    }

    /// <summary>Ends a frame in which all have moved: the hunters move, and the rewards are known.</summary>
    public void Step()
    {
        Array.Clear(Eaten);
        for (var i = 0; i < hunters.Length; i++) Hunt(i);
        earned.CopyTo(Rewards, 0);
        Array.Clear(earned);
    }

    /// <summary>The hand-written policy: away from a nearby hunter, else to the nearest food in sight.</summary>
    public static int Script(ReadOnlySpan<float> observations)
    {
        const float TooNear = 0.72f;
        var hunter = Strongest(observations[Directions..]);
        if (observations[Directions + hunter] > TooNear) return ActionTo(hunter + Directions / 2);
        var meal = Strongest(observations[..Directions]);
        if (observations[meal] > 0) return ActionTo(meal);
        return observations[Directions + hunter] > 0 ? ActionTo(hunter + Directions / 2) : 0;
    }

    private static Position Moved(Position from, int action) => action switch
    {
        0 => Position.Wrapped(from.X, from.Y - Speed),
        1 => Position.Wrapped(from.X + Speed, from.Y),
        2 => Position.Wrapped(from.X, from.Y + Speed),
        _ => Position.Wrapped(from.X - Speed, from.Y),
    };

    // Direction 0 is the eighth to the right and slightly down; the others follow clockwise.
    private static int ActionTo(int direction) => (direction % Directions) switch
    {
        0 or 7 => 1,
        1 or 2 => 2,
        3 or 4 => 3,
        _ => 0,
    };

    private static int Strongest(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best]) best = i;
        }

        return best;
    }

    private static void See(Position from, Position to, float sight, Span<float> directions)
    {
        var (x, y) = from.To(to);
        var square = x * x + y * y;
        if (square >= sight * sight) return;
        var nearness = 1 - MathF.Sqrt(square) / sight;
        ref var seen = ref directions[DirectionOf(x, y)];
        if (nearness > seen) seen = nearness;
    }

    // Eighths between the axes and the diagonals.
    private static int DirectionOf(float x, float y)
    {
        var isSteep = MathF.Abs(y) > MathF.Abs(x);
        return (x >= 0, y >= 0) switch
        {
            (true, true) => isSteep ? 1 : 0,
            (false, true) => isSteep ? 2 : 3,
            (false, false) => isSteep ? 5 : 4,
            (true, false) => isSteep ? 6 : 7,
        };
    }

    private void Eat(int creature)
    {
        var here = creatures[creature];
        var count = 0;
        foreach (var place in foodGrid.Near(here, FoodReach))
        {
            if (here.IsNear(food[place], FoodReach)) eaten[count++] = place;
        }

        var meals = eaten.AsSpan(0, count);
        meals.Sort();   // it regrows in the order of its numbers, whatever the order of the cells: a seed is the same world
        foreach (var meal in meals)
        {
            earned[creature] += FoodReward;
            foodGrid.Move(meal, Anywhere());
        }
    }

    private void Hunt(int hunter)
    {
        if (resting[hunter] > 0)
        {
            resting[hunter]--;
            return;
        }

        var prey = NearestCreature(hunters[hunter]);
        var (x, y) = hunters[hunter].To(creatures[prey]);
        var distance = MathF.Max(1e-6f, MathF.Sqrt(x * x + y * y));
        headings[hunter] = MathF.Atan2(y, x);
        var step = MathF.Min(HunterSpeed, distance) / distance;
        hunterGrid.Move(hunter, Position.Wrapped(hunters[hunter].X + x * step, hunters[hunter].Y + y * step));
        if (!hunters[hunter].IsNear(creatures[prey], HunterReach)) return;
        earned[prey] += EatenReward;
        Eaten[prey] = true;
        creatures[prey] = Anywhere();
        resting[hunter] = Rest;
    }

    private int NearestCreature(Position from)
    {
        var (nearest, best) = (0, float.MaxValue);
        for (var i = 0; i < creatures.Length; i++)
        {
            var (x, y) = from.To(creatures[i]);
            var square = x * x + y * y;
            if (square < best) (nearest, best) = (i, square);
        }

        return nearest;
    }

    private Position Anywhere() => new(random.NextSingle() * Width, random.NextSingle() * Height);

    /// <summary>A position; the shortest way to another may cross an edge.</summary>
    internal readonly record struct Position(float X, float Y)
    {
        public static Position Wrapped(float x, float y) => new(Wrap(x, Width), Wrap(y, Height));

        public (float X, float Y) To(Position other) => (Shortest(other.X - X, Width), Shortest(other.Y - Y, Height));

        public bool IsNear(Position other, float reach)
        {
            var (x, y) = To(other);
            return x * x + y * y < reach * reach;
        }

        private static float Wrap(float value, float size) => value < 0 ? value + size : value >= size ? value - size : value;

        private static float Shortest(float difference, float size) =>
            difference > size / 2 ? difference - size : difference < -size / 2 ? difference + size : difference;
    }
}
