namespace NeuralPlugin;

/// <summary>
/// Samples that were textures and wait on the GPU for their row in a training set, the oldest first: a ring of rows that grows to
/// what it once needed.
/// </summary>
internal sealed class TextureStaging(NeuralDevice device, TexelFormat format, int inputs) : IDisposable
{
    private const int LeastRows = 4;

    private MatrixTexture? rows;
    private TextureFeatures? features;
    private int first;
    private int count;

    /// <summary>Writes a texture of the host behind those that wait. Nothing is waited for; allocates to grow, and for another size.</summary>
    public void Add(uint texture, int width, int height, TextureChannels channels)
    {
        TextureFeatures taken = ForSize(width, height, channels);
        taken.Take(texture);
        if (count == rows!.Shape.Rows)
        {
            Grow();
            taken = ForSize(width, height, channels);
            taken.Take(texture);
        }

        taken.Write((first + count++) % rows.Shape.Rows);
    }

    /// <summary>The oldest one goes into a row of the set.</summary>
    public void MoveFirstTo(MatrixTexture destination, int row)
    {
        device.CopyRow(rows!, first, destination, row);
        RemoveFirst(1);
    }

    public void RemoveFirst(int removed)
    {
        count -= removed;
        first = count == 0 ? 0 : (first + removed) % rows!.Shape.Rows;
    }

    public void Clear() => (first, count) = (0, 0);

    public void Dispose() => rows?.Dispose();

    private TextureFeatures ForSize(int width, int height, TextureChannels channels)
    {
        rows ??= Make(LeastRows);
        if (features is null || (features.Width, features.Height, features.Channels) != (width, height, channels))
            features = new TextureFeatures(device, width, height, channels, rows);
        return features;
    }

    private void Grow()
    {
        MatrixTexture grown = Make(2 * count);
        for (int i = 0; i < count; i++) device.CopyRow(rows!, (first + i) % count, grown, i);
        rows!.Dispose();
        (rows, first, features) = (grown, 0, null);
    }

    private MatrixTexture Make(int capacity) => new(device, device.Shape(capacity, inputs, "Textures that wait for a training set", format), format);
}
