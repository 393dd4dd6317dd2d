using System.Numerics;

namespace NeuralPlugin.Samples;

/// <summary>
/// A closed road, as the points of its center line, and a car's measurements of it. Distances to the center line are looked up in a grid, so
/// a look ahead costs only some dozen additions.
/// </summary>
internal sealed class Track
{
    public const float Width = 64;
    public const float Height = 36;
    public const float HalfRoad = 2.3f;

    /// <summary>How far a car sees.</summary>
    public const float Sight = 14;

    private const int PointsPerCorner = 40;
    private const int CellsPerUnit = 4;
    private const int Columns = (int)(Width * CellsPerUnit) + 1;
    private const int Rows = (int)(Height * CellsPerUnit) + 1;

    private static readonly Vector2[] Corners =
    [
        new(8, 20), new(7, 10), new(15, 4.8f), new(24, 8), new(32, 12), new(40, 8), new(50, 4.8f), new(58, 10), new(57, 19), new(50, 24),
        new(46, 30.5f), new(37, 32.5f), new(30, 27), new(22, 24), new(17, 30), new(10, 28.5f),
    ];

    private readonly float[] distances = new float[Columns * Rows];
    private readonly short[] nearest = new short[Columns * Rows];

    public Track()
    {
        Center = [.. Enumerable.Range(0, Corners.Length * PointsPerCorner).Select(i => OnCurve((float)i / PointsPerCorner))];
        for (var row = 0; row < Rows; row++)
        {
            for (var column = 0; column < Columns; column++)
            {
                var place = new Vector2((float)column / CellsPerUnit, (float)row / CellsPerUnit);
                var point = NearestPoint(place);
                nearest[row * Columns + column] = (short)point;
                distances[row * Columns + column] = Vector2.Distance(Center[point], place);
            }
        }
    }

    /// <summary>The points of the center line, in the direction of travel; the first follows the last.</summary>
    public IReadOnlyList<Vector2> Center { get; }

    /// <summary>The distance to the edge of the road; negative off the road.</summary>
    public float Clearance(Vector2 place)
    {
        var (x, y) = (Math.Clamp(place.X, 0, Width) * CellsPerUnit, Math.Clamp(place.Y, 0, Height) * CellsPerUnit);
        var (column, row) = (Math.Min((int)x, Columns - 2), Math.Min((int)y, Rows - 2));
        var (right, down) = (x - column, y - row);
        var cell = row * Columns + column;
        var upper = distances[cell] + right * (distances[cell + 1] - distances[cell]);
        var lower = distances[cell + Columns] + right * (distances[cell + Columns + 1] - distances[cell + Columns]);
        return HalfRoad - (upper + down * (lower - upper));
    }

    /// <summary>The index of a nearby point of the center line.</summary>
    public int PointNear(Vector2 place)
    {
        var column = (int)(Math.Clamp(place.X, 0, Width) * CellsPerUnit);
        var row = (int)(Math.Clamp(place.Y, 0, Height) * CellsPerUnit);
        return nearest[row * Columns + column];
    }

    /// <summary>The road's direction at a point of the center line, in radians clockwise from the right.</summary>
    public float DirectionAt(int point)
    {
        var ahead = Center[(point + 1) % Center.Count] - Center[(point + Center.Count - 1) % Center.Count];
        return MathF.Atan2(ahead.Y, ahead.X);
    }

    /// <summary>The offset of a place to the right of the center line, in half widths of the road: 1 is the right edge, −1 the left one.</summary>
    public float Offset(Vector2 place)
    {
        var point = PointNear(place);
        var (sine, cosine) = MathF.SinCos(DirectionAt(point));
        var away = place - Center[point];
        return (cosine * away.Y - sine * away.X) / HalfRoad;
    }

    /// <summary>The distance along a direction to the edge of the road, at most <see cref="Sight"/>.</summary>
    public float Look(Vector2 from, float direction)
    {
        const float ShortestStep = 0.1f;
        var (sine, cosine) = MathF.SinCos(direction);
        var far = 0f;
        while (far < Sight)
        {
            var clearance = Clearance(from + far * new Vector2(cosine, sine));
            if (clearance <= 0) return far;
            far += MathF.Max(ShortestStep, clearance);
        }

        return Sight;
    }

    private static Vector2 OnCurve(float at)
    {
        var corner = (int)at;
        Vector2 Corner(int i) => Corners[(corner + i + Corners.Length) % Corners.Length];
        return CatmullRom(Corner(-1), Corner(0), Corner(1), Corner(2), at - corner);
    }

    private static Vector2 CatmullRom(Vector2 a, Vector2 b, Vector2 c, Vector2 d, float t) =>
        0.5f * (2 * b + t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * b - a - 3 * c + d))));

    private int NearestPoint(Vector2 place)
    {
        var best = 0;
        for (var i = 1; i < Center.Count; i++)
        {
            if (Vector2.DistanceSquared(Center[i], place) < Vector2.DistanceSquared(Center[best], place)) best = i;
        }

        return best;
    }
}
