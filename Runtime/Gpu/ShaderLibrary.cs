using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// The shaders embedded in this assembly and in those with their own kernels. Assembles a kernel's source: the version,
/// the constants that C# and the shader share, its unrolled macros, and the file with its includes, each once.
/// </summary>
internal static class ShaderLibrary
{
    private const string IncludeDirective = "#include \"";
    private const string SlotDirective = "#include <";
    private const string Folder = "Shaders/";

    private static readonly Assembly Own = typeof(ShaderLibrary).Assembly;
    private static readonly Lazy<string> LazyFingerprint = new(() => FingerprintOf(Own));
    private static readonly Lock Adding = new();
    private static volatile Assembly[] assemblies = [Own];

    /// <summary>Changes when any shader of this assembly changes.</summary>
    public static string Fingerprint => LazyFingerprint.Value;

    /// <summary>
    /// Also finds the shaders of another assembly, for all kernels and includes: its resources <c>Shaders/FILE</c>. Adding it again changes
    /// nothing.
    /// </summary>
    /// <exception cref="ArgumentException">A file has the name of a known one, which would hide one of the two.</exception>
    public static void AddAssembly(Assembly assembly)
    {
        lock (Adding)
        {
            if (assemblies.Contains(assembly)) return;
            string? twice = NamesIn(assembly).FirstOrDefault(name => assemblies.Any(known => known.GetManifestResourceInfo(name) is not null));
            if (twice is not null) throw new ArgumentException($"{assembly.GetName().Name} has {twice}, but so has another assembly. Rename it.", nameof(assembly));
            assemblies = [.. assemblies, assembly];
        }
    }

    /// <summary>Changes when any shader of an assembly changes.</summary>
    public static string FingerprintOf(Assembly assembly)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in NamesIn(assembly).Order(StringComparer.Ordinal)) hash.AppendData(Encoding.UTF8.GetBytes($"{name}\n{Read(assembly, name)}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <param name="kernel">The kernel.</param>
    /// <param name="shared">Constants for every kernel of a device.</param>
    public static string Assemble(KernelSource kernel, IEnumerable<(string Name, int Value)> shared)
    {
        StringBuilder source = new("#version 430 core\n");
        foreach ((string name, int value) in shared.Concat(kernel.Constants))
            source.Append(CultureInfo.InvariantCulture, $"#define {name} {value}\n");
        if (kernel.Fetches) source.Append("#define FETCHES\n");
        foreach ((string slot, _) in kernel.Includes) source.Append(CultureInfo.InvariantCulture, $"#define {slot}\n");
        foreach (UnrolledMacro macro in kernel.Macros) source.Append(CultureInfo.InvariantCulture, $"#define {macro.Signature} {macro.Text}\n");
        Append(source, kernel, kernel.FileName, [], []);
        return source.ToString();
    }

    /// <summary>
    /// Appends a file with its includes. The compiler may omit an include within a condition, so that only the include guard can determine
    /// whether a later include of that file is the first one.
    /// </summary>
    private static void Append(StringBuilder source, KernelSource kernel, string fileName, List<string> files, HashSet<string> surelyIncluded, bool isConditional = false)
    {
        int sourceNumber = files.IndexOf(fileName);
        if (sourceNumber < 0)
        {
            sourceNumber = files.Count;
            files.Add(fileName);
        }

        source.Append(CultureInfo.InvariantCulture, $"#ifndef INCLUDED_{sourceNumber}\n#define INCLUDED_{sourceNumber}\n#line 1 {sourceNumber}\n");
        int line = 0, conditions = 0;
        foreach (string text in Load(fileName).Split('\n'))
        {
            line++;
            if (text.StartsWith("#if", StringComparison.Ordinal)) conditions++;
            if (text.StartsWith("#endif", StringComparison.Ordinal)) conditions--;
            if (!text.StartsWith("#include ", StringComparison.Ordinal))
            {
                source.Append(text).Append('\n');
                continue;
            }

            bool isConditionalHere = isConditional || conditions > 0;
            if (IncludedBy(text, kernel) is { } name && !surelyIncluded.Contains(name))
            {
                if (!isConditionalHere) surelyIncluded.Add(name);
                Append(source, kernel, name, files, surelyIncluded, isConditionalHere);
            }

            source.Append(CultureInfo.InvariantCulture, $"#line {line + 1} {sourceNumber}\n");
        }

        source.Append("#endif\n");
    }

    /// <summary>The file that a directive includes; null for a slot that is empty in this kernel.</summary>
    private static string? IncludedBy(string directive, KernelSource kernel)
    {
        if (directive.StartsWith(IncludeDirective, StringComparison.Ordinal)) return directive[IncludeDirective.Length..directive.LastIndexOf('"')];
        string slot = directive[SlotDirective.Length..directive.LastIndexOf('>')];
        return kernel.Includes.FirstOrDefault(include => include.Slot == slot).FileName;
    }

    private static IEnumerable<string> NamesIn(Assembly assembly) =>
        assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal));

    private static string Load(string fileName)
    {
        string name = Folder + fileName;
        Assembly assembly = assemblies.FirstOrDefault(known => known.GetManifestResourceInfo(name) is not null) ?? throw new FileNotFoundException(
            $"The shader {fileName} is not embedded in any of these assemblies: {string.Join(", ", assemblies.Select(known => known.GetName().Name))}.", fileName);
        return Read(assembly, name);
    }

    private static string Read(Assembly assembly, string name)
    {
        using StreamReader reader = new(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
