using System.Globalization;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Rounds of ours and a peer's in turn: the medians of both, the median of the rounds' ratios, and the ratio of the best of
/// both, which is the least disturbed by other work on the system.
/// </summary>
internal sealed class Comparison
{
    private static readonly string[] Head = ["case", "peer", "ours, us", "peer, us", "ratio, median", "ratio, best"];

    private readonly List<(Measurement[] Ours, Measurement[] Peers)> rounds = [];

    /// <summary>Adds a round; a case that either side lacks in any round is left out.</summary>
    public void AddRound(IEnumerable<Measurement> ours, IEnumerable<Measurement> peers) => rounds.Add(([.. ours], [.. peers]));

    /// <summary>One row per case and peer, in the order of ours; empty if there is no common case.</summary>
    public IReadOnlyList<ComparedCase> Cases()
    {
        if (rounds.Count == 0) return [];
        return
        [
            .. from ours in rounds[0].Ours
            from peer in rounds[0].Peers
            where IsSameCase(ours, peer)
            let times = rounds.Select(round => (Ours: Find(round.Ours, ours), Peer: Find(round.Peers, peer))).ToArray()
            where times.All(round => round.Ours is not null && round.Peer is not null)
            select new ComparedCase(
                $"{ours.What} {ours.Shape}", peer.Name,
                [.. times.Select(round => round.Ours!.Microseconds)], [.. times.Select(round => round.Peer!.Microseconds)]),
        ];
    }

    /// <summary>The cases as lines of a table, numbers right-aligned.</summary>
    public static IEnumerable<string> Table(IReadOnlyList<ComparedCase> cases, bool markdown)
    {
        string[][] rows = [Head, .. cases.Select(Cells)];
        int[] widths = [.. Enumerable.Range(0, Head.Length).Select(column => rows.Max(row => row[column].Length))];
        for (int row = 0; row < rows.Length; row++)
        {
            IEnumerable<string> cells = rows[row].Select((cell, column) => IsText(column) ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]));
            yield return markdown ? $"| {string.Join(" | ", cells)} |" : string.Join("  ", cells).TrimEnd();
            if (row == 0 && markdown)
                yield return $"| {string.Join(" | ", widths.Select((width, column) => IsText(column) ? new string('-', width) : new string('-', width - 1) + ":"))} |";
        }
    }

    private static bool IsText(int column) => column < 2;

    private static bool IsSameCase(Measurement a, Measurement b) => a.What == b.What && a.Shape == b.Shape;

    private static Measurement? Find(Measurement[] measurements, Measurement wanted)
    {
        return measurements.FirstOrDefault(measurement => measurement.Name == wanted.Name && IsSameCase(measurement, wanted));
    }

    private static string[] Cells(ComparedCase row)
    {
        return
        [
            row.Name, row.Peer, Number(Statistics.Median(row.Ours), "F1"), Number(Statistics.Median(row.Peers), "F1"),
            Number(row.MedianRatio, "F3"), Number(row.BestRatio, "F3"),
        ];
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

/// <summary>The microseconds of one case, one value per round.</summary>
internal sealed record ComparedCase(string Name, string Peer, double[] Ours, double[] Peers)
{
    /// <summary>The median of ours / peer's, each from the same round.</summary>
    public double MedianRatio => Statistics.Median(Ours.Zip(Peers, (ours, peer) => ours / peer));

    public double BestRatio => Ours.Min() / Peers.Min();
}
