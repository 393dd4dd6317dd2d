using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run benchmark: the frame times of every scene, without training and with it.</summary>
internal sealed class SceneBenchmarkCommand : Command
{
    /// <summary>Frames before the measured ones: they compile shaders.</summary>
    private const int Settling = 60;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Option<int> frames = NumberOption.Create("--frames", "Measured frames per case", 1, 100_000).WithDefault(240);
    private readonly Option<int> seed = NumberOption.Create("--seed", "Seed of the weights, the samples and the worlds", 0, int.MaxValue).WithDefault(1);
    private readonly Option<string?> outFolder = FolderOption.Create("--out", "The folder for benchmark.json [default: out/benchmark]");

    private readonly Option<string> device = DeviceOption.Create();

    public SceneBenchmarkCommand(IAnsiConsole console, CancellationToken cancellation)
        : base("benchmark", "Times the frames of every scene, and the training in them, with training off and on.")
    {
        foreach (var option in (Option[])[frames, seed, outFolder, device]) Options.Add(option);
        SetAction(arguments =>
        {
            Run(arguments, console.Profile.Out.Writer, cancellation);
            return ExitCode.Success;
        });
    }

    private void Run(ParseResult arguments, TextWriter output, CancellationToken cancellation)
    {
        var json = OutputFile.Prepare(arguments.GetValue(outFolder) ?? Path.Combine("out", "benchmark"), "benchmark.json");
        var (count, seedNumber, kind) = (arguments.GetValue(frames), arguments.GetValue(seed), arguments.GetRequiredValue(device));
        output.WriteLine(Invariant($"benchmark: {count} frames per case, as fast as possible, on {DeviceOption.NameOf(kind)}; the {Settling} frames before them are excluded. Times in ms."));
        output.WriteLine("scene      training                 frame: median      p99   training: median      p99   steps a frame");
        var rows = new List<Row>();
        foreach (var (name, create, budget) in SceneFactory.All)
        {
            foreach (var training in (TrainingBudget[])[TrainingBudget.Off, budget])
            {
                var row = Measure(
                    name, create(), new SceneOptions(Settling + count, seedNumber, training, OutFolder: null, Every: null) { Device = kind }, count, cancellation);
                rows.Add(row);
                output.WriteLine(Invariant(
                    $"{name,-10} {row.Training,-22} {row.FrameMedian,15:F2} {row.FrameP99,8:F2} {row.TrainingMedian,18:F2} {row.TrainingP99,8:F2} {row.StepsPerFrame,15:F2}"));
            }
        }

        json.Write(JsonSerializer.SerializeToUtf8Bytes(rows, Indented));
        output.WriteLine(Invariant($"the same in {json.Path}"));
    }

    private static Row Measure(string name, IScene scene, SceneOptions options, int frames, CancellationToken cancellation)
    {
        using var player = new ScenePlayer(scene, options);
        player.Load();
        var statistics = player.Context.Statistics;
        var steps = 0L;
        for (var frame = 0; frame < Settling + frames; frame++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (frame == Settling) steps = statistics.Steps;
            player.RunFrame();
        }

        return new Row(
            name, options.Budget.ToString(), Quantile(statistics.FrameMilliseconds, 0.5), Quantile(statistics.FrameMilliseconds, 0.99),
            Quantile(statistics.TrainingMilliseconds, 0.5), Quantile(statistics.TrainingMilliseconds, 0.99), (statistics.Steps - steps) / (double)frames);
    }

    private static double Quantile(IReadOnlyList<double> times, double part) => FrameStatistics.Quantile(times, part, Settling);

    private sealed record Row(
        string Scene, string Training, double FrameMedian, double FrameP99, double TrainingMedian, double TrainingP99, double StepsPerFrame);
}
