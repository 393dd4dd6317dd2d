using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>Floats that stay where they are for as long as this object lives.</summary>
internal sealed unsafe class PinnedFloats
{
    private readonly float[] values;

    /// <param name="length">How many.</param>
    /// <param name="isZeroed">Whether they have to be zero; else they may be anything.</param>
    public PinnedFloats(int length, bool isZeroed)
    {
        values = isZeroed ? GC.AllocateArray<float>(length, pinned: true) : GC.AllocateUninitializedArray<float>(length, pinned: true);
        First = (float*)Unsafe.AsPointer(ref values[0]);
    }

    public float* First { get; }
}
