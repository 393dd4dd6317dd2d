using System.Text.RegularExpressions;
using NUnit.Framework;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>Each include can be a kernel's first: it includes what it uses, or its header names the declarations of the kernel that includes it.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class ShaderTests
{
    private static readonly string[] Folders = ["Shaders/Include", "Tests/Shaders"];

    private readonly Dictionary<string, Include> includes = [];

    [SetUp]
    public void ReadTheIncludes()
    {
        RequireSources();
        foreach (string file in Folders.SelectMany(folder => FilesBelow(folder, "*.glsl"))) includes[Path.GetFileName(file)] = new Include(File.ReadAllText(file));
    }

    [Test]
    public void EveryIncludeCanBeTheFirst()
    {
        Assert.That(includes["matrix.glsl"].Declared, Is.SupersetOf(new[] { "rows", "matrixTexel", "zeroUnless" }));
        Assert.That(includes["hidden_rows.glsl"].Declared, Is.SupersetOf(new[] { "hidden", "computeHidden", "COMPUTE_ROWS" }));
        IEnumerable<string> writtenByCSharp = FilesBelow("Runtime", "*.cs").SelectMany(file => NameInCSharp().Matches(File.ReadAllText(file)).Select(match => match.Groups["name"].Value));
        HashSet<string> known = [.. includes.Values.SelectMany(include => include.Declared).Except(writtenByCSharp)];
        string[] missing =
        [
            .. includes.SelectMany(include => include.Value.Used.Intersect(known).Except(Reached(include.Key).SelectMany(name => includes[name].Declared))
                .Except(include.Value.Locals).Except(include.Value.DeclaredByTheKernel).Select(name => $"{include.Key} uses {name}")),
        ];
        Assert.That(missing, Is.Empty, "Include the file that declares it, or say in the head: The including kernel declares ...");
    }

    /// <summary>A header's claims about the kernel are checked, so that they do not become outdated.</summary>
    [Test]
    public void WhatTheKernelDeclaresIsUsed()
    {
        foreach ((string name, Include include) in includes)
        {
            IEnumerable<string> quoted = include.DeclaredByTheKernel.Where(word => includes.Values.Any(other => other.Declared.Contains(word)));
            Assert.That(quoted, Is.SubsetOf(include.Used.Concat(include.Declared)), name);
        }
    }

    [Test]
    public void NoIncludeHasAMain()
    {
        Assert.That(includes.Where(include => include.Value.Used.Contains("main")).Select(include => include.Key), Is.Empty);
    }

    /// <summary>A file with all its direct and transitive includes. A slot counts as declaring everything that any of its files does.</summary>
    private HashSet<string> Reached(string fileName)
    {
        HashSet<string> reached = [fileName];
        Queue<string> next = new([fileName]);
        while (next.TryDequeue(out string? name))
        {
            Include include = includes[name];
            foreach (string further in include.Files.Concat(include.Slots.SelectMany(slot => includes.Where(other => other.Value.FillsSlot == slot).Select(other => other.Key))))
            {
                if (reached.Add(further)) next.Enqueue(further);
            }
        }

        return reached;
    }

    /// <summary>An include, as far as a scan of its lines shows. Global declarations begin a line; locals are indented or parameters.</summary>
    private sealed class Include
    {
        public Include(string text)
        {
            string head = string.Join(' ', text.Split('\n').TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal)).Select(line => line[2..].Trim()));
            string code = Comment().Replace(text, "");
            FillsSlot = SlotInHead().Match(head) is { Success: true } slot ? slot.Groups["slot"].Value : null;
            DeclaredByTheKernel = Words([.. SentenceOnTheKernel().Matches(head).Select(match => match.Value)]);
            Files = [.. Included().Matches(code).Select(match => match.Groups["file"].Value)];
            Slots = [.. IncludedSlot().Matches(code).Select(match => match.Groups["slot"].Value)];
            Declared = [.. Declaration().Matches(code).Select(match => match.Groups["name"].Value)];
            Locals = [.. Local().Matches(code).Concat(MacroParameter().Matches(code)).SelectMany(match => match.Groups["name"].Captures).Select(capture => capture.Value)];
            Used = Words([.. code.Split('\n').Where(line => !line.StartsWith("#include", StringComparison.Ordinal))]);
        }

        public string? FillsSlot { get; }

        public string[] Files { get; }

        public string[] Slots { get; }

        public HashSet<string> Declared { get; }

        public HashSet<string> Locals { get; }

        public HashSet<string> DeclaredByTheKernel { get; }

        public HashSet<string> Used { get; }

        private static HashSet<string> Words(string[] lines) => [.. lines.SelectMany(line => Word().Matches(line).Select(match => match.Value))];
    }

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    /// <summary>Excludes names after a dot: x, y, z and w of a vector.</summary>
    [GeneratedRegex(@"(?<![.\w])[A-Za-z_]\w*")]
    private static partial Regex Word();

    /// <summary>An unrolled macro or a constant.</summary>
    [GeneratedRegex("\"(?<name>[A-Z_]+)(\\([A-Za-z, ]+\\)\"|\",)")]
    private static partial Regex NameInCSharp();

    [GeneratedRegex("^Slot (?<slot>[A-Z]+):")]
    private static partial Regex SlotInHead();

    [GeneratedRegex(@"The including kernel (declares|defines)\b.*?(?=[.]( [A-Z]|$))")]
    private static partial Regex SentenceOnTheKernel();

    [GeneratedRegex("^#include \"(?<file>[^\"]+)\"", RegexOptions.Multiline)]
    private static partial Regex Included();

    [GeneratedRegex("^#include <(?<slot>[A-Z]+)>", RegexOptions.Multiline)]
    private static partial Regex IncludedSlot();

    /// <summary>A macro, a struct, a binding, a function (or its prototype), a constant or a variable.</summary>
    [GeneratedRegex(@"^(#define (?<name>\w+)|struct (?<name>\w+)|[A-Z_]+\((\w+, )?(?<name>\w+)\);|(const |shared )?[a-z]\w* (?<name>\w+)(\(|\[| =|;))", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"(?<=[ (])([biu]?vec[234]|mat[234]|int|uint|float|bool|dvec2|[A-Z][a-z]\w*) (?<name>\w+)(\[[^\]]*\])?( = [^;,]*(, (?<name>\w+)(?= =))?|, (?<name>\w+)(?=[,;\[]))*")]
    private static partial Regex Local();

    [GeneratedRegex(@"^#define \w+\((?<name>\w+)(, (?<name>\w+))*\)", RegexOptions.Multiline)]
    private static partial Regex MacroParameter();
}
