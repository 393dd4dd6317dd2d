using System.Security.Cryptography;

namespace NeuralPlugin.Orleans;

/// <summary>The stored record of a region: averages that the brain may not have yet, and the numbers of the differences in all averages so far.</summary>
[GenerateSerializer, Alias("NeuralPlugin.RegionRecord")]
public sealed class RegionRecord
{
    /// <summary>The number of the last average; 0 for none.</summary>
    [Id(0)]
    public long Sequence { get; set; }

    /// <summary>The averages that waited for the brain when this was written, the oldest first.</summary>
    [Id(1)]
    public BrainDifference[] Averages { get; set; } = [];

    /// <summary>The SHA-256 of these.</summary>
    [Id(2)]
    public byte[] Checksum { get; set; } = [];

    /// <summary>The counts of each sender, without differences that are in no average yet.</summary>
    [Id(3)]
    public Dictionary<string, SenderCounters> Senders { get; set; } = [];

    /// <summary>Whether the averages are those that were written.</summary>
    internal bool IsWhole => ChecksumOf(Averages).AsSpan().SequenceEqual(Checksum);

    internal static byte[] ChecksumOf(BrainDifference[] averages)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (BrainDifference average in averages)
        {
            hash.AppendData(BitConverter.GetBytes(average.Sequence));
            hash.AppendData(BitConverter.GetBytes(average.BaseVersion));
            hash.AppendData(BitConverter.GetBytes(average.ValueScale));
            hash.AppendData(average.Difference);
        }

        return hash.GetHashAndReset();
    }
}
