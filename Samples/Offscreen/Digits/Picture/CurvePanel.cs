using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Loss and accuracy after every epoch.</summary>
internal static class CurvePanel
{
    private const float HeadingHeight = 40;

    private const float RoomForHighestTick = 12;

    private static readonly Color TrainingColor = Color.FromHex("#2166ac");
    private static readonly Color TestColor = Color.FromHex("#e08214");

    public static void DrawLoss(Sheet sheet, IReadOnlyList<EpochResult> epochs, SKRect place)
    {
        using var plot = Create(sheet, epochs.Count);
        Add(plot, epochs, epoch => epoch.TrainingLoss, "training", TrainingColor);
        plot.Axes.SetLimitsY(0, Math.Max(1e-6, 1.08 * epochs.Max(epoch => epoch.TrainingLoss)));
        plot.ShowLegend(Alignment.UpperRight);
        Draw(sheet, "Loss (mean cross-entropy)", plot, place);
    }

    public static void DrawAccuracy(Sheet sheet, IReadOnlyList<EpochResult> epochs, SKRect place)
    {
        using var plot = Create(sheet, epochs.Count);
        Add(plot, epochs, epoch => 100 * epoch.TrainingAccuracy, "training", TrainingColor);
        Add(plot, epochs, epoch => 100 * epoch.TestAccuracy, "test", TestColor);
        var lowest = 100 * epochs.Min(epoch => Math.Min(epoch.TrainingAccuracy, epoch.TestAccuracy));
        plot.Axes.SetLimitsY(Math.Max(0, 5 * Math.Floor((lowest - 1) / 5)), 100.5);
        plot.ShowLegend(Alignment.LowerRight);
        Draw(sheet, "Accuracy in %", plot, place);
    }

    private static Plot Create(Sheet sheet, int epochs)
    {
        var plot = new Plot();
        plot.Font.Set(sheet.FontFamily);
        plot.Axes.Bottom.Label.Text = "epoch";
        plot.Axes.Bottom.Label.FontSize = 17;
        plot.Axes.Bottom.Label.Bold = false;
        plot.Axes.Bottom.TickLabelStyle.FontSize = 16;
        plot.Axes.Left.TickLabelStyle.FontSize = 16;
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { IntegerTicksOnly = true };
        plot.Axes.Bottom.MinorTickStyle.Length = 0;
        plot.Axes.Left.MinorTickStyle.Length = 0;
        plot.Axes.SetLimitsX(0.5, epochs + 0.5);
        plot.Axes.Right.IsVisible = false;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Top.MinimumSize = RoomForHighestTick;
        plot.Legend.FontSize = 17;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.OutlineColor = Color.FromHex("#d0d5db");
        return plot;
    }

    private static void Add(Plot plot, IReadOnlyList<EpochResult> epochs, Func<EpochResult, double> value, string name, Color color)
    {
        var line = plot.Add.Scatter(epochs.Select(epoch => (double)epoch.Epoch).ToArray(), epochs.Select(value).ToArray(), color);
        line.LegendText = name;
        line.LineWidth = 2.5f;
        line.MarkerSize = epochs.Count <= 60 ? 8 : 0;
    }

    private static void Draw(Sheet sheet, string heading, Plot plot, SKRect place)
    {
        sheet.Text(heading, place.Left, place.Top + 22, 24, Sheet.Ink, isBold: true);
        var area = new PixelRect(place.Left, place.Right, place.Bottom, place.Top + HeadingHeight);

        // A plot clears the entire canvas that it is drawn on.
        sheet.Canvas.Save();
        sheet.Canvas.ClipRect(area.ToSKRect());
        plot.Render(sheet.Canvas, area);
        sheet.Canvas.Restore();
    }
}
