using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// The shaders embedded in this assembly. Puts a kernel's source together: the version, the constants that C# and the
/// shader share, and the file with its includes, each once.
/// </summary>
internal static class ShaderLibrary
{
    private const string IncludeDirective = "#include \"";
    private const string Folder = "Shaders/";

    private static readonly Lazy<string> LazyFingerprint = new(ComputeFingerprint);

    /// <summary>Changes when any shader does.</summary>
    public static string Fingerprint => LazyFingerprint.Value;

    public static string Assemble(string fileName, IEnumerable<(string Name, int Value)> constants)
    {
        StringBuilder source = new("#version 430 core\n");
        foreach ((string name, int value) in constants)
            source.Append(CultureInfo.InvariantCulture, $"#define {name} {value}\n");
        Append(source, fileName, []);
        return source.ToString();
    }

    private static void Append(StringBuilder source, string fileName, HashSet<string> included)
    {
        if (!included.Add(fileName)) return;
        int sourceNumber = included.Count - 1;
        source.Append(CultureInfo.InvariantCulture, $"#line 1 {sourceNumber}\n");
        int line = 0;
        foreach (string text in Load(fileName).Split('\n'))
        {
            line++;
            if (text.StartsWith(IncludeDirective, StringComparison.Ordinal))
            {
                Append(source, text[IncludeDirective.Length..text.LastIndexOf('"')], included);
                source.Append(CultureInfo.InvariantCulture, $"#line {line + 1} {sourceNumber}\n");
            }
            else
            {
                source.Append(text).Append('\n');
            }
        }
    }

    private static string ComputeFingerprint()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> shaders = Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        foreach (string shader in shaders) hash.AppendData(Encoding.UTF8.GetBytes($"{shader}\n{Load(shader[Folder.Length..])}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Load(string fileName)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Folder + fileName)
            ?? throw new FileNotFoundException($"The shader {fileName} is not embedded in this assembly.", fileName);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
