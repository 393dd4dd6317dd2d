using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>A transparent sheet of text and lines, redrawn every frame; fonts and paints are kept.</summary>
internal sealed class SceneSheet : IDisposable
{
    private readonly SKSurface surface;
    private readonly SKTypeface regular;
    private readonly SKTypeface bold;
    private readonly Dictionary<(float Size, bool IsBold), SKFont> fonts = [];
    private readonly SKPaint fill = new() { IsAntialias = true };
    private readonly SKPaint stroke = new() { IsAntialias = true, IsStroke = true, StrokeJoin = SKStrokeJoin.Round };
    private readonly SKPath path = new();

    public SceneSheet(int width, int height)
    {
        surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul));
        var family = Fonts.FindFamily();
        regular = SKTypeface.FromFamilyName(family, SKFontStyle.Normal);
        bold = SKTypeface.FromFamilyName(family, SKFontStyle.Bold);
    }

    /// <summary>The address of its pixels, [height × width] of four bytes, valid until it is disposed.</summary>
    public nint Pixels
    {
        get
        {
            using var pixels = surface.PeekPixels();
            return pixels.GetPixels();
        }
    }

    public void Clear() => surface.Canvas.Clear(SKColors.Transparent);

    /// <summary>Draws one line of text on a baseline.</summary>
    public void Text(
        string text, float x, float baseline, float size, SKColor color, SKTextAlign align = SKTextAlign.Left, bool isBold = false)
    {
        fill.Color = color;
        surface.Canvas.DrawText(text, x, baseline, align, Font(size, isBold), fill);
    }

    /// <summary>The width in pixels of a line of text.</summary>
    public float Measure(string text, float size, bool isBold = false) => Font(size, isBold).MeasureText(text, fill);

    public void Fill(SKRect area, SKColor color)
    {
        fill.Color = color;
        surface.Canvas.DrawRect(area, fill);
    }

    public void Frame(SKRect around, SKColor color, float thickness = 1)
    {
        stroke.Color = color;
        stroke.StrokeWidth = thickness;
        surface.Canvas.DrawRect(SKRect.Inflate(around, thickness / 2, thickness / 2), stroke);
    }

    public void Line(float x1, float y1, float x2, float y2, SKColor color, float thickness = 1)
    {
        stroke.Color = color;
        stroke.StrokeWidth = thickness;
        surface.Canvas.DrawLine(x1, y1, x2, y2, stroke);
    }

    /// <summary>A line through points.</summary>
    public void Line(ReadOnlySpan<SKPoint> points, SKColor color, float thickness)
    {
        if (points.Length < 2) return;
        path.Reset();
        path.MoveTo(points[0]);
        foreach (var point in points[1..]) path.LineTo(point);
        stroke.Color = color;
        stroke.StrokeWidth = thickness;
        surface.Canvas.DrawPath(path, stroke);
    }

    public void Dispose()
    {
        foreach (var font in fonts.Values) font.Dispose();
        fill.Dispose();
        stroke.Dispose();
        path.Dispose();
        regular.Dispose();
        bold.Dispose();
        surface.Dispose();
    }

    private SKFont Font(float size, bool isBold)
    {
        if (fonts.TryGetValue((size, isBold), out var font)) return font;
        font = new SKFont(isBold ? bold : regular, size) { Edging = SKFontEdging.Antialias, Subpixel = true };
        fonts.Add((size, isBold), font);
        return font;
    }
}
