using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>A value as a span of one, without a copy: the span's own constructor is newer than .NET Standard.</summary>
internal static class OneValue
{
    public static ReadOnlySpan<T> Of<T>(in T value) => MemoryMarshal.CreateReadOnlySpan(ref Unsafe.AsRef(in value), 1);
}
