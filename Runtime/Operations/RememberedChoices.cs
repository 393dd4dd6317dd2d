using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace NeuralPlugin;

/// <summary>
/// What was measured on a device, in a small file: a text for each renderer, driver and set of kernels. A renderer's name alone is not enough, since another driver
/// or other kernels are fast in other ways.
/// </summary>
internal static class RememberedChoices
{
    /// <summary>The renderer, the driver, the build of this assembly, and the shaders of the families: this assembly's, and those that other assemblies add.</summary>
    public static string KeyOf(NeuralDevice device, IEnumerable<KernelFamily> families)
    {
        Assembly own = typeof(KernelFamily).Assembly;
        IEnumerable<Assembly> others = families.Select(family => family.GetType().Assembly).Where(assembly => assembly != own);
        return string.Join(
            " | ", [device.Renderer, device.Version, own.ManifestModule.ModuleVersionId.ToString(), ShaderLibrary.Fingerprint, .. others.Distinct().Select(ShaderLibrary.FingerprintOf)]);
    }

    /// <summary>Earlier results; empty if the file is missing or damaged, because they are then measured again.</summary>
    public static Dictionary<string, string> Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(file), RememberedChoicesJson.Default.DictionaryStringString) ?? [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    /// <summary>If the folder cannot be written, the only cost is a measurement at each start.</summary>
    public static void Write(string file, Dictionary<string, string> remembered)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            string beside = $"{file}.{Environment.ProcessId}";
            File.WriteAllText(beside, JsonSerializer.Serialize(remembered, RememberedChoicesJson.Default.DictionaryStringString));
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Debug.WriteLine($"What was measured is not remembered: {exception.Message}");
        }
    }
}

[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class RememberedChoicesJson : JsonSerializerContext;
