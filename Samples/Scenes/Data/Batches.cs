using System.Numerics;

namespace NeuralPlugin.Samples;

/// <summary>
/// Deals an image set out in batches, into buffers that are reused. Every image is dealt once per round; the
/// last batch has the remaining images, or is dropped.
/// </summary>
internal sealed class Batches
{
    private const float White = 255;

    private readonly ImageSet set;
    private readonly int[] order;
    private readonly byte[] pixels;
    private readonly int[] labels;
    private float[] features = [];

    public Batches(ImageSet set, int batchSize, bool dropLast = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        this.set = set;
        var capacity = Math.Min(batchSize, set.Count);
        order = [.. Enumerable.Range(0, set.Count)];
        labels = new int[capacity];
        pixels = new byte[capacity * set.Images.PixelsPerImage];
        Count = (dropLast ? set.Count : set.Count + capacity - 1) / capacity;
    }

    /// <summary>Batches per round.</summary>
    public int Count { get; }

    /// <summary>Images in the batch dealt last.</summary>
    public int Rows { get; private set; }

    /// <summary>[Rows × pixels] of the batch dealt last, black 0 and white 255; valid until the next is dealt.</summary>
    public ReadOnlySpan<byte> Pixels => pixels.AsSpan(0, Rows * set.Images.PixelsPerImage);

    /// <summary>[Rows] of the batch dealt last; valid until the next is dealt.</summary>
    public ReadOnlySpan<int> Labels => labels.AsSpan(0, Rows);

    public void Shuffle(SeededRandom random) => random.Shuffle(order.AsSpan());

    /// <summary>Fills <see cref="Pixels"/> and <see cref="Labels"/> with batch 0 to <see cref="Count"/> − 1.</summary>
    public void Deal(int batch)
    {
        var first = batch * labels.Length;
        var chosen = order.AsSpan(first, Math.Min(labels.Length, order.Length - first));
        Rows = chosen.Length;
        var size = set.Images.PixelsPerImage;
        for (var row = 0; row < chosen.Length; row++)
        {
            labels[row] = set.Labels[chosen[row]];
            set.Images[chosen[row]].CopyTo(pixels.AsSpan(row * size));
        }
    }

    /// <summary><see cref="Pixels"/> as floats, black 0 and white 1; valid until the next call.</summary>
    public ReadOnlySpan<float> ToFeatures()
    {
        if (features.Length < pixels.Length) features = new float[pixels.Length];
        ToBrightness(Pixels, features);
        return features.AsSpan(0, Pixels.Length);
    }

    // By full vectors: one pixel at a time takes five times as long, which is noticeable next to a step of less than a millisecond.
    private static void ToBrightness(ReadOnlySpan<byte> pixels, Span<float> brightness)
    {
        var i = 0;
        for (; i <= pixels.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(pixels[i..]), out var low, out var high);
            Store(low, brightness[i..]);
            Store(high, brightness[(i + Vector<ushort>.Count)..]);
        }

        for (; i < pixels.Length; i++) brightness[i] = pixels[i] / White;

        static void Store(Vector<ushort> values, Span<float> brightness)
        {
            Vector.Widen(values, out var low, out var high);
            (Vector.ConvertToSingle(low) / White).CopyTo(brightness);
            (Vector.ConvertToSingle(high) / White).CopyTo(brightness[Vector<float>.Count..]);
        }
    }
}
