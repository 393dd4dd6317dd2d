using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>
/// The two packages: their contents, and that a project with nothing but the NuGet package runs the README's ten lines.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class PackageTests
{
    /// <summary>A first restore fetches packages.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Per framework; all except Silk.NET.OpenGL come from .NET itself, in versions that a registry may lack or that an older framework needs.</summary>
    private static readonly (string Framework, string[] Packages)[] Dependencies =
    [
        ("net10.0", ["Silk.NET.OpenGL", "Microsoft.Extensions.DependencyModel"]),
        ("net8.0", ["Silk.NET.OpenGL", "Microsoft.Extensions.DependencyModel", "System.Text.Json"]),
    ];

    private DirectoryInfo? folder;

    private string Packages => Path.Combine(folder!.FullName, "packed");

    [OneTimeSetUp]
    public void Pack()
    {
        RequireSources();
        folder = Directory.CreateTempSubdirectory("neuralplugin-package-");
        Dotnet(Root!, "pack", PathOf("Runtime/NeuralPlugin.csproj"), "-c", "Release", "-o", Packages);
    }

    [OneTimeTearDown]
    public void DeleteTheFolder() => folder?.Delete(recursive: true);

    [Test]
    public void TheNuGetPackageHoldsWhatItShouldAndNothingElse()
    {
        using ZipArchive package = Open(".nupkg");
        string[] ours = [.. package.Entries.Select(entry => entry.FullName).Where(name => !PartOfTheFormat().IsMatch(name))];
        Assert.That(ours, Is.EquivalentTo(new[]
        {
            "NeuralPlugin.nuspec", "README.md", "CHANGELOG.md", "LICENSE.md", "Third Party Notices.md", "icon.png",
            "lib/net10.0/NeuralPlugin.dll", "lib/net10.0/NeuralPlugin.xml", "lib/net8.0/NeuralPlugin.dll", "lib/net8.0/NeuralPlugin.xml",
        }));
        using ZipArchive symbols = Open(".snupkg");
        Assert.That(symbols.Entries.Select(entry => entry.FullName).Where(name => name.StartsWith("lib/", StringComparison.Ordinal)),
            Is.EquivalentTo(new[] { "lib/net10.0/NeuralPlugin.pdb", "lib/net8.0/NeuralPlugin.pdb" }));
    }

    [Test]
    public void TheNuGetPackageSaysWhatItIs()
    {
        using ZipArchive package = Open(".nupkg");
        XElement metadata = XDocument.Parse(Text(package, "NeuralPlugin.nuspec")).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
        string Value(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
        Assert.That(Value("id"), Is.EqualTo("NeuralPlugin"));
        Assert.That(Value("version"), Is.EqualTo(Repository.Version));
        Assert.That(Value("license"), Is.EqualTo(Manifest().GetProperty("license").GetString()));
        Assert.That(Value("authors"), Is.EqualTo(Manifest().GetProperty("author").GetProperty("name").GetString()));
        Assert.That(Value("readme"), Is.EqualTo("README.md"));
        Assert.That(Value("icon"), Is.EqualTo("icon.png"));
        Assert.That(Value("description"), Is.Not.Empty);
        foreach ((string framework, string[] packages) in Dependencies)
        {
            XElement group = metadata.Descendants().Single(element => element.Name.LocalName == "group" && element.Attribute("targetFramework")?.Value == framework);
            Assert.That(group.Elements().Select(element => element.Attribute("id")?.Value), Is.EquivalentTo(packages), framework);
        }

        Assert.That(Text(package, "README.md"), Is.EqualTo(File.ReadAllText(PathOf("README.md"))));
        Assert.That(Text(package, "lib/net10.0/NeuralPlugin.xml"), Does.Contain("M:NeuralPlugin.Classifier.TrainBatch("));

        byte[] icon = Bytes(package, "icon.png");
        Assert.That(icon[..8], Is.EqualTo(new byte[] { 0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10 }));
        Assert.That((Dimension(icon, 16), Dimension(icon, 20)), Is.EqualTo((128, 128)), "what nuget.org shows");
    }

    [Test]
    public void TheSymbolsAreThoseOfTheAssembly()
    {
        using ZipArchive package = Open(".nupkg");
        using ZipArchive symbols = Open(".snupkg");
        using PEReader assembly = new(new MemoryStream(Bytes(package, "lib/net10.0/NeuralPlugin.dll")));
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(Bytes(symbols, "lib/net10.0/NeuralPlugin.pdb")));
        DebugDirectoryEntry entry = assembly.ReadDebugDirectory().Single(entry => entry.Type == DebugDirectoryEntryType.CodeView);
        BlobContentId id = new(provider.GetMetadataReader().DebugMetadataHeader!.Id);
        Assert.That(id.Guid, Is.EqualTo(assembly.ReadCodeViewDebugDirectoryData(entry).Guid));
    }

    /// <summary>
    /// The lines are extracted from README.md and built against the package, which comes from the folder in which it was packed
    /// and goes into a package folder of the test's own, so that no older one of the same version takes its place.
    /// </summary>
    [TestCase("net10.0")]
    [TestCase("net8.0")]
    public void AProjectWithNothingButThePackageRunsTheTenLines(string framework)
    {
        _ = TestDevice.Plain;   // inconclusive if there is no driver
        string project = Directory.CreateDirectory(Path.Combine(folder!.FullName, framework)).FullName;
        string restored = Path.Combine(folder.FullName, "restored"), built = Path.Combine(project, "built");
        File.Copy(PathOf("Tests/Package/TenLines.csproj"), Path.Combine(project, "TenLines.csproj"));
        File.WriteAllText(Path.Combine(project, "Program.cs"), TenLines() + SavesAndLoads);
        string said = Dotnet(
            project, "build", "TenLines.csproj", "-c", "Release", "-o", built, $"-p:NeuralPluginVersion={Repository.Version}", $"-p:UserFramework={framework}",
            $"-p:RestoreAdditionalProjectSources={Packages}", $"-p:RestorePackagesPath={restored}");
        Assert.That(said, Does.Not.Contain("warning"), "such as NU1603, of a version that the registry lacks");
        using JsonDocument origin = JsonDocument.Parse(File.ReadAllText(Path.Combine(restored, "neuralplugin", Repository.Version, ".nupkg.metadata")));
        Assert.That(origin.RootElement.GetProperty("source").GetString(), Is.EqualTo(Packages));

        string output = Succeed(new ProcessStartInfo(Path.Combine(built, "TenLines")) { WorkingDirectory = project });
        Match probability = Probability().Match(output);
        Assert.That(probability.Success, output);
        Assert.That(double.Parse(probability.Groups["percent"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture), Is.InRange(0, 20), "0.5 · −0.5 is not above zero");
        Assert.That(output, Does.Contain($"the same after a file, on .NET {framework[3..]}"));
    }

    /// <summary>npm would pack exactly the sources and texts of the Unity package, and all of them.</summary>
    [Test]
    public void TheUnityPackageHoldsWhatItShouldAndNothingElse()
    {
        using JsonDocument said = JsonDocument.Parse(Npm("pack", "--dry-run", "--json", "--loglevel", "error"));
        JsonElement package = said.RootElement.EnumerateArray().Single();
        Assert.That(package.GetProperty("filename").GetString(), Is.EqualTo($"{Manifest().GetProperty("name").GetString()}-{Repository.Version}.tgz"));
        IEnumerable<string?> packed = package.GetProperty("files").EnumerateArray().Select(file => file.GetProperty("path").GetString());
        string[] folders = ["Runtime", "Shaders", "Samples", "Documentation~"];
        Assert.That(packed, Is.EquivalentTo(
        [
            "package.json", "README.md", "CHANGELOG.md", "LICENSE.md", "Third Party Notices.md", "Directory.Build.props", "Directory.Packages.props",
            .. folders.SelectMany(name => FilesBelow(name, "*")).Select(file => Path.GetRelativePath(Root!, file).Replace('\\', '/')),
        ]));
        foreach (JsonElement sample in Manifest().GetProperty("samples").EnumerateArray())
            Assert.That(packed, Has.Some.StartsWith(sample.GetProperty("path").GetString() + "/"));
    }

    /// <summary>Not covered by the ten lines: a file's header is JSON, which older frameworks get from a package.</summary>
    private const string SavesAndLoads = """

        classifier.Save("saved.safetensors");
        using var loaded = TwoLayerClassifier.Load(device, "saved.safetensors");
        float[] again = new float[2];
        loaded.Predict([0.5f, -0.5f], again);
        Console.WriteLine($"{(again.SequenceEqual(probabilities) ? "the same" : "something else")} after a file, on .NET {Environment.Version.ToString(2)}");
        """;

    private static string TenLines()
    {
        Match lines = CodeUnderTenLines().Match(File.ReadAllText(PathOf("README.md")));
        Assert.That(lines.Success, "README.md has C# code under 'Ten lines'");
        return lines.Groups["code"].Value;
    }

    private static string Dotnet(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = folder };
        // The test runner tells its children the location of its own build tools; and servers that persist keep the output open.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        return Succeed(start);
    }

    private static string Npm(params string[] arguments)
    {
        try
        {
            return Succeed(new ProcessStartInfo("npm", arguments) { WorkingDirectory = Root });
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Assert.Inconclusive($"npm is not here: {exception.Message}");
            throw;
        }
    }

    private static string Succeed(ProcessStartInfo start)
    {
        ChildResult result = ChildProcess.Run(start, Patience);
        Assert.That(result.ExitCode, Is.Zero, $"{start.FileName} {string.Join(' ', start.ArgumentList)}\n{result.Output}");
        return result.Output;
    }

    private ZipArchive Open(string extension) => ZipFile.OpenRead(Path.Combine(Packages, $"NeuralPlugin.{Repository.Version}{extension}"));

    private static byte[] Bytes(ZipArchive archive, string name)
    {
        using Stream stream = archive.GetEntry(name)!.Open();
        using MemoryStream bytes = new();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static string Text(ZipArchive archive, string name)
    {
        using StreamReader reader = new(archive.GetEntry(name)!.Open());
        return reader.ReadToEnd();
    }

    /// <summary>Width and height are big-endian in a PNG's first chunk.</summary>
    private static int Dimension(byte[] png, int offset) => BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(offset));

    [GeneratedRegex(@"^(_rels/|package/|\[Content_Types\][.]xml$)")]
    private static partial Regex PartOfTheFormat();

    [GeneratedRegex(@"^## Ten lines\n[^#]*?^```csharp\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeUnderTenLines();

    [GeneratedRegex(@"with probability (?<percent>[0-9.]+) ?%")]
    private static partial Regex Probability();
}
