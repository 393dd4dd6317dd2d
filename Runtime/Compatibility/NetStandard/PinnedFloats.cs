using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>Floats at a fixed address for as long as this object lives: native memory, since .NET Standard has no pinned arrays.</summary>
internal sealed unsafe class PinnedFloats
{
    private readonly nint bytes;

    /// <param name="length">The number of floats.</param>
    /// <param name="isZeroed">Whether they must be zero; otherwise they are arbitrary.</param>
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
