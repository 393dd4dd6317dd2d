using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>Floats at a fixed address for as long as this object lives.</summary>
internal sealed unsafe class PinnedFloats
{
    private readonly float[] values;

    /// <param name="length">The number of floats.</param>
    /// <param name="isZeroed">Whether they must be zero; otherwise they are arbitrary.</param>
    public PinnedFloats(int length, bool isZeroed)
    {
        values = isZeroed ? GC.AllocateArray<float>(length, pinned: true) : GC.AllocateUninitializedArray<float>(length, pinned: true);
        First = (float*)Unsafe.AsPointer(ref values[0]);
    }

    public float* First { get; }
}
