using System.Text;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Lines of ASCII without control codes, for files, pipes and logs.</summary>
internal sealed class PlainReport(TextWriter output) : DigitsReport
{
    public override DigitsResult Watch(int steps, Func<ITrainingObserver, DigitsResult> train)
    {
        var result = train(new LinePerEpoch(output));
        output.WriteLine();
        return result;
    }

    protected override void WriteFacts(IReadOnlyList<(string Name, string Value)> facts)
    {
        var width = facts.Max(fact => fact.Name.Length);
        foreach (var (name, value) in facts) output.WriteLine($"{name.PadRight(width)}  {value}");
        output.WriteLine();
    }

    protected override void WriteTable(ConfusionMatrix confusion)
    {
        var classes = Enumerable.Range(0, confusion.Classes).ToArray();
        output.WriteLine("confusion matrix (rows: labels, columns: predictions)");
        output.WriteLine(Row("", classes.Select(label => Invariant($"{label}")), "right"));
        foreach (var truth in classes)
        {
            var counts = classes.Select(prediction => Invariant($"{confusion[truth, prediction]}"));
            output.WriteLine(Row(Invariant($"{truth}"), counts, confusion.Recall(truth) is { } recall ? Percent(recall) : "-"));
        }

        output.WriteLine();
    }

    protected override void WriteMistakes(ConfusionMatrix confusion)
    {
        output.WriteLine("the most frequent mistakes");
        foreach (var (truth, prediction, count) in confusion.Mistakes().Take(MaxMistakesInList))
        {
            output.WriteLine(Invariant($"{count,6} times {truth} was classified as {prediction}"));
        }

        output.WriteLine();
    }

    protected override void WriteLine(string text) => output.WriteLine(text);

    private static string Row(string head, IEnumerable<string> cells, string tail)
    {
        var row = new StringBuilder(head.PadLeft(3));
        foreach (var cell in cells) row.Append(cell.PadLeft(6));
        return row.Append(tail.PadLeft(10)).ToString();
    }

    private sealed class LinePerEpoch(TextWriter output) : ITrainingObserver
    {
        public void OnStep(int epoch, double loss, double accuracy)
        {
        }

        public void OnEpoch(EpochResult result)
        {
            output.WriteLine(Invariant($"epoch {result.Epoch,3}  loss {Loss(result.TrainingLoss)}")
                + $"  training accuracy {Percent(result.TrainingAccuracy),7}  test accuracy {Percent(result.TestAccuracy),7}");
            output.Flush();
        }
    }
}
