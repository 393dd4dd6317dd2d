namespace NeuralPlugin;

/// <summary>Packs and uploads the targets of batches, through a buffer that is reused from batch to batch.</summary>
internal sealed class TargetStaging(TargetLayout layout)
{
    private uint[] words = [];

    /// <summary>Uploads the checked targets of this many samples. Allocates only if there are more than ever before.</summary>
    public void Upload(BatchTargets targets, int rows, MatrixTexture texture)
    {
        int count = rows * layout.WordsPerRow;
        if (words.Length < count) words = new uint[count];
        Span<uint> packed = words.AsSpan(0, count);
        layout.Pack(targets, packed);
        texture.Upload<uint>(packed);
    }
}
