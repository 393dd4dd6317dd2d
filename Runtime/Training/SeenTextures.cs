namespace NeuralPlugin;

/// <summary>
/// What textures showed when somebody looked, a row of the GPU's memory a look, kept as long as somebody counts on it: a decision is
/// learned from some frames after its texture was drawn over.
/// </summary>
internal sealed class SeenTextures : IDisposable
{
    private readonly HostTexture source;
    private readonly TextureFeatures features;
    private readonly int[] holders;   // of each row
    private readonly int[] free;
    private int freeCount;

    /// <param name="device">Where the textures are.</param>
    /// <param name="width">Pixels side by side.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">Which values of a pixel.</param>
    /// <param name="capacity">Most looks that are kept at a time.</param>
    /// <exception cref="DeviceLimitException">They are too large for one matrix of this device.</exception>
    public SeenTextures(NeuralDevice device, int width, int height, TextureChannels channels, int capacity)
    {
        // The last column of what is uploaded beside is the row, as a float.
        if (capacity > MostRows) throw new DeviceLimitException($"At most {MostRows} textures are kept at a time, and {capacity} may have to be.");
        source = new HostTexture(device);
        Rows = new MatrixTexture(device, device.Shape(capacity, (long)width * height * (int)channels, "The textures that agents have seen"));
        features = new TextureFeatures(source, width, height, channels, Rows);
        holders = new int[capacity];
        free = [.. Enumerable.Range(0, capacity).Reverse()];
        freeCount = capacity;
    }

    private const int MostRows = 1 << 24;

    /// <summary>Looks that are not kept.</summary>
    public int Free => freeCount;

    /// <summary>[looks × width × height × channels], as shaders see the texture.</summary>
    public MatrixTexture Rows { get; }

    /// <summary>A row that nobody counts on, held once.</summary>
    public int Rent()
    {
        int row = free[--freeCount];
        holders[row] = 1;
        return row;
    }

    /// <summary>One more counts on a row.</summary>
    public void Keep(int row) => holders[row]++;

    /// <summary>One less does. What was enqueued sees the row as it was.</summary>
    public void Release(int row)
    {
        if (--holders[row] == 0) free[freeCount++] = row;
    }

    /// <summary>Looks at a texture of the host, or says what is wrong with it. Makes no dispatch.</summary>
    /// <exception cref="ArgumentException">It is no two-dimensional texture of numbers that a shader sees as floats.</exception>
    public (int Width, int Height) Take(uint texture)
    {
        source.Take(texture);
        return (source.Width, source.Height);
    }

    /// <summary>Enqueues that what a part of the texture that was taken shows goes into a row.</summary>
    /// <exception cref="DeviceLimitException">It is too large for so few pixels.</exception>
    /// <param name="row">A row that was rented.</param>
    /// <param name="region">The part; the default is all of it.</param>
    /// <param name="texelsWide">Texels of the part side by side.</param>
    /// <param name="texelsHigh">Its rows of texels.</param>
    public void Write(int row, TextureRegion region, int texelsWide, int texelsHigh)
    {
        TextureFeatures.RequireRounds(texelsWide, texelsHigh, features.Width, features.Height, "texture");
        features.Write(row, region);
    }

    public void Dispose() => Rows.Dispose();
}
