using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>What each unit looks for: its weights as an image of the data's size, on one color scale.</summary>
internal sealed class WeightPanel
{
    private const int MaxUnits = 128;
    private const float HeadingHeight = 76;
    private const float Gap = 12;
    private const float LabelHeight = 26;
    private const float ScaleWidth = 130;

    private readonly UnitWeights weights;
    private readonly bool unitsAreClasses;
    private readonly int shown;
    private readonly int tilesInRow;
    private readonly SKSize tile;
    private readonly float cell;

    public WeightPanel(DigitsResult result, float width)
    {
        weights = UnitWeights.Of(result);
        unitsAreClasses = result.Options.Linear;
        shown = Math.Min(MaxUnits, weights.Units);
        tilesInRow = unitsAreClasses ? 10 : 16;
        cell = MathF.Floor((width - ScaleWidth + Gap) / tilesInRow);
        tile = TileImages.Fit(weights.Rows, weights.Columns, cell - Gap);
        Height = HeadingHeight + (shown + tilesInRow - 1) / tilesInRow * RowHeight;
    }

    public float Height { get; }

    private float RowHeight => tile.Height + Gap + (unitsAreClasses ? LabelHeight : 0);

    public void Draw(Sheet sheet, float left, float top, float width)
    {
        sheet.Text(Heading(), left, top + 22, 24, Sheet.Ink, isBold: true);
        sheet.Text(
            "Strokes on red pixels excite a unit, strokes on blue ones inhibit it; pixels that no image uses keep their random start. "
                + "The few weights beyond the scale have the color of its end.",
            left,
            top + 50,
            17,
            Sheet.FaintInk,
            maxWidth: width);
        var scale = weights.Scale();
        for (var unit = 0; unit < shown; unit++)
        {
            var x = left + unit % tilesInRow * cell;
            var y = top + HeadingHeight + unit / tilesInRow * RowHeight;
            var target = SKRect.Create(x, y, tile.Width, tile.Height);
            using var image = TileImages.OfWeights(weights, unit, scale);
            sheet.Image(image, target);
            sheet.Frame(target, Sheet.Rule, 1);
            if (unitsAreClasses)
            {
                sheet.Text(Invariant($"{unit}"), target.MidX, target.Bottom + 22, 18, Sheet.Ink, SKTextAlign.Center);
            }
        }

        DrawScale(sheet, scale, left + width - ScaleWidth + 44, top + HeadingHeight, Math.Min(Height - HeadingHeight - Gap, 420));
    }

    private string Heading()
    {
        var what = unitsAreClasses ? "classes" : "hidden units";
        return shown == weights.Units
            ? Invariant($"Weights of the {weights.Units} {what}")
            : Invariant($"Weights of the first {shown} of {weights.Units} {what}");
    }

    private static void DrawScale(Sheet sheet, float scale, float left, float top, float height)
    {
        const float Width = 22;
        const float CaptionHeight = 26;
        using var bar = TileImages.OfScale();
        var target = SKRect.Create(left, top + CaptionHeight, Width, height - CaptionHeight);
        sheet.Text("weight", left, top + 12, 15, Sheet.Ink);
        sheet.Image(bar, target);
        sheet.Frame(target, Sheet.Rule, 1);
        var middle = target.Right + 8;
        sheet.Text(Invariant($"+{scale:G2}"), middle, target.Top + 12, 15, Sheet.Ink);
        sheet.Text("0", middle, target.MidY + 5, 15, Sheet.Ink);
        sheet.Text(Invariant($"\u2212{scale:G2}"), middle, target.Bottom, 15, Sheet.Ink);
    }
}
