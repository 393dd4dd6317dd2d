using System.Numerics;

namespace NeuralPlugin.Samples;

/// <summary>
/// Cars on a track. A car rolls by itself; steering slows it, and so does leaving the road, even more. Bumps turn it a little, so the
/// driver must steer against them. A car that has been off the road for long is put back onto it.
/// </summary>
internal sealed class RaceWorld
{
    public const int Observations = 10;
    public const int Actions = 4;

    public const int Left = 0;
    public const int Straight = 1;
    public const int Right = 2;
    public const int Brake = 3;

    private const float TopSpeed = 0.34f;
    private const float SteeringSpeed = 0.27f;
    private const float OffRoadSpeed = 0.12f;
    private const float BrakedSpeed = 0.12f;
    private const float Response = 0.08f;
    private const float Turn = 0.062f;
    private const float Bump = 0.025f;
    private const int LongestBeside = 90;

    private static readonly float[] Rays = [-1.3f, -0.7f, -0.3f, 0, 0.3f, 0.7f, 1.3f];

    private readonly SeededRandom random;
    private readonly Car[] cars;

    public RaceWorld(int cars, int seed)
    {
        random = new SeededRandom((ulong)seed, stream: 1);
        this.cars = new Car[cars];
        Steering = new int[cars];
        for (var i = 0; i < cars; i++) this.cars[i] = Placed(i * Track.Center.Count / 24);
        Array.Fill(Steering, Straight);
    }

    public static IReadOnlyList<string> ActionNames { get; } = ["left", "straight", "right", "brake"];

    public static IReadOnlyList<string> ObservationNames { get; } = ["-75°", "-40°", "-17°", "ahead", "17°", "40°", "75°", "speed", "offset", "askew"];

    public Track Track { get; } = new();

    public ReadOnlySpan<Car> Cars => cars;

    /// <summary>[cars]: the action of each from the next frame on.</summary>
    public int[] Steering { get; }

    /// <summary>
    /// A car's observation, each value about −1 to 1: how far it sees in seven directions, its speed, its offset from the middle of the road, and the sine
    /// of its heading relative to the road's.
    /// </summary>
    public void Observe(int car, Span<float> observations)
    {
        var (place, heading, speed, _, _) = cars[car];
        for (var i = 0; i < Rays.Length; i++) observations[i] = Track.Look(place, heading + Rays[i]) / Track.Sight;
        observations[Rays.Length] = speed / TopSpeed;
        observations[Rays.Length + 1] = Math.Clamp(Track.Offset(place), -2, 2);
        observations[Rays.Length + 2] = MathF.Sin(heading - Track.DirectionAt(Track.PointNear(place)));
    }

    /// <summary>Moves all cars by one frame.</summary>
    public void Step()
    {
        for (var i = 0; i < cars.Length; i++) cars[i] = Moved(cars[i], Steering[i], Bump * (2 * random.NextSingle() - 1));
    }

    private Car Moved(Car car, int action, float bump)
    {
        var (place, heading, speed, beside, travelled) = car;
        var isBeside = Track.Clearance(place) < 0;
        if (isBeside && beside >= LongestBeside) return Placed(Track.PointNear(place)) with { Travelled = travelled };
        var wanted = action switch { Brake => BrakedSpeed, Straight => TopSpeed, _ => SteeringSpeed };
        if (isBeside) wanted = MathF.Min(wanted, OffRoadSpeed);
        speed += Response * (wanted - speed);
        heading += bump + action switch { Left => -Turn, Right => Turn, _ => 0 };
        var (sine, cosine) = MathF.SinCos(heading);
        var next = Vector2.Clamp(place + speed * new Vector2(cosine, sine), Vector2.Zero, new Vector2(Track.Width, Track.Height));
        return new Car(next, heading % MathF.Tau, speed, isBeside ? beside + 1 : 0, travelled + PointsBetween(place, next));
    }

    private int PointsBetween(Vector2 from, Vector2 to)
    {
        var points = Track.Center.Count;
        return (Track.PointNear(to) - Track.PointNear(from) + points + points / 2) % points - points / 2;
    }

    private Car Placed(int point) => new(Track.Center[point], Track.DirectionAt(point), Speed: 0, FramesBeside: 0, Travelled: 0);

    /// <param name="Place">Its position, from the top left corner.</param>
    /// <param name="Heading">Its direction of travel, in radians clockwise from the right.</param>
    /// <param name="Speed">Per frame.</param>
    /// <param name="FramesBeside">Frames that it has been off the road; 0 on it.</param>
    /// <param name="Travelled">Points of the center line that it has passed, minus those driven back.</param>
    internal readonly record struct Car(Vector2 Place, float Heading, float Speed, int FramesBeside, int Travelled);
}
