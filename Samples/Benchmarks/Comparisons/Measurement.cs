using System.Globalization;
using System.Text.RegularExpressions;

namespace NeuralPlugin.Benchmarks;

/// <summary>One case as a line of text: NAME WHAT SHAPE MICROSECONDS us GFLOP/S GFLOP/s. Peers print the same columns.</summary>
/// <param name="Name">Who ran it, without blanks: neural, torch.</param>
/// <param name="What">train, train-set (in a set on the device), predict, population or product, without blanks.</param>
/// <param name="Shape">Such as "B64 784-128-10" or "1000x B8 16-32-4".</param>
/// <param name="Microseconds">The time of one step, the median over blocks.</param>
/// <param name="GigaflopsPerSecond">The operations of the matrix products divided by the time.</param>
internal sealed partial record Measurement(string Name, string What, string Shape, double Microseconds, double GigaflopsPerSecond)
{
    public static Measurement? Parse(string line)
    {
        Match match = Line().Match(line);
        return match.Success
            ? new(
                match.Groups["name"].Value, match.Groups["what"].Value, match.Groups["shape"].Value,
                Number(match.Groups["microseconds"].Value), Number(match.Groups["rate"].Value))
            : null;
    }

    public override string ToString()
    {
        return string.Create(
            CultureInfo.InvariantCulture, $"{Name} {What,-10} {Shape,-20} {Microseconds,10:F1} us {GigaflopsPerSecond,8:F2} GFLOP/s");
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<name>[^\s#]\S*)\s+(?<what>\S+)\s+(?<shape>\S+(?: \S+)*)\s+(?<microseconds>\d+(?:\.\d+)?) us\s+(?<rate>\d+(?:\.\d+)?) GFLOP/s\s*$")]
    private static partial Regex Line();
}
