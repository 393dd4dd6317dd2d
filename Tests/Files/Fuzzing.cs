using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Tests;

/// <summary>
/// Passes corrupted files to every reader: valid ones with their parts exchanged, and valid ones with changed bytes. A reader may
/// return complete content or throw its own typed exception, quickly and without much memory; anything else is a finding.
/// </summary>
internal sealed partial class Fuzzing : IDisposable
{
    private const int ModelShare = 4;   // of six inputs
    private const int AgentsShare = 1;
    private const int MostMissing = 1_000;
    private const long SpareBytes = 256 * 1024;
    private const long AgentBytes = 4 * 1024 * 1024;   // texts of rows, and two frames
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly string[] Values =
    [
        "null", "true", "{}", "[]", "[0]", "[1,2,3]", "[1,[2]]", "0", "-1", "1.5", "1e400", "99999999999999999999", "9223372036854775807",
        "\"\"", "\"F16\"", "\"F32\"", "\"nonsense\"", "\"1e400\"", "\"NaN\"", "\"-1\"", "\"9007199254740993\"", "\"2\"", "\"\\ud800\"",
        "[0,-4]", "[4,0]", "[1.5,2]", "[0,9223372036854775807]", "[9223372036854775807,9223372036854775807]", "[0,0]", "[\"1\",\"2\"]",
        "[1073741825]", "[1099511627776,1099511627776]", "[[[[[[[[1]]]]]]]]", "{\"a\":{\"b\":{\"c\":{}}}}", $"\"{new string('x', 600)}\"",
    ];

    private static readonly string[] Texts = [.. Values.Where(value => value[0] == '"')];

    private static readonly string[] Names =
    [
        "hidden.weight", "hidden.bias", "output.weight", "output.bias", "optimizer.velocity.output.bias", "optimizer.first_moment.output.bias",
        Safetensors.Metadata, Safetensors.ElementType, Safetensors.Shape, Safetensors.Offsets, "optimizer", "format_version", "layout",
        "activation", "model", "trainer.steps", "learning.values.mean", "experience.collected.action", "brain_count", "trainer.kernel_family", "", "x", "\\u0068idden.weight", "\\ud800", new('n', 700),
    ];

