using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>Packs and uploads the targets of batches, through a buffer that is reused from batch to batch.</summary>
internal sealed class TargetStaging(TargetLayout layout)
{
    private uint[] words = [];

    /// <summary>Uploads the checked targets of this many samples, to a row of the matrix and those after it. Allocates only if there are more than ever before.</summary>
    public void Upload(BatchTargets targets, int rows, MatrixTexture texture, int firstRow = 0)
    {
        int stride = MatrixShape.Texels(layout.WordsPerRow) * MatrixShape.ColumnsPerTexel, count = rows * stride;
        if (words.Length < count) words = new uint[count];
        Span<uint> packed = words.AsSpan(0, count);
        layout.Pack(targets, packed, stride);   // padded here, so that nothing is copied twice
        texture.UploadRows(firstRow, MemoryMarshal.AsBytes(packed));
    }
}
