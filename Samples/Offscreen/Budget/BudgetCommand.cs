using System.CommandLine;
using System.Text;
using System.Text.Json;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run budget: the cost of training in a game's frames, without it and with budgets of 1, 2 and 4 milliseconds.</summary>
internal sealed class BudgetCommand : Command
{
    private static readonly double?[] Budgets = [null, 1, 2, 4];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Option<int> frames = NumberOption.Create("--frames", "Frames per case", 60, 100_000).WithDefault(300);
    private readonly Option<int> rounds = NumberOption.Create("--rounds", "Rounds; the best of each case counts", 1, 100).WithDefault(3);
    private readonly Option<int> seed = NumberOption.Create("--seed", "Seed of the weights, the samples and the world", 0, int.MaxValue).WithDefault(1);
    private readonly Option<bool> workers = new("--workers")
    {
        Description = "Without a GPU: run dispatches on the software driver's worker threads, not inside their calls, where no worker wakes late",
    };

    private readonly Option<bool> check = new("--check")
    {
        Description = Invariant($"For a graphics card: exit code 1 if a bound is not held, or {BudgetRun.BudgetOfLeastSteps} ms make fewer than {BudgetRun.LeastStepsPerSecond:N0} steps a second"),
    };

    private readonly Option<string> device = DeviceOption.Create();

    private readonly Option<string?> outFolder = FolderOption.Create("--out", "The folder for budget.png and budget.json [default: out/budget]");

    public BudgetCommand(IAnsiConsole console, CancellationToken cancellation)
        : base("budget", "Times a game's frames without training, and with budgets of 1, 2 and 4 milliseconds.")
    {
        foreach (var option in (Option[])[frames, rounds, seed, workers, check, device, outFolder]) Options.Add(option);
        SetAction(arguments => Run(arguments, console.Profile.Out.Writer, cancellation));
    }

    private int Run(ParseResult arguments, TextWriter output, CancellationToken cancellation)
    {
        var folder = arguments.GetValue(outFolder) ?? Path.Combine("out", "budget");
        var (picture, json) = (OutputFile.Prepare(folder, "budget.png"), OutputFile.Prepare(folder, "budget.json"));
        var data = ImageDataLoader.LoadEmbedded();
        var inline = !arguments.GetValue(workers);
        var (frameCount, roundCount, kind) = (arguments.GetValue(frames), arguments.GetValue(rounds), arguments.GetRequiredValue(device));
        output.WriteLine(Invariant(
            $"budget: {roundCount} rounds of {frameCount} frames per case at 60 frames a second, on {DeviceOption.NameOf(kind)}; the first {BudgetLoop.Settling} frames of each are excluded"));
        if (kind == DeviceOption.OpenGL) output.WriteLine(inline ? "a software driver runs its dispatches inside their calls (--workers: on its worker threads)" : "a software driver runs its dispatches on its worker threads");
        var runs = Enumerable.Range(0, roundCount)
            .SelectMany(_ => Budgets.Select(budget => BudgetLoop.Run(data, budget, frameCount, arguments.GetValue(seed), kind, inline, cancellation))).ToArray();
        BudgetRun[] best = [.. Budgets.Select(budget => BestOf(runs.Where(run => run.Budget == budget)))];
        output.Write(Table(best));
        output.WriteLine("Both bounds hold if the median of the frames' training times and 99 of 100 of them keep to theirs: a frame in which the GPU's clock changes may be longer.");
        picture.Write(BudgetHistogram.Draw(best));
        json.Write(JsonSerializer.SerializeToUtf8Bytes(best.Select(Figures), Indented));
        output.WriteLine(Invariant($"histogram: {picture.Path}; figures: {json.Path}"));
        if (!arguments.GetValue(check)) return ExitCode.Success;
        var checks = BudgetCheck.Of(best);
        foreach (var one in checks) output.WriteLine(one.Line);
        return checks.All(one => one.IsHeld) ? ExitCode.Success : ExitCode.Failure;
    }

    private static BudgetRun BestOf(IEnumerable<BudgetRun> runs) =>
        runs.MaxBy(run => run.Budget is null ? -FrameStatistics.Quantile(run.Frames, 0.99) : run.Margin)!;

    private static string Table(IEnumerable<BudgetRun> runs)
    {
        var text = new StringBuilder();
        text.AppendLine("           frame time, ms           training time, ms        steps/s   of the budget: median, p99 (bounds)       within 1.15x");
        text.AppendLine("budget    median     p99     max   median     p99     max");
        foreach (var run in runs)
        {
            text.Append(run.Budget is { } budget ? Invariant($"{budget,3:F0} ms  ") : "   off  ");
            foreach (var times in (IReadOnlyList<double>[])[run.Frames, run.Training])
                text.Append(Invariant($"{FrameStatistics.Quantile(times, 0.5),8:F2}{FrameStatistics.Quantile(times, 0.99),8:F2}{times.Max(),8:F2} "));
            text.Append(Invariant($"{run.StepsPerSecond,10:F0}"));
            if (run.Budget is not null)
            {
                text.Append(Invariant($"   {run.MedianOfBudget:F2} (>= {BudgetRun.LeastMedian}), {run.TailOfBudget:F2} (<= {BudgetRun.Most}): "));
                text.Append(run.Holds ? "both hold " : "not held  ").Append(Invariant($"  {run.PartWithin,8:P1}"));
            }

            text.AppendLine();
        }

        return text.ToString();
    }

    private static object Figures(BudgetRun run) => new
    {
        budgetMilliseconds = run.Budget,
        frameMilliseconds = Quantiles(run.Frames),
        trainingMilliseconds = Quantiles(run.Training),
        stepsPerSecond = run.StepsPerSecond,
        medianOfBudget = run.Budget is null ? (double?)null : run.MedianOfBudget,
        p99OfBudget = run.Budget is null ? (double?)null : run.TailOfBudget,
        partOfFramesWithinBound = run.Budget is null ? (double?)null : run.PartWithin,
        holds = run.Budget is null ? (bool?)null : run.Holds,
    };

    private static object Quantiles(IReadOnlyList<double> times) => new
    {
        median = FrameStatistics.Quantile(times, 0.5),
        p99 = FrameStatistics.Quantile(times, 0.99),
        max = times.Max(),
    };
}
