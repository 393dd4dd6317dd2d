using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>Agents that learn from reward with the default settings: a table of tasks, each with several seeds, and whether their figures meet the
/// limits.</summary>
internal sealed class LearnCommand : Command
{
    private const int DefaultSeeds = 5;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Argument<string[]> rows = new("rows") { Description = $"The rows to run: {string.Join(", ", LearningRow.All.Select(row => row.Name))}; all if none is given", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<int> seeds = NumberOption.Create("--seeds", "Number of seeds for each row: 1, 2, ...", 1, 1000).WithDefault(DefaultSeeds);
    private readonly Option<bool> json = new("--json") { Description = "Prints the table as JSON" };
    private readonly Option<string> device = DeviceOption.Create();

    public LearnCommand() : base("learn", "Lets agents learn tasks from reward, and checks the results against limits.")
    {
        Arguments.Add(rows);
        Options.Add(seeds);
        Options.Add(json);
        Options.Add(device);
        SetAction(arguments => Run(Chosen(arguments.GetValue(rows) ?? []), arguments.GetValue(seeds), arguments.GetValue(json), arguments.GetValue(device)));
    }

    private static IReadOnlyList<LearningRow> Chosen(string[] names)
    {
        foreach (string name in names)
        {
            if (LearningRow.All.All(row => row.Name != name))
                throw new UserErrorException($"There is no row '{name}'. The rows are: {string.Join(", ", LearningRow.All.Select(row => row.Name))}.");
        }

        return [.. LearningRow.All.Where(row => names.Length == 0 || names.Contains(row.Name))];
    }

    private static int Run(IReadOnlyList<LearningRow> chosen, int seeds, bool asJson, string? kind)
    {
        using NeuralDevice device = DeviceOption.Open(kind);
        if (!asJson) Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        List<RowResult> results = [];
        foreach (LearningRow row in chosen)
        {
            if (!asJson) Console.WriteLine($"{row.Name}: {row.What}");
            long start = Stopwatch.GetTimestamp();
            List<IReadOnlyList<LearningFigure>> figures = [];
            for (int seed = 1; seed <= seeds; seed++)
            {
                figures.Add(row.Run(device, seed));
                if (!asJson) Console.WriteLine(Invariant($"  seed {seed}: {string.Join("  ", figures[^1].Select(figure => Invariant($"{figure.Name} {figure.Value:0.#}")))}"));
            }

            RowResult result = RowResult.Of(row, figures, Stopwatch.GetElapsedTime(start).TotalSeconds);
            results.Add(result);
            if (asJson) continue;
            foreach (LimitResult limit in result.Limits) Console.WriteLine($"  {(limit.Holds ? "holds" : "FALLS SHORT")}: {limit.Text}");
            Console.WriteLine(Invariant($"  {result.Seconds:F0} s"));
        }

        if (asJson) Console.WriteLine(JsonSerializer.Serialize(results, Indented));
        string[] lacking = [.. results.Where(result => result.Limits.Any(limit => !limit.Holds)).Select(result => result.Name)];
        return lacking.Length == 0 ? ExitCode.Success
            : throw new WrongResultException($"{lacking.Length} of {results.Count} rows fall short: {string.Join(", ", lacking)}.");
    }

    /// <summary>A row as printed: the figures of each seed by name, and the limits.</summary>
    private sealed record RowResult(string Name, string What, IReadOnlyList<IReadOnlyDictionary<string, double?>> Seeds, IReadOnlyList<LimitResult> Limits, double Seconds)
    {
        public static RowResult Of(LearningRow row, IReadOnlyList<IReadOnlyList<LearningFigure>> figures, double seconds)
        {
            double[] ValuesOf(string name) => [.. figures.Select(seed => seed.Single(figure => figure.Name == name).Value)];
            return new RowResult(
                row.Name, row.What,
                [.. figures.Select(seed => seed.ToDictionary(figure => figure.Name, figure => double.IsFinite(figure.Value) ? figure.Value : (double?)null))],
                [.. row.Limits.Select(limit => new LimitResult(limit.Text, limit.Holds(ValuesOf(limit.Figure))))], seconds);
        }
    }

    private sealed record LimitResult(string Text, bool Holds);
}
