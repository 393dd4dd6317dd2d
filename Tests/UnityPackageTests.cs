using System.Formats.Tar;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>The result of <c>Samples/Unity/pack</c>: each file that Unity needs, and a complete set of assemblies.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class UnityPackageTests
{
    private const string Root = "package/";

    private readonly Dictionary<string, byte[]> files = [];
    private readonly HashSet<string> folders = [];

    private IEnumerable<string> Assemblies => files.Keys.Where(name => name.EndsWith(".dll", StringComparison.Ordinal));

    [OneTimeSetUp]
    public void Pack()
    {
        RequireSources();
        if (BuildTools.NetStandardOptions is null)
            Assert.Inconclusive("Silk.NET's build for .NET Standard needs Ultz.Bcl.Half, and nobody says that it can be restored here (NEURALPLUGIN_NETSTANDARD_OPTIONS).");
        string folder = Directory.CreateTempSubdirectory("neuralplugin-unity-").FullName;
        try
        {
            BuildTools.Build(PathOf("Samples/Unity/pack"), Repository.Root!, [folder, .. BuildTools.NetStandardOptions!]);
            string tarball = Path.Combine(folder, $"{Manifest().GetProperty("name").GetString()}-{Repository.Version}.tgz");
            using GZipStream content = new(File.OpenRead(tarball), CompressionMode.Decompress);
            using TarReader reader = new(content);
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                Assert.That(entry.Name, Does.StartWith(Root));
                if (entry.EntryType == TarEntryType.Directory) folders.Add(entry.Name[Root.Length..].TrimEnd('/'));
                else files[entry.Name[Root.Length..]] = ReadAll(entry.DataStream);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void ItHoldsWhatItShould()
    {
        Assert.That(files.Keys, Is.SupersetOf(new[]
        {
            "package.json", "README.md", "CHANGELOG.md", "LICENSE.md", "Third Party Notices.md", "Runtime/NeuralPlugin.dll", "Runtime/NeuralPlugin.xml",
            "Runtime/Dependencies/Silk.NET.OpenGL.dll", "Documentation~/unity.md",
        }));
        string sample = PathOf("Samples/Unity/NeuralAgent");
        Assert.That(files.Keys, Is.SupersetOf(Directory.EnumerateFiles(sample).Select(file => $"Samples~/NeuralAgent/{Path.GetFileName(file)}")));
        Assert.That(files["package.json"], Is.EqualTo(File.ReadAllBytes(PathOf("package.json"))));
        Assert.That(files.Keys.Where(name => name.EndsWith(".cs", StringComparison.Ordinal)), Is.All.StartsWith("Samples~/"), "Unity's compiler is of C# 9, and the sources of Runtime are not");
    }

    /// <summary>Unity gives a file without one a new GUID in each project, which nothing can refer to.</summary>
    [Test]
    public void EachFileThatUnitySeesHasAMetaWithAnIdOfItsOwn()
    {
        IEnumerable<string> seen = files.Keys.Concat(folders)
            .Where(name => name.Length > 0 && !name.EndsWith(".meta", StringComparison.Ordinal) && !name.StartsWith("Documentation~", StringComparison.Ordinal) && name != "Samples~");
        string[] metas = [.. files.Keys.Where(name => name.EndsWith(".meta", StringComparison.Ordinal))];
        Assert.That(metas, Is.EquivalentTo(seen.Select(name => name + ".meta")));
        string[] ids = [.. metas.Select(name => Guid().Match(Encoding.UTF8.GetString(files[name])).Groups["id"].Value)];
        Assert.That(ids, Is.Unique.And.All.Length.EqualTo(32));
        Assert.That(Encoding.UTF8.GetString(files["Runtime/NeuralPlugin.dll.meta"]), Does.Contain("guid: 98f3806a59ff3caf08e73001fa6c6ce5\n"), "projects refer to it: it never changes");
    }

    [Test]
    public void AssemblyDefinitionsReferToAssembliesThatThereAre()
    {
        string[] definitions = [.. files.Keys.Where(name => name.EndsWith(".asmdef", StringComparison.Ordinal))];
        Assert.That(definitions, Is.Not.Empty);
        foreach (string name in definitions)
        {
            using JsonDocument definition = JsonDocument.Parse(files[name]);
            IEnumerable<string?> references = definition.RootElement.GetProperty("precompiledReferences").EnumerateArray().Select(reference => reference.GetString());
            Assert.That(references, Is.SubsetOf(Assemblies.Select(Path.GetFileName)), name);
        }
    }

    /// <summary>All references of an assembly are beside it, or part of .NET Standard.</summary>
    [Test]
    public void NoAssemblyLacksWhatItRefersTo()
    {
        HashSet<string> present = [.. Assemblies.Select(name => Path.GetFileNameWithoutExtension(name)), "netstandard"];
        foreach (string name in Assemblies)
            Assert.That(ReferencesOf(files[name]).Where(reference => !present.Contains(reference) && !InNetStandard().IsMatch(reference)), Is.Empty, name);
        Assert.That(present.Where(name => InNetStandard().IsMatch(name)), Is.Empty, "Unity has them, and takes no second one");
        Assert.That(ReferencesOf(files["Runtime/NeuralPlugin.dll"]), Does.Contain("netstandard").And.Not.Contain("System.Runtime"));
    }

    /// <summary>With what the package brings and what .NET Standard has, and a stand-in for Unity's own types.</summary>
    [Test]
    public void TheSampleCompilesAgainstItsAssemblies()
    {
        DirectoryInfo project = Directory.CreateTempSubdirectory("neuralplugin-unity-sample-");
        try
        {
            File.Copy(PathOf("Tests/Unity/Sample.csproj"), Path.Combine(project.FullName, "Sample.csproj"));
            File.Copy(PathOf("Tests/Unity/UnityEngine.cs"), Path.Combine(project.FullName, "UnityEngine.cs"));
            foreach (string name in files.Keys.Where(name => name.StartsWith("Samples~/NeuralAgent/", StringComparison.Ordinal) && name.EndsWith(".cs", StringComparison.Ordinal)))
                File.WriteAllBytes(Path.Combine(project.FullName, Path.GetFileName(name)), files[name]);
            DirectoryInfo assemblies = project.CreateSubdirectory("assemblies");
            foreach (string name in Assemblies) File.WriteAllBytes(Path.Combine(assemblies.FullName, Path.GetFileName(name)), files[name]);
            string said = BuildTools.Dotnet(project.FullName, ["build", "Sample.csproj", "-nologo", .. BuildTools.NetStandardOptions!]);
            Assert.That(said, Does.Not.Contain("warning"));
        }
        finally
        {
            project.Delete(recursive: true);
        }
    }

    private static string[] ReferencesOf(byte[] assembly)
    {
        using PEReader reader = new(new MemoryStream(assembly));
        MetadataReader metadata = reader.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    private static byte[] ReadAll(Stream? stream)
    {
        using MemoryStream bytes = new();
        stream?.CopyTo(bytes);
        return bytes.ToArray();
    }

    [GeneratedRegex("^guid: (?<id>[0-9a-f]{32})$", RegexOptions.Multiline)]
    private static partial Regex Guid();

    /// <summary>Assemblies that are part of .NET Standard 2.1, also in Unity (since 2021.2).</summary>
    [GeneratedRegex(@"^System[.](Buffers|Memory|Numerics[.]Vectors|Threading[.]Tasks[.]Extensions)$")]
    private static partial Regex InNetStandard();
}
