using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Test images with the prediction for each, and the truth if it differs.</summary>
internal sealed class TestPanel(DigitsResult result, string heading, IReadOnlyList<int> indices)
{
    public const int MaxImages = TilesInRow * MaxRows;

    public const float Height = HeadingHeight + MaxRows * RowHeight;

    private const int TilesInRow = 10;
    private const int MaxRows = 4;
    private const float HeadingHeight = 48;
    private const float RowHeight = 106;
    private const float TileSpace = 66;

    public static TestPanel First(DigitsResult result)
    {
        var shown = Math.Min(MaxImages, result.Data.Test.Count);
        return new TestPanel(result, Invariant($"The first {shown} test images and what they were taken for"), [.. Enumerable.Range(0, shown)]);
    }

    public static TestPanel Mistakes(DigitsResult result)
    {
        var test = result.Data.Test;
        var mistakes = Enumerable.Range(0, test.Count).Where(index => result.Predictions[index] != test.Labels[index]).ToArray();
        var heading = mistakes.Length > MaxImages
            ? Invariant($"The first {MaxImages} of {mistakes.Length} mistakes in {test.Count} test images")
            : Invariant($"All {mistakes.Length} mistakes in {test.Count} test images");
        return new TestPanel(result, mistakes.Length > 0 ? heading : "There was no mistake", [.. mistakes.Take(MaxImages)]);
    }

    public void Draw(Sheet sheet, float left, float top, float width)
    {
        sheet.Text(heading, left, top + 22, 24, Sheet.Ink, isBold: true, maxWidth: width);
        var test = result.Data.Test;
        var tile = TileImages.Fit(test.Images.Rows, test.Images.Columns, TileSpace);
        var cell = (width - tile.Width) / (TilesInRow - 1);
        for (var i = 0; i < indices.Count; i++)
        {
            var index = indices[i];
            var x = MathF.Round(left + i % TilesInRow * cell);
            var y = top + HeadingHeight + i / TilesInRow * RowHeight;
            var target = SKRect.Create(x, MathF.Round(y + (TileSpace - tile.Height) / 2), tile.Width, tile.Height);
            using var image = TileImages.OfDigit(test.Images, index);
            sheet.Image(image, target);
            var (truth, prediction) = (test.Labels[index], result.Predictions[index]);
            var isRight = truth == prediction;
            sheet.Frame(target, isRight ? Sheet.Rule : Sheet.Warning, isRight ? 1 : 3);
            var label = isRight ? Invariant($"{prediction}") : Invariant($"{prediction}, truth {truth}");
            var color = isRight ? Sheet.Ink : Sheet.Warning;
            sheet.Text(label, target.MidX, y + TileSpace + 20, 15, color, SKTextAlign.Center, maxWidth: cell - 8);
        }
    }
}
