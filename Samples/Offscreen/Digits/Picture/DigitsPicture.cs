using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>One sheet with all results of a run: the curves, test images and mistakes, the weights.</summary>
internal static class DigitsPicture
{
    private const int Width = 1800;
    private const float Margin = 48;
    private const float PanelWidth = (Width - 3 * Margin) / 2;
    private const float RightPanel = Margin + PanelWidth + Margin;
    private const float CurvesTop = 136;
    private const float CurvesHeight = 420;
    private const float TestTop = CurvesTop + CurvesHeight + Margin;
    private const float WeightsTop = TestTop + TestPanel.Height + Margin / 2;

    /// <returns>The picture as PNG.</returns>
    public static byte[] Draw(DigitsResult result)
    {
        const float WholeWidth = Width - 2 * Margin;
        var weights = new WeightPanel(result, WholeWidth);
        using var sheet = new Sheet(Width, (int)MathF.Ceiling(WeightsTop + weights.Height + Margin / 2));
        DrawHead(sheet, result);
        CurvePanel.DrawLoss(sheet, result.Epochs, Place(Margin));
        CurvePanel.DrawAccuracy(sheet, result.Epochs, Place(RightPanel));
        TestPanel.First(result).Draw(sheet, Margin, TestTop, PanelWidth);
        TestPanel.Mistakes(result).Draw(sheet, RightPanel, TestTop, PanelWidth);
        weights.Draw(sheet, Margin, WeightsTop, WholeWidth);
        return sheet.ToPng();
    }

    private static void DrawHead(Sheet sheet, DigitsResult result)
    {
        var (data, options) = (result.Data, result.Options);
        var title = Invariant($"Test accuracy {100 * result.Confusion.Accuracy:F1} %");
        var layers = options.Linear ? Invariant($"{data.Inputs}-{data.Classes}") : Invariant($"{data.Inputs}-{options.Hidden}-{data.Classes}");
        var facts = Invariant($"{layers} classifier trained on {data.Training.Count} images, tested on {data.Test.Count}: {options.DescribeTraining()}");
        sheet.Text(title, Margin, 66, 38, Sheet.Ink, isBold: true);
        sheet.Text(facts, Margin, 100, 19, Sheet.FaintInk, maxWidth: Width - 2 * Margin);
    }

    private static SKRect Place(float left) => SKRect.Create(left, CurvesTop, PanelWidth, CurvesHeight);
}
