namespace NeuralPlugin;

/// <summary>Which values of a pixel are features.</summary>
public enum TextureChannels
{
    /// <summary>One: 0.2126·red + 0.7152·green + 0.0722·blue (Rec. 709), of the values as shaders see them.</summary>
    Luminance = 1,

    /// <summary>Three: red, green, blue.</summary>
    Rgb = 3,

    /// <summary>Four: red, green, blue, alpha.</summary>
    Rgba = 4,
}

/// <summary>
/// Writes what a texture of the host shows into a row of a matrix of features, on the GPU: scaled down (or up) to width × height
/// pixels, each the mean over its box of the texture.
/// </summary>
internal sealed class TextureFeatures
{
    private const int GroupSize = 32;
    private const int SourceUnit = 0;

    /// <summary>A common driver ends a loop after as many rounds, without a word.</summary>
    private const int LargestBox = 65_535;

    private readonly NeuralDevice device;
    private readonly HostTexture source;
    private readonly Dispatch dispatch;

    /// <param name="device">Where the matrix lives.</param>
    /// <param name="width">Pixels side by side.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">Which values of a pixel.</param>
    /// <param name="features">A matrix of floats or bytes, of width × height × channels columns.</param>
    public TextureFeatures(NeuralDevice device, int width, int height, TextureChannels channels, Operand features)
    {
        this.device = device;
        (Width, Height, Channels) = (width, height, channels);
        source = new HostTexture(device);
        int pixels = width * height;
        (string, int)[] formats = features.Format == TexelFormat.Byte ? [("BYTE_FEATURES", 1)] : [];
        dispatch = new Dispatch(
            new KernelSource("texture_features_box.comp", [("GROUP_SIZE", GroupSize), ("CHANNELS", (int)channels), ("SOURCE_TEXTURE", SourceUnit), .. formats]),
            [new ImageBinding(features, ImageAccess.Write)], [0, width, height, features.Shape.TexelsPerRow],
            new DispatchGrid(MatrixShape.CeilingDivide(pixels, GroupSize)))
        {
            Textures = [source],
            NeedsBarrier = true,   // after what still reads the row
        };
        dispatch.Kernel = device.GetKernel(dispatch.Source);
    }

    public int Width { get; }

    public int Height { get; }

    public TextureChannels Channels { get; }

    /// <summary>Checks the extent of an image that is to give so many features.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, or the channels are none.</exception>
    /// <exception cref="ArgumentException">It gives another number of features.</exception>
    public static void RequireSize(int width, int height, TextureChannels channels, int features)
    {
        Requirements.Size(width, "pixels side by side");
        Requirements.Size(height, "rows of pixels");
        if (channels is not (TextureChannels.Luminance or TextureChannels.Rgb or TextureChannels.Rgba))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "The channels must be Luminance, Rgb or Rgba.");
        long values = (long)width * height * (int)channels;
        if (values != features)
        {
            throw new ArgumentException(
                $"An image of {width} × {height} pixels with {(int)channels} channels has {values} features, but {features} are needed. " +
                "Choose another width, height or channels.", nameof(width));
        }
    }

    /// <summary>Makes a texture the one that <see cref="Write"/> reads, or says what is wrong with it.</summary>
    /// <exception cref="ArgumentException">It is no two-dimensional texture of numbers that a shader sees as floats.</exception>
    /// <exception cref="DeviceLimitException">It is so large that more than 65,535 of its texels are one pixel.</exception>
    public void Take(uint texture)
    {
        source.Take(texture);
        long box = (long)Extent(source.Size.Width, Width) * Extent(source.Size.Height, Height);
        if (box <= LargestBox) return;
        throw new DeviceLimitException(
            $"A texture of {source.Size.Width} × {source.Size.Height} is too large for {Width} × {Height} pixels: {box} of its texels would be one pixel, " +
            $"and {LargestBox} can be. Render into a smaller texture.", nameof(texture));

        static int Extent(int texels, int pixels) => MatrixShape.CeilingDivide(texels, pixels) + 1;
    }

    /// <summary>Enqueues that the texture's features become a row of the matrix.</summary>
    public void Write(int row)
    {
        dispatch.Sizes[0] = row;
        device.Run(dispatch, 0, default, 0, dispatch.Grid.Lines(0));
        device.MakeWritesVisible();
    }
}
