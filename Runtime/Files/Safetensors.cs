using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;

namespace NeuralPlugin;

/// <summary>A tensor to write: its values are row-major.</summary>
internal sealed record NamedTensor(string Name, int[] Shape, float[] Values);

/// <summary>A tensor that was read, and the byte of the file at which its entry begins.</summary>
internal sealed record LoadedTensor(int[] Shape, float[] Values, long EntryOffset, long DataOffset);

/// <summary>A value of the metadata, and the byte of the file at which it begins.</summary>
internal sealed record LoadedText(string Value, long Offset);

/// <summary>What was read of a safetensors file: the metadata and the tensors that were asked for by name.</summary>
internal sealed record SafetensorsContent(IReadOnlyDictionary<string, LoadedText> Metadata, IReadOnlyDictionary<string, LoadedTensor> Tensors);

/// <summary>
/// The safetensors format: eight bytes, the header's length, little-endian; a JSON object, padded with spaces, that gives for each
/// tensor its element type, its shape and its place in the data, and under __metadata__ texts by name; the data, little-endian,
/// without gaps. Elements are 32-bit floats here.
/// </summary>
/// <remarks>Source: the format's own description, https://github.com/huggingface/safetensors#format.</remarks>
internal static class Safetensors
{
    public const int LengthBytes = 8;

    /// <summary>The limit of the format's own library.</summary>
    public const int MaximumHeaderBytes = 100_000_000;

    public const string Metadata = "__metadata__";
    public const string ElementType = "dtype";
    public const string Float32 = "F32";
    public const string Shape = "shape";
    public const string Offsets = "data_offsets";

    private const int Alignment = 8;

