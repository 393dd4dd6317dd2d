namespace NeuralPlugin;

/// <summary>Members of sequences and spans that .NET has added since .NET Standard 2.1, as far as used here.</summary>
internal static class Sequences
{
    public static IEnumerable<T[]> Chunk<T>(this T[] items, int size)
    {
        for (int first = 0; first < items.Length; first += size) yield return items[first..Math.Min(first + size, items.Length)];
    }

    public static IEnumerable<T> DistinctBy<T, TKey>(this IEnumerable<T> items, Func<T, TKey> key)
    {
        HashSet<TKey> seen = [];
        foreach (T item in items)
        {
            if (seen.Add(key(item))) yield return item;
        }
    }

    public static IOrderedEnumerable<T> Order<T>(this IEnumerable<T> items, IComparer<T>? comparer = null) => items.OrderBy(item => item, comparer);

    public static Dictionary<TKey, TValue> ToDictionary<TKey, TValue>(this IEnumerable<KeyValuePair<TKey, TValue>> pairs) where TKey : notnull =>
        pairs.ToDictionary(pair => pair.Key, pair => pair.Value);

    public static bool Contains<T>(this Span<T> values, T value) where T : IEquatable<T> => values.IndexOf(value) >= 0;

    public static bool ContainsAnyExcept(this Span<float> values, float first, float second)
    {
        foreach (float value in values)
        {
            if (!value.Equals(first) && !value.Equals(second)) return true;
        }

        return false;
    }

    public static int IndexOfAnyInRange(this Span<float> values, float least, float most)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] >= least && values[i] <= most) return i;
        }

        return -1;
    }
}
