namespace NeuralPlugin.Samples;

/// <summary>
/// A value over the entire run in at most 256 points: when they are full, neighbors are averaged into one, and each
/// later point is the mean of twice as many values.
/// </summary>
internal sealed class History
{
    public const int Capacity = 256;

    private readonly float[] points = new float[Capacity];
    private double sum;
    private int summed;

    public int Count { get; private set; }

    /// <summary>The number of values averaged into one point.</summary>
    public int Stride { get; private set; } = 1;

    /// <summary>The number of values added.</summary>
    public int Added { get; private set; }

    /// <summary>The last value added; NaN before the first.</summary>
    public float Latest { get; private set; } = float.NaN;

    public float this[int index] => points[index];

    public void Add(float value)
    {
        Latest = value;
        Added++;
        sum += value;
        if (++summed < Stride) return;
        if (Count == Capacity) Halve();
        if (summed < Stride) return;
        points[Count++] = (float)(sum / summed);
        (sum, summed) = (0, 0);
    }

    private void Halve()
    {
        for (var i = 0; i < Capacity / 2; i++) points[i] = (points[2 * i] + points[2 * i + 1]) / 2;
        Count = Capacity / 2;
        Stride *= 2;
    }
}
