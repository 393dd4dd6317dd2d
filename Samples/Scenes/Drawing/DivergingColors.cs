using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Blue below zero, white at zero, red above: ColorBrewer's RdBu, which the color-blind can tell apart.</summary>
internal static class DivergingColors
{
    private static readonly SKColor[] Stops =
    [
        new(0x05, 0x30, 0x61), new(0x43, 0x93, 0xc3), new(0xd1, 0xe5, 0xf0), new(0xff, 0xff, 0xff),
        new(0xfd, 0xdb, 0xc7), new(0xd6, 0x60, 0x4d), new(0x67, 0x00, 0x1f),
    ];

    /// <param name="value">−1 to 1; values beyond have the color of the end.</param>
    public static SKColor At(float value)
    {
        var position = (Math.Clamp(value, -1, 1) + 1) / 2 * (Stops.Length - 1);
        var left = Math.Min((int)position, Stops.Length - 2);
        var part = position - left;
        var (a, b) = (Stops[left], Stops[left + 1]);
        return new SKColor(Mix(a.Red, b.Red, part), Mix(a.Green, b.Green, part), Mix(a.Blue, b.Blue, part));
    }

    private static byte Mix(byte a, byte b, float part) => (byte)MathF.Round(a + part * (b - a));
}
