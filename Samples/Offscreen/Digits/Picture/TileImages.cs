using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Images of the data's size, one bitmap pixel per image pixel.</summary>
internal static class TileImages
{
    private const int ScaleSteps = 255;

    /// <summary>The size to show an image at: an integer multiple of its own if it fits into the space, else smaller.</summary>
    public static SKSize Fit(int rows, int columns, float space)
    {
        var factor = space / Math.Max(rows, columns);
        if (factor > 1) factor = MathF.Floor(factor);
        return new SKSize(Math.Max(1, columns * factor), Math.Max(1, rows * factor));
    }

    /// <summary>Dark strokes on white paper: the data has them light on black.</summary>
    public static SKBitmap OfDigit(IdxImages images, int index)
    {
        var bitmap = new SKBitmap(images.Columns, images.Rows, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var colors = new SKColor[images.PixelsPerImage];
        var pixels = images[index];
        for (var i = 0; i < colors.Length; i++)
        {
            var shade = (byte)(255 - pixels[i]);
            colors[i] = new SKColor(shade, shade, shade);
        }

        bitmap.Pixels = colors;
        return bitmap;
    }

    public static SKBitmap OfWeights(UnitWeights weights, int unit, float scale)
    {
        var bitmap = new SKBitmap(weights.Columns, weights.Rows, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var colors = new SKColor[weights.Rows * weights.Columns];
        for (var row = 0; row < weights.Rows; row++)
        {
            for (var column = 0; column < weights.Columns; column++)
            {
                colors[row * weights.Columns + column] = DivergingColors.At(weights[row, column, unit] / scale);
            }
        }

        bitmap.Pixels = colors;
        return bitmap;
    }

    /// <summary>All colors of the weights, the highest at the top.</summary>
    public static SKBitmap OfScale()
    {
        var bitmap = new SKBitmap(1, ScaleSteps, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var step = 0; step < ScaleSteps; step++) bitmap.SetPixel(0, step, DivergingColors.At(1 - 2f * step / (ScaleSteps - 1)));
        return bitmap;
    }
}
