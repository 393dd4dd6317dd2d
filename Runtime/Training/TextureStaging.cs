namespace NeuralPlugin;

/// <summary>
/// Samples that were textures and wait on the GPU for their row in a training set, the oldest first: a ring of rows that grows to
/// what it once needed, at most to a capacity.
/// </summary>
internal sealed class TextureStaging(NeuralDevice device, TexelFormat format, int inputs, int capacity) : IDisposable
{
    private const int LeastRows = 4;

    private readonly HostTexture source = new(device);
    private MatrixTexture? rows;
    private TextureFeatures? features;
    private int first;
    private int count;

    /// <summary>The first rows, as far as a kernel is compiled for them.</summary>
    public Operand ShapeToWarmUp => new PlannedMatrix(ShapeOf(Math.Min(capacity, LeastRows)), "Textures that wait", format);

    /// <summary>
    /// Checks a texture of the host and sees to a row for it, unless so many wait that the oldest of them has to go. Allocates to
    /// grow, and where another size comes. What waits stays as it is.
    /// </summary>
    public void Prepare(uint texture, int width, int height, TextureChannels channels)
    {
        TextureFeatures.Take(source, texture, width, height);
        if (rows is null || (count == rows.Shape.Rows && count < capacity)) Grow();
        if (features is null || (features.Width, features.Height, features.Channels) != (width, height, channels))
            features = new TextureFeatures(source, width, height, channels, rows!);
    }

    /// <summary>Writes what was prepared behind those that wait; one has gone where there was no row for it.</summary>
    public void Append() => features!.Write((first + count++) % rows!.Shape.Rows);

    /// <summary>The oldest one goes into a row of the set.</summary>
    public void MoveFirstTo(MatrixTexture destination, int row)
    {
        rows!.CopyRow(first, destination, row);
        RemoveFirst(1);
    }

    public void RemoveFirst(int removed)
    {
        count -= removed;
        first = count == 0 ? 0 : (first + removed) % rows!.Shape.Rows;
    }

    public void Clear() => (first, count) = (0, 0);

    /// <summary>Gives its memory back where nothing waits.</summary>
    public void TrimExcess()
    {
        if (count > 0) return;
        rows?.Dispose();
        (rows, features) = (null, null);
    }

    public void Dispose() => rows?.Dispose();

    private MatrixShape ShapeOf(int waiting) => device.Shape(waiting, inputs, "Textures that wait for a training set", format);

    private void Grow()
    {
        MatrixTexture grown = new(device, ShapeOf((int)Math.Min(capacity, Math.Max(LeastRows, 2L * count))), format);
        for (int i = 0; i < count; i++) rows!.CopyRow((first + i) % count, grown, i);
        rows?.Dispose();
        (rows, first, features) = (grown, 0, null);
    }
}
