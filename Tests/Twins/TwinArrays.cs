namespace NeuralPlugin.Tests.Twins;

/// <summary>Arrays for the twins: reproducible data, the conversion from float to double, and a length check.</summary>
public static class TwinArrays
{
    /// <summary><paramref name="count"/> numbers, uniform in [low, high), the same for the same seed.</summary>
    public static double[] Uniform(int seed, int count, double low = -0.5, double high = 0.5)
    {
        var random = new Random(seed);
        var values = new double[count];
        for (int i = 0; i < count; i++)
            values[i] = low + (high - low) * random.NextDouble();
        return values;
    }

    /// <summary>Like <see cref="Uniform"/>, rounded to float: a kernel and its twin start from the same values.</summary>
    public static float[] UniformFloats(int seed, int count, double low = -0.5, double high = 0.5)
    {
        double[] values = Uniform(seed, count, low, high);
        var rounded = new float[count];
        for (int i = 0; i < count; i++)
            rounded[i] = (float)values[i];
        return rounded;
    }

    /// <summary><paramref name="count"/> labels, uniform in [0, classes), the same for the same seed.</summary>
    public static int[] Labels(int seed, int count, int classes)
    {
        var random = new Random(seed);
        var labels = new int[count];
        for (int i = 0; i < count; i++)
            labels[i] = random.Next(classes);
        return labels;
    }

    /// <summary>
    /// A mask [rows × classes] for the given labels: true with the given probability, and always true at the label of the row.
    /// </summary>
    public static bool[] Mask(int seed, ReadOnlySpan<int> labels, int classes, double probability = 0.6)
    {
        var random = new Random(seed);
        var allowed = new bool[labels.Length * classes];
        for (int row = 0; row < labels.Length; row++)
        {
            for (int c = 0; c < classes; c++)
                allowed[row * classes + c] = random.NextDouble() < probability || c == labels[row];
        }
        return allowed;
    }

    /// <summary>Each float as the double of the same value.</summary>
    public static double[] ToDouble(ReadOnlySpan<float> values)
    {
        var result = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
            result[i] = values[i];
        return result;
    }

    /// <summary>A twin given a longer array than it reads would silently compare the wrong thing.</summary>
    /// <exception cref="ArgumentException">The length is not rows · columns, or one of them is below 1.</exception>
    public static void RequireLength(int length, int rows, int columns, string what)
    {
        if (rows < 1 || columns < 1)
            throw new ArgumentException($"{what} is [{rows} × {columns}]; a matrix has at least one row and one column.");
        if (length != rows * columns)
            throw new ArgumentException($"{what} has {length} numbers; [{rows} × {columns}] needs {rows * columns}.");
    }
}
