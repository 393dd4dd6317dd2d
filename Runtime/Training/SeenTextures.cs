namespace NeuralPlugin;

/// <summary>
/// Captured textures, one row of GPU memory per capture, kept as long as needed: a decision is
/// learned from some frames after its texture was drawn over.
/// </summary>
internal sealed class SeenTextures : IDisposable
{
    private readonly HostTexture source;
    private readonly TextureFeatures features;
    private readonly int[] holders;   // of each row
    private readonly int[] free;
    private int freeCount;

    /// <param name="device">The textures' device.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="channels">The values of a pixel to keep.</param>
    /// <param name="capacity">The most captures kept at a time.</param>
    /// <exception cref="DeviceLimitException">They are too large for one matrix of this device.</exception>
    public SeenTextures(NeuralDevice device, int width, int height, TextureChannels channels, int capacity)
    {
        // The last column of the observations uploaded alongside is the row, as a float.
        if (capacity > MostRows) throw new DeviceLimitException($"At most {MostRows} textures can be kept at a time, but {capacity} may be needed.");
        source = new HostTexture(device);
        Rows = new MatrixTexture(device, device.Shape(capacity, (long)width * height * (int)channels, "The textures that agents have seen"));
        features = new TextureFeatures(source, width, height, channels, Rows);
        holders = new int[capacity];
        free = [.. Enumerable.Range(0, capacity).Reverse()];
        freeCount = capacity;
    }

    private const int MostRows = 1 << 24;

    /// <summary>The number of free rows.</summary>
    public int Free => freeCount;

    /// <summary>[captures × width × height × channels], as shaders see the texture.</summary>
    public MatrixTexture Rows { get; }

    /// <summary>A free row, held once.</summary>
    public int Rent()
    {
        int row = free[--freeCount];
        holders[row] = 1;
        return row;
    }

    /// <summary>Adds a holder to a row.</summary>
    public void Keep(int row) => holders[row]++;

    /// <summary>Removes a holder. Already enqueued work still sees the row's content.</summary>
    public void Release(int row)
    {
        if (--holders[row] == 0) free[freeCount++] = row;
    }

    /// <summary>Binds a texture of the host, or reports what is wrong with it. Makes no dispatch.</summary>
    /// <exception cref="ArgumentException">The texture is not a two-dimensional texture of numbers that a shader sees as floats.</exception>
    public (int Width, int Height) Take(uint texture)
    {
        source.Take(texture);
        return (source.Width, source.Height);
    }

    /// <summary>Enqueues the write of a part of the bound texture into a row.</summary>
    /// <exception cref="DeviceLimitException">The texture is too large for so few pixels.</exception>
    /// <param name="row">A rented row.</param>
    /// <param name="region">The part; the default is the full texture.</param>
    /// <param name="texelsWide">Texels of the part per row.</param>
    /// <param name="texelsHigh">The part's rows of texels.</param>
    public void Write(int row, TextureRegion region, int texelsWide, int texelsHigh)
    {
        TextureFeatures.RequireRounds(texelsWide, texelsHigh, features.Width, features.Height, "texture");
        features.Write(row, region);
    }

    public void Dispose() => Rows.Dispose();
}
