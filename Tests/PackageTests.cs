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
/// The NuGet package: its contents, and that a project with nothing but it runs the README's ten lines.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class PackageTests
{
    private static readonly string[] Frameworks = BuildTools.NetStandardOptions is null ? ["net10.0", "net8.0"] : ["net10.0", "net8.0", "netstandard2.1"];

    private DirectoryInfo? folder;

    private string Packages => Path.Combine(folder!.FullName, "packed");

    /// <summary>All except Silk.NET.OpenGL are dependencies of it, in versions that a registry may lack or that an older framework needs.</summary>
    private static string[] DependenciesOf(string framework) =>
        ["Silk.NET.OpenGL", "Microsoft.Extensions.DependencyModel", .. framework == "net10.0" ? Array.Empty<string>() : ["System.Text.Json"]];

    [OneTimeSetUp]
    public void Pack()
    {
        RequireSources();
        folder = Directory.CreateTempSubdirectory("neuralplugin-package-");
        BuildTools.Dotnet(Root!, ["pack", PathOf("Runtime/NeuralPlugin.csproj"), "-c", "Release", "-o", Packages, .. BuildTools.NetStandardOptions?.Prepend("-p:NetStandard=also") ?? []]);
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
        }.Concat(Frameworks.SelectMany(framework => new[] { $"lib/{framework}/NeuralPlugin.dll", $"lib/{framework}/NeuralPlugin.xml" }))));
        using ZipArchive symbols = Open(".snupkg");
        Assert.That(symbols.Entries.Select(entry => entry.FullName).Where(name => name.StartsWith("lib/", StringComparison.Ordinal)),
            Is.EquivalentTo(Frameworks.Select(framework => $"lib/{framework}/NeuralPlugin.pdb")));
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
        XElement[] groups = [.. metadata.Descendants().Where(element => element.Name.LocalName == "group")];
        string FrameworkOf(XElement group) => group.Attribute("targetFramework")!.Value.Replace(".NETStandard", "netstandard");
        Assert.That(groups.Select(FrameworkOf), Is.EquivalentTo(Frameworks));
        foreach (XElement group in groups)
            Assert.That(group.Elements().Select(element => element.Attribute("id")?.Value), Is.EquivalentTo(DependenciesOf(FrameworkOf(group))), FrameworkOf(group));

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
    /// The lines are extracted from README.md and built against the package, which the command of the page adds: from the folder in which it was packed, which the
    /// page's nuget.config names, into a package folder that is empty, as on a machine that has seen nothing of it.
    /// </summary>
    [TestCase("net10.0")]
    [TestCase("net8.0", Category = Categories.Nightly)]
    public void AProjectWithNothingButThePackageRunsTheTenLines(string framework)
    {
        _ = TestDevice.Plain;   // inconclusive if there is no driver
        string project = Directory.CreateDirectory(Path.Combine(folder!.FullName, framework)).FullName;
        string restored = project + "-restored", built = Path.Combine(project, "built"), file = Path.Combine(project, "TenLines.csproj");
        File.WriteAllText(file, File.ReadAllText(PathOf("Tests/Package/TenLines.csproj")).Replace("USER-FRAMEWORK", framework));
        File.WriteAllText(Path.Combine(project, "Program.cs"), TenLines() + SavesAndLoads);
        File.WriteAllText(Path.Combine(project, "nuget.config"), NugetConfig().Replace("PATH-TO-THIS-REPOSITORY/out", Packages));
        string added = BuildTools.DotnetWith([("NUGET_PACKAGES", restored)], project, CommandOfThePage());
        XElement reference = XDocument.Load(file).Descendants("PackageReference").Single();
        Assert.That((reference.Attribute("Include")?.Value, reference.Attribute("Version")?.Value), Is.EqualTo(("NeuralPlugin", Repository.Version)));
        string said = BuildTools.DotnetWith([("NUGET_PACKAGES", restored)], project, "build", "-c", "Release", "-o", built);
        Assert.That(added + said, Does.Not.Contain("warn"), "such as NU1603, of a version that the registry lacks");
        using JsonDocument origin = JsonDocument.Parse(File.ReadAllText(Path.Combine(restored, "neuralplugin", Repository.Version, ".nupkg.metadata")));
        Assert.That(origin.RootElement.GetProperty("source").GetString(), Is.EqualTo(Packages));

        string output = BuildTools.Succeed(new ProcessStartInfo(Path.Combine(built, "TenLines")) { WorkingDirectory = project });
        Match probability = Probability().Match(output);
        Assert.That(probability.Success, output);
        Assert.That(double.Parse(probability.Groups["percent"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture), Is.InRange(0, 20), "0.5 · −0.5 is not above zero");
        Assert.That(output, Does.Contain($"the same after a file, on .NET {framework[3..]}"));
    }

    /// <summary>Not covered by the ten lines: a file's header is JSON, which older frameworks get from a package.</summary>
    private const string SavesAndLoads = """

        classifier.Save("saved.safetensors");
        using var loaded = TwoLayerClassifier.Load(device, "saved.safetensors");
        float[] again = new float[2];
        loaded.Predict([0.5f, -0.5f], again);
        Console.WriteLine($"{(again.SequenceEqual(probabilities) ? "the same" : "something else")} after a file, on .NET {Environment.Version.ToString(2)}");
        """;

    /// <summary>That of the page, whose two lines name the folder and nuget.org.</summary>
    private static string NugetConfig()
    {
        Match config = ConfigOfThePage().Match(File.ReadAllText(PathOf("Documentation~/getting-started.md")));
        Assert.That(config.Success, "getting-started.md has a nuget.config");
        return config.Groups["config"].Value;
    }

    private static string[] CommandOfThePage()
    {
        Match command = AddPackage().Match(File.ReadAllText(PathOf("Documentation~/getting-started.md")));
        Assert.That(command.Success, "getting-started.md has the command");
        return command.Groups["arguments"].Value.Split(' ');
    }

    private static string TenLines()
    {
        Match lines = CodeUnderTenLines().Match(File.ReadAllText(PathOf("README.md")));
        Assert.That(lines.Success, "README.md has C# code under 'Ten lines'");
        return lines.Groups["code"].Value;
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

    [GeneratedRegex(@"^```xml\n(?<config><configuration>.*?</configuration>)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex ConfigOfThePage();

    [GeneratedRegex("^dotnet (?<arguments>add package [^#\n]*[^# \n])", RegexOptions.Multiline)]
    private static partial Regex AddPackage();

    [GeneratedRegex(@"^(_rels/|package/|\[Content_Types\][.]xml$)")]
    private static partial Regex PartOfTheFormat();

    [GeneratedRegex(@"^## Ten lines\n[^#]*?^```csharp\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeUnderTenLines();

    [GeneratedRegex(@"with probability (?<percent>[0-9.]+) ?%")]
    private static partial Regex Probability();
}
