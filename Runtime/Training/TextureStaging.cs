namespace NeuralPlugin;

/// <summary>
/// Texture samples waiting on the GPU for their row in a training set, oldest first: a ring of rows that grows as
/// needed up to a capacity.
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
    /// Checks a texture of the host and ensures a row for it, unless the capacity is reached and the oldest must go. Allocates to
    /// grow, and when the size changes. Waiting samples are unaffected.
    /// </summary>
    public void Prepare(uint texture, int width, int height, TextureChannels channels)
    {
        TextureFeatures.Take(source, texture, width, height);
        if (rows is null || (count == rows.Shape.Rows && count < capacity)) Grow();
        if (features is null || (features.Width, features.Height, features.Channels) != (width, height, channels))
            features = new TextureFeatures(source, width, height, channels, rows!);
    }

    /// <summary>Writes the prepared texture after the waiting ones; the oldest was removed if there was no free row.</summary>
    public void Append() => features!.Write((first + count++) % rows!.Shape.Rows);

    /// <summary>Moves the oldest sample into a row of the set.</summary>
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

    /// <summary>Frees its memory if nothing is waiting.</summary>
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
