using System.Diagnostics;
using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using NUnit.Framework;
using Repository = NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Documentation~/cluster.md and the package of the library.</summary>
[TestFixture]
internal sealed partial class PageTests
{
    [SetUp]
    public void NeedsTheSources() => Repository.RequireSources();

    [Test]
    public void ThePageHasTheLinesThatAreTested()
    {
        string page = File.ReadAllText(Repository.PathOf("Documentation~/cluster.md")), file = File.ReadAllText(Repository.PathOf("Tests/Cluster/FortyLines.cs"));
        Assert.That(Block().Match(page).Groups["code"].Value, Is.EqualTo(file.ReplaceLineEndings("\n")));
        Assert.That(file.Split('\n').Count(line => line.Trim() is { Length: > 1 } text && !text.StartsWith("//", StringComparison.Ordinal)), Is.AtMost(40));
    }

    /// <summary>What else the page has in C# is compiled, in Deployment.cs; TlsTests runs the part about certificates.</summary>
    [Test]
    public void TheLinesOnDeploymentAreCompiled()
    {
        string page = File.ReadAllText(Repository.PathOf("Documentation~/cluster.md")), file = Trimmed(File.ReadAllText(Repository.PathOf("Tests/Cluster/Deployment.cs")));
        string[] pieces = [.. Block().Matches(page).Skip(1).SelectMany(block => Trimmed(block.Groups["code"].Value).Split("\n\n")).Select(piece => piece.Trim('\n'))];
        Assert.That(pieces, Has.Length.EqualTo(4));
        foreach (string piece in pieces) Assert.That(file, Does.Contain(piece));
        static string Trimmed(string code) => string.Join('\n', code.Split('\n').Select(line => line.Trim()));
    }

    [Test]
    public async Task TheFortyLinesLearnTogether()
    {
        (int siloPort, int gatewayPort) = (FreePort.Next(), FreePort.Next());
        using IHost silo = FortyLines.Silo(siloPort, gatewayPort);
        await silo.StartAsync();
        BrainClientStatus[] servers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => FortyLines.PlayAsync(gatewayPort, TimeSpan.FromSeconds(4)))));
        await silo.StopAsync();
        foreach (BrainClientStatus server in servers)
        {
            Assert.That(server.State, Is.EqualTo(BrainClientState.Connected), server.LastError);
            Assert.That(server.Version, Is.AtLeast(1));
        }

        Assert.That(servers.Sum(server => server.Sent), Is.Positive);
    }

    [Test]
    public void TheLibraryIsAPackageOfItsOwn()
    {
        string folder = Directory.CreateTempSubdirectory("neuralplugin-orleans-").FullName;
        try
        {
            Dotnet(folder, "pack", Repository.PathOf("Samples/Cluster/NeuralPlugin.Orleans/NeuralPlugin.Orleans.csproj"), "-c", "Release", "--no-build", "-nologo", "-o", folder);
            using ZipArchive package = ZipFile.OpenRead(Directory.GetFiles(folder, "*.nupkg").Single());
            Assert.That(package.Entries.Select(entry => entry.FullName), Is.SupersetOf(new[] { "lib/net10.0/NeuralPlugin.Orleans.dll", "lib/net10.0/NeuralPlugin.Orleans.xml", "cluster.md", "LICENSE.md" }));
            using Stream description = package.GetEntry("NeuralPlugin.Orleans.nuspec")!.Open();
            XElement metadata = XDocument.Load(description).Root!.Elements().Single();
            Assert.That(
                metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value),
                Is.EquivalentTo(new[] { "NeuralPlugin", "Microsoft.Orleans.Sdk", "Microsoft.Orleans.Runtime", "Microsoft.Orleans.Persistence.Memory" }));
            Assert.That(metadata.Elements().Single(element => element.Name.LocalName == "version").Value, Is.EqualTo(Repository.Version));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A user's project with the forty lines, which has nothing of this repository but the packages that the commands of the page make and add.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void AProjectWithNothingButThePackageBuildsTheFortyLines()
    {
        string folder = Directory.CreateTempSubdirectory("neuralplugin-orleans-").FullName;
        try
        {
            string[][] commands = [.. Commands().Match(File.ReadAllText(Repository.PathOf("Documentation~/cluster.md"))).Groups["lines"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1..])];
            Assert.That(commands.Select(command => command[0]), Is.EqualTo(new[] { "pack", "pack", "add" }));
            string packages = Path.Combine(folder, "out"), project = Directory.CreateDirectory(Path.Combine(folder, "game")).FullName;
            foreach (string[] pack in commands[..2]) Dotnet(Repository.PathOf("."), [.. pack[..^1], packages, "--no-build"]);
            File.WriteAllText(Path.Combine(project, "Game.csproj"), File.ReadAllText(Repository.PathOf("Tests/Package/TenLines.csproj")).Replace("USER-FRAMEWORK", "net10.0").Replace("<OutputType>Exe</OutputType>", ""));
            foreach (string file in (string[])["Tests/Cluster/FortyLines.cs", "Tests/Agents/CorridorSample.cs"]) File.Copy(Repository.PathOf(file), Path.Combine(project, Path.GetFileName(file)));
            string config = Config().Match(File.ReadAllText(Repository.PathOf("Documentation~/getting-started.md"))).Groups["config"].Value;
            File.WriteAllText(Path.Combine(project, "nuget.config"), config.Replace("PATH-TO-THIS-REPOSITORY/out", packages));
            string added = Dotnet(project, commands[2]), built = Dotnet(project, "build", "-c", "Release", "-warnaserror", "-p:UseCurrentRuntimeIdentifier=false");
            Assert.That(added + built, Does.Not.Contain("NU1603"), "a version that the registry lacks");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs the SDK's program, whose packages of a project outside this repository go to a folder beside that.</summary>
    /// <returns>What it said.</returns>
    private static string Dotnet(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };
        if (arguments[0] != "pack") start.Environment["NUGET_PACKAGES"] = folder + "-restored";
        // The runner of these tests passes the location of its build tools to its children; and servers that stay running keep the output open.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray()) start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, said);
        return said;
    }

    [GeneratedRegex(@"^```sh\r?\n(?<lines>dotnet pack .*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Commands();

    [GeneratedRegex(@"^```xml\r?\n(?<config><configuration>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Config();

    [GeneratedRegex(@"^```cs\r?\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
