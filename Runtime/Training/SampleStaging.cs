using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Samples waiting in memory for upload, oldest first, in rows with the layout of their textures. A ring that grows as
/// needed up to a capacity; then each new sample replaces the oldest.
/// </summary>
internal sealed class SampleStaging(int featureBytes, int targetWords, int capacity)
{
    private const int LeastRows = 16;

    private byte[] features = [];
    private uint[] targets = [];
    private bool[] areTextures = [];
    private int rows;
    private int first;

    public int Count { get; private set; }

    /// <summary>Whether the oldest sample waits elsewhere because it is a texture.</summary>
    public bool IsFirstTexture => areTextures[first];

    /// <summary>
    /// Contiguous samples, from the oldest on, that are all textures or none of them.
    /// </summary>
    public int ContiguousCount
    {
        get
        {
            int lying = Math.Min(Count, rows - first);
            int others = areTextures.AsSpan(first, lying).IndexOf(!areTextures[first]);
            return others < 0 ? lying : others;
        }
    }

    /// <summary>
    /// Makes room for more samples, up to the capacity. Allocates only to grow. Returns how many of the samples removed for this
    /// are textures.
    /// </summary>
    public int MakeRoom(int added)
    {
        long needed = Math.Min(capacity, (long)Count + added);
        if (needed > rows) Grow((int)Math.Min(capacity, Math.Max(needed, Math.Max(LeastRows, 2L * rows))));
        return RemoveFirst(Math.Max(0, Count + added - rows));
    }

    /// <summary>The row of a new sample's features and targets, with an earlier sample's content.</summary>
    public (Memory<byte> Features, Memory<uint> Targets) Append(bool isTexture = false)
    {
        int row = (first + Count++) % rows;
        areTextures[row] = isTexture;
        return (features.AsMemory(row * featureBytes, featureBytes), targets.AsMemory(row * targetWords, targetWords));
    }

    /// <summary>Uploads the oldest samples, at most the contiguous ones, into rows of the set; they stay here until they are removed.</summary>
    public void UploadFirstTo(MatrixTexture featuresOfSet, MatrixTexture targetsOfSet, int row, int count)
    {
        featuresOfSet.UploadRows(row, Features(count));
        targetsOfSet.UploadRows(row, MemoryMarshal.AsBytes(targets.AsSpan(first * targetWords, count * targetWords)));
    }

    /// <summary>Returns how many of them were textures.</summary>
    public int RemoveFirst(int count)
    {
        int textures = 0;
        for (int i = 0; i < count; i++) textures += areTextures[(first + i) % rows] ? 1 : 0;
        Count -= count;
        first = Count == 0 ? 0 : (first + count) % rows;
        return textures;
    }

    public void Clear() => (first, Count) = (0, 0);

    private ReadOnlySpan<byte> Features(int count) => features.AsSpan(first * featureBytes, count * featureBytes);

    /// <summary>Frees its memory if nothing is waiting.</summary>
    public void TrimExcess()
    {
        if (Count > 0) return;
        (features, targets, areTextures, rows) = ([], [], [], 0);
    }

    private void Grow(int grownRows)
    {
        byte[] grownFeatures = new byte[grownRows * featureBytes];
        uint[] grownTargets = new uint[grownRows * targetWords];
        bool[] grownAreTextures = new bool[grownRows];
        int before = Math.Min(Count, rows - first), after = Count - before;
        areTextures.AsSpan(first, before).CopyTo(grownAreTextures);
        areTextures.AsSpan(0, after).CopyTo(grownAreTextures.AsSpan(before));
        Features(before).CopyTo(grownFeatures);
        targets.AsSpan(first * targetWords, before * targetWords).CopyTo(grownTargets);
        features.AsSpan(0, after * featureBytes).CopyTo(grownFeatures.AsSpan(before * featureBytes));
        targets.AsSpan(0, after * targetWords).CopyTo(grownTargets.AsSpan(before * targetWords));
        (features, targets, areTextures, rows, first) = (grownFeatures, grownTargets, grownAreTextures, grownRows, 0);
    }
}
