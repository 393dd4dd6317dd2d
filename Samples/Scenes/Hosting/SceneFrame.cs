using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The text above and below every scene: its title, the times of the frame and the training, and a legend.</summary>
internal static class SceneFrame
{
    public const float Top = 64;
    public const float Bottom = Screen.Height - 34;
    public const float Margin = 24;

    /// <summary>The place for curves below a world and its legend.</summary>
    public static SKRect BelowWorld(SKRect world) => new(Margin, world.Bottom + 40, Screen.Width - Margin, Bottom - 10);

    public static void Draw(SceneSheet sheet, SceneContext context, string title, string caption)
    {
        var statistics = context.Statistics;
        sheet.Text(title, Margin, 38, 24, Palette.Ink, isBold: true);
        var right = Screen.Width - Margin;
        right = Field(sheet, right, "steps", Invariant($"{statistics.Steps:N0}"), "000,000");
        right = Field(sheet, right, "training", Invariant($"{statistics.ShownTrainingMilliseconds:F2} ms"), "00.00 ms");
        right = Field(sheet, right, "frame time", Invariant($"{statistics.ShownFrameMilliseconds:F1} ms"), "000.0 ms");
        Field(sheet, right, "frame", Invariant($"{context.Frame + 1:N0}"), "0,000");
        sheet.Line(Margin, 52, Screen.Width - Margin, 52, Palette.Rule);
        sheet.Text(caption, Margin, Screen.Height - 14, 14, Palette.FaintInk);
    }

    // Each field is as wide as its widest value, so that none moves when the numbers change.
    private static float Field(SceneSheet sheet, float right, string name, string value, string widest)
    {
        const float Size = 15;
        var width = Math.Max(sheet.Measure(widest, Size, isBold: true), sheet.Measure(value, Size, isBold: true));
        sheet.Text(value, right, 36, Size, Palette.Ink, SKTextAlign.Right, isBold: true);
        sheet.Text(name, right - width - 8, 36, Size, Palette.FaintInk, SKTextAlign.Right);
        return right - width - 8 - sheet.Measure(name, Size) - 24;
    }
}
