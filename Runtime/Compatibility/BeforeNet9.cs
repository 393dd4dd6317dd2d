namespace NeuralPlugin;

/// <summary>System.Threading.Lock of .NET 9: what is locked, and nothing else.</summary>
internal sealed class Lock;

/// <summary>Members that .NET 9 has added, for the frameworks before it.</summary>
internal static class MembersBeforeNet9
{
    extension(Convert)
    {
        public static string ToHexStringLower(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes).ToLowerInvariant();
    }

    extension<T>(IEnumerable<T> items)
    {
        /// <summary>Each item with its place.</summary>
        public IEnumerable<(int Index, T Item)> Index() => items.Select((item, index) => (index, item));
    }
}
