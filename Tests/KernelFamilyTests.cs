using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The choice of a kernel family: by time, remembered for the device and kernels that were measured, or forced.</summary>
[TestFixture]
internal sealed class KernelFamilyTests
{
    /// <summary>By the clock of these tests: which one is faster on a card, nobody knows.</summary>
    private static readonly KernelFamily Slow = StandInFamily.Instance;

    private string folder = "";

    private string CacheFile => Path.Combine(folder, "below", "kernel-families.json");

    private KernelFamily Choose(KernelFamily[] families) => KernelFamilyProbe.Choose(TestDevice.Plain, families, CacheFile, new ProbeClock(families.Length, Array.IndexOf(families, Slow)));

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void TheFasterOneWinsInAnyOrder()
    {
        foreach (KernelFamily[] families in new KernelFamily[][] { [Slow, KernelFamily.RegisterTiled], [KernelFamily.RegisterTiled, Slow] })
        {
            Assert.That(Choose(families), Is.SameAs(KernelFamily.RegisterTiled));
            File.Delete(CacheFile);
        }
    }

    [Test]
    public void WhatWasMeasuredIsRememberedAndNotMeasuredAgain()
    {
        KernelFamily[] families = [Slow, KernelFamily.RegisterTiled];
        Choose(families);
        string text = File.ReadAllText(CacheFile);
        string fingerprintOfTests = ShaderLibrary.FingerprintOf(typeof(StandInFamily).Assembly);
        Assert.That(text, Does.Contain(KernelFamily.RegisterTiled.Name).And.Contain(ShaderLibrary.Fingerprint).And.Contain(fingerprintOfTests));

        // The slow one can win only if the file is trusted.
        File.WriteAllText(CacheFile, text.Replace(KernelFamily.RegisterTiled.Name, Slow.Name, StringComparison.Ordinal));
        Assert.That(Choose(families), Is.SameAs(Slow));

        string believed = File.ReadAllText(CacheFile);
        foreach (string fingerprint in new[] { ShaderLibrary.Fingerprint, fingerprintOfTests })
        {
            File.WriteAllText(CacheFile, believed.Replace(fingerprint, new string('0', 64), StringComparison.Ordinal));
            Assert.That(Choose(families), Is.SameAs(KernelFamily.RegisterTiled), "other kernels");
        }
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[1]")]
    [TestCase("null")]
    public void ADamagedFileIsMeasuredAgain(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(CacheFile)!);
        File.WriteAllText(CacheFile, text);
        Assert.That(Choose([Slow, KernelFamily.RegisterTiled]), Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(File.ReadAllText(CacheFile), Does.Contain(KernelFamily.RegisterTiled.Name));
    }

    [Test]
    public void AFileThatCannotBeWrittenIsNotNeeded()
    {
        File.WriteAllText(Path.Combine(folder, "below"), "a file where the folder should be");
        Assert.That(Choose([Slow, KernelFamily.RegisterTiled]), Is.SameAs(KernelFamily.RegisterTiled));
    }

    [Test]
    public void ASingleOneIsNotTimed()
    {
        Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, [Slow], CacheFile), Is.SameAs(Slow));
        Assert.That(File.Exists(CacheFile), Is.False);
    }

    [Test]
    public void AForcedOneIsThatOfNetworksMadeFromThenOn()
    {
        using NeuralDevice device = TestDevice.Create();
        KernelFamily.Force(device, KernelFamily.RegisterTiled);
        using TwoLayerClassifier before = new(device, 20, 30, 3);
        KernelFamily.Force(device, Slow);
        using TwoLayerClassifier after = new(device, 20, 30, 3);
        Assert.That(before.Network.KernelFamily, Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(after.Network.KernelFamily, Is.SameAs(Slow));
        float[] features = [.. Enumerable.Range(0, 100).Select(i => (i % 7 - 3) / 3f)];
        for (int step = 0; step < 3; step++)
        {
            float expected = before.TrainBatch(features, [0, 1, 2, 1, 0], 0.1f);
            Assert.That(after.TrainBatch(features, [0, 1, 2, 1, 0], 0.1f), Is.EqualTo(expected).Within(1e-5f), "the same numbers");
        }

        Assert.That(after.GetParameters().HiddenWeights, Is.Not.EqualTo(before.GetParameters().HiddenWeights), "from sums of another order");
    }

    /// <summary>A checkpoint continues only with the kernels with which it was made.</summary>
    [Test]
    public void ACheckpointOfAnotherFamilyIsRefused()
    {
        string path = Path.Combine(folder, "checkpoint.safetensors");
        using NeuralDevice device = TestDevice.Create();
        KernelFamily.Force(device, KernelFamily.RegisterTiled);
        using TwoLayerClassifier classifier = new(device, 3, 4, 2);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f, 0.9f));
        trainer.TrainBatch([1, 2, 3], [0]);
        classifier.SaveCheckpoint(path, trainer);
        KernelFamily.Force(device, Slow);
        using TwoLayerClassifier other = new(device, 3, 4, 2);
        ClassifierParameters before = other.GetParameters();
        Assert.That(() => other.ResumeFrom(path), Throws.ArgumentException.With.Message.Contains("'register-tiled'").And.Message.Contains("'stand-in'"));
        Assert.That(other.GetParameters().HiddenWeights, Is.EqualTo(before.HiddenWeights));
        other.LoadParameters(path);
        Assert.That(other.GetParameters().HiddenWeights, Is.EqualTo(classifier.GetParameters().HiddenWeights));
    }

    /// <summary>Only the family knows a population's parameter layout: sequential members learn like eight interleaved ones, up to the order of sums.</summary>
    [Test]
    public void APopulationsLayoutIsThatOfItsFamily()
    {
        const int Members = 11, Inputs = 5, Hidden = 6, Classes = 3, Batch = 20;
        List<float[]> found = [];
        foreach ((KernelFamily family, int rows) in new[] { (KernelFamily.RegisterTiled, 2), (Slow, Members) })
        {
            using NeuralDevice device = TestDevice.Create();
            KernelFamily.Force(device, family);
            Assert.That(family.For(device.Limits).Population(new PopulationShape(Members, Inputs, Hidden, Classes)).ParameterMatrix.Rows, Is.EqualTo(rows));
            using NetworkPopulation population = new(device, Members, Inputs, Hidden, Classes, seed: 5, new Sgd(0, Momentum: 0.5f));
            population.SetParameters(9, population.GetParameters(8));
            float[] features = Twins.TwinArrays.UniformFloats(1, Members * Batch * Inputs), probabilities = new float[Members * Batch * Classes];
            population.TrainBatch(features, Twins.TwinArrays.Labels(2, Members * Batch, Classes), 0.1f);
            population.Predict(features, probabilities);
            ClassifierParameters[] all = [.. Enumerable.Range(0, Members).Select(population.GetParameters)];
            float[] values = [.. all.SelectMany(p => new[] { p.HiddenWeights, p.HiddenBiases, p.OutputWeights, p.OutputBiases }).SelectMany(array => array)];
            found.Add([.. values, .. probabilities]);
        }

        _ = TestDevice.Plain;
        Twins.Tolerance.AssertClose(found[1], Twins.TwinArrays.ToDouble(found[0]), 1e-5, 1e-5, "the population of another family");
    }

    /// <summary>The names are fixed here: checkpoints and environments contain them, so a family keeps its name for good.</summary>
    [Test]
    public void NamesAreKnown()
    {
        Assert.That(KernelFamily.Named("register-tiled"), Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(KernelFamily.All, Does.Contain(KernelFamily.RegisterTiled));
        Assert.That(KernelFamily.All.Select(family => family.Name), Is.Unique.And.All.Match("^[a-z0-9]+(-[a-z0-9]+)*$"));
        foreach (KernelFamily family in KernelFamily.All) Assert.That(KernelFamily.Named(family.Name), Is.SameAs(family));
        foreach (string wrong in new[] { "quick", "register", "Register-Tiled", "" })
        {
            string message = Assert.Throws<ArgumentException>(() => KernelFamily.Named(wrong), wrong)!.Message;
            Assert.That(message, Does.Contain($"'{wrong}'"));
            foreach (KernelFamily family in KernelFamily.All) Assert.That(message, Does.Contain(family.Name));
        }
    }

    /// <summary>A family of another assembly is known if the environment names it and the assembly's startup code adds it; otherwise users see none.</summary>
    [Test]
    public void AFamilyIsAddedOnce()
    {
        bool isNamed = Environment.GetEnvironmentVariable(KernelFamily.EnvironmentVariable) == StandInFamily.Instance.Name;
        Assert.That(KernelFamily.All.Contains(StandInFamily.Instance), Is.EqualTo(isNamed));
        Assert.That(() => KernelFamily.Add(KernelFamily.RegisterTiled), Throws.ArgumentException.With.Message.Contains("'register-tiled'"));
        ShaderLibrary.AddAssembly(typeof(StandInFamily).Assembly);   // again
    }

    /// <summary>In a process of its own, since this one's families are already fixed.</summary>
    [Test]
    public void AChildProcessTrainsWithTheFamilyThatItsEnvironmentNames()
    {
        _ = TestDevice.Plain;
        static string HashOfWeights(KernelFamily family)
        {
            ChildResult result = ChildProcess.Run("train", (KernelFamily.EnvironmentVariable, family.Name));
            Assert.That(result.ExitCode, Is.Zero, result.Output);
            return result.Output;
        }

        string standIn = HashOfWeights(StandInFamily.Instance);
        Assert.That(HashOfWeights(StandInFamily.Instance), Is.EqualTo(standIn));
        Assert.That(HashOfWeights(KernelFamily.RegisterTiled), Is.Not.EqualTo(standIn), "from sums of another order");
    }

    /// <summary>A family named by the environment is chosen without a probe, a wrong name is reported, and a forced family wins over both.</summary>
    [Test]
    public void TheEnvironmentNamesAFamily()
    {
        string? before = Environment.GetEnvironmentVariable(KernelFamily.EnvironmentVariable);
        try
        {
            foreach (KernelFamily family in TestDevice.Families)
            {
                Environment.SetEnvironmentVariable(KernelFamily.EnvironmentVariable, family.Name);
                using NeuralDevice device = TestDevice.Create();
                Assert.That(KernelFamily.Of(device), Is.SameAs(family));
            }

            Environment.SetEnvironmentVariable(KernelFamily.EnvironmentVariable, "quick");
            using NeuralDevice another = TestDevice.Create();
            Assert.That(() => new LinearClassifier(another, 2, 2), Throws.ArgumentException.With.Message.Contains("'quick'"));
            KernelFamily.Force(another, Slow);
            using LinearClassifier classifier = new(another, 2, 2);
            Assert.That(classifier.Network.KernelFamily, Is.SameAs(Slow));
        }
        finally
        {
            Environment.SetEnvironmentVariable(KernelFamily.EnvironmentVariable, before);
            _ = TestDevice.Plain;
        }
    }
}
