using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>The storage format of features on the GPU.</summary>
public enum SampleFormat
{
    /// <summary>Floats of 32 bits.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the type of the features.")]
    Float,

    /// <summary>Bytes, which a network reads as value / 255: for images, at a quarter of the memory.</summary>
    Bytes,
}

/// <summary>The texel formats of sample formats.</summary>
internal static class SampleFormats
{
    /// <exception cref="ArgumentOutOfRangeException">The format is invalid.</exception>
    public static TexelFormat Texels(SampleFormat format, [CallerArgumentExpression(nameof(format))] string? name = null) => format switch
    {
        SampleFormat.Float => TexelFormat.Float,
        SampleFormat.Bytes => TexelFormat.Byte,
        _ => throw new ArgumentOutOfRangeException(name, format, "The format must be Float or Bytes."),
    };
}
