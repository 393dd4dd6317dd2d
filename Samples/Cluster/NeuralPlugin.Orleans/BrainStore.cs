using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orleans.Storage;

namespace NeuralPlugin.Orleans;

/// <summary>The stored record of a brain.</summary>
[GenerateSerializer, Alias("NeuralPlugin.BrainRecord")]
public sealed class BrainRecord
{
    /// <summary>The number of the version; 0 for none.</summary>
    [Id(0)]
    public long Version { get; set; }

    /// <summary>The bytes of its file.</summary>
    [Id(1)]
    public byte[] Brain { get; set; } = [];

    /// <summary>The SHA-256 of these.</summary>
    [Id(2)]
    public byte[] Checksum { get; set; } = [];

    /// <summary>The bytes of the previous version; empty for none.</summary>
    [Id(3)]
    public byte[] Previous { get; set; } = [];

    /// <summary>The SHA-256 of these.</summary>
    [Id(4)]
    public byte[] PreviousChecksum { get; set; } = [];

    /// <summary>The state of the server's rule: the first moment.</summary>
    [Id(5)]
    public float[] FirstMoment { get; set; } = [];

    /// <summary>The second.</summary>
    [Id(6)]
    public float[] SecondMoment { get; set; } = [];

    /// <summary>The counts of each sender. No checksum covers them: damaged ones are wrong counts, or let a copy of a difference count again, but spoil no brain.</summary>
    [Id(7)]
    public Dictionary<string, SenderCounters> Senders { get; set; } = [];

    /// <summary>The SHA-256 of the version's number and of both moments.</summary>
    [Id(8)]
    public byte[] StateChecksum { get; set; } = [];
}

/// <summary>
/// A grain's record in the storage, whichever provider that is. It is read when first needed, and defects are errors of the call that needs it; waiting for a write has a limit.
/// </summary>
/// <param name="storage">The provider.</param>
/// <param name="name">The storage's name for this kind of record.</param>
/// <param name="grain">The grain that owns the record.</param>
/// <param name="timeout">The limit for waiting.</param>
internal sealed class BrainStore<T>(IGrainStorage storage, string name, GrainId grain, TimeSpan timeout)
    where T : class, new()
{
    private GrainState<T> kept = new(new T());
    private Task? reading;

    /// <summary>The record as last read or written.</summary>
    public T Record => kept.State!;

    /// <summary>Whether the storage had one then; otherwise <see cref="Record"/> is new.</summary>
    public bool RecordExists => kept.RecordExists;

    /// <summary>Reads it once, and again after a failure. Calls that arrive meanwhile wait for the same read.</summary>
    /// <param name="owner">The name of the brain or region.</param>
    /// <param name="begin">What its grain does with the record before any of these calls continues.</param>
    /// <exception cref="StoredBrainException">The storage failed, or the record is damaged.</exception>
    public Task ReadOnceAsync(string owner, Action begin)
    {
        if (reading is null || reading.IsFaulted || reading.IsCanceled) reading = BeginAsync();
        return reading;

        async Task BeginAsync()
        {
            await RequireAsync(owner);
            begin();
        }
    }

    /// <summary>Reads it again, with an error that names its owner.</summary>
    /// <exception cref="StoredBrainException">The storage failed.</exception>
    public async Task RequireAsync(string owner)
    {
        try
        {
            await ReadAsync();
        }
        catch (Exception exception)
        {
            throw new StoredBrainException(owner, exception);
        }
    }

    /// <summary>Reads it again.</summary>
    public async Task ReadAsync()
    {
        GrainState<T> read = new(new T());
        await storage.ReadStateAsync(name, grain, read).WaitAsync(timeout);
        read.State ??= new T();
        kept = read;
    }

    /// <summary>Writes a record; if that fails, the old one stays.</summary>
    /// <exception cref="InconsistentStateException">Another activation has written meanwhile, or an abandoned write has succeeded.</exception>
    public async Task WriteAsync(T record)
    {
        GrainState<T> written = new(record, kept.ETag) { RecordExists = kept.RecordExists };
        await storage.WriteStateAsync(name, grain, written).WaitAsync(timeout);
        kept = written;
    }
}

/// <summary>Names in the storage, and checks of its content.</summary>
public static class BrainStorage
{
    /// <summary>The name of the grain storage for brains: configure a provider under this name.</summary>
    public const string Name = "brains";

    internal static byte[] ChecksumOf(byte[] bytes) => SHA256.HashData(bytes);

    internal static byte[] ChecksumOf(long version, float[] first, float[] second)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(version));
        hash.AppendData(MemoryMarshal.AsBytes<float>(first));
        hash.AppendData(MemoryMarshal.AsBytes<float>(second));
        return hash.GetHashAndReset();
    }

    /// <summary>Reads the current version from a record, and checks its number and the moments too: a number must not go back, and damaged moments would spoil every later version.</summary>
    /// <exception cref="StoredBrainException">It is damaged.</exception>
    internal static BrainState Read(string brain, BrainRecord record) =>
        ChecksumOf(record.Version, record.FirstMoment, record.SecondMoment).AsSpan().SequenceEqual(record.StateChecksum) ? Read(brain, record.Brain, record.Checksum)
            : throw new StoredBrainException(brain, "the version's number and the moments of the server's rule do not match their checksum.");

    /// <summary>Reads a brain from its stored bytes.</summary>
    /// <exception cref="StoredBrainException">It is damaged.</exception>
    internal static BrainState Read(string brain, byte[] bytes, byte[] checksum)
    {
        try
        {
            return ChecksumOf(bytes).AsSpan().SequenceEqual(checksum) ? BrainState.Read(bytes, "in the storage")
                : throw new StoredBrainException(brain, "its checksum does not match its bytes.");
        }
        catch (ModelFileException exception)
        {
            throw new StoredBrainException(brain, exception.Message);
        }
    }
}
