using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The colors of the scenes; the last ones are Okabe and Ito's (2008), which the color-blind can tell apart.</summary>
internal static class Palette
{
    public static readonly SKColor Ink = new(0x22, 0x26, 0x2b);
    public static readonly SKColor FaintInk = new(0x5f, 0x66, 0x6e);
    public static readonly SKColor Rule = new(0xd0, 0xd5, 0xdb);
    public static readonly SKColor Panel = new(0xf5, 0xf6, 0xf8);
    public static readonly SKColor Blue = new(0x00, 0x72, 0xb2);
    public static readonly SKColor Orange = new(0xd5, 0x5e, 0x00);
    public static readonly SKColor Green = new(0x00, 0x9e, 0x73);
    public static readonly SKColor Yellow = new(0xe6, 0x9f, 0x00);
    public static readonly SKColor Purple = new(0xcc, 0x79, 0xa7);
    public static readonly SKColor Sky = new(0x56, 0xb4, 0xe9);
}
