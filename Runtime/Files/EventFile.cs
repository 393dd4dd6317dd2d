using System.Buffers.Binary;
using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// A TensorBoard event file: records of scalars by tag. A record is the length of its data in eight bytes, their checksum, the data, an Event message,
/// and its checksum, all little-endian. A checksum is the CRC-32C of the bytes, rotated right by 15 bits, plus 0xA282EAD8.
/// </summary>
/// <remarks>Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.</remarks>
internal sealed class EventFile : IDisposable
{
    private const uint ChecksumMask = 0xA282_EAD8;
    private const int ChecksumRotation = 15;
    private const string Version = "brain.Event:2";   // readers look for this in the first record

    // The fields of an Event, of its Summary, and of a value in that.
    private const int WallTimeField = 1;
    private const int StepField = 2;
    private const int FileVersionField = 3;
    private const int SummaryField = 5;
    private const int ValueField = 1;
    private const int TagField = 1;
    private const int SimpleValueField = 2;

    private readonly FileStream stream;

    /// <summary>Makes a new file in a folder, which is created if missing.</summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">Creating it is not permitted.</exception>
    public EventFile(string folder, DateTimeOffset time)
    {
        Directory.CreateDirectory(folder);
        for (int number = 0; stream is null; number++)
        {
            string path = Path.Combine(folder, $"events.out.tfevents.{time.ToUnixTimeSeconds()}.neuralplugin.{number}");
            if (!File.Exists(path)) stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        }

        Write(new ProtobufMessage().Add(WallTimeField, SecondsOf(time)).Add(FileVersionField, Version));
    }

    /// <summary>The file.</summary>
    public string FilePath => stream.Name;

    /// <summary>Adds a step's scalars and flushes them to the system, so that viewers watching the folder see them.</summary>
    public void Write(long step, DateTimeOffset time, IEnumerable<(string Tag, float Value)> scalars)
    {
        ProtobufMessage summary = new();
        foreach ((string tag, float value) in scalars) summary.Add(ValueField, new ProtobufMessage().Add(TagField, tag).Add(SimpleValueField, value));
        Write(new ProtobufMessage().Add(WallTimeField, SecondsOf(time)).Add(StepField, step).Add(SummaryField, summary));
    }

    public void Dispose() => stream.Dispose();

    /// <summary>The masked CRC-32C of some bytes.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes) crc = BitOperations.Crc32C(crc, value);
        return unchecked(uint.RotateRight(~crc, ChecksumRotation) + ChecksumMask);
    }

    private static double SecondsOf(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1e3;

    private void Write(ProtobufMessage message)
    {
        using MemoryStream data = new();
        message.WriteTo(data);
        Span<byte> length = stackalloc byte[sizeof(ulong)], checksum = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, Checksum(length));
        stream.Write(length);
        stream.Write(checksum);
        ReadOnlySpan<byte> bytes = data.GetBuffer().AsSpan(0, (int)data.Length);
        stream.Write(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, Checksum(bytes));
        stream.Write(checksum);
        stream.Flush();
    }
}
