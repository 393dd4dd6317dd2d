namespace NeuralPlugin.Tests.Twins;

/// <summary>A picture scaled to features by box means, in double precision: every texel against every pixel.</summary>
public static class TextureFeaturesTwin
{
    /// <summary>The weights of Rec. 709.</summary>
    private static readonly double[] Luminance = [0.2126, 0.7152, 0.0722];

    /// <summary>[height × width × channels]; a single channel is the luminance or, for a texture without green, its red.</summary>
    public static double[] Box(ReadOnlySpan<float> rgba, int texelsWide, int texelsHigh, int width, int height, int channels, bool hasGreen)
    {
        TwinArrays.RequireLength(rgba.Length, texelsHigh, texelsWide * 4, "a texture");
        var features = new double[height * width * channels];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                double[] pixel = MeanOfBox(rgba, texelsWide, texelsHigh, width, height, column, row);
                int first = (row * width + column) * channels;
                if (channels == 1)
                    features[first] = hasGreen ? Luminance[0] * pixel[0] + Luminance[1] * pixel[1] + Luminance[2] * pixel[2] : pixel[0];
                else
                    pixel.AsSpan(0, channels).CopyTo(features.AsSpan(first));
            }
        }
        return features;
    }

    private static double[] MeanOfBox(ReadOnlySpan<float> rgba, int texelsWide, int texelsHigh, int width, int height, int column, int row)
    {
        var sum = new double[4];
        double area = 0;
        for (int y = 0; y < texelsHigh; y++)
        {
            double ofRow = Overlap(y, texelsHigh, row, height);
            for (int x = 0; ofRow > 0 && x < texelsWide; x++)
            {
                double weight = ofRow * Overlap(x, texelsWide, column, width);
                for (int c = 0; c < 4; c++)
                    sum[c] += weight * rgba[(y * texelsWide + x) * 4 + c];
                area += weight;
            }
        }
        for (int c = 0; c < 4; c++)
            sum[c] /= area;
        return sum;
    }

    /// <summary>The overlap of two parts of the interval from 0 to 1.</summary>
    private static double Overlap(int texel, int texels, int pixel, int pixels)
    {
        double low = Math.Max((double)texel / texels, (double)pixel / pixels);
        double high = Math.Min((texel + 1.0) / texels, (pixel + 1.0) / pixels);
        return Math.Max(0, high - low);
    }
}
