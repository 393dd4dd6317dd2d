using System.Buffers.Binary;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// A message to write in the wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding): numbered fields,
/// in the order in which they are added. Large values are kept by reference, not copied.
/// </summary>
internal sealed class ProtobufMessage
{
    private readonly List<ReadOnlyMemory<byte>> parts = [];

    /// <summary>The encoding that follows a field's number.</summary>
    private enum WireType
    {
        Varint = 0,
        FixedEightBytes = 1,
        LengthDelimited = 2,
        FixedFourBytes = 5,
    }

    public long LengthBytes { get; private set; }

    public ProtobufMessage Add(int field, long value) => Append(Varint(Key(field, WireType.Varint))).Append(Varint((ulong)value));

    public ProtobufMessage Add(int field, float value)
    {
        byte[] bytes = new byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return Append(Varint(Key(field, WireType.FixedFourBytes))).Append(bytes);
    }

    public ProtobufMessage Add(int field, double value)
    {
        byte[] bytes = new byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        return Append(Varint(Key(field, WireType.FixedEightBytes))).Append(bytes);
    }

    public ProtobufMessage Add(int field, string text) => Add(field, Encoding.UTF8.GetBytes(text));

    public ProtobufMessage Add(int field, ReadOnlyMemory<byte> bytes) => AddLength(field, bytes.Length).Append(bytes);

    /// <summary>Embeds a message in its current state; later additions to it are not included.</summary>
    public ProtobufMessage Add(int field, ProtobufMessage message)
    {
        AddLength(field, message.LengthBytes);
        parts.AddRange(message.parts);
        LengthBytes += message.LengthBytes;
        return this;
    }

    public void WriteTo(Stream stream)
    {
        foreach (ReadOnlyMemory<byte> part in parts) stream.Write(part.Span);
    }

    private static ulong Key(int field, WireType type) => ((ulong)field << 3) | (ulong)type;

    /// <summary>Seven bits per byte, lowest first; the top bit signals that more follow.</summary>
    private static byte[] Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value > 0x7F; value >>= 7) bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }

    private ProtobufMessage AddLength(int field, long lengthBytes)
    {
        return Append(Varint(Key(field, WireType.LengthDelimited))).Append(Varint((ulong)lengthBytes));
    }

    private ProtobufMessage Append(ReadOnlyMemory<byte> part)
    {
        parts.Add(part);
        LengthBytes += part.Length;
        return this;
    }
}