    public static void Write(Stream stream, IEnumerable<(string Key, string Value)> metadata, IReadOnlyList<NamedTensor> tensors)
    {
        ArrayBufferWriter<byte> header = new();
        using (Utf8JsonWriter json = new(header))
        {
            json.WriteStartObject();
            json.WriteStartObject(Metadata);
            foreach ((string key, string value) in metadata) json.WriteString(key, value);
            json.WriteEndObject();
            long end = 0;
            foreach (NamedTensor tensor in tensors)
            {
                long begin = end;
                end += (long)tensor.Values.Length * sizeof(float);
                json.WriteStartObject(tensor.Name);
                json.WriteString(ElementType, Float32);
                WriteNumbers(json, Shape, tensor.Shape.Select(size => (long)size));
                WriteNumbers(json, Offsets, [begin, end]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        int padding = -header.WrittenCount & (Alignment - 1);
        header.GetSpan(padding)[..padding].Fill((byte)' ');
        header.Advance(padding);
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.WrittenCount);
        stream.Write(length);
        stream.Write(header.WrittenSpan);
        foreach (NamedTensor tensor in tensors) stream.Write(MemoryMarshal.AsBytes<float>(tensor.Values));
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}

/// <summary>
/// Reads one safetensors file and trusts nothing in it: whatever is wrong is a <see cref="ModelFileException"/>, and no single
/// allocation is larger than the file. Entries may stand in any order; their data lies without gaps from its beginning to its end.
/// Metadata that was not asked for is passed over, a tensor that was not asked for is an error.
/// </summary>
internal sealed class SafetensorsReader
{
    private const int MaximumDepth = 4;
    private const int MaximumTextBytes = 512;
    private const int MaximumDimension = 1 << 30;
    private const int MaximumDimensions = 2;

    private readonly Stream stream;
    private readonly string path;
    private readonly IReadOnlyCollection<string> tensorNames;
    private readonly IReadOnlyCollection<string> metadataKeys;
    private readonly Dictionary<string, LoadedText> metadata = [];
    private readonly Dictionary<string, Entry> entries = [];
    private bool hasMetadata;

    private SafetensorsReader(Stream stream, string path, IReadOnlyCollection<string> tensorNames, IReadOnlyCollection<string> metadataKeys)
    {
        this.stream = stream;
        this.path = path;
        this.tensorNames = tensorNames;
        this.metadataKeys = metadataKeys;
    }

    /// <summary>Reads a stream from its beginning to its end.</summary>
    /// <exception cref="ModelFileException">It is not a whole safetensors file, or holds tensors of other names.</exception>
    public static SafetensorsContent Read(
        Stream stream, string path, IReadOnlyCollection<string> tensorNames, IReadOnlyCollection<string> metadataKeys)
    {
        return new SafetensorsReader(stream, path, tensorNames, metadataKeys).Read();
    }

    private SafetensorsContent Read()
    {
        if (!stream.CanSeek) throw Bad(FileDefect.NotAFile, 0, "it is not a regular file, whose length is known. Copy it into one.");
        long length = stream.Length;
        Span<byte> lengthField = stackalloc byte[Safetensors.LengthBytes];
        if (stream.ReadAtLeast(lengthField, lengthField.Length, throwOnEndOfStream: false) < lengthField.Length)
            throw Bad(FileDefect.TooShort, length, $"it ends, and a safetensors file begins with the {Safetensors.LengthBytes} bytes of its header's length.");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(lengthField);
        ulong most = (ulong)Math.Clamp(length - Safetensors.LengthBytes, 0, Safetensors.MaximumHeaderBytes);
        if (headerBytes > most)
            throw Bad(FileDefect.HeaderLength, 0, $"the header's length is given as {headerBytes} bytes, and at most {most} are possible. It is cut off or no safetensors file.");
        byte[] header = new byte[headerBytes];
        RequireRead(header, Safetensors.LengthBytes);
        ReadHeader(header);

        long dataStart = Safetensors.LengthBytes + (long)headerBytes;
        KeyValuePair<string, Entry>[] inOrder = [.. entries.OrderBy(entry => entry.Value.Begin)];
        RequireNoGaps(inOrder, length - dataStart);
        Dictionary<string, LoadedTensor> tensors = [];
        foreach ((string name, Entry entry) in inOrder) tensors.Add(name, ReadValues(name, entry, dataStart + entry.Begin));
        return new SafetensorsContent(metadata, tensors);
    }

    private void ReadHeader(ReadOnlySpan<byte> header)
    {
        if (header is not [(byte)'{', ..]) throw Bad(FileDefect.HeaderStart, Safetensors.LengthBytes, "the header does not begin with '{'.");
        if (!Utf8.IsValid(header)) throw Bad(FileDefect.HeaderText, Safetensors.LengthBytes, "the header is not UTF-8.");
        Utf8JsonReader json = new(header, new JsonReaderOptions { MaxDepth = MaximumDepth });
        try
        {
            json.Read();
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                string? name = TextOf(ref json);
                if (name == Safetensors.Metadata) ReadMetadata(ref json);
                else ReadEntry(ref json, name);
            }

            json.Read();   // nothing but space may follow
        }
        catch (JsonException exception)
        {
            throw Bad(FileDefect.Json, Safetensors.LengthBytes + json.BytesConsumed, $"the header is not the JSON of a safetensors file: {exception.Message}");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        if (hasMetadata) throw Bad(FileDefect.MetadataTwice, OffsetOf(json), $"{Safetensors.Metadata} comes twice.");
        hasMetadata = true;
        json.Read();
        if (json.TokenType == JsonTokenType.Null) return;   // how some writers say that there is none
        if (json.TokenType != JsonTokenType.StartObject) throw Bad(FileDefect.MetadataType, OffsetOf(json), $"{Safetensors.Metadata} must be an object of texts.");
        HashSet<string> keys = [];
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string? key = TextOf(ref json);
            if (!keys.Add(key ?? DigestOf(ref json))) throw Bad(FileDefect.MetadataTwice, OffsetOf(json), $"{key ?? "a very long key of the metadata"} comes twice.");
            Expect(ref json, JsonTokenType.String, FileDefect.MetadataType, "a value of the metadata must be a text");
            if (key is null || !metadataKeys.Contains(key)) continue;
            long offset = OffsetOf(json);
            string value = TextOf(ref json)
                ?? throw Bad(FileDefect.TextTooLong, offset, $"the value of {key} has more than {MaximumTextBytes} bytes.");
            metadata.Add(key, new LoadedText(value, offset));
        }
    }

    private void ReadEntry(ref Utf8JsonReader json, string? name)
    {
        long offset = OffsetOf(json);
        if (name is null || !tensorNames.Contains(name))
        {
            throw Bad(
                FileDefect.UnknownTensor, offset,
                $"there is a tensor {name ?? "with a very long name"}, and only these belong here: {string.Join(", ", tensorNames)}.");
        }

        if (entries.ContainsKey(name)) throw Bad(FileDefect.TensorTwice, offset, $"the tensor {name} comes twice.");
        Expect(ref json, JsonTokenType.StartObject, FileDefect.EntryType, $"the entry of {name} must be an object");
        bool hasType = false;
        long[]? shape = null, offsets = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            long fieldOffset = OffsetOf(json);
            switch (TextOf(ref json))
            {
                case Safetensors.ElementType when !hasType:
                    hasType = true;
                    Expect(ref json, JsonTokenType.String, FileDefect.ElementType, $"the element type of {name} must be a text");
                    if (TextOf(ref json) is not Safetensors.Float32)
                        throw Bad(FileDefect.ElementType, OffsetOf(json), $"the elements of {name} are not {Safetensors.Float32}, which alone is read here. Convert them.");
                    break;
                case Safetensors.Shape when shape is null:
                    shape = ReadNumbers(ref json, name, 1, MaximumDimensions);
                    if (shape.Any(size => size is 0 or > MaximumDimension))
                        throw Bad(FileDefect.Dimension, fieldOffset, $"{name} has a dimension that is not from 1 to {MaximumDimension}.");
                    break;
                case Safetensors.Offsets when offsets is null:
                    offsets = ReadNumbers(ref json, name, 2, 2);
                    break;
                default:
                    throw Bad(FileDefect.EntryField, fieldOffset, $"the entry of {name} has a field that is unknown or comes twice.");
            }
        }

        if (!hasType || shape is null || offsets is null)
        {
            throw Bad(
                FileDefect.EntryIncomplete, offset,
                $"the entry of {name} needs {Safetensors.ElementType}, {Safetensors.Shape} and {Safetensors.Offsets}.");
        }

        long bytes = shape.Aggregate((long)sizeof(float), (product, size) => product * size);   // below 2⁶³: two dimensions of 2³⁰
        if (offsets[1] - offsets[0] != bytes)
            throw Bad(FileDefect.TensorSize, offset, $"{name} [{string.Join(" × ", shape)}] takes {bytes} bytes, and its data goes from {offsets[0]} to {offsets[1]}.");
        if (bytes > int.MaxValue) throw Bad(FileDefect.TensorTooLarge, offset, $"{name} takes {bytes} bytes, and one tensor is at most {int.MaxValue}.");
        entries.Add(name, new Entry([.. shape.Select(size => (int)size)], offsets[0], offsets[1], offset));
    }

    private long[] ReadNumbers(ref Utf8JsonReader json, string name, int least, int most)
    {
        Expect(ref json, JsonTokenType.StartArray, FileDefect.NumberList, $"the shape and the offsets of {name} must be lists of numbers");
        long offset = OffsetOf(json);
        List<long> numbers = [];
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long number) || number < 0)
                throw Bad(FileDefect.Number, OffsetOf(json), $"a shape or an offset of {name} is not a whole number from 0 to {long.MaxValue}.");
            if (numbers.Count == most) break;
            numbers.Add(number);
        }

        if (json.TokenType == JsonTokenType.EndArray && numbers.Count >= least) return [.. numbers];
        throw Bad(FileDefect.NumberListLength, offset, $"a list of {name} must have {(least == most ? "" : $"{least} to ")}{most} numbers.");
    }

    private void RequireNoGaps(IReadOnlyList<KeyValuePair<string, Entry>> inOrder, long dataBytes)
    {
        long end = 0;
        foreach ((string name, Entry entry) in inOrder)
        {
            if (entry.Begin != end)
            {
                throw Bad(
                    entry.Begin > end ? FileDefect.Gap : FileDefect.Overlap, entry.Offset,
                    $"the data of {name} begins at {entry.Begin}, and that before it ends at {end}.");
            }

            end = entry.End;
        }

        if (end > dataBytes) throw Bad(FileDefect.DataMissing, stream.Length, $"it ends: {dataBytes} of the {end} bytes of data are there.");
        if (end < dataBytes) throw Bad(FileDefect.DataLeft, stream.Length - (dataBytes - end), $"there are {dataBytes - end} bytes that belong to no tensor.");
    }

    private LoadedTensor ReadValues(string name, Entry entry, long offset)
    {
        float[] values = new float[(entry.End - entry.Begin) / sizeof(float)];
        RequireRead(MemoryMarshal.AsBytes(values.AsSpan()), offset);
        int wrong = Requirements.IndexOfNonFinite(values);
        if (wrong >= 0)
            throw Bad(FileDefect.NotFinite, offset + ((long)wrong * sizeof(float)), $"value {wrong} of {name} is {values[wrong]}, and all must be finite.");
        return new LoadedTensor(entry.Shape, values, entry.Offset, offset);
    }

    /// <summary>The length was checked, but another program may cut the file off meanwhile.</summary>
    private void RequireRead(Span<byte> bytes, long offset)
    {
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read < bytes.Length) throw Bad(FileDefect.DataEnds, offset + read, "it ended while it was read.");
    }

    private void Expect(ref Utf8JsonReader json, JsonTokenType type, FileDefect defect, string what)
    {
        json.Read();
        if (json.TokenType != type) throw Bad(defect, OffsetOf(json), $"{what}.");
    }

    /// <summary>The text or the name at the reader; null where it is longer than any that is known.</summary>
    private string? TextOf(ref Utf8JsonReader json)
    {
        if (json.ValueSpan.Length > MaximumTextBytes) return null;
        try
        {
            return json.GetString();
        }
        catch (InvalidOperationException)   // half a surrogate pair, as an escape
        {
            throw BadText(json);
        }
    }

    private ModelFileException BadText(in Utf8JsonReader json) => Bad(FileDefect.Text, OffsetOf(json), "a text has an escape that is no character.");

    /// <summary>Stands for a name that is too long to keep. The same name may be spelled with escapes or without.</summary>
    private string DigestOf(ref Utf8JsonReader json)
    {
        if (!json.ValueIsEscaped) return Convert.ToHexString(SHA256.HashData(json.ValueSpan));
        byte[] name = new byte[json.ValueSpan.Length];
        try
        {
            return Convert.ToHexString(SHA256.HashData(name.AsSpan(0, json.CopyString(name))));
        }
        catch (InvalidOperationException)
        {
            throw BadText(json);
        }
    }

    private static long OffsetOf(in Utf8JsonReader json) => Safetensors.LengthBytes + json.TokenStartIndex;

    private ModelFileException Bad(FileDefect defect, long offset, string problem) => new(path, offset, defect, problem);

    private sealed record Entry(int[] Shape, long Begin, long End, long Offset);
}
