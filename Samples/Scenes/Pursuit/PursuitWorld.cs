using System.Numerics;

namespace NeuralPlugin.Samples;

/// <summary>
/// Pursuers that chase quarries, within walls. A pursuer chases the nearest quarry, turns more slowly the faster it goes, is
/// blown about by gusts, and makes a catch only when slow enough; a caught quarry is placed elsewhere. A quarry wanders, and now and
/// then darts off another way.
/// </summary>
internal sealed class PursuitWorld
{
    public const float Width = 64;
    public const float Height = 36;
    public const int Observations = 4;
    public const int Actions = 4;

    public const int Left = 0;
    public const int Straight = 1;
    public const int Right = 2;
    public const int Brake = 3;

    private const int QuarryCount = 20;
    private const float Sight = 10;
    private const float TopSpeed = 0.6f;
    private const float CatchSpeed = 0.34f;
    private const float Reach = 1.3f;
    private const float Acceleration = 0.08f;
    private const float Braking = 0.16f;
    private const float CruiseSpeed = 0.25f;
    private const float CruiseRate = 0.2f;
    private const float SlowTurn = 0.3f;
    private const float FastTurn = 0.12f;
    private const float Gust = 0.3f;
    private const float QuarrySpeed = 0.16f;
    private const float DartChance = 0.03f;
    private const float Wander = 0.12f;

    private readonly SeededRandom random;
    private readonly Pursuer[] pursuers;
    private readonly Quarry[] quarries = new Quarry[QuarryCount];

    public PursuitWorld(int pursuerCount, int seed, ulong stream)
    {
        random = new SeededRandom((ulong)seed, stream);
        pursuers = new Pursuer[pursuerCount];
        Steering = new int[pursuerCount];
        Catches = new int[pursuerCount];
        Array.Fill(Steering, Straight);
        foreach (ref var pursuer in pursuers.AsSpan()) pursuer = new Pursuer(Anywhere(), AnyDirection(), Speed: 0);
        foreach (ref var quarry in quarries.AsSpan()) quarry = new Quarry(Anywhere(), AnyDirection());
    }

    public static IReadOnlyList<string> ObservationNames { get; } = ["ahead", "right", "distance", "speed"];

    public static IReadOnlyList<string> ActionNames { get; } = ["left", "straight", "right", "brake"];

    public ReadOnlySpan<Pursuer> Pursuers => pursuers;

    public ReadOnlySpan<Quarry> Quarries => quarries;

    /// <summary>[pursuers]: the action of each.</summary>
    public int[] Steering { get; }

    /// <summary>[pursuers]: quarries that each caught in the last frame.</summary>
    public int[] Catches { get; }

    /// <summary>
    /// A pursuer's observation of the nearest quarry: cosine and sine of its bearing (1 is ahead; 1 is to the right), its distance from 0
    /// to 1 (out of sight), and then its own speed, from 0 to 1.
    /// </summary>
    public void Observe(int pursuer, Span<float> observations)
    {
        var (place, heading, speed) = pursuers[pursuer];
        var to = quarries[NearestQuarry(place)].Place - place;
        var distance = MathF.Max(1e-6f, to.Length());
        var ahead = Direction(heading);
        observations[0] = Vector2.Dot(ahead, to) / distance;
        observations[1] = (ahead.X * to.Y - ahead.Y * to.X) / distance;
        observations[2] = MathF.Min(1, distance / Sight);
        observations[3] = speed / TopSpeed;
    }

    /// <summary>The script that plays the player, using a pursuer's observation only: slow down if the quarry is behind or near, turn to it, go.</summary>
    public static int Script(ReadOnlySpan<float> observations)
    {
        const float Aside = 0.3f;
        const float SlowEnough = 0.5f;
        const float SlowestSpeed = 0.3f;
        const float SpeedOverDistance = 1;
        var (ahead, side, distance, speed) = (observations[0], observations[1], observations[2], observations[3]);
        if (ahead < 0 && speed > SlowEnough) return Brake;
        if (ahead < 0 || MathF.Abs(side) > Aside) return side < 0 ? Left : Right;
        return speed > SlowestSpeed + SpeedOverDistance * distance ? Brake : Straight;
    }

    /// <summary>Sets a pursuer's action from the next frame on.</summary>
    public void Steer(int pursuer, int action) => Steering[pursuer] = action;

    /// <summary>Advances the world by one frame.</summary>
    public void Step()
    {
        Array.Clear(Catches);
        foreach (ref var quarry in quarries.AsSpan()) quarry = Moved(quarry);
        for (var i = 0; i < pursuers.Length; i++)
        {
            pursuers[i] = Moved(pursuers[i], Steering[i], AnyGust());
            Catch(i);
        }
    }

    private static Vector2 Direction(float heading) => new(MathF.Cos(heading), MathF.Sin(heading));

    private static Vector2 Within(Vector2 place) => Vector2.Clamp(place, Vector2.Zero, new Vector2(Width, Height));

    private static Pursuer Moved(Pursuer pursuer, int action, float gust)
    {
        var (place, heading, speed) = pursuer;
        var turn = SlowTurn + (FastTurn - SlowTurn) * speed / TopSpeed;
        if (action == Left) heading -= turn;
        if (action == Right) heading += turn;
        speed = action switch
        {
            Straight => MathF.Min(TopSpeed, speed + Acceleration),
            Brake => MathF.Max(0, speed - Braking),
            _ => speed + (CruiseSpeed - speed) * CruiseRate,
        };
        return new Pursuer(Within(place + speed * Direction(heading)), (heading + gust) % MathF.Tau, speed);
    }

    private Quarry Moved(Quarry quarry)
    {
        var heading = random.NextSingle() < DartChance ? AnyDirection() : quarry.Heading + Wander * (2 * random.NextSingle() - 1);
        var place = quarry.Place + QuarrySpeed * Direction(heading);
        if (place.X is < 0 or > Width) heading = MathF.PI - heading;
        if (place.Y is < 0 or > Height) heading = -heading;
        return new Quarry(Within(place), heading);
    }

    private void Catch(int pursuer)
    {
        var (place, _, speed) = pursuers[pursuer];
        if (speed > CatchSpeed) return;
        foreach (ref var quarry in quarries.AsSpan())
        {
            if (Vector2.DistanceSquared(quarry.Place, place) > Reach * Reach) continue;
            Catches[pursuer]++;
            quarry = new Quarry(Anywhere(), AnyDirection());
        }
    }

    private int NearestQuarry(Vector2 from)
    {
        var (nearest, best) = (0, float.MaxValue);
        for (var i = 0; i < quarries.Length; i++)
        {
            var square = Vector2.DistanceSquared(from, quarries[i].Place);
            if (square < best) (nearest, best) = (i, square);
        }

        return nearest;
    }

    private Vector2 Anywhere() => new(random.NextSingle() * Width, random.NextSingle() * Height);

    private float AnyGust() => Gust * (2 * random.NextSingle() - 1);

    private float AnyDirection() => random.NextSingle() * MathF.Tau;

    /// <param name="Place">Its position, from the top left corner.</param>
    /// <param name="Heading">Its direction of travel, in radians clockwise from the right.</param>
    /// <param name="Speed">Per frame.</param>
    internal readonly record struct Pursuer(Vector2 Place, float Heading, float Speed);

    /// <param name="Place">Its position, from the top left corner.</param>
    /// <param name="Heading">Its direction of travel, in radians clockwise from the right.</param>
    internal readonly record struct Quarry(Vector2 Place, float Heading);
}
