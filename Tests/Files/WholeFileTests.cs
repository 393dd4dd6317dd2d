using System.Diagnostics;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A file is written completely or not at all; the exception names the obstacle, and the previous file stays.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class WholeFileTests
{
    private static readonly byte[] Old = [.. Enumerable.Repeat((byte)1, 10_000)];
    private static readonly byte[] New = [.. Enumerable.Repeat((byte)2, 30_000)];

    private string folder = "";

    private string Target => Path.Combine(folder, "weights.bin");

    [SetUp]
    public void MakeAFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveIt() => Directory.Delete(folder, recursive: true);

    [Test]
    public void ItReplacesTheOldFileAndLeavesNothingBeside([Values] bool old)
    {
        if (old) File.WriteAllBytes(Target, Old);
        WholeFile.Write(Target, stream => stream.Write(New));
        AssertOnly(New);
    }

    [Test]
    public void UntilItIsDoneTheOldFileIsThere()
    {
        File.WriteAllBytes(Target, Old);
        WholeFile.Write(Target, stream =>
        {
            stream.Write(New);
            stream.Flush();
            Assert.That(File.ReadAllBytes(Target), Is.EqualTo(Old));
        });
        AssertOnly(New);
    }

    [Test]
    public void ARelativePathIsOfTheCurrentFolder()
    {
        string before = Directory.GetCurrentDirectory();
        try
        {
            Directory.SetCurrentDirectory(folder);
            WholeFile.Write("weights.bin", stream => stream.Write(New));
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }

        AssertOnly(New);
    }

    [Test]
    public void TheFileBehindALinkIsReplaced()
    {
        File.WriteAllBytes(Target, Old);
        string link = Path.Combine(folder, "link");
        File.CreateSymbolicLink(link, Target);
        WholeFile.Write(link, stream => stream.Write(New));
        Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo(Target));
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(New));
    }

    /// <summary>The stream fails after this many bytes, like a full disk.</summary>
    [Test]
    public void AFailureAtAnyByteKeepsTheOldFile([Values(0, 1, 4_095, 4_096, 4_097, 29_999, 30_000)] int failAt)
    {
        File.WriteAllBytes(Target, Old);
        FileWriteException exception = Assert.Throws<FileWriteException>(() => WholeFile.Write(Target, stream =>
        {
            stream.Write(New.AsSpan(0, failAt));
            throw new IOException("No space left on device");
        }))!;
        Assert.That(exception.Message, Does.Contain(Target).And.Contain("No space left on device").And.Contain("has room"));
        Assert.That(exception.Path, Is.EqualTo(Target));
        AssertOnly(Old);
    }

    [Test]
    public void AnotherExceptionComesOutAsItIs()
    {
        File.WriteAllBytes(Target, Old);
        Assert.Throws<InvalidTimeZoneException>(() => WholeFile.Write(Target, stream => throw new InvalidTimeZoneException()));
        AssertOnly(Old);
    }

    [Test]
    public void AFullDiskIsSaidAndTheOldFileIsWhole()
    {
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder) != 0)
            Assert.Inconclusive("A small disk can be mounted only as root on Linux.");
        try
        {
            File.WriteAllBytes(Target, Old);
            FileWriteException exception = Assert.Throws<FileWriteException>(() => WholeFile.Write(Target, stream =>
            {
                for (int i = 0; i < 10; i++) stream.Write(New);
            }))!;
            Assert.That(exception.Message, Does.Contain(Target).And.Contain("No space left").IgnoreCase.And.Contain("has room"));
            AssertOnly(Old);
            WholeFile.Write(Target, stream => stream.Write(New));
            AssertOnly(New);
        }
        finally
        {
            Assert.That(Run("umount", folder), Is.Zero);
        }
    }

    [Test]
    public void AReadOnlyDiskIsSaidAndTheOldFileIsWhole()
    {
        File.WriteAllBytes(Target, Old);
        if (!OperatingSystem.IsLinux() || Run("mount", "--bind", folder, folder) != 0)
            Assert.Inconclusive("A disk can be made read-only only as root on Linux.");
        try
        {
            if (Run("mount", "-o", "remount,ro,bind", folder) != 0) Assert.Inconclusive("This machine does not remount.");
            FileWriteException exception = Refused(Target);
            Assert.That(exception.Message, Does.Contain(Target).And.Contain("writable").Or.Contain("permission"));
            AssertOnly(Old);
        }
        finally
        {
            Assert.That(Run("umount", folder), Is.Zero);
        }
    }

    [Test]
    public void AReadOnlyFolderIsSaidAndTheOldFileIsWhole()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Inconclusive("Folders of Windows have no permission bits.");
            return;
        }

        if (Environment.IsPrivilegedProcess) Assert.Inconclusive("For root every folder is writable.");
        File.WriteAllBytes(Target, Old);
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.That(Refused(Target).Message, Does.Contain(Target).And.Contain("no permission"));
        }
        finally
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        AssertOnly(Old);
    }

    [Test]
    public void AReadOnlyFileIsRefused()
    {
        File.WriteAllBytes(Target, Old);
        File.SetAttributes(Target, FileAttributes.ReadOnly);
        Assert.That(Refused(Target).Message, Does.Contain(Target).And.Contain("read-only"));
        AssertOnly(Old);
        File.SetAttributes(Target, FileAttributes.Normal);
    }

    [Test]
    public void AFolderIsRefused()
    {
        File.WriteAllBytes(Target, Old);
        Assert.That(Refused(folder).Message, Does.Contain(folder).And.Contain("is a folder"));
        Assert.That(Refused(Path.Combine(folder, "new") + "/").Message, Does.Contain("is a folder"));
        Assert.That(Refused("/").Message, Does.Contain("is a folder"));
        AssertOnly(Old);
    }

    [Test]
    public void AMissingFolderIsSaid()
    {
        Assert.That(Refused(Path.Combine(folder, "missing", "weights.bin")).Message, Does.Contain("does not exist"));
        File.WriteAllBytes(Target, Old);
        Assert.That(Refused(Path.Combine(Target, "weights.bin")).Message, Does.Contain("folder"));
        AssertOnly(Old);
    }

    [Test]
    public void ANameThatIsTooLongIsSaid()
    {
        Assert.That(Refused(Path.Combine(folder, new string('n', 300))).Message, Does.Contain("was not written"));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.Empty);
    }

    [Test]
    public void NoPathIsABadArgument()
    {
        Assert.Throws<ArgumentNullException>(() => WholeFile.Write(null!, _ => { }));
        Assert.Throws<ArgumentNullException>(() => WholeFile.Write(Target, null!));
        Assert.Throws<ArgumentException>(() => WholeFile.Write("", _ => { }));
        Assert.Throws<ArgumentException>(() => WholeFile.Write("a\0b", _ => { }));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.Empty);
    }

    private static FileWriteException Refused(string path)
    {
        return Assert.Throws<FileWriteException>(() => WholeFile.Write(path, stream => stream.Write(New)))!;
    }

    private static int Run(string program, params string[] arguments)
    {
        if (!File.Exists($"/bin/{program}")) return -1;
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    private void AssertOnly(byte[] content)
    {
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(content));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.EqualTo(new[] { Target }));
    }
}
