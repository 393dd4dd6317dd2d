using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The choice of a kernel family: by time, remembered by what it was measured on, or forced.</summary>
[TestFixture]
internal sealed class KernelFamilyTests
{
    private static readonly SlowFamily Slow = new();

    private string folder = "";

    private string CacheFile => Path.Combine(folder, "below", "kernel-families.json");

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void TheFasterOneWinsInAnyOrder()
    {
        foreach (KernelFamily[] families in new KernelFamily[][] { [Slow, KernelFamily.RegisterTiled], [KernelFamily.RegisterTiled, Slow] })
        {
            Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, families, CacheFile), Is.SameAs(KernelFamily.RegisterTiled));
            File.Delete(CacheFile);
        }
    }

    [Test]
    public void WhatWasMeasuredIsRememberedAndNotMeasuredAgain()
    {
        KernelFamily[] families = [Slow, KernelFamily.RegisterTiled];
        KernelFamilyProbe.Choose(TestDevice.Plain, families, CacheFile);
        string text = File.ReadAllText(CacheFile);
        Assert.That(text, Does.Contain(KernelFamily.RegisterTiled.Name).And.Contain(ShaderLibrary.Fingerprint));

        // Only a file that is believed can make the slow one win.
        File.WriteAllText(CacheFile, text.Replace(KernelFamily.RegisterTiled.Name, Slow.Name, StringComparison.Ordinal));
        Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, families, CacheFile), Is.SameAs(Slow));

        File.WriteAllText(CacheFile, File.ReadAllText(CacheFile).Replace(ShaderLibrary.Fingerprint, new string('0', 64), StringComparison.Ordinal));
        Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, families, CacheFile), Is.SameAs(KernelFamily.RegisterTiled), "other kernels");
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[1]")]
    [TestCase("null")]
    public void ADamagedFileIsMeasuredAgain(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(CacheFile)!);
        File.WriteAllText(CacheFile, text);
        Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, [Slow, KernelFamily.RegisterTiled], CacheFile), Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(File.ReadAllText(CacheFile), Does.Contain(KernelFamily.RegisterTiled.Name));
    }

    [Test]
    public void AFileThatCannotBeWrittenIsNotNeeded()
    {
        File.WriteAllText(Path.Combine(folder, "below"), "a file where the folder should be");
        Assert.That(KernelFamilyProbe.Choose(TestDevice.Plain, [Slow, KernelFamily.RegisterTiled], CacheFile), Is.SameAs(KernelFamily.RegisterTiled));
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
        using TwoLayerClassifier before = new(device, 20, 30, 3);
        KernelFamily.Force(device, Slow);
        using TwoLayerClassifier after = new(device, 20, 30, 3);
        Assert.That(before.Network.KernelFamily, Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(after.Network.KernelFamily, Is.SameAs(Slow));
        float[] features = [.. Enumerable.Range(0, 100).Select(i => (i % 7 - 3) / 3f)];
        for (int step = 0; step < 3; step++)
        {
            float expected = before.TrainBatch(features, [0, 1, 2, 1, 0], 0.1f);
            Assert.That(after.TrainBatch(features, [0, 1, 2, 1, 0], 0.1f), Is.EqualTo(expected), "this family's sums have the same order");
        }
    }

    /// <summary>A checkpoint goes on only with the kernels that it was made with.</summary>
    [Test]
    public void ACheckpointOfAnotherFamilyIsRefused()
    {
        string path = Path.Combine(folder, "checkpoint.safetensors");
        using NeuralDevice device = TestDevice.Create();
        using TwoLayerClassifier classifier = new(device, 3, 4, 2);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f, 0.9f));
        trainer.TrainBatch([1, 2, 3], [0]);
        classifier.SaveCheckpoint(path, trainer);
        KernelFamily.Force(device, Slow);
        using TwoLayerClassifier other = new(device, 3, 4, 2);
        ClassifierParameters before = other.GetParameters();
        Assert.That(() => other.ResumeFrom(path), Throws.ArgumentException.With.Message.Contains("'register-tiled'").And.Message.Contains("'slow'"));
        Assert.That(other.GetParameters().HiddenWeights, Is.EqualTo(before.HiddenWeights));
        other.LoadParameters(path);
        Assert.That(other.GetParameters().HiddenWeights, Is.EqualTo(classifier.GetParameters().HiddenWeights));
    }

    /// <summary>The names are written down: checkpoints and environments hold them, and a family keeps its own for good.</summary>
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

    /// <summary>What the environment names is chosen without a probe, a wrong name is told, and what is forced wins over both.</summary>
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

    /// <summary>The same kernels in tiles of one texel, which load everything many times; nothing of it is fused into one dispatch with its neighbours.</summary>
    private sealed class SlowFamily() : KernelFamily("slow")
    {
        internal override FamilyKernels For(DeviceLimits limits) => new SlowKernels(this, limits);
    }

    private sealed class SlowKernels(KernelFamily family, DeviceLimits limits) : FamilyKernels(family, limits)
    {
        public override KernelChoice Forward(DenseForward computation)
        {
            return Product("dense_forward.comp", 1, computation.Input.Shape.Rows, computation.Output.Shape.TexelsPerRow);
        }

        public override KernelChoice BackwardInput(DenseBackwardInput computation)
        {
            return Product("dense_backward_input.comp", 1, computation.InputGradients.Shape.Rows, computation.InputGradients.Shape.TexelsPerRow);
        }

        public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
        {
            KernelChoice kernel = Product("dense_backward_weights.comp", 4, computation.Input.Shape.Columns + 1, computation.OutputGradients.Shape.TexelsPerRow);
            return computation.Sum is null ? kernel : kernel with { Grid = kernel.Grid with { Y = kernel.Grid.Y + 1 } };
        }

        private static KernelChoice Product(string fileName, int rows, int resultRows, int resultTexels) => new(
            new KernelSource(fileName, ("GROUP_SIZE", 8), ("ROWS", rows), ("TEXELS", 1), ("COLUMN_LANES", 8))
            {
                Macros =
                [
                    new UnrolledMacro("EACH_ROW(F)", "F(#)", rows), new UnrolledMacro("DOWN(F, t)", "F(#, t)", rows),
                    new UnrolledMacro("EACH_TEXEL(F)", "F(#)", 1), new UnrolledMacro("ACROSS(F, row)", "F(row, #)", 1),
                ],
            },
            new DispatchGrid(MatrixShape.CeilingDivide(resultTexels, 8), MatrixShape.CeilingDivide(resultRows, rows)));
    }
}
