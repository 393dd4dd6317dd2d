using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace NeuralPlugin;

/// <summary>
/// The shaders embedded in this assembly, and in those that add kernel families, layers, losses or optimizers of their own. Puts a kernel's
/// source together: the version, the constants that C# and the shader share, its unrolled macros, and the file with its includes, each once.
/// </summary>
internal static class ShaderLibrary
{
    private const string IncludeDirective = "#include \"";
    private const string SlotDirective = "#include <";
    private const string Folder = "Shaders/";

    private static readonly Assembly Own = typeof(ShaderLibrary).Assembly;
    private static readonly Lazy<string> LazyFingerprint = new(ComputeFingerprint);

    private static Assembly[] assemblies = [Own];

    /// <summary>Changes when any shader of this assembly does.</summary>
    public static string Fingerprint => LazyFingerprint.Value;

    /// <summary>
    /// Looks for shaders in a further assembly too, where they are embedded as here, under Shaders/ and the name of the file. A file of this
    /// assembly comes before one of the same name there.
    /// </summary>
    public static void AddAssembly(Assembly assembly)
    {
        if (!assemblies.Contains(assembly)) assemblies = [.. assemblies, assembly];
    }

    /// <param name="kernel">The kernel.</param>
    /// <param name="shared">Constants that every kernel of a device is told.</param>
    public static string Assemble(KernelSource kernel, IEnumerable<(string Name, int Value)> shared)
    {
        StringBuilder source = new("#version 430 core\n");
        foreach ((string name, int value) in shared.Concat(kernel.Constants))
            source.Append(CultureInfo.InvariantCulture, $"#define {name} {value}\n");
        foreach ((string slot, _) in kernel.Includes) source.Append(CultureInfo.InvariantCulture, $"#define {slot}\n");
        foreach (UnrolledMacro macro in kernel.Macros) source.Append(CultureInfo.InvariantCulture, $"#define {macro.Signature} {macro.Text}\n");
        Append(source, kernel, kernel.FileName, [], []);
        return source.ToString();
    }

    /// <summary>
    /// Appends a file with its includes. What is included within a condition may be left out by the compiler, so that only its guard there knows
    /// whether a later include of it is the first one.
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

    /// <summary>The file that a directive includes; null for a slot that this kernel has nothing in.</summary>
    private static string? IncludedBy(string directive, KernelSource kernel)
    {
        if (directive.StartsWith(IncludeDirective, StringComparison.Ordinal)) return directive[IncludeDirective.Length..directive.LastIndexOf('"')];
        string slot = directive[SlotDirective.Length..directive.LastIndexOf('>')];
        return kernel.Includes.FirstOrDefault(include => include.Slot == slot).FileName;
    }

    private static string ComputeFingerprint()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> shaders = Own.GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        foreach (string shader in shaders) hash.AppendData(Encoding.UTF8.GetBytes($"{shader}\n{Load(shader[Folder.Length..])}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Load(string fileName)
    {
        using Stream stream = assemblies.Select(assembly => assembly.GetManifestResourceStream(Folder + fileName)).FirstOrDefault(found => found is not null)
            ?? throw new FileNotFoundException(
                $"The shader {fileName} is embedded in none of {string.Join(", ", assemblies.Select(assembly => assembly.GetName().Name))}.", fileName);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
