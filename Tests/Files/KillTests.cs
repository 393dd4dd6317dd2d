using System.Diagnostics;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A process that saves repeatedly is killed at random moments: the file is always complete.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class KillTests
{
    /// <summary>The child's message when the first file exists.</summary>
    public const string Saving = "saving";

    private const int AtOnce = 4;
    private const int MostMilliseconds = 25;
    private static readonly int[] Sizes = [100, 90, 10];

    private string folder = "";

    private string Target => Path.Combine(folder, "model.safetensors");

    [SetUp]
    public void MakeAFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveIt() => Directory.Delete(folder, recursive: true);

    /// <summary>A model in which every value identifies the model, so that a mixture of two is detected.</summary>
    public static ModelContent Version(int version)
    {
        return new ModelContent(Sizes, [.. new[] { 9_000, 90, 900, 10 }.Select(length => Enumerable.Repeat((float)version, length).ToArray())]);
    }

    [TestCase(40)]
    [TestCase(200, Category = Categories.Nightly)]
    public void TheFileIsAlwaysTheOldOneOrTheNewOne(int count)
    {
        SeededRandom random = new(11);
        ModelFile.Save(Target, ModelFiles.TwoLayers, Version(-1));
        HashSet<float> seen = [];
        int leftBeside = 0;
        for (int kills = 0; kills < count; kills += AtOnce)
        {
            // Starting takes most of the time: several start at once, each with a file of its own.
            string[] paths = [.. Enumerable.Range(0, AtOnce).Select(i => Path.Combine(folder, $"{kills + i}", "model.safetensors"))];
            foreach (string path in paths) File.Copy(Target, Directory.CreateDirectory(Path.GetDirectoryName(path)!).FullName + "/model.safetensors");
            Process[] children = [.. paths.Select(path => ChildProcess.Start("save", path))];
            foreach ((Process child, string path) in children.Zip(paths))
            {
                using (child)
                {
                    Assert.That(child.StandardOutput.ReadLine(), Is.EqualTo(Saving));
                    Thread.Sleep(random.NextInt32(MostMilliseconds));
                    child.Kill();   // SIGKILL: the process is not notified
                    child.WaitForExit();
                }

                ModelContent model = ModelFile.Load(path, ModelFiles.TwoLayers, Sizes);
                float version = model.Parameters[0][0];
                Assert.That(model.Parameters.SelectMany(values => values), Is.All.EqualTo(version), "of one version");
                Assert.That(version, Is.GreaterThanOrEqualTo(0));
                seen.Add(version);
                leftBeside += Directory.GetFiles(Path.GetDirectoryName(path)!).Length - 1;
            }
        }

        TestContext.Out.WriteLine($"{seen.Count} different versions, {leftBeside} kills in the midst of a file");
        Assert.That(seen, Has.Count.GreaterThan(count / 20), "the moments differ");
        Assert.That(leftBeside, Is.GreaterThan(count / 20), "many are killed in the midst of a file");
    }
}
