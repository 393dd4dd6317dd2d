using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;

namespace NeuralPlugin;

/// <summary>A tensor to write, with row-major values.</summary>
internal sealed record NamedTensor(string Name, int[] Shape, float[] Values)
{
    /// <summary>Replaces <see cref="Values"/> for a tensor of 64-bit floats.</summary>
    public double[]? WideValues { get; init; }

    /// <summary>The bytes as stored in a file.</summary>
    public ReadOnlySpan<byte> Bytes => WideValues is null ? MemoryMarshal.AsBytes<float>(Values) : MemoryMarshal.AsBytes<double>(WideValues);
}

/// <summary>A tensor read from a file, and the byte offset of its entry.</summary>
internal sealed record LoadedTensor(int[] Shape, float[] Values, long EntryOffset, long DataOffset)
{
    /// <summary>Replaces <see cref="Values"/> for a tensor of 64-bit floats.</summary>
    public double[]? WideValues { get; init; }
}

/// <summary>A metadata value, and its byte offset in the file.</summary>
internal sealed record LoadedText(string Value, long Offset);

/// <summary>The content read from a safetensors file: the requested metadata and tensors, by name.</summary>
internal sealed record SafetensorsContent(IReadOnlyDictionary<string, LoadedText> Metadata, IReadOnlyDictionary<string, LoadedTensor> Tensors);

/// <summary>
/// The safetensors format: eight bytes with the header's length, little-endian; a JSON object, padded with spaces, that gives each
/// tensor's element type, shape and position in the data, and under __metadata__ texts by name; the data, little-endian,
/// without gaps. Elements are 32-bit floats here, or 64-bit where requested.
/// </summary>
/// <remarks>Source: the format's own description, https://github.com/huggingface/safetensors#format.</remarks>
internal static class Safetensors
{
    public const int LengthBytes = 8;

    /// <summary>The limit of the format's reference library.</summary>
    public const int MaximumHeaderBytes = 100_000_000;

    public const string Metadata = "__metadata__";
    public const string ElementType = "dtype";
    public const string Float32 = "F32";
    public const string Float64 = "F64";
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
                end += tensor.Bytes.Length;
                json.WriteStartObject(tensor.Name);
                json.WriteString(ElementType, tensor.WideValues is null ? Float32 : Float64);
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
        foreach (NamedTensor tensor in tensors) stream.Write(tensor.Bytes);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}