    private readonly SeededRandom random;
    private readonly (byte[] File, ModelFormat Format)[] models;
    private readonly (byte[] File, bool Images)[] idxFiles;
    private readonly NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 1 });
    private readonly (byte[] File, AgentPopulation Population)[] populations;

    public Fuzzing(ulong seed)
    {
        random = new SeededRandom(seed);
        int[][] shapes = [[1, 2], [5, 3], [1, 1, 2], [3, 5, 4], [4, 1]];   // the last has too few classes
        models =
        [
            .. shapes.SelectMany((sizes, i) => ModelFiles.Optimizers.Select(optimizer => (ModelFiles.Write(ModelFiles.Make(i, sizes, optimizer)), ModelFiles.FormatOf(sizes)))),
            .. new Loss[] { new MeanSquaredError(), new HuberLoss(0.5f) }.Select(loss =>
                (ModelFiles.Write(ModelFiles.Make(9, [3, 5, 1], new Sgd(0.1f), loss), ModelFiles.Regressor), ModelFiles.Regressor)),
        ];
        populations = [.. FuzzedAgents.Ways.Select(options => FuzzedAgents.Make(device, options))];
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, .. Enumerable.Range(0, 24).Select(i => (byte)i)];
        byte[] labels = [0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5];
        idxFiles = [(images, true), (labels, false), (Gzip(images), true), (Gzip(labels), false)];
    }

    /// <summary>How often each rejection of model files occurred.</summary>
    public SortedDictionary<FileDefect, int> Defects { get; } = [];

    /// <summary>How often each message about IDX files occurred, without its numbers.</summary>
    public SortedDictionary<string, int> IdxProblems { get; } = new(StringComparer.Ordinal);

    public int Accepted { get; private set; }

    /// <summary>Inputs that a reader did not handle as it must, each with its behavior.</summary>
    public List<string> Findings { get; } = [];

    public void Run(int inputs)
    {
        for (int i = 0; i < inputs; i++)
        {
            int share = random.NextInt32(ModelShare + AgentsShare + 1);
            if (share == 0) TryIdx();
            else if (share <= AgentsShare) TryAgents();
            else TryModel();
        }
    }

    private void TryModel()
    {
        (byte[] file, ModelFormat format) = Pick(models);
        byte[] spoiled = random.NextInt32(4) == 0 ? SpoilBytes(file) : SpoilParts(file);
        int[]? sizes = random.NextInt32(4) == 0 ? [.. format.Layers.Select(_ => random.NextInt32(4) + 1), random.NextInt32(4) + 2] : null;
        bool checkpoint = random.NextInt32(4) == 0;
        if (random.NextInt32(16) == 0) format = Pick<ModelFormat>([ModelFiles.Linear, ModelFiles.TwoLayers, ModelFiles.Regressor]);
        using Stream stream = StreamOf(spoiled, mayEndSooner: true);
        Watch(spoiled, SpareBytes + (8L * spoiled.Length), () =>
        {
            try
            {
                ModelContent model = ModelFile.Read(stream, "a file", format, sizes, checkpoint);
                if (!IsWhole(model, format.Layers)) throw new InvalidOperationException("What was accepted is not whole.");
                Accepted++;
            }
            catch (ModelFileException exception)
            {
                if (exception.Offset < 0 || exception.Offset > spoiled.Length + MostMissing)
                    throw new InvalidOperationException($"There is no byte {exception.Offset}.", exception);
                Defects[exception.Defect] = Defects.GetValueOrDefault(exception.Defect) + 1;
            }
        });
    }

    private void TryIdx()
    {
        (byte[] file, bool images) = Pick(idxFiles);
        byte[] spoiled = random.NextInt32(2) == 0 ? SpoilBytes(file) : SpoilIdxHeader(file);
        using Stream stream = StreamOf(spoiled, mayEndSooner: false);
        Watch(spoiled, SpareBytes + (1024L * spoiled.Length), () =>
        {
            try
            {
                if (images) _ = IdxReader.ReadImages(stream, "F");
                else _ = IdxReader.ReadLabels(stream, "F");
                Accepted++;
            }
            catch (IdxFormatException exception)
            {
                string problem = Numbers().Replace(Hexadecimal().Replace(exception.Message, "#"), "#");
                IdxProblems[problem] = IdxProblems.GetValueOrDefault(problem) + 1;
            }
        });
    }

    /// <summary>If the file is accepted, the population acts and learns.</summary>
    private void TryAgents()
    {
        (byte[] file, AgentPopulation population) = Pick(populations);
        byte[] spoiled = random.NextInt32(4) == 0 ? SpoilBytes(file) : SpoilParts(file);
        using Stream stream = StreamOf(spoiled, mayEndSooner: true);
        bool brainsAlone = random.NextInt32(4) == 0;
        Watch(spoiled, AgentBytes + (64L * spoiled.Length), () =>
        {
            try
            {
                population.State.Restore(AgentStateFile.Of(stream, "a file"), brainsAlone);
                Accepted++;
                FuzzedAgents.Run(population);
            }
            catch (ModelFileException exception)
            {
                if (exception.Offset < 0 || exception.Offset > spoiled.Length + MostMissing)
                    throw new InvalidOperationException($"There is no byte {exception.Offset}.", exception);
                Defects[exception.Defect] = Defects.GetValueOrDefault(exception.Defect) + 1;
            }
        });
    }

    public void Dispose()
    {
        foreach ((_, AgentPopulation population) in populations) population.Dispose();
        device.Dispose();
    }

    private static TimeSpan ProcessorTime => Process.GetCurrentProcess().TotalProcessorTime;

    private void Watch(byte[] input, long mostBytes, Action read)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = ProcessorTime;   // not wall-clock time: a busy machine is not a finding
        string? finding = null;
        try
        {
            read();
        }
        catch (Exception exception)
        {
            finding = $"{exception}";
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        if (allocated > mostBytes) finding ??= $"it took {allocated} bytes of memory";
        TimeSpan took = ProcessorTime - start;
        if (took > Patience) finding ??= $"it took {took} of the processor";
        if (finding is not null) Findings.Add($"{Convert.ToHexString(input)}: {finding}");
    }

    private static bool IsWhole(ModelContent model, string[] layers)
    {
        return model.Sizes.Length == layers.Length + 1 && model.Sizes.All(size => size > 0) && model.Parameters.Length == 2 * layers.Length &&
            layers.Index().All(layer =>
                model.Parameters[2 * layer.Index].Length == model.Sizes[layer.Index] * model.Sizes[layer.Index + 1] &&
                model.Parameters[(2 * layer.Index) + 1].Length == model.Sizes[layer.Index + 1]) &&
            model.Parameters.Concat(model.Training?.Moments.SelectMany(state => state) ?? []).All(values => values.All(float.IsFinite));
    }

    // ---- corrupting ----

    private byte[] SpoilParts(byte[] file)
    {
        SafetensorsParts parts = new(file);
        for (int times = 1 + random.NextInt32(2); times > 0; times--) SpoilPart(parts);
        byte[] spoiled = parts.Join();
        if (random.NextInt32(40) == 0) spoiled[9 + random.NextInt32(spoiled.Length - 9)] = 0xff;   // invalid UTF-8, or an invalid number
        return spoiled;
    }

    private void SpoilPart(SafetensorsParts parts)
    {
        int m = random.NextInt32(3) == 0 ? 0 : random.NextInt32(parts.Members.Count);   // the metadata is the first
        SafetensorsParts.Member member = parts.Members[m];
        List<(string Name, string Json)> fields = member.Fields;
        int f = random.NextInt32(fields.Count + 1);
        switch (random.NextInt32(27))   // mostly a field
        {
            case 0 when parts.Members.Count > 1: parts.Members.RemoveAt(m); break;
            case 1: parts.Members.Insert(random.NextInt32(parts.Members.Count + 1), member with { Fields = [.. fields] }); break;
            case 2: parts.Members[m] = member with { Name = Pick(Names) }; break;
            case 3: parts.Members[m] = member with { Json = Pick(Values) }; break;
            case 4: (parts.Members[m], parts.Members[^1]) = (parts.Members[^1], parts.Members[m]); break;
            case 5: parts.HeaderLength = random.NextInt32(3) switch { 0 => ulong.MaxValue, 1 => (ulong)random.NextInt32(2_000), _ => 200_000_000 }; break;
            case 6: parts.Before = random.NextInt32(2) == 0 ? " " : "[1]"; break;
            case 7: parts.After = random.NextInt32(2) == 0 ? "  \n" : ",{}"; break;
            case 8 or 9 or 10: SpoilData(parts); break;
            default:
                if (f == fields.Count) fields.Add((Pick(Names), Pick(Values)));
                else SpoilField(fields, f);
                break;
        }
    }

    private void SpoilField(List<(string Name, string Json)> fields, int f)
    {
        (string name, string json) = fields[f];
        switch (random.NextInt32(8))
        {
            case 0: fields.RemoveAt(f); break;
            case 1: fields.Insert(f, (name, json)); break;
            case 2: fields[f] = (Pick(Names), json); break;
            case 3: fields[f] = (name, Pick(json[0] == '"' && random.NextInt32(2) == 0 ? Texts : Values)); break;
            case 4: fields[f] = (name, string.Join(',', json.Trim('[', ']').Split(',').AsEnumerable().Reverse()) is var turned && json[0] == '[' ? $"[{turned}]" : json); break;
            case 5:
                int shift = random.NextInt32(2) == 0 ? 4 : -4;
                fields[f] = (name, Numbers().Replace(json, number => $"{Whole(number) + shift}"));
                break;
            case 6 when fields.Count == 3:   // consistent, but too large
                fields[1] = (Safetensors.Shape, "[65536,32768]");
                fields[2] = (Safetensors.Offsets, "[0,8589934592]");
                break;
            default: fields[f] = (name, NudgeNumber(json)); break;
        }
    }

    private void SpoilData(SafetensorsParts parts)
    {
        int length = parts.Data.Length, values = length / sizeof(float);
        switch (random.NextInt32(3))
        {
            case 0 when values > 0:
                BitConverter.GetBytes(Pick([float.NaN, -1f, 0f])).CopyTo(parts.Data, sizeof(float) * PlaceOfAValue(parts, values));
                break;
            case 1: parts.Data = [.. parts.Data, .. new byte[1 + random.NextInt32(8)]]; break;
            default: parts.Data = parts.Data[..random.NextInt32(length + 1)]; break;
        }
    }

    /// <summary>In a random tensor, so that small ones are hit as often as large ones; otherwise anywhere.</summary>
    private int PlaceOfAValue(SafetensorsParts parts, int values)
    {
        string? offsets = Pick(parts.Members).Fields.Find(field => field.Name == Safetensors.Offsets).Json;
        long[] places = offsets is null ? [] : [.. Numbers().Matches(offsets).Select(Whole)];
        bool isThere = places.Length == 2 && places[0] >= 0 && places[1] > places[0] + sizeof(float) && places[1] <= values * (long)sizeof(float);
        return isThere ? (int)(places[0] / sizeof(float)) + random.NextInt32((int)((places[1] - places[0]) / sizeof(float))) : random.NextInt32(values);
    }

    /// <summary>The same JSON with one of its numbers changed by a little or a lot; numbers in the metadata are strings.</summary>
    private string NudgeNumber(string json)
    {
        Match[] numbers = Numbers().Matches(json).ToArray();
        if (numbers.Length == 0) return json;
        Match number = Pick(numbers);
        long whole = Whole(number);
        string replacement = random.NextInt32(7) switch
        {
            0 => $"{whole + 1}",
            1 => $"{whole - 1}",
            2 => $"{whole + 4}",
            3 => $"{unchecked(whole * 2)}",
            4 => "0",
            5 => $"{whole + (1L << 33)}",
            _ => "1",
        };
        return $"{json[..number.Index]}{replacement}{json[(number.Index + number.Length)..]}";
    }

    private static long Whole(Match number)
    {
        double value = double.Parse(number.Value, CultureInfo.InvariantCulture);
        return value < long.MaxValue / 2 ? (long)value : 0;
    }

    private byte[] SpoilBytes(byte[] file)
    {
        List<byte> bytes = [.. file];
        for (int times = 1 + random.NextInt32(3); times > 0 && bytes.Count > 0; times--)
        {
            int at = random.NextInt32(bytes.Count), count = Math.Min(1 + random.NextInt32(9), bytes.Count - at);
            switch (random.NextInt32(6))
            {
                case 0: bytes[at] ^= (byte)(1 << random.NextInt32(8)); break;
                case 1: bytes[at] = (byte)random.NextUInt32(); break;
                case 2: bytes.RemoveRange(at, count); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, count)); break;
                case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                default: bytes.AddRange(bytes.GetRange(at, count)); break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Sizes that are wrong by a little or a lot, compressed again if the file was.</summary>
    private byte[] SpoilIdxHeader(byte[] file)
    {
        bool compressed = file[0] == 0x1f;
        byte[] plain = compressed ? Gunzip(file) : [.. file];
        int header = 4 + (4 * plain[3]);
        uint[] sizes = [0, 1, 2, 3, 300, 65_536, int.MaxValue, uint.MaxValue];
        for (int at = 4; at < header; at += 4)
        {
            if (random.NextInt32(2) == 0) BinaryPrimitives.WriteUInt32BigEndian(plain.AsSpan(at), Pick(sizes));
        }

        if (random.NextInt32(8) == 0) plain[random.NextInt32(4)] = (byte)random.NextUInt32();
        return compressed ? Gzip(plain) : plain;
    }

    /// <summary>Most are as they appear; some cannot seek, and some end earlier than their length says.</summary>
    private Stream StreamOf(byte[] content, bool mayEndSooner) => random.NextInt32(32) switch
    {
        0 => new OddStream(content, canSeek: false, length: content.Length),
        1 when mayEndSooner => new OddStream(content, canSeek: true, length: content.Length + random.NextInt32(MostMissing)),
        _ => new MemoryStream(content),
    };

    private T Pick<T>(IReadOnlyList<T> items) => items[random.NextInt32(items.Count)];

    private static byte[] Gzip(byte[] content)
    {
        using MemoryStream file = new();
        using (GZipStream gzip = new(file, CompressionLevel.Fastest)) gzip.Write(content);
        return file.ToArray();
    }

    private static byte[] Gunzip(byte[] file)
    {
        using GZipStream gzip = new(new MemoryStream(file), CompressionMode.Decompress);
        using MemoryStream content = new();
        gzip.CopyTo(content);
        return content.ToArray();
    }

    [GeneratedRegex("0x[0-9A-F]{8}")]
    private static partial Regex Hexadecimal();

    [GeneratedRegex("[0-9]+([.][0-9]+)?")]
    private static partial Regex Numbers();
}

/// <summary>A stream that is a pipe, or is shorter than its length says, like a file that another program truncates.</summary>
internal sealed class OddStream(byte[] content, bool canSeek, long length) : MemoryStream(content)
{
    public override bool CanSeek => canSeek;

    public override long Length => canSeek ? length : throw new NotSupportedException();
}
