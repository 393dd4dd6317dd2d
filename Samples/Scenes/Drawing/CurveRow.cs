using System.Globalization;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Numbers of a run as small curves in a row, each with its name, its last value and a range of its own.</summary>
internal sealed class CurveRow
{
    private const float Gap = 24;
    private const float HeadingHeight = 18;
    private const float TextSize = 12;
    private const float LeastSpace = 8;   // between a name and its value
    private const float TickSize = 10;

    private readonly SKPoint[] points = new SKPoint[History.Capacity];
    private readonly List<Curve> curves = [];

    /// <param name="name">The name of the number.</param>
    /// <param name="format">The format of its values.</param>
    public Curve Add(string name, string format)
    {
        var curve = new Curve(name, format);
        curves.Add(curve);
        return curve;
    }

    /// <summary>Draws the curves that have values.</summary>
    public void Draw(SceneSheet sheet, SKRect place)
    {
        var count = curves.Count(curve => curve.Values.Count > 0);
        var width = (place.Width + Gap) / Math.Max(1, count) - Gap;
        var size = curves.Where(curve => curve.Values.Count > 0).Select(curve => SizeOfHeading(sheet, curve, width)).DefaultIfEmpty(TextSize).Min();
        var left = place.Left;
        foreach (var curve in curves)
        {
            if (curve.Values.Count == 0) continue;
            Draw(sheet, new SKRect(left, place.Top, left + width, place.Bottom), curve, size);
            left += width + Gap;
        }
    }

    /// <summary>The size, in halves, in which a curve's name and its last value fit beside each other.</summary>
    private static float SizeOfHeading(SceneSheet sheet, Curve curve, float width)
    {
        var text = sheet.Measure(curve.Name, TextSize, isBold: true) + sheet.Measure(curve.Text(curve.Values.Latest), TextSize, isBold: true);
        return MathF.Floor(2 * TextSize * Math.Min(1, (width - LeastSpace) / text)) / 2;
    }

    private void Draw(SceneSheet sheet, SKRect place, Curve curve, float size)
    {
        var values = curve.Values;
        sheet.Text(curve.Name, place.Left, place.Top + 12, size, Palette.Ink, isBold: true);
        sheet.Text(curve.Text(values.Latest), place.Right, place.Top + 12, size, Palette.Blue, SKTextAlign.Right, isBold: true);
        var (least, most) = (float.PositiveInfinity, float.NegativeInfinity);
        for (var i = 0; i < values.Count; i++) (least, most) = (Math.Min(least, values[i]), Math.Max(most, values[i]));
        var ticks = Math.Max(sheet.Measure(curve.Text(least), TickSize), sheet.Measure(curve.Text(most), TickSize)) + 6;
        var area = new SKRect(place.Left + ticks, place.Top + HeadingHeight, place.Right, place.Bottom);
        sheet.Fill(area, Palette.Panel);
        sheet.Text(curve.Text(most), area.Left - 4, area.Top + 8, TickSize, Palette.FaintInk, SKTextAlign.Right);
        sheet.Text(curve.Text(least), area.Left - 4, area.Bottom, TickSize, Palette.FaintInk, SKTextAlign.Right);
        for (var i = 0; i < values.Count; i++)
        {
            var part = most > least ? (values[i] - least) / (most - least) : 0.5f;
            points[i] = new SKPoint(area.Left + area.Width * i / Math.Max(1, values.Count - 1), area.Bottom - area.Height * part);
        }

        sheet.Line(points.AsSpan(0, values.Count), Palette.Blue, 1.5f);
    }

    /// <summary>A number over the run.</summary>
    internal sealed class Curve(string name, string format)
    {
        public string Name => name;

        public History Values { get; } = new();

        /// <summary>Adds a frame's value; a number that is not there yet is left out.</summary>
        public void Add(double value)
        {
            if (double.IsFinite(value)) Values.Add((float)value);
        }

        public string Text(float value) => value.ToString(format, CultureInfo.InvariantCulture);
    }
}
