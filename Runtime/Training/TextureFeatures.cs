namespace NeuralPlugin;

/// <summary>The values of a pixel that become features.</summary>
public enum TextureChannels
{
    /// <summary>
    /// One: 0.2126·red + 0.7152·green + 0.0722·blue (Rec. 709), of the values as shaders see them; for a texture without green, its red.
    /// </summary>
    Luminance = 1,

    /// <summary>Three: red, green, blue.</summary>
    Rgb = 3,

    /// <summary>Four: red, green, blue, alpha.</summary>
    Rgba = 4,
}

/// <summary>A part of a texture, in texels; the default is the full texture.</summary>
internal readonly record struct TextureRegion(int X, int Y, int Width, int Height);

/// <summary>
/// Writes the current content of a host texture into a row of a feature matrix, on the GPU: scaled down (or up) to width × height
/// pixels, each the mean over its box of the texture.
/// </summary>
internal sealed class TextureFeatures
{
    private const int GroupSize = 32;

    /// <summary>A common driver silently ends a loop after this many iterations, including those of nested loops.</summary>
    private const int MostRounds = 65_535;

    private static readonly string[] TargetWords = ["firstWord", "secondWord", "thirdWord", "fourthWord"];

    private readonly NeuralDevice device;
    private readonly HostTexture source;
    private readonly Dispatch dispatch;
    private readonly KernelArguments<int> part = MakePart();
    private readonly KernelArguments<float> luminance = MakeLuminance();
    private readonly KernelArguments<int> target = MakeTarget();

    /// <param name="source">The texture to write, as last set by <see cref="Take"/>.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">The values of a pixel to use.</param>
    /// <param name="features">A matrix of floats or bytes, of width × height × channels columns.</param>
    /// <param name="targets">A matrix of words, whose row is told that the features were written; null for none.</param>
    public TextureFeatures(HostTexture source, int width, int height, TextureChannels channels, Operand features, Operand? targets = null)
    {
        device = source.Device;
        this.source = source;
        (Width, Height, Channels) = (width, height, channels);
        dispatch = DispatchFor(source, width, height, channels, features, targets, part, luminance, target);
        device.Compile(dispatch);
    }

    public int Width { get; }

    public int Height { get; }

    public TextureChannels Channels { get; }

    /// <summary>The kernel with its operands: one row of the matrix, and the full texture.</summary>
    public static Dispatch DispatchFor(Operand source, int width, int height, TextureChannels channels, Operand features, Operand? targets)
    {
        return DispatchFor(source, width, height, channels, features, targets, MakePart(), MakeLuminance(), MakeTarget());
    }

    private static Dispatch DispatchFor(
        Operand source, int width, int height, TextureChannels channels, Operand features, Operand? targets, KernelArguments<int> part, KernelArguments<float> luminance,
        KernelArguments<int> target)
    {
        (string, int)[] formats = features.Format == TexelFormat.Byte ? [("BYTE_FEATURES", 1)] : [], stores = targets is null ? [] : [("STORES_TARGET", 1)];
        KernelArguments<int> sizes = new(("width", width), ("height", height), ("texelsPerRow", features.Shape.TexelsPerRow));
        return new Dispatch(
            new KernelSource(
                "texture_features_box.comp", [("GROUP_SIZE", GroupSize), ("CHANNELS", (int)channels), .. formats, .. stores]),
            targets is null ? [MatrixBinding.Write("features", features)] : [MatrixBinding.Write("features", features), MatrixBinding.Write("targets", targets)],
            targets is null ? [sizes, part] : [sizes, part, new(("targetTexels", targets.Shape.TexelsPerRow)), target],
            new DispatchGrid(MatrixShape.CeilingDivide(width * height, GroupSize)), [luminance], [new TextureBinding("source", source)])
        {
            NeedsBarrier = true,   // after what still reads the row
        };
    }

