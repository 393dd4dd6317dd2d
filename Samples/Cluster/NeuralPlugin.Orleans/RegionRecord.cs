using System.Security.Cryptography;
using System.Text;

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

    /// <summary>The SHA-256 of everything else in the record.</summary>
    [Id(2)]
    public byte[] Checksum { get; set; } = [];

    /// <summary>The counts of each sender, without differences that are in no average yet.</summary>
    [Id(3)]
    public Dictionary<string, SenderCounters> Senders { get; set; } = [];

    /// <summary>Whether the record is the one that was written. Whatever a storage may have made of it, null included, is not an error here.</summary>
    internal bool IsWhole =>
        Averages is not null && Array.TrueForAll(Averages, average => average is { Sender: not null, Difference: not null })
        && Senders is not null && Senders.Values.All(counters => counters is not null)
        && FindChecksum().AsSpan().SequenceEqual(Checksum);

    /// <summary>A record with its checksum.</summary>
    /// <param name="averages">At least one average.</param>
    /// <param name="senders">The counts of each sender.</param>
    internal static RegionRecord Of(BrainDifference[] averages, Dictionary<string, SenderCounters> senders)
    {
        RegionRecord record = new() { Sequence = averages[^1].Sequence, Averages = averages, Senders = senders };
        record.Checksum = record.FindChecksum();
        return record;
    }

    private byte[] FindChecksum()
    {
        using SHA256 hash = SHA256.Create();
        using (BinaryWriter writer = new(new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write), Encoding.UTF8))
        {
            writer.Write(Sequence);
            writer.Write(Averages.Length);
            foreach (BrainDifference average in Averages)
            {
                writer.Write(average.Sender);
                writer.Write(average.Sequence);
                writer.Write(average.BaseVersion);
                writer.Write(average.ValueScale);
                writer.Write(average.Difference.Length);
                writer.Write(average.Difference);
            }

            foreach ((string name, SenderCounters counters) in Senders.OrderBy(one => one.Key, StringComparer.Ordinal))   // a storage may keep them in another order
            {
                writer.Write(name);
                writer.Write(counters.Counted);
                writer.Write(counters.Decisions);
                writer.Write(counters.TooOld);
                writer.Write(counters.Refused);
                writer.Write((int?)counters.LastRefusal ?? -1);
                writer.Write(counters.LastSequence);
                writer.Write(counters.LastVersion);
            }
        }

        return hash.Hash!;
    }
}
