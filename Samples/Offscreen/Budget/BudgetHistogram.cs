using ScottPlot;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The frame times of each case, one below the other, on one axis.</summary>
internal static class BudgetHistogram
{
    private const int Width = 960;
    private const int HeightOfCase = 190;
    private const double BinMilliseconds = 0.25;
    private const double FrameOfSixty = 1000.0 / 60;

    public static byte[] Draw(IReadOnlyList<BudgetRun> runs)
    {
        var most = Math.Clamp(1.1 * runs.Max(run => FrameStatistics.Quantile(run.Frames, 0.995)), FrameOfSixty + 1, 60);
        var multiplot = new Multiplot();
        multiplot.AddPlots(runs.Count);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Rows();
        for (var i = 0; i < runs.Count; i++) Fill(multiplot.GetPlot(i), runs[i], most, isLast: i == runs.Count - 1);
        return multiplot.Render(Width, HeightOfCase * runs.Count).GetImageBytes(ImageFormat.Png);
    }

    private static void Fill(Plot plot, BudgetRun run, double most, bool isLast)
    {
        plot.Font.Set(Fonts.FindFamily());
        var bins = new double[(int)Math.Ceiling(most / BinMilliseconds)];
        foreach (var time in run.Frames) bins[Math.Min(bins.Length - 1, (int)(time / BinMilliseconds))]++;
        for (var i = 0; i < bins.Length; i++)
        {
            if (bins[i] == 0) continue;
            var bar = new Bar
            {
                Position = (i + 0.5) * BinMilliseconds,
                Value = bins[i],
                Size = BinMilliseconds,
                FillColor = Color.FromHex(run.Budget is null ? "#5f666e" : "#0072b2"),
                LineWidth = 0,
            };
            plot.Add.Bar(bar);
        }

        var limit = plot.Add.VerticalLine(FrameOfSixty, 1.5f, Color.FromHex("#d55e00"), LinePattern.Dashed);
        if (isLast) limit.LabelText = "16.7 ms";
        limit.LabelOppositeAxis = true;
        plot.Axes.SetLimits(0, most, 0, 1.1 * bins.Max());
        plot.Axes.Left.Label.Text = "frames";
        plot.Axes.Left.Label.Bold = false;
        plot.Axes.Bottom.Label.Text = isLast ? "frame time in ms" : "";
        plot.Axes.Bottom.Label.Bold = false;
        plot.Title(run.Budget is { } budget
            ? Invariant($"a budget of {budget:F0} ms: {run.StepsPerSecond:F0} steps a second, median frame {FrameStatistics.Quantile(run.Frames, 0.5):F1} ms")
            : Invariant($"without training: median frame {FrameStatistics.Quantile(run.Frames, 0.5):F1} ms"), 15);
    }
}
