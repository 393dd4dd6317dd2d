using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>White paper for text and images; sizes in pixels, the origin at the top left.</summary>
internal sealed class Sheet : IDisposable
{
    public static readonly SKColor Ink = new(0x22, 0x26, 0x2b);
    public static readonly SKColor FaintInk = new(0x6b, 0x72, 0x7b);
    public static readonly SKColor Rule = new(0xd0, 0xd5, 0xdb);
    public static readonly SKColor Warning = new(0xc6, 0x28, 0x28);

    private readonly SKSurface surface;
    private readonly SKTypeface regular;
    private readonly SKTypeface bold;

    public Sheet(int width, int height)
    {
        surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Canvas.Clear(SKColors.White);
        FontFamily = Fonts.FindFamily();
        regular = SKTypeface.FromFamilyName(FontFamily, SKFontStyle.Normal);
        bold = SKTypeface.FromFamilyName(FontFamily, SKFontStyle.Bold);
    }

    public string FontFamily { get; }

    public SKCanvas Canvas => surface.Canvas;

    /// <summary>Draws one line of text on a baseline, shrunk to fit the greatest width.</summary>
    public void Text(
        string text,
        float x,
        float baseline,
        float size,
        SKColor color,
        SKTextAlign align = SKTextAlign.Left,
        bool isBold = false,
        float maxWidth = float.MaxValue)
    {
        using var font = new SKFont(isBold ? bold : regular, size) { Edging = SKFontEdging.Antialias, Subpixel = true };
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        var width = font.MeasureText(text, paint);
        if (width > maxWidth) font.Size = size * maxWidth / width;
        Canvas.DrawText(text, x, baseline, align, font, paint);
    }

    /// <summary>Draws an image: with sharp pixels when enlarged, smooth when reduced.</summary>
    public void Image(SKBitmap bitmap, SKRect target)
    {
        var grows = target.Width >= bitmap.Width;
        var sampling = grows ? new SKSamplingOptions(SKFilterMode.Nearest) : new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear);
        using var image = SKImage.FromBitmap(bitmap);
        Canvas.DrawImage(image, target, sampling);
    }

    public void Frame(SKRect around, SKColor color, float thickness)
    {
        using var paint = new SKPaint { Color = color, StrokeWidth = thickness, IsStroke = true };
        Canvas.DrawRect(SKRect.Inflate(around, thickness / 2, thickness / 2), paint);
    }

    public byte[] ToPng()
    {
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        return data.ToArray();
    }

    public void Dispose()
    {
        regular.Dispose();
        bold.Dispose();
        surface.Dispose();
    }
}
