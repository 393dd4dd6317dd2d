using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Values over the frames of a run, with axes; all its series have values for the same frames.</summary>
internal sealed class LineChart(string heading, string unit, float minimum, float maximum)
{
    private const float HeadingHeight = 26;
    private const float AxisHeight = 20;
    private const float TickText = 12;
    private const float RoomForBothTicks = 100;

    private readonly SKPoint[] points = new SKPoint[History.Capacity];
    private readonly List<Series> lines = [];

    /// <summary>Constant levels, each with its name.</summary>
    public List<(float Level, string Name, SKColor Color)> Levels { get; } = [];

    public History Add(string name, SKColor color)
    {
        var history = new History();
        lines.Add(new Series(name, color, history));
        return history;
    }

    public void Draw(SceneSheet sheet, SKRect place)
    {
        sheet.Text(heading, place.Left, place.Top + 14, 14, Palette.Ink, isBold: true);
        DrawLegend(sheet, place);
        var axisWidth = Math.Max(sheet.Measure(Tick(minimum), TickText), sheet.Measure(Tick(maximum), TickText)) + 8;
        var area = new SKRect(place.Left + axisWidth, place.Top + HeadingHeight, place.Right, place.Bottom - AxisHeight);
        sheet.Fill(area, Palette.Panel);
        DrawTicks(sheet, area);
        foreach (var (level, name, color) in Levels) DrawLevel(sheet, area, level, name, color);
        foreach (var line in lines) DrawLine(sheet, area, line);
        sheet.Line(area.Left, area.Bottom, area.Right, area.Bottom, Palette.FaintInk);
        sheet.Line(area.Left, area.Top, area.Left, area.Bottom, Palette.FaintInk);
    }

    private string Tick(float value) => Invariant($"{value:0.##}{unit}");

    private void DrawLegend(SceneSheet sheet, SKRect place)
    {
        var right = place.Right;
        for (var i = lines.Count - 1; i >= 0; i--)
        {
            if (lines[i].Name.Length == 0) continue;
            sheet.Text(lines[i].Name, right, place.Top + 14, TickText, lines[i].Color, SKTextAlign.Right, isBold: true);
            right -= sheet.Measure(lines[i].Name, TickText, isBold: true) + 12;
        }
    }

    private void DrawTicks(SceneSheet sheet, SKRect area)
    {
        for (var i = 0; i <= 2; i++)
        {
            var level = minimum + (maximum - minimum) * i / 2;
            var y = Y(area, level);
            sheet.Line(area.Left, y, area.Right, y, Palette.Rule);
            sheet.Text(Tick(level), area.Left - 6, y + 4, TickText, Palette.FaintInk, SKTextAlign.Right);
        }

        if (area.Width > RoomForBothTicks) sheet.Text("0", area.Left, area.Bottom + 15, TickText, Palette.FaintInk);
        var frames = Math.Max(1, lines.Count == 0 ? 1 : lines[0].Values.Added);
        sheet.Text(Invariant($"frame {frames:N0}"), area.Right, area.Bottom + 15, TickText, Palette.FaintInk, SKTextAlign.Right);
    }

    private void DrawLevel(SceneSheet sheet, SKRect area, float level, string name, SKColor color)
    {
        var y = Y(area, level);
        sheet.Line(area.Left, y, area.Right, y, color, 1.5f);
        sheet.Text(name, area.Left + 6, y - 5, TickText, color, isBold: true);
    }

    private void DrawLine(SceneSheet sheet, SKRect area, Series line)
    {
        var values = line.Values;
        var whole = Math.Max(1, values.Added - values.Stride);
        for (var i = 0; i < values.Count; i++)
        {
            var x = area.Left + area.Width * Math.Min(1, i * (float)values.Stride / whole);
            points[i] = new SKPoint(x, Y(area, values[i]));
        }

        sheet.Line(points.AsSpan(0, values.Count), line.Color, 2);
    }

    private float Y(SKRect area, float value)
    {
        var part = (Math.Clamp(value, minimum, maximum) - minimum) / (maximum - minimum);
        return area.Bottom - area.Height * part;
    }

    private sealed record Series(string Name, SKColor Color, History Values);
}
