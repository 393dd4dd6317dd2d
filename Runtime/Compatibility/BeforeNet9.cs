namespace NeuralPlugin;

/// <summary>System.Threading.Lock of .NET 9: an object to lock, and nothing else.</summary>
internal sealed class Lock;

/// <summary>Members that .NET 9 added, for earlier frameworks.</summary>
internal static class MembersBeforeNet9
{
    extension(Convert)
    {
        public static string ToHexStringLower(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes).ToLowerInvariant();
    }

    extension<T>(IEnumerable<T> items)
    {
        /// <summary>Each item with its index.</summary>
        public IEnumerable<(int Index, T Item)> Index() => items.Select((item, index) => (index, item));
    }
}
