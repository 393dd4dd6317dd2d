using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What is written is there whole or not at all.</summary>
[TestFixture]
internal sealed class WholeFileTests
{
    private DirectoryInfo folder = null!;

    private string FileName => Path.Combine(folder.FullName, "file");

    [SetUp]
    public void MakeTheFolder() => folder = Directory.CreateTempSubdirectory("neuralplugin-file-");

    [TearDown]
    public void DeleteTheFolder() => folder.Delete(recursive: true);

    [Test]
    public void TheNewFileTakesThePlaceOfTheOld([Values] bool old)
    {
        if (old) File.WriteAllBytes(FileName, [1, 2, 3, 4]);
        WholeFile.Write(FileName, stream => stream.Write([5, 6]));
        Assert.That(File.ReadAllBytes(FileName), Is.EqualTo(new byte[] { 5, 6 }));
        Assert.That(folder.EnumerateFileSystemInfos().Count(), Is.EqualTo(1), "nothing is left beside it");
    }

    [Test]
    public void AWriterThatFailsLeavesTheOldFile([Values] bool old)
    {
        if (old) File.WriteAllBytes(FileName, [1, 2, 3, 4]);
        TimeoutException failure = new();
        Assert.That(() => WholeFile.Write(FileName, stream =>
        {
            stream.Write([5, 6]);
            stream.Flush();
            throw failure;
        }), Throws.Exception.SameAs(failure));
        Assert.That(folder.EnumerateFiles().Select(file => file.Name), Is.EqualTo(old ? new[] { "file" } : []));
        if (old) Assert.That(File.ReadAllBytes(FileName), Is.EqualTo(new byte[] { 1, 2, 3, 4 }));
    }

    /// <summary>Until the new file is whole, a reader sees the old one.</summary>
    [Test]
    public void WhileItIsWrittenTheOldFileIsThere()
    {
        File.WriteAllBytes(FileName, [1, 2, 3, 4]);
        WholeFile.Write(FileName, stream =>
        {
            stream.Write([5, 6]);
            stream.Flush();
            Assert.That(File.ReadAllBytes(FileName), Is.EqualTo(new byte[] { 1, 2, 3, 4 }));
        });
    }

    [Test]
    public void APathThatIsNoFilesIsRefused()
    {
        Assert.That(() => WholeFile.Write(folder.FullName, _ => Assert.Fail("written")),
            Throws.InstanceOf<IOException>().With.Message.Contains($"'{folder.FullName}' is a folder"));
        Assert.That(() => WholeFile.Write(Path.Combine(folder.FullName, "nowhere", "file"), _ => Assert.Fail("written")),
            Throws.InstanceOf<DirectoryNotFoundException>().With.Message.Contains("There is no folder").And.Message.Contains("nowhere"));
        Assert.That(folder.EnumerateFileSystemInfos(), Is.Empty);
    }
}
