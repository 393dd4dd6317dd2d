using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Compiled kernels in files: the second start compiles nothing, computes the same bits, and depends on no file.</summary>
[TestFixture]
[Category(Categories.Once)]
[Category(Categories.Card)]
internal sealed class KernelCacheFileTests
{
    private DirectoryInfo? folder;

    private string[] Files => [.. Directory.EnumerateFiles(folder!.FullName).Order()];

    [SetUp]
    public void MakeAFolder()
    {
        TestDevice.RequireOpenGL();
        _ = TestDevice.Plain;
        folder = Directory.CreateTempSubdirectory("neuralplugin-kernels-");
    }

    [TearDown]
    public void DeleteTheFolder() => folder?.Delete(recursive: true);

    [Test]
    public void TheSecondStartCompilesNothing()
    {
        Start first = Run(folder!.FullName), second = Run(folder.FullName);
        RequireFiles(first);
        Assert.That(first.Compiled, Is.GreaterThan(3).And.EqualTo(Files.Length));
        Assert.That(second.Compiled, Is.Zero);
        Assert.That(second.Loaded, Is.EqualTo(first.Compiled));
        Assert.That(second.Weights, Is.EqualTo(first.Weights));
    }

    [TestCase("nothing in it")]
    [TestCase("cut off")]
    [TestCase("a bit changed")]
    [TestCase("a format that no driver has")]
    [TestCase("another content, with its hash")]
    public void ADamagedFileCountsAsMissingAndIsReplaced(string damage)
    {
        Start first = Run(folder!.FullName);
        RequireFiles(first);
        byte[][] whole = [.. Files.Select(File.ReadAllBytes)];
        foreach (string file in Files) Damage(file, damage);
        Start second = Run(folder.FullName);
        Assert.That(second.Compiled, Is.EqualTo(first.Compiled));
        Assert.That(second.Weights, Is.EqualTo(first.Weights));
        Assert.That(Files.Select(file => new FileInfo(file).Length), Is.EqualTo(whole.Select(content => content.Length)));
        Assert.That(Run(folder.FullName).Compiled, Is.Zero, "the third start has whole files again");
    }

    /// <summary>A driver that compiles on threads of its own may load there too: it is asked for completion first, and compiles in the background what it refuses to load.</summary>
    [Test]
    public void ADriverThatLoadsInTheBackgroundIsNotWaitedFor([Values] bool refuses)
    {
        RequireFiles(WarmUp(frames: 0));
        if (refuses)
        {
            foreach (string file in Files) Damage(file, "another content, with its hash");
        }

        Start start = WarmUp(frames: 3);
        Assert.That(start.Loaded, Is.EqualTo(Files.Length));
        Assert.That(start.Compiled, Is.EqualTo(refuses ? Files.Length : 0));

        Start WarmUp(int frames)
        {
            using TestGl gl = TestGls.Create();
            gl.CompileFrames = frames;
            using NeuralDevice device = NeuralDevice.Attach(gl.Api);
            device.KernelCacheFolder = folder!.FullName;
            using TwoLayerClassifier classifier = new(device, inputs: 5, hidden: 7, classes: 3, seed: 1);
            using TrainingSet samples = new(device, inputs: 5, classes: 3, capacity: 8);
            samples.Add([1f, 2, 3, 4, 5], 1);
            using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 4, FrameBudget = FrameBudget.Steps(1) });
            WarmUpProgress progress = device.WarmUp(trainer.Kernels);
            for (int frame = 0; !progress.IsDone; frame++)
            {
                Assert.That(frame, Is.LessThan(100));
                device.Update();
                gl.NextFrame();
            }

