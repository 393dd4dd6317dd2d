using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Detects whether the driver skipped dispatches. While the host has a conditional render open whose query found nothing, the driver skips them
/// without an error, and no call reports whether one is open; uploads, copies and readbacks continue. So a mark is uploaded into the first element that
/// a dispatch will write; if it is still present afterwards, the dispatch has not run.
/// </summary>
/// <remarks>
/// A conditional render may also start skipping in the middle of a call, once its query's result is available (GL_QUERY_NO_WAIT), so
/// the result of the last dispatch is the one marked.
/// </remarks>
internal static class SkipMark
{
    /// <summary>A NaN that no arithmetic produces: its distinctive bits are where drivers have zeros or ones.</summary>
    private const uint Bits = 0x7FD1_5C3A;

    public static bool Is(float value) => BitConverter.SingleToUInt32Bits(value) == Bits;

    /// <summary>Marks a matrix of floats: for a pair of matrices, the current side. Allocates nothing.</summary>
    public static void Put(NeuralDevice device, Operand operand)
    {
        uint bits = Bits;
        device.Backend.Upload(operand.Storage, 0, MemoryMarshal.AsBytes(OneValue.Of(in bits)));
    }

    /// <summary>Whether the mark is still present. Waits.</summary>
    public static bool IsIn(NeuralDevice device, Operand operand)
    {
        float first = 0;
        device.Backend.Read(operand.Storage, 0, MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref first, 1)));
        return Is(first);
    }
}
