namespace NeuralPlugin;

/// <summary>Writes and reads matrices for verification.</summary>
internal static class MatrixContent
{
    /// <summary>Values for a matrix, at least the given value and less than one above it.</summary>
    public static float[] Random(SeededRandom random, MatrixShape shape, float least = -0.5f)
    {
        float[] values = new float[shape.Elements];
        foreach (ref float value in values.AsSpan()) value = random.NextSingle() + least;
        return values;
    }

    /// <summary>All values, row-major without the padding. Waits.</summary>
    public static float[] Read(PlannedMatrix matrix)
    {
        float[] values = new float[matrix.Shape.Elements];
        matrix.Texture.Read(values);
        return values;
    }

    /// <summary>
    /// The largest difference, relative to the greatest expected value if that is above 1; infinity if a value is not finite where it should be, or finite where it should not.
    /// </summary>
    public static double ErrorOf(IReadOnlyList<float> actual, IReadOnlyList<double> expected)
    {
        double error = expected.Zip(actual, (e, a) => float.IsFinite(a) != double.IsFinite(e) ? double.PositiveInfinity : float.IsFinite(a) ? Math.Abs(a - e) : 0).Max();
        return error / Math.Max(1, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max());
    }
}
