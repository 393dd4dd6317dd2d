namespace NeuralPlugin;

/// <summary>
/// What agents see of a texture (<see cref="Agent.CollectTexture"/>): width × height pixels with channels values each, the means over the
/// pixels' boxes of the texture. They are features of a decision behind its observations, row by row, from the texture's first row on
/// (the bottom of what OpenGL has rendered), with the channels of a pixel side by side.
/// </summary>
public sealed record TextureObservations
{
    private const int MostValues = 1 << 20;

    /// <summary>Declares what agents see.</summary>
    /// <param name="width">Pixels side by side.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">Which values of a pixel.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, the channels are none, or they are more than a million values.</exception>
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
                nameof(width), width, $"{width} × {height} pixels are more than {MostValues} features. Choose fewer: they are means, and 16 × 16 show much.");
        }
    }

    /// <summary>Pixels side by side.</summary>
    public int Width { get; }

    /// <summary>Rows of pixels.</summary>
    public int Height { get; }

    /// <summary>Which values of a pixel.</summary>
    public TextureChannels Channels { get; }

    /// <summary>Features of a look.</summary>
    internal int Values => Width * Height * (int)Channels;
}
