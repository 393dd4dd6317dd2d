using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>Floats that stay where they are for as long as this object lives: memory of the system's, since .NET Standard has no arrays that do.</summary>
internal sealed unsafe class PinnedFloats
{
    private readonly nint bytes;

    /// <param name="length">How many.</param>
    /// <param name="isZeroed">Whether they have to be zero; else they may be anything.</param>
    public PinnedFloats(int length, bool isZeroed)
    {
        bytes = checked((nint)length * sizeof(float));
        First = (float*)Marshal.AllocHGlobal(bytes);
        if (isZeroed) new Span<float>(First, length).Clear();
        if (bytes > 0) GC.AddMemoryPressure(bytes);
    }

    ~PinnedFloats()
    {
        Marshal.FreeHGlobal((nint)First);
        if (bytes > 0) GC.RemoveMemoryPressure(bytes);
    }

    public float* First { get; }
}