    public static void RequireChannels(TextureChannels channels)
    {
        if (channels is not (TextureChannels.Luminance or TextureChannels.Rgb or TextureChannels.Rgba))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "The channels must be Luminance, Rgb or Rgba.");
    }

    /// <summary>Checks that an image's extent yields this many features.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or less, or the channels are invalid.</exception>
    /// <exception cref="ArgumentException">The image yields another number of features.</exception>
    public static void RequireSize(int width, int height, TextureChannels channels, int features)
    {
        Requirements.Size(width, "pixels side by side");
        Requirements.Size(height, "rows of pixels");
        RequireChannels(channels);
        long pixels = (long)width * height;
        if (pixels <= int.MaxValue && pixels * (int)channels == features) return;
        throw new ArgumentException(
            $"An image of {width} × {height} pixels with {(int)channels} channels each does not have the required {features} features. " +
            "Choose another width, height or channels.", nameof(width));
    }

    /// <summary>Sets the source texture, or reports what is wrong with it.</summary>
    /// <exception cref="ArgumentException">The texture is not a two-dimensional texture of numbers that a shader sees as floats.</exception>
    /// <exception cref="DeviceLimitException">The texture is too large for so few pixels.</exception>
    public static void Take(HostTexture source, uint texture, int width, int height)
    {
        source.Take(texture);
        RequireRounds(source.Width, source.Height, width, height, nameof(texture));
    }

    /// <summary>Checks that each pixel is the mean of few enough texels.</summary>
    /// <exception cref="DeviceLimitException">A pixel would average too many texels.</exception>
    public static void RequireRounds(int texelsWide, int texelsHigh, int width, int height, string name)
    {
        long rounds = (Extent(texelsWide, width) + 1) * Extent(texelsHigh, height);
        bool isAddressable = Math.Max((long)texelsWide * width, (long)texelsHigh * height) <= int.MaxValue;
        if (rounds <= MostRounds && isAddressable) return;
        throw new DeviceLimitException(
            $"A texture of {texelsWide} × {texelsHigh} is too large to become {width} × {height} pixels: each would be the mean of about " +
            $"{rounds} of its texels, but {MostRounds} is the maximum. Let the game render, or blit, into a smaller texture.", name);

        static long Extent(int texels, int pixels) => MatrixShape.CeilingDivide(texels, pixels) + 1L;
    }

    /// <summary>Enqueues the write of the source's features into a row of the matrix, and of the first words of its target into the same row of the targets.</summary>
    public void Write(int row, ReadOnlySpan<uint> words)
    {
        for (int i = 0; i < TargetWords.Length; i++) target[TargetWords[i]] = unchecked((int)words[i]);
        Write(row, default(TextureRegion));
    }

    /// <summary>Enqueues the write of a part of the source into a row of the matrix.</summary>
    public void Write(int row, TextureRegion region)
    {
        (part["row"], part["sourceX"], part["sourceY"], part["sourceWidth"], part["sourceHeight"]) = (row, region.X, region.Y, region.Width, region.Height);
        (luminance["redWeight"], luminance["greenWeight"], luminance["blueWeight"]) = source.HasGreen ? (0.2126f, 0.7152f, 0.0722f) : (1, 0, 0);
        device.Run(dispatch, 0, 0, dispatch.Grid.Lines(0));
        device.MakeWritesVisible();
    }

    /// <summary>The row to write, and the part of the texture to read.</summary>
    private static KernelArguments<int> MakePart() => new(("row", 0), ("sourceX", 0), ("sourceY", 0), ("sourceWidth", 0), ("sourceHeight", 0));

    /// <summary>The bits of the first words of a row's target.</summary>
    private static KernelArguments<int> MakeTarget() => new([.. TargetWords.Select(name => (name, 0))]);

    /// <summary>The weights of a pixel's luminance.</summary>
    private static KernelArguments<float> MakeLuminance() => new(("redWeight", 0), ("greenWeight", 0), ("blueWeight", 0));
}