            Assert.That(gl.WaitingCalls, Is.Empty);
            return new Start(gl.Calls("glCompileShader"), gl.Calls("glProgramBinary"), [], gl.Api.GetInteger(Silk.NET.OpenGL.GetPName.NumProgramBinaryFormats) > 0);
        }
    }

    [Test]
    public void WithoutAFolderNothingIsSaved()
    {
        Start first = Run(null), second = Run(null);
        Assert.That(Files, Is.Empty);
        Assert.That(second.Compiled, Is.EqualTo(first.Compiled).And.Positive);
    }

    [Test]
    public void AFolderThatCannotBeMadeChangesNothing()
    {
        string file = Path.Combine(folder!.FullName, "in the way");
        File.WriteAllText(file, "");
        Start start = Run(Path.Combine(file, "kernels"));
        Assert.That(start.Compiled, Is.Positive);
        Assert.That(start.Weights, Is.EqualTo(Run(null).Weights));
    }

    /// <summary>A file that cannot be put in its place, as where another process reads the one that is there, concerns no other: the next ones are saved and loaded.</summary>
    [Test]
    public void AFileThatCannotBeReplacedConcernsNoOther()
    {
        Start first = Run(folder!.FullName);
        RequireFiles(first);
        string[] inOrder = [.. Files.OrderBy(File.GetLastWriteTimeUtc)];
        foreach (string file in new[] { inOrder[0], inOrder[^1] }) File.Delete(file);
        Directory.CreateDirectory(inOrder[0]);
        Start second = Run(folder.FullName);
        Assert.That((second.Compiled, second.Loaded), Is.EqualTo((2, first.Compiled - 2)));
        Assert.That(Files, Is.EquivalentTo(inOrder.Skip(1)), "all others, and nothing unfinished");
        Start third = Run(folder.FullName);
        Assert.That((third.Compiled, third.Loaded), Is.EqualTo((1, first.Compiled - 1)));
    }

    /// <summary>Two devices of a process may compile the same kernel at once: what one of them is writing is in nobody's way.</summary>
    [Test]
    public void AnUnfinishedFileIsInNobodysWay()
    {
        RequireFiles(Run(folder!.FullName));
        string[] files = Files;
        foreach (string file in files)
        {
            File.Delete(file);
            Directory.CreateDirectory($"{file}.{Environment.ProcessId}.tmp");
        }

        Run(folder.FullName);
        Assert.That(Files, Is.EqualTo(files));
    }

    /// <summary>Other games share the folder, and compile many kernels; the one that is played daily keeps its own, however long ago they were compiled.</summary>
    [Test]
    public void FilesThatAreUsedStayLongerThanThoseThatAreNot()
    {
        RequireFiles(Run(folder!.FullName));
        string[] ours = Files;
        foreach (string file in ours) File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddDays(-9));
        Assert.That(Run(folder.FullName).Compiled, Is.Zero);
        for (int i = 0; i < ProgramBinaries.Kept; i++)
        {
            string other = Path.Combine(folder.FullName, $"{i}.kernel");
            File.WriteAllText(other, "newer");
            File.SetLastWriteTimeUtc(other, DateTime.UtcNow.AddDays(-1));
        }

        File.Delete(ours[0]);
        Assert.That(Run(folder.FullName).Compiled, Is.EqualTo(1));
        Assert.That(Files, Is.SupersetOf(ours).And.Length.EqualTo(ProgramBinaries.Kept));
    }

    [Test]
    public void TheOldestFilesGoWhenThereAreTooMany()
    {
        RequireFiles(Run(folder!.FullName));
        int ours = Files.Length;
        for (int i = 0; i < ProgramBinaries.Kept + 20; i++)
        {
            string old = Path.Combine(folder.FullName, $"{i}.kernel");
            File.WriteAllText(old, "old");
            File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-1));
        }

        File.Delete(Files.First(file => new FileInfo(file).Length > 3));
        Assert.That(Run(folder.FullName).Compiled, Is.EqualTo(1));
        Assert.That(Files, Has.Length.EqualTo(ProgramBinaries.Kept));
        Assert.That(Files.Count(file => new FileInfo(file).Length > 3), Is.EqualTo(ours), "the new ones stay");
    }

    private static void Damage(string file, string damage)
    {
        byte[] content = File.ReadAllBytes(file);
        switch (damage)
        {
            case "nothing in it":
                content = [];
                break;
            case "cut off":
                Array.Resize(ref content, content.Length - 1);
                break;
            case "a bit changed":
                content[^1] ^= 4;
                break;
            case "a format that no driver has":
                content[8] ^= 0x55;
                break;
            case "another content, with its hash":
                content.AsSpan(44).Clear();
                System.Security.Cryptography.SHA256.HashData(content.AsSpan(44)).CopyTo(content.AsSpan(12));
                break;
        }

        File.WriteAllBytes(file, content);
    }

    private static void RequireFiles(Start start)
    {
        if (!start.SavesPrograms) Assert.Inconclusive("This driver gives no programs out (GL_NUM_PROGRAM_BINARY_FORMATS is 0).");
    }

    /// <summary>A game's start: a device, a network, some steps.</summary>
    private static Start Run(string? folder)
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        device.KernelCacheFolder = folder;
        using TwoLayerClassifier classifier = new(device, inputs: 5, hidden: 7, classes: 3, seed: 1);
        for (int step = 0; step < 3; step++) classifier.TrainBatch([0.1f, 0.2f, -0.3f, 0.4f, 0.5f], [step], learningRate: 0.1f);
        classifier.Predict([1, 2, 3, 4, 5], new float[3]);
        using Network network = new(device, inputs: 3, new Dense(40), new Tanh(), new Dense(20), new Relu(), new Dense(2));
        using BatchTrainer trainer = new(network, new Adam());
        trainer.TrainBatch([1, 2, 3], [1]);
        return new Start(
            gl.Calls("glCompileShader"), gl.Calls("glProgramBinary"), [.. classifier.GetParameters().HiddenWeights, .. network.Parameters[0].GetValues()],
            gl.Api.GetInteger(Silk.NET.OpenGL.GetPName.NumProgramBinaryFormats) > 0);
    }

    private sealed record Start(long Compiled, long Loaded, float[] Weights, bool SavesPrograms);
}
