using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Samples that wait in memory to be uploaded, the oldest first, in rows as their textures have them. A ring that grows to what
/// it once needed, at most to a capacity; then a further sample takes the place of the oldest.
/// </summary>
internal sealed class SampleStaging(int featureBytes, int targetWords, int capacity)
{
    private const int LeastRows = 16;

    private byte[] features = [];
    private uint[] targets = [];
    private int rows;
    private int first;

    public int Count { get; private set; }

    /// <summary>Waiting samples that lie one behind the other, from the oldest on.</summary>
    public int ContiguousCount => Math.Min(Count, rows - first);

    /// <summary>Makes room for so many more, at most the capacity. Allocates only to grow.</summary>
    public void MakeRoom(int added)
    {
        long needed = Math.Min(capacity, (long)Count + added);
        if (needed > rows) Grow((int)Math.Min(capacity, Math.Max(needed, Math.Max(LeastRows, 2L * rows))));
        int dropped = Count + added - rows;
        if (dropped > 0) RemoveFirst(dropped);
    }

    /// <summary>The row of a further sample, of features and targets; what lies there is of an earlier one.</summary>
    public (Memory<byte> Features, Memory<uint> Targets) Append()
    {
        int row = (first + Count++) % rows;
        return (features.AsMemory(row * featureBytes, featureBytes), targets.AsMemory(row * targetWords, targetWords));
    }

    /// <summary>The features of the oldest ones; no more than lie one behind the other.</summary>
    public ReadOnlySpan<byte> Features(int count) => features.AsSpan(first * featureBytes, count * featureBytes);

    public ReadOnlySpan<byte> Targets(int count) => MemoryMarshal.AsBytes(targets.AsSpan(first * targetWords, count * targetWords));

    public void RemoveFirst(int count)
    {
        Count -= count;
        first = Count == 0 ? 0 : (first + count) % rows;
    }

    public void Clear() => (first, Count) = (0, 0);

    /// <summary>Gives its memory back where nothing waits.</summary>
    public void TrimExcess()
    {
        if (Count > 0) return;
        (features, targets, rows) = ([], [], 0);
    }

    private void Grow(int grownRows)
    {
        byte[] grownFeatures = new byte[grownRows * featureBytes];
        uint[] grownTargets = new uint[grownRows * targetWords];
        int before = ContiguousCount, after = Count - before;
        Features(before).CopyTo(grownFeatures);
        Targets(before).CopyTo(MemoryMarshal.AsBytes(grownTargets.AsSpan()));
        features.AsSpan(0, after * featureBytes).CopyTo(grownFeatures.AsSpan(before * featureBytes));
        targets.AsSpan(0, after * targetWords).CopyTo(grownTargets.AsSpan(before * targetWords));
        (features, targets, rows, first) = (grownFeatures, grownTargets, grownRows, 0);
    }
}
