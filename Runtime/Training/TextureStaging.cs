using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Texture samples waiting on the GPU for their row in a training set, oldest first: a ring of rows of features and of targets that grows as
/// needed up to a capacity.
/// </summary>
/// <remarks>
/// The driver may skip the dispatch that reads a texture, without a sign. Its features would then be those of the texture that had the row before, with the new target. So the target is uploaded with the weight 0, and
/// the dispatch that writes the features writes the weight.
/// </remarks>
internal sealed class TextureStaging(NeuralDevice device, TexelFormat format, int inputs, TargetLayout layout, int capacity) : IDisposable
{
    private const int LeastRows = 4;

    /// <summary>What a dispatch takes, by a guess, and what reading a texel adds; a card reads several a nanosecond, small graphics units about one.</summary>
    private const double LaunchNanoseconds = 5_000, TexelNanoseconds = 1;

    private readonly HostTexture source = new(device);
    private WorkUnderWay? underWay;   // from the first texture on
    private MatrixTexture? rows;
    private MatrixTexture? targets;
    private TextureFeatures? features;
    private int first;
    private int count;

    /// <summary>The kernel that writes a texture into the first rows, without making them.</summary>
    public Dispatch DispatchToWarmUp(HostTexture texture, TextureChannels channels)
    {
        int waiting = Math.Min(capacity, LeastRows);
        return TextureFeatures.DispatchFor(
            texture, inputs, 1, channels, new PlannedMatrix(ShapeOf(waiting), "Textures that wait", format),
            new PlannedMatrix(ShapeOfTargets(waiting), "Targets of textures that wait", TexelFormat.UnsignedInteger));
    }

    /// <summary>
    /// Checks a texture of the host and ensures a row for it, unless the capacity is reached and the oldest must go. Allocates to
    /// grow, and when the size changes. Waiting samples are unaffected. False, and nothing is prepared, if the GPU is too far behind.
    /// </summary>
    public bool TryPrepare(uint texture, int width, int height, TextureChannels channels)
    {
        TextureFeatures.Take(source, texture, width, height);
        underWay ??= new WorkUnderWay(device);
        if (!underWay.HasRoom(frameBudget: 0)) return false;
        if (rows is null || (count == rows.Shape.Rows && count < capacity)) Grow();
        if (features is null || (features.Width, features.Height, features.Channels) != (width, height, channels))
            features = new TextureFeatures(source, width, height, channels, rows!, targets);
        return true;
    }

    /// <summary>Writes the prepared texture after the waiting ones; the oldest was removed if there was no free row.</summary>
    /// <param name="target">Its packed target, with the padding.</param>
    public void Append(Span<uint> target)
    {
        int row = (first + count++) % rows!.Shape.Rows;
        uint weight = target[layout.WeightWord];
        target[layout.WeightWord] = 0;   // the bits of 0f
        targets!.UploadRows(row, MemoryMarshal.AsBytes(target));
        target[layout.WeightWord] = weight;
        features!.Write(row, target);
        underWay!.Add(LaunchNanoseconds + ((double)source.Width * source.Height * TexelNanoseconds));
    }

    /// <summary>Call once a frame.</summary>
    public void EndFrame() => underWay?.EndFrame();

    /// <summary>Moves the oldest samples into rows of the set, as many as are adjacent; returns how many.</summary>
    public int MoveFirstTo(MatrixTexture featuresOfSet, MatrixTexture targetsOfSet, int row, int most)
    {
        int moved = Math.Min(most, rows!.Shape.Rows - first);
        rows.CopyRows(first, featuresOfSet, row, moved);
        targets!.CopyRows(first, targetsOfSet, row, moved);
        RemoveFirst(moved);
        return moved;
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
        Dispose();
        (rows, targets, features) = (null, null, null);
    }

    public void Dispose()
    {
        rows?.Dispose();
        targets?.Dispose();
    }

    private MatrixShape ShapeOf(int waiting) => device.Shape(waiting, inputs, "Textures that wait for a training set", format);

    private MatrixShape ShapeOfTargets(int waiting) => device.Shape(waiting, layout.WordsPerRow, "Targets of textures that wait for a training set");

    private void Grow()
    {
        int grown = (int)Math.Min(capacity, Math.Max(LeastRows, 2L * count));
        MatrixTexture grownRows = new(device, ShapeOf(grown), format), grownTargets = new(device, ShapeOfTargets(grown), TexelFormat.UnsignedInteger);
        if (count > 0)
        {
            CopyInOrder(rows!, grownRows);
            CopyInOrder(targets!, grownTargets);
        }

        Dispose();
        (rows, targets, first, features) = (grownRows, grownTargets, 0, null);
    }

    /// <summary>All rows of a full ring, from the oldest on.</summary>
    private void CopyInOrder(MatrixTexture ring, MatrixTexture to)
    {
        ring.CopyRows(first, to, 0, count - first);
        if (first > 0) ring.CopyRows(0, to, count - first, first);
    }
}
