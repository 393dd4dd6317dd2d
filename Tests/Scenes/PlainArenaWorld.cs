using NeuralPlugin.Samples;

namespace NeuralPlugin.Tests;

/// <summary>The twin of <see cref="ArenaWorld"/>: the same rules as plain loops over all food, hunters and creatures, without a grid.</summary>
internal sealed class PlainArenaWorld
{
    private const int Directions = 8;
    private const float FoodSight = 5, HunterSight = 6, FoodReach = 0.7f, HunterReach = 0.9f, Speed = 0.45f, HunterSpeed = 0.36f;
    private const int Rest = 12;

    private readonly SeededRandom random;
    private readonly int[] resting;

    public PlainArenaWorld(int creatures, int food, int hunters, int seed, ulong stream)
    {
        random = new SeededRandom((ulong)seed, stream);
        Creatures = [.. Enumerable.Range(0, creatures).Select(_ => Anywhere())];
        Food = [.. Enumerable.Range(0, food).Select(_ => Anywhere())];
        Hunters = [.. Enumerable.Range(0, hunters).Select(_ => Anywhere())];
        (Earned, resting) = (new float[creatures], new int[hunters]);
    }

    public ArenaWorld.Position[] Creatures { get; }

    public ArenaWorld.Position[] Food { get; }

    public ArenaWorld.Position[] Hunters { get; }

    /// <summary>[creatures]: the rewards of this frame so far.</summary>
    public float[] Earned { get; }

    public float[] Observe(int creature)
    {
        float[] seen = new float[2 * Directions];
        foreach (ArenaWorld.Position place in Food) See(Creatures[creature], place, FoodSight, seen.AsSpan(0, Directions));
        foreach (ArenaWorld.Position place in Hunters) See(Creatures[creature], place, HunterSight, seen.AsSpan(Directions));
        return seen;
    }

    public void Move(int creature, int action)
    {
        (float x, float y) = Creatures[creature];
        Creatures[creature] = action switch
        {
            0 => ArenaWorld.Position.Wrapped(x, y - Speed),
            1 => ArenaWorld.Position.Wrapped(x + Speed, y),
            2 => ArenaWorld.Position.Wrapped(x, y + Speed),
            _ => ArenaWorld.Position.Wrapped(x - Speed, y),
        };
        for (int i = 0; i < Food.Length; i++)
        {
            if (!Creatures[creature].IsNear(Food[i], FoodReach)) continue;
            Earned[creature] += ArenaWorld.FoodReward;
            Food[i] = Anywhere();
        }
    }

    public void Step()
    {
        for (int hunter = 0; hunter < Hunters.Length; hunter++)
        {
            if (resting[hunter] > 0) resting[hunter]--;
            else Hunt(hunter);
        }
    }

    private void Hunt(int hunter)
    {
        int prey = 0;
        for (int i = 1; i < Creatures.Length; i++)
        {
            if (SquareTo(Hunters[hunter], i) < SquareTo(Hunters[hunter], prey)) prey = i;
        }

        (float x, float y) = Hunters[hunter].To(Creatures[prey]);
        float distance = MathF.Max(1e-6f, MathF.Sqrt(x * x + y * y)), step = MathF.Min(HunterSpeed, distance) / distance;
        Hunters[hunter] = ArenaWorld.Position.Wrapped(Hunters[hunter].X + x * step, Hunters[hunter].Y + y * step);
        if (!Hunters[hunter].IsNear(Creatures[prey], HunterReach)) return;
        Earned[prey] += ArenaWorld.EatenReward;
        Creatures[prey] = Anywhere();
        resting[hunter] = Rest;
    }

    private float SquareTo(ArenaWorld.Position from, int creature)
    {
        (float x, float y) = from.To(Creatures[creature]);
        return x * x + y * y;
    }

    private static void See(ArenaWorld.Position from, ArenaWorld.Position to, float sight, Span<float> directions)
    {
        (float x, float y) = from.To(to);
        float square = x * x + y * y;
        if (square >= sight * sight) return;
        bool isSteep = MathF.Abs(y) > MathF.Abs(x);
        int direction = y >= 0 ? (x >= 0 ? (isSteep ? 1 : 0) : isSteep ? 2 : 3) : x >= 0 ? (isSteep ? 6 : 7) : isSteep ? 5 : 4;
        directions[direction] = MathF.Max(directions[direction], 1 - MathF.Sqrt(square) / sight);
    }

    private ArenaWorld.Position Anywhere() => new(random.NextSingle() * ArenaWorld.Width, random.NextSingle() * ArenaWorld.Height);
}
