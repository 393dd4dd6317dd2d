using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Images and the class of each.</summary>
internal sealed class ImageSet
{
    /// <exception cref="IdxFormatException">The number of labels differs from the number of images.</exception>
    public ImageSet(IdxImages images, byte[] labels, string imagesFileName, string labelsFileName)
    {
        if (labels.Length != images.Count)
        {
            throw new IdxFormatException(labelsFileName, Invariant(
                $"holds {labels.Length} labels, but {imagesFileName} holds {images.Count} images"));
        }

        Images = images;
        Labels = labels;
    }

    public IdxImages Images { get; }

    public IReadOnlyList<byte> Labels { get; }

    public int Count => Images.Count;
}
