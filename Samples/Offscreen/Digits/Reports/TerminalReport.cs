using System.Diagnostics;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>A progress bar, colors and tables, for people at a terminal.</summary>
internal sealed class TerminalReport(IAnsiConsole console) : DigitsReport
{
    private const int WidthBesideBar = 62;

    public override DigitsResult Watch(int steps, Func<ITrainingObserver, DigitsResult> train)
    {
        // Refreshed from the training loop: the device belongs to this thread, and the cores to the driver.
        var bar = new ProgressBarColumn { Width = Math.Clamp(console.Profile.Width - WidthBesideBar, 10, 40) };
        return console.Progress()
            .AutoRefresh(false)
            .Columns(bar, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                var task = context.AddTask("compiling shaders", maxValue: steps);
                context.Refresh();
                return train(new Bar(context, task));
            });
    }

    protected override void WriteFacts(IReadOnlyList<(string Name, string Value)> facts)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        foreach (var (name, value) in facts) grid.AddRow(new Text(name, Color.Grey), new Text(value));
        console.Write(grid);
        console.WriteLine();
    }

    // A frame, a head column of 8 and a tail column of 10; a wrapped table is not legible.
    protected override bool HasRoomForTable(ConfusionMatrix confusion)
    {
        var digits = Invariant($"{confusion.Largest}").Length;
        return 19 + confusion.Classes * (digits + 3) <= console.Profile.Width;
    }

    protected override void WriteTable(ConfusionMatrix confusion)
    {
        var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle("confusion matrix") };
        table.AddColumn(new TableColumn(new Text("truth", Color.Grey)).RightAligned());
        for (var label = 0; label < confusion.Classes; label++)
        {
            table.AddColumn(new TableColumn(new Text(Invariant($"{label}"), new Style(decoration: Decoration.Bold))).RightAligned());
        }

        table.AddColumn(new TableColumn(new Text("right", Color.Grey)).RightAligned());
        for (var truth = 0; truth < confusion.Classes; truth++) table.AddRow(Row(confusion, truth));
        console.Write(table);
        console.WriteLine();
    }

    protected override void WriteMistakes(ConfusionMatrix confusion)
    {
        var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle("the most frequent mistakes") };
        foreach (var heading in (string[])["label", "prediction", "times"]) table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var (truth, prediction, count) in confusion.Mistakes().Take(MaxMistakesInList))
        {
            table.AddRow(Invariant($"{truth}"), Invariant($"{prediction}"), Invariant($"{count}"));
        }

        console.Write(table);
        console.WriteLine();
    }

    protected override void WriteLine(string text) => console.WriteLine(text);

    private static IEnumerable<Text> Row(ConfusionMatrix confusion, int truth)
    {
        yield return new Text(Invariant($"{truth}"), new Style(decoration: Decoration.Bold));
        for (var prediction = 0; prediction < confusion.Classes; prediction++)
        {
            var count = confusion[truth, prediction];
            Style style = truth == prediction ? Color.Green : count > 0 ? Color.Red : Color.Grey;
            yield return new Text(count > 0 ? Invariant($"{count}") : ".", style);
        }

        yield return new Text(confusion.Recall(truth) is { } recall ? Percent(recall) : "-");
    }

    private sealed class Bar(ProgressContext context, ProgressTask task) : ITrainingObserver
    {
        private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(80);

        private readonly Stopwatch sinceRefresh = Stopwatch.StartNew();
        private string testAccuracy = "";

        public void OnStep(int epoch, double loss, double accuracy)
        {
            task.Increment(1);
            if (sinceRefresh.Elapsed < Interval) return;
            Show(epoch, loss, accuracy);
        }

        public void OnEpoch(EpochResult result)
        {
            testAccuracy = $"  test {Percent(result.TestAccuracy),7}";
            Show(result.Epoch, result.TrainingLoss, result.TrainingAccuracy);
        }

        private void Show(int epoch, double loss, double accuracy)
        {
            task.Description = Invariant($"epoch {epoch,2}  loss {Loss(loss)}  accuracy {Percent(accuracy),7}{testAccuracy}");
            context.Refresh();
            sinceRefresh.Restart();
        }
    }
}
