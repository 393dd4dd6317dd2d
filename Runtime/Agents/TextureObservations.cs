namespace NeuralPlugin;

/// <summary>
/// An agent's view of a texture (<see cref="Agent.CollectTexture"/>): width × height pixels with channels values each, the means over the pixels'
/// boxes of the texture. They are features of a decision after its observations, row by row, starting with the texture's first row (the bottom of the
/// rendered image), with the channels of a pixel side by side.
/// </summary>
public sealed record TextureObservations
{
    private const int MostValues = 1 << 20;

    /// <summary>Declares the agents' view.</summary>
    /// <param name="width">The width in pixels.</param>
    /// <param name="height">The height in pixels.</param>
    /// <param name="channels">The values of a pixel.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, the channels are undefined, or there are more than a million values.</exception>
    public TextureObservations(int width, int height, TextureChannels channels = TextureChannels.Luminance)
    {
        Width = Requirements.Size(width, "pixels side by side");
        Height = Requirements.Size(height, "rows of pixels");
        TextureFeatures.RequireChannels(channels);
        Channels = channels;
        long values = (long)width * height * (int)channels;
        if (width > MostValues || height > MostValues || values > MostValues)
        {
            throw new ArgumentOutOfRangeException(
                nameof(width), width, $"{width} × {height} pixels are more than {MostValues} features. Choose fewer: each pixel is the mean of an area, and 16 × 16 are often enough.");
        }
    }

    /// <summary>The width in pixels.</summary>
    public int Width { get; }

    /// <summary>The height in pixels.</summary>
    public int Height { get; }

    /// <summary>The values of a pixel.</summary>
    public TextureChannels Channels { get; }

    /// <summary>Features per view.</summary>
    internal int Values => Width * Height * (int)Channels;
}
