using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The samples that a classifier learns from, and those it is tested on and never learns.</summary>
internal sealed class ImageData
{
    /// <exception cref="UserErrorException">The two sets do not match, or they have a single class.</exception>
    public ImageData(ImageSet training, ImageSet test, string name)
    {
        var (a, b) = (training.Images, test.Images);
        if (a.Rows != b.Rows || a.Columns != b.Columns)
        {
            throw new UserErrorException(Invariant(
                $"The test images in {name} have {b.Rows}x{b.Columns} pixels, but its training images have {a.Rows}x{a.Columns}."));
        }

        Classes = Math.Max(training.Labels.Max(), test.Labels.Max()) + 1;
        if (Classes < 2) throw new UserErrorException($"All labels in {name} are 0, but a classifier needs at least two classes.");
        Training = training;
        Test = test;
    }

    public ImageSet Training { get; }

    public ImageSet Test { get; }

    /// <summary>The largest label of both sets + 1.</summary>
    public int Classes { get; }

    public int Inputs => Training.Images.PixelsPerImage;
}
