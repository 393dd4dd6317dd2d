using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace NeuralPlugin.Tests;

/// <summary>A safetensors file in parts, so that a test can assemble an invalid one.</summary>
internal sealed class SafetensorsParts
{
    public SafetensorsParts(byte[] file)
    {
        int headerBytes = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(Safetensors.LengthBytes, headerBytes));
        foreach (JsonProperty member in header.RootElement.EnumerateObject())
            Members.Add(new Member(member.Name, [.. member.Value.EnumerateObject().Select(field => (field.Name, field.Value.GetRawText()))]));
        Data = file[(Safetensors.LengthBytes + headerBytes)..];
    }

    /// <summary>The metadata first, then the tensors.</summary>
    public List<Member> Members { get; } = [];

    public byte[] Data { get; set; }

    /// <summary>The text around the JSON object of the header.</summary>
    public string Before { get; set; } = "";

    public string After { get; set; } = "";

    /// <summary>The content of the length field; null for the true length.</summary>
    public ulong? HeaderLength { get; set; }

    public byte[] Join()
    {
        byte[] header = Encoding.UTF8.GetBytes($"{Before}{{{string.Join(',', Members)}}}{After}");
        byte[] length = new byte[Safetensors.LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(length, HeaderLength ?? (ulong)header.Length);
        return [.. length, .. header, .. Data];
    }

    /// <summary>A member of the header: its fields, whose values are JSON, or JSON in their place. Names are written unescaped.</summary>
    public sealed record Member(string Name, List<(string Name, string Json)> Fields, string? Json = null)
    {
        public override string ToString()
        {
            return $"\"{Name}\":{Json ?? $"{{{string.Join(',', Fields.Select(field => $"\"{field.Name}\":{field.Json}"))}}}"}";
        }
    }
}
