using System.Buffers.Binary;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// A message in the wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding), to be written: fields with a
/// number each, in the order in which they are added. Large values are kept by reference and not copied.
/// </summary>
internal sealed class ProtobufMessage
{
    private readonly List<ReadOnlyMemory<byte>> parts = [];

    /// <summary>What comes after a field's number.</summary>
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

    /// <summary>A message in this one, as it is now; what is added to it later is not in.</summary>
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

    /// <summary>Seven bits a byte, the lowest first; the top bit says that more come.</summary>
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
