using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>A frame as a picture.</summary>
internal static unsafe class FramePicture
{
    /// <summary>Reads the bound framebuffer, the first row at the top; opaque. Waits.</summary>
    public static SKBitmap Read(GL gl, int width, int height)
    {
        var pixels = new uint[width * height];
        gl.PixelStore(PixelStoreParameter.PackAlignment, 4);
        fixed (uint* first = pixels)
            gl.ReadPixels(0, 0, (uint)width, (uint)height, PixelFormat.Rgba, PixelType.UnsignedByte, first);
        var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var row = 0; row < height; row++)
            pixels.AsSpan((height - 1 - row) * width, width).CopyTo(new Span<uint>((void*)bitmap.GetAddress(0, row), width));
        return bitmap;
    }

    public static byte[] ToPng(SKPixmap? pixels)
    {
        using var data = pixels?.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, zLibLevel: 6))
            ?? throw new InvalidOperationException("Skia did not compress a picture.");
        return data.ToArray();
    }
}
