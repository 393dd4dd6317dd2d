using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Named numbers as bars from the middle: negative ones to the left, positive ones to the right.</summary>
internal sealed class SignedBars(IReadOnlyList<string> names, SKColor color)
{
    /// <summary>The height of a bar with its name.</summary>
    public const float Row = 17;

    private const float Size = 11;

    private float nameWidth;

    /// <param name="sheet">The sheet to draw on.</param>
    /// <param name="place">The top left corner and width.</param>
    /// <param name="values">A value for each name.</param>
    /// <param name="scale">The value of a full bar.</param>
    public void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> values, float scale)
    {
        if (nameWidth == 0) nameWidth = 6 + names.Max(name => sheet.Measure(name, Size));
        for (var i = 0; i < values.Length; i++)
        {
            var baseline = place.Top + (i + 1) * Row;
            sheet.Text(names[i], place.Left, baseline, Size, Palette.FaintInk);
            var bar = SKRect.Create(place.Left + nameWidth, baseline - 9, place.Width - nameWidth, 10);
            sheet.Fill(bar, Palette.Panel);
            var end = bar.MidX + bar.Width / 2 * Math.Clamp(values[i] / scale, -1, 1);
            sheet.Fill(new SKRect(Math.Min(bar.MidX, end), bar.Top, Math.Max(bar.MidX, end), bar.Bottom), color);
            sheet.Line(bar.MidX, bar.Top, bar.MidX, bar.Bottom, Palette.FaintInk);
        }
    }
}
