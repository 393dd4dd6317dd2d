using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// Compares an array with its reference: finiteness first, then |actual − expected| ≤ absolute + relative·|expected|.
/// </summary>
public static class Tolerance
{
    /// <summary>Fails with the first and the worst element out of bounds.</summary>
    /// <param name="actual">The values to check.</param>
    /// <param name="expected">The twin's, of the same length, finite.</param>
    /// <param name="absolute">The part of the bound that is the same for all.</param>
    /// <param name="relative">The part of the bound that grows with |expected|.</param>
    /// <param name="what">The name for the message.</param>
    /// <param name="columns">The columns of the row-major matrix, so that the message gives row and column; 0 for none.</param>
    public static void AssertClose(
        ReadOnlySpan<float> actual, ReadOnlySpan<double> expected,
        double absolute, double relative, string what, int columns = 0) =>
        AssertClose(TwinArrays.ToDouble(actual), expected, absolute, relative, what, columns);

    /// <inheritdoc cref="AssertClose(ReadOnlySpan{float}, ReadOnlySpan{double}, double, double, string, int)"/>
    public static void AssertClose(
        ReadOnlySpan<double> actual, ReadOnlySpan<double> expected,
        double absolute, double relative, string what, int columns = 0)
    {
        if (Difference(actual, expected, absolute, relative, what, columns) is { } difference)
            Assert.Fail(difference);
    }

    /// <summary>Null if the two are close; otherwise the difference in words.</summary>
    private static string? Difference(
        ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, double absolute, double relative, string what, int columns)
    {
        if (!(absolute >= 0 && relative >= 0 && double.IsFinite(absolute + relative)))
            throw new ArgumentException($"The tolerances must be finite and not negative; they are {absolute} and {relative}.");
        if (actual.Length != expected.Length)
            return $"{what}: {actual.Length} numbers came, {expected.Length} were expected.";
        if (actual.IsEmpty)
            return $"{what}: nothing to compare.";

        for (int i = 0; i < actual.Length; i++)
        {
            if (!double.IsFinite(actual[i]) || !double.IsFinite(expected[i]))
                return $"{what}: not finite {At(i, columns)}: {Pair(actual[i], expected[i])}.";
        }

        int first = -1, worst = 0, count = 0;
        double worstError = -1, worstRatio = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected[i]);
            double bound = absolute + relative * Math.Abs(expected[i]);
            if (error > worstError)
            {
                worst = i;
                worstError = error;
            }
            if (error <= bound)
                continue;
            count++;
            worstRatio = Math.Max(worstRatio, error / bound);
            if (first < 0)
                first = i;
        }
        if (first < 0)
            return null;

        return new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{what}: {count} of {actual.Length} out of bounds ")
            .AppendLine(CultureInfo.InvariantCulture, $"({absolute:G3} + {relative:G3}·|expected|), up to {worstRatio:G3} times.")
            .AppendLine(CultureInfo.InvariantCulture, $"  first {At(first, columns)}: {Pair(actual[first], expected[first])}")
            .Append(CultureInfo.InvariantCulture, $"  worst {At(worst, columns)}: {Pair(actual[worst], expected[worst])}")
            .ToString();
    }

    private static string At(int index, int columns) => columns > 0
        ? $"at index {index} (row {index / columns}, column {index % columns})"
        : $"at index {index}";

    private static string Pair(double actual, double expected) => string.Create(
        CultureInfo.InvariantCulture, $"{actual:G9}, expected {expected:G9}, error {Math.Abs(actual - expected):G3}");
}