/// <summary>
/// Reads one safetensors file and trusts nothing in it: any defect throws <see cref="ModelFileException"/>, and no single
/// allocation is larger than the file. Entries may be in any order; the data is gap-free from beginning to end.
/// Unrequested metadata is skipped; an unrequested tensor is an error.
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
    private readonly IReadOnlyCollection<string> wideNames;
    private readonly IReadOnlyCollection<string> passedOver;
    private readonly Dictionary<string, LoadedText> metadata = [];
    private readonly Dictionary<string, Entry> entries = [];
    private bool hasMetadata;

    private SafetensorsReader(
        Stream stream, string path, IReadOnlyCollection<string> tensorNames, IReadOnlyCollection<string> metadataKeys, IReadOnlyCollection<string> wideNames,
        IReadOnlyCollection<string> passedOver)
    {
        this.wideNames = wideNames;
        this.passedOver = passedOver;
        this.stream = stream;
        this.path = path;
        this.tensorNames = tensorNames;
        this.metadataKeys = metadataKeys;
    }

    /// <summary>Reads a stream from beginning to end.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="path">The name to use in errors.</param>
    /// <param name="tensorNames">The tensors to read.</param>
    /// <param name="metadataKeys">The metadata to read.</param>
    /// <param name="wideNames">The tensors of 64-bit floats among these; null for none.</param>
    /// <param name="passedOver">Name prefixes of other tensors to skip, of either type; null for none.</param>
    /// <exception cref="ModelFileException">The stream is not a complete safetensors file, or holds tensors of other names.</exception>
    public static SafetensorsContent Read(
        Stream stream, string path, IReadOnlyCollection<string> tensorNames, IReadOnlyCollection<string> metadataKeys,
        IReadOnlyCollection<string>? wideNames = null, IReadOnlyCollection<string>? passedOver = null)
    {
        return new SafetensorsReader(stream, path, tensorNames, metadataKeys, wideNames ?? [], passedOver ?? []).Read();
    }

    private SafetensorsContent Read()
    {
        if (!stream.CanSeek) throw Bad(FileDefect.NotAFile, 0, "it is not a regular file with a known length. Copy it into one.");
        long length = stream.Length;
        Span<byte> lengthField = stackalloc byte[Safetensors.LengthBytes];
        if (stream.ReadAtLeast(lengthField, lengthField.Length, throwOnEndOfStream: false) < lengthField.Length)
            throw Bad(FileDefect.TooShort, length, $"it ends, but a safetensors file begins with the {Safetensors.LengthBytes} bytes of its header's length.");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(lengthField);
        ulong most = (ulong)Math.Clamp(length - Safetensors.LengthBytes, 0, Safetensors.MaximumHeaderBytes);
        if (headerBytes > most)
            throw Bad(FileDefect.HeaderLength, 0, $"the header's length is given as {headerBytes} bytes, but at most {most} are possible. The file is truncated, or no safetensors file.");
        byte[] header = new byte[headerBytes];
        RequireRead(header, Safetensors.LengthBytes);
        ReadHeader(header);

        long dataStart = Safetensors.LengthBytes + (long)headerBytes;
        KeyValuePair<string, Entry>[] inOrder = [.. entries.OrderBy(entry => entry.Value.Begin)];
        RequireNoGaps(inOrder, length - dataStart);
        Dictionary<string, LoadedTensor> tensors = [];
        foreach ((string name, Entry entry) in inOrder)
        {
            if (entry.IsPassedOver) stream.Seek(entry.End - entry.Begin, SeekOrigin.Current);
            else tensors.Add(name, ReadValues(name, entry, dataStart + entry.Begin));
        }

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

            json.Read();   // only whitespace may follow
        }
        catch (JsonException exception)
        {
            throw Bad(FileDefect.Json, Safetensors.LengthBytes + json.BytesConsumed, $"the header is not the JSON of a safetensors file: {exception.Message}");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        if (hasMetadata) throw Bad(FileDefect.MetadataTwice, OffsetOf(json), $"{Safetensors.Metadata} appears twice.");
        hasMetadata = true;
        json.Read();
        if (json.TokenType == JsonTokenType.Null) return;   // some writers say so when there is none
        if (json.TokenType != JsonTokenType.StartObject) throw Bad(FileDefect.MetadataType, OffsetOf(json), $"{Safetensors.Metadata} must be an object of strings.");
        HashSet<string> keys = [];
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string? key = TextOf(ref json);
            if (!keys.Add(key ?? DigestOf(ref json))) throw Bad(FileDefect.MetadataTwice, OffsetOf(json), $"{key ?? "a very long key of the metadata"} appears twice.");
            Expect(ref json, JsonTokenType.String, FileDefect.MetadataType, "a value of the metadata must be a string");
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
        bool isPassedOver = name is not null && !tensorNames.Contains(name) && passedOver.Any(beginning => name.StartsWith(beginning, StringComparison.Ordinal));
        if (name is null || (!isPassedOver && !tensorNames.Contains(name)))
        {
            throw Bad(
                FileDefect.UnknownTensor, offset,
                $"there is a tensor {name ?? "with a very long name"}, but only these belong here: {string.Join(", ", tensorNames)}.");
        }

        if (entries.ContainsKey(name)) throw Bad(FileDefect.TensorTwice, offset, $"the tensor {name} appears twice.");
        Expect(ref json, JsonTokenType.StartObject, FileDefect.EntryType, $"the entry of {name} must be an object");
        bool isWide = wideNames.Contains(name), hasType = false;
        string expected = isWide ? Safetensors.Float64 : Safetensors.Float32;
        long[]? shape = null, offsets = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            long fieldOffset = OffsetOf(json);
            switch (TextOf(ref json))
            {
                case Safetensors.ElementType when !hasType:
                    hasType = true;
                    Expect(ref json, JsonTokenType.String, FileDefect.ElementType, $"the element type of {name} must be a string");
                    string? type = TextOf(ref json);
                    if (isPassedOver && type == Safetensors.Float64) (isWide, expected) = (true, type);
                    if (type != expected)
                        throw Bad(FileDefect.ElementType, OffsetOf(json), $"the elements of {name} must be {expected}. Convert them.");
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
                    throw Bad(FileDefect.EntryField, fieldOffset, $"the entry of {name} has a field that is unknown or appears twice.");
            }
        }

        if (!hasType || shape is null || offsets is null)
        {
            throw Bad(
                FileDefect.EntryIncomplete, offset,
                $"the entry of {name} needs {Safetensors.ElementType}, {Safetensors.Shape} and {Safetensors.Offsets}.");
        }

        long bytes = shape.Aggregate(1L, (product, size) => product * size);   // below 2⁶⁰: two dimensions of 2³⁰
        bytes *= isWide ? sizeof(double) : sizeof(float);
        if (offsets[1] - offsets[0] != bytes)
            throw Bad(FileDefect.TensorSize, offset, $"{name} [{string.Join(" × ", shape)}] takes {bytes} bytes, but its data is from {offsets[0]} to {offsets[1]}.");
        if (bytes > int.MaxValue) throw Bad(FileDefect.TensorTooLarge, offset, $"{name} takes {bytes} bytes, but a tensor has at most {int.MaxValue}.");
        entries.Add(name, new Entry([.. shape.Select(size => (int)size)], offsets[0], offsets[1], offset, isWide, isPassedOver));
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
                    $"the data of {name} begins at {entry.Begin}, but the data before it ends at {end}.");
            }

            end = entry.End;
        }

        if (end > dataBytes) throw Bad(FileDefect.DataMissing, stream.Length, $"it ends: only {dataBytes} of the {end} bytes of data are there.");
        if (end < dataBytes) throw Bad(FileDefect.DataLeft, stream.Length - (dataBytes - end), $"there are {dataBytes - end} bytes that belong to no tensor.");
    }

    private LoadedTensor ReadValues(string name, Entry entry, long offset)
    {
        if (entry.IsWide) return ReadWideValues(name, entry, offset);
        float[] values = new float[(entry.End - entry.Begin) / sizeof(float)];
        RequireRead(MemoryMarshal.AsBytes(values.AsSpan()), offset);
        int wrong = Requirements.IndexOfNonFinite(values);
        if (wrong >= 0)
            throw Bad(FileDefect.NotFinite, offset + ((long)wrong * sizeof(float)), $"all values must be finite, but value {wrong} of {name} is {values[wrong]}.");
        return new LoadedTensor(entry.Shape, values, entry.Offset, offset);
    }

    private LoadedTensor ReadWideValues(string name, Entry entry, long offset)
    {
        double[] values = new double[(entry.End - entry.Begin) / sizeof(double)];
        RequireRead(MemoryMarshal.AsBytes(values.AsSpan()), offset);
        int wrong = Array.FindIndex(values, value => !double.IsFinite(value));
        if (wrong >= 0)
            throw Bad(FileDefect.NotFinite, offset + ((long)wrong * sizeof(double)), $"all values must be finite, but value {wrong} of {name} is {values[wrong]}.");
        return new LoadedTensor(entry.Shape, [], entry.Offset, offset) { WideValues = values };
    }

    /// <summary>The length was checked, but another program may truncate the file in the meantime.</summary>
    private void RequireRead(Span<byte> bytes, long offset)
    {
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read < bytes.Length) throw Bad(FileDefect.DataEnds, offset + read, "it ended while being read.");
    }

    private void Expect(ref Utf8JsonReader json, JsonTokenType type, FileDefect defect, string what)
    {
        json.Read();
        if (json.TokenType != type) throw Bad(defect, OffsetOf(json), $"{what}.");
    }

    /// <summary>The text or name at the reader; null if it is longer than any known one.</summary>
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

    private ModelFileException BadText(in Utf8JsonReader json) => Bad(FileDefect.Text, OffsetOf(json), "a string has an escape that is not a character.");

    /// <summary>Identifies a name that is too long to keep. The same name may be spelled with or without escapes.</summary>
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

    private sealed record Entry(int[] Shape, long Begin, long End, long Offset, bool IsWide, bool IsPassedOver);
}
