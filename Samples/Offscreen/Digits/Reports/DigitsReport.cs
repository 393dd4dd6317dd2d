using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The scene's output while it runs: the same facts on an animated terminal and in plain lines.</summary>
internal abstract class DigitsReport
{
    protected const int MaxMistakesInList = 20;

    // Wider tables are searched rather than read.
    private const int MaxClassesInTable = 16;

    public static DigitsReport For(IAnsiConsole console)
    {
        var profile = console.Profile;
        return profile.Out.IsTerminal && profile.Capabilities is { Ansi: true, Interactive: true }
            ? new TerminalReport(console)
            : new PlainReport(profile.Out.Writer);
    }

    public void Begin(NeuralDevice device, Classifier classifier, ImageData data, DigitsOptions options)
    {
        var (training, test) = (data.Training, data.Test);
        var layers = options.Linear ? Invariant($"{data.Inputs}-{data.Classes}") : Invariant($"{data.Inputs}-{options.Hidden}-{data.Classes}");
        WriteFacts(
        [
            ("device", options.Device == DeviceOption.OpenGL ? $"{device.Renderer}, OpenGL {device.Version}" : $"{device.Renderer}, {device.Version}"),
            ("data", Invariant($"{training.Count} training and {test.Count} test images of {training.Images.Rows}x{training.Images.Columns} pixels")),
            ("classifier", Invariant($"{layers}, {classifier.ParameterCount} parameters")),
            ("training", options.DescribeTraining()),
        ]);
    }

    /// <summary>Runs the training, which takes the given number of steps, and shows its progress.</summary>
    public abstract DigitsResult Watch(int steps, Func<ITrainingObserver, DigitsResult> train);

    public void End(DigitsResult result, PhaseClock clock, int timedSteps, string picture)
    {
        if (result.Confusion.Classes <= MaxClassesInTable && HasRoomForTable(result.Confusion))
        {
            WriteTable(result.Confusion);
        }
        else
        {
            WriteMistakes(result.Confusion);
        }

        var training = clock[Phase.Training];
        var rate = timedSteps > 0 ? Invariant($", {timedSteps / training.TotalSeconds:F0} steps a second") : "";
        WriteFacts(
        [
            ("time", Seconds(clock.Total)),
            ("  start-up", Seconds(clock[Phase.StartUp]) + "  program, device, shader compilation, first step"),
            ("  data", Seconds(clock[Phase.Data])),
            ("  training", Seconds(training) + Invariant($"  {timedSteps} steps{rate}")),
            ("  evaluation", Seconds(clock[Phase.Evaluation]) + Invariant($"  {result.Epochs.Count} times {result.Data.Test.Count} images")),
            ("  picture", Seconds(clock[Phase.Picture])),
            ("picture", picture),
        ]);
        WriteLine($"test accuracy {Percent(result.Confusion.Accuracy)}");
    }

    protected static string Percent(double part) => Invariant($"{100 * part:F1} %");

    // A diverging loss is written as its power of ten.
    protected static string Loss(double loss) => loss < 1000 ? Invariant($"{loss:F4}") : Invariant($"{loss:E1}");

    protected abstract void WriteFacts(IReadOnlyList<(string Name, string Value)> facts);

    protected virtual bool HasRoomForTable(ConfusionMatrix confusion) => true;

    protected abstract void WriteTable(ConfusionMatrix confusion);

    protected abstract void WriteMistakes(ConfusionMatrix confusion);

    protected abstract void WriteLine(string text);

    private static string Seconds(TimeSpan time) => Invariant($"{time.TotalSeconds,6:F2} s");
}
