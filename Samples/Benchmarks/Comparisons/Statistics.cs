namespace NeuralPlugin.Benchmarks;

internal static class Statistics
{
    /// <summary>The middle value, or the mean of the two middle ones.</summary>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) throw new ArgumentException("A median needs at least one value, but got none.", nameof(values));
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
