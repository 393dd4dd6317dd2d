namespace NeuralPlugin.Samples;

/// <summary>Which of two classes a point of the plane belongs to; each rule is harder for a line to separate than the one before.</summary>
internal enum PlaneRule
{
    Sum,
    Product,
    Rings,
    Spiral,
}

/// <summary>Points of the square from −1 to 1, drawn from a seed, with their classes.</summary>
internal sealed class PlaneData
{
    private const int Points = 400;
    private const float SpiralTurns = 1.4f;
    private const float SpiralNoise = 0.045f;

    public PlaneData(PlaneRule rule, int seed, bool isTest)
    {
        var random = new SeededRandom((ulong)seed, 16 + 2 * (ulong)rule + (isTest ? 1u : 0u));
        for (var i = 0; i < Points; i++)
        {
            Labels[i] = i % 2;
            var (x1, x2) = Draw(rule, Labels[i], random);
            (Features[2 * i], Features[2 * i + 1]) = (x1, x2);
        }
    }

    public static int Count => Points;

    /// <summary>[points × 2]</summary>
    public float[] Features { get; } = new float[2 * Points];

    /// <summary>[points], half of them 0 and half 1.</summary>
    public int[] Labels { get; } = new int[Points];

    public static string NameOf(PlaneRule rule) => rule switch
    {
        PlaneRule.Sum => "x1 + x2 > 0",
        PlaneRule.Product => "x1 · x2 > 0",
        PlaneRule.Rings => "rings",
        _ => "spiral",
    };

    private static (float X1, float X2) Draw(PlaneRule rule, int label, SeededRandom random)
    {
        return rule switch
        {
            PlaneRule.Sum => DrawUntil(random, (x1, x2) => Side(x1 + x2, label, gap: 0.06f)),
            PlaneRule.Product => DrawUntil(random, (x1, x2) => Side(x1 * x2, label, gap: 0.02f)),
            PlaneRule.Rings => DrawRing(random, label == 1 ? 0.62f : 0, label == 1 ? 0.95f : 0.45f),
            _ => DrawSpiral(random, label),
        };
    }

    private static bool Side(float value, int label, float gap) => label == 1 ? value > gap : value < -gap;

    private static (float X1, float X2) DrawUntil(SeededRandom random, Func<float, float, bool> belongs)
    {
        while (true)
        {
            var (x1, x2) = (Uniform(random), Uniform(random));
            if (belongs(x1, x2)) return (x1, x2);
        }
    }

    // Uniform over the area, so the radius is a square root.
    private static (float X1, float X2) DrawRing(SeededRandom random, float inner, float outer)
    {
        var radius = MathF.Sqrt(inner * inner + random.NextSingle() * (outer * outer - inner * inner));
        return Polar(radius, MathF.Tau * random.NextSingle());
    }

    private static (float X1, float X2) DrawSpiral(SeededRandom random, int label)
    {
        var along = 0.06f + 0.94f * MathF.Sqrt(random.NextSingle());
        var (x1, x2) = Polar(0.92f * along, MathF.Tau * SpiralTurns * along + label * MathF.PI);
        return (x1 + SpiralNoise * Uniform(random), x2 + SpiralNoise * Uniform(random));
    }

    private static (float X1, float X2) Polar(float radius, float angle) => (radius * MathF.Cos(angle), radius * MathF.Sin(angle));

    private static float Uniform(SeededRandom random) => 2 * random.NextSingle() - 1;
}
