using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Tells whether the driver has skipped dispatches. While a conditional render of the host is open whose query found nothing it skips them,
/// without an error, and no call tells whether one is open; uploads, copies and readbacks go on. So a mark is uploaded into the first element of
/// what a dispatch is to write, and where it is still there afterwards, the dispatch has not run.
/// </summary>
/// <remarks>
/// A conditional render may also begin to skip in the middle of a call, once its query's result is there (GL_QUERY_NO_WAIT), so it is the last
/// dispatch whose result is marked.
/// </remarks>
internal static class SkipMark
{
    /// <summary>A NaN that no arithmetic makes: one with bits of its own in the place where drivers have zeros or ones.</summary>
    private const uint Bits = 0x7FD1_5C3A;

    public static bool Is(float value) => BitConverter.SingleToUInt32Bits(value) == Bits;

    /// <summary>Marks a matrix of floats: for a pair of matrices, the side that it is at this moment. Allocates nothing.</summary>
    public static void Put(NeuralDevice device, Operand operand)
    {
        uint bits = Bits;
        device.Backend.Upload(operand.Storage, 0, MemoryMarshal.AsBytes(OneValue.Of(in bits)));
    }

    /// <summary>Whether the mark is still there. Waits.</summary>
    public static bool IsIn(NeuralDevice device, Operand operand)
    {
        float first = 0;
        device.Backend.Read(operand.Storage, 0, MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref first, 1)));
        return Is(first);
    }
}
