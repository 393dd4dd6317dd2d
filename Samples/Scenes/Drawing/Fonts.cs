using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The fonts of the pictures and of the scenes.</summary>
internal static class Fonts
{
    // Skia without fontconfig finds families by their exact names only; the first one that exists is used.
    private static readonly string[] Families = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Segoe UI", "Helvetica", "Arial"];

    public static string FindFamily()
    {
        var there = SKFontManager.Default.GetFontFamilies();
        return Families.FirstOrDefault(there.Contains) ?? there.FirstOrDefault() ?? SKTypeface.Default.FamilyName;
    }
}
