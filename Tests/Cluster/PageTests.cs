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
            ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true };
            foreach (string argument in (string[])["pack", Repository.PathOf("Samples/Cluster/NeuralPlugin.Orleans/NeuralPlugin.Orleans.csproj"), "-c", "Release", "--no-build", "-nologo", "-o", folder])
                start.ArgumentList.Add(argument);
            using Process pack = Process.Start(start)!;
            string said = pack.StandardOutput.ReadToEnd();
            pack.WaitForExit();
            Assert.That(pack.ExitCode, Is.Zero, said);
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

    [GeneratedRegex(@"^```cs\r?\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
