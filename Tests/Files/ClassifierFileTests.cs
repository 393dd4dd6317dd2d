using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Classifiers that are saved, loaded and resumed: the same bits, and no change if a file is invalid.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class ClassifierFileTests
{
    private const int Inputs = 9;
    private const int Hidden = 7;
    private const int Classes = 3;
    private const int Rows = 11;

    private static readonly Optimizer[] Optimizers =
    [
        new Sgd(0.1f), new Sgd(0.1f, WeightDecay: 0.01f), new Sgd(0.05f, Momentum: 0.9f), new Sgd(0.05f, Momentum: 0.9f, WeightDecay: 0.01f),
        new Adam(0.01f), new Adam(0.02f, 0.8f, 0.95f, 1e-5f),
    ];

    private string folder = "";

    private string Target => Path.Combine(folder, "model.safetensors");

    [SetUp]
    public void MakeAFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveIt() => Directory.Delete(folder, recursive: true);

    [Test]
    public void ATwoLayerClassifierComesBackFromItsFile([Values(1, 3, 8, 33)] int size)
    {
        using TwoLayerClassifier saved = new(TestDevice.Plain, size, size + 1, size + 2, seed: 4);
        saved.TrainBatch(TwinArrays.UniformFloats(1, Rows * size), TwinArrays.Labels(2, Rows, size + 2), 0.5f);
        saved.Save(Target);
        using NeuralDevice another = TestDevice.Create();
        using TwoLayerClassifier loaded = TwoLayerClassifier.Load(another, Target);
        Assert.That((loaded.Inputs, loaded.Hidden, loaded.Classes), Is.EqualTo((size, size + 1, size + 2)));
        string bits = Bits(loaded);
        _ = TestDevice.Plain;
        Assert.That(bits, Is.EqualTo(Bits(saved)));
    }

    [Test]
    public void ALinearClassifierComesBackFromItsFile()
    {
        using LinearClassifier saved = new(TestDevice.Plain, Inputs, Classes, seed: 4);
        saved.Save(Target);
        using LinearClassifier loaded = LinearClassifier.Load(saved.Network.Device, Target), other = new(saved.Network.Device, Inputs, Classes, seed: 5);
        Assert.That(Bits(loaded), Is.EqualTo(Bits(saved)));
        Assert.That(Bits(other), Is.Not.EqualTo(Bits(saved)));
        other.LoadParameters(Target);
        Assert.That(Bits(other), Is.EqualTo(Bits(saved)));
    }

    /// <summary>The weights in the file are where Documentation~/files.md says.</summary>
    [Test]
    public void TheFileHoldsTheParametersRowMajor()
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, Inputs, Hidden, Classes);
        classifier.Save(Target);
        ModelContent model = ModelFile.Load(Target, ModelFiles.TwoLayers);
        ClassifierParameters parameters = classifier.GetParameters();
        Assert.That(model.Parameters, Is.EqualTo(
            new[] { parameters.HiddenWeights, parameters.HiddenBiases, parameters.OutputWeights, parameters.OutputBiases }));
    }

    // ---- checkpoints ----

    [Test]
    public void AResumedTrainingIsTheOneThatNeverStopped(
        [ValueSource(nameof(Optimizers))] Optimizer optimizer, [Values(0, 1, 5)] int stepsBefore)
    {
        NeuralDevice device = TestDevice.Plain;
        SoftmaxCrossEntropy loss = new(EntropyBonus: 0.01f);
        using TwoLayerClassifier steady = new(device, Inputs, Hidden, Classes, seed: 6), stopped = new(device, Inputs, Hidden, Classes, seed: 6);
        using BatchTrainer steadyTrainer = steady.TrainWith(optimizer, loss), stoppedTrainer = stopped.TrainWith(optimizer, loss);
        Train(steadyTrainer, 0, stepsBefore + 6);

        Train(stoppedTrainer, 0, stepsBefore);
        stopped.SaveCheckpoint(Target, stoppedTrainer);
        Train(stoppedTrainer, stepsBefore, 2);   // lost
        using TwoLayerClassifier loaded = TwoLayerClassifier.Load(device, Target), other = new(device, Inputs, Hidden, Classes, seed: 99);
        using BatchTrainer resumed = other.ResumeFrom(Target), again = loaded.ResumeFrom(Target);
        Assert.That(resumed.Steps, Is.EqualTo(stepsBefore));
        Assert.That(resumed.LearningRate, Is.EqualTo(stoppedTrainer.LearningRate));
        Train(resumed, stepsBefore, 3);
        other.SaveCheckpoint(Target, resumed);
        using BatchTrainer once = again, twice = loaded.ResumeFrom(Target);
        Train(twice, stepsBefore + 3, 3);
        Assert.That(Bits(loaded), Is.EqualTo(Bits(steady)), "twice stopped and resumed");
        Train(resumed, stepsBefore + 3, 3);
        Assert.That(Bits(other), Is.EqualTo(Bits(steady)), "once");
        Assert.That(twice.Steps, Is.EqualTo(steadyTrainer.Steps));
    }

    [Test]
    public void ALinearTrainingIsResumedToo()
    {
        using LinearClassifier steady = new(TestDevice.Plain, Inputs, Classes), other = new(TestDevice.Plain, Inputs, Classes, seed: 7);
        using BatchTrainer trainer = steady.TrainWith(new Adam(0.01f));
        Train(trainer, 0, 4);
        steady.SaveCheckpoint(Target, trainer);
        using BatchTrainer resumed = other.ResumeFrom(Target);
        Train(trainer, 4, 4);
        Train(resumed, 4, 4);
        Assert.That(Bits(other), Is.EqualTo(Bits(steady)));
    }

    [Test]
    public void ACheckpointNeedsATrainerOfItsClassifier()
    {
        using TwoLayerClassifier classifier = Make(), another = Make();
        using BatchTrainer trainer = another.TrainWith(new Adam());
        Assert.That(
            Assert.Throws<ArgumentException>(() => classifier.SaveCheckpoint(Target, trainer))!.Message, Does.Contain("another classifier"));
        Assert.Throws<ArgumentNullException>(() => classifier.SaveCheckpoint(Target, null!));
        trainer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => another.SaveCheckpoint(Target, trainer));
        Assert.That(File.Exists(Target), Is.False);
    }

    // ---- bad files ----

    [Test]
    public void ABadFileChangesNothing()
    {
        using TwoLayerClassifier classifier = Make();
        using BatchTrainer trainer = classifier.TrainWith(new Adam());
        Train(trainer, 0, 2);
        classifier.SaveCheckpoint(Target, trainer);
        Train(trainer, 2, 1);
        byte[] good = File.ReadAllBytes(Target);
        string before = Bits(classifier);
        DeviceMemory memory = TestDevice.Plain.Memory;
        SeededRandom random = new(8);
        for (int i = 0; i < 50; i++)
        {
            byte[] bad = good[..random.NextInt32(good.Length)];
            if (i % 2 == 0)
            {
                bad = [.. good];
                BitConverter.GetBytes(float.NaN).CopyTo(bad, bad.Length - (sizeof(float) * (1 + random.NextInt32(100))));
            }

            File.WriteAllBytes(Target, bad);
            Assert.That(Assert.Throws<ModelFileException>(() => classifier.LoadParameters(Target))!.Message, Does.Contain(Target).And.Contain("byte"));
            Assert.Throws<ModelFileException>(() => classifier.ResumeFrom(Target));
            Assert.Throws<ModelFileException>(() => TwoLayerClassifier.Load(TestDevice.Plain, Target));
        }

        TestDevice.Plain.Update();
        Assert.That(TestDevice.Plain.Memory, Is.EqualTo(memory));
        Assert.That(Bits(classifier), Is.EqualTo(before));
    }

    [Test]
    public void AFileOfAnotherClassifierIsSaid()
    {
        using TwoLayerClassifier classifier = Make(), wider = new(TestDevice.Plain, Inputs, Hidden + 1, Classes);
        using LinearClassifier linear = new(TestDevice.Plain, Inputs, Classes);
        classifier.Save(Target);
        Assert.That(
            Assert.Throws<ModelFileException>(() => wider.LoadParameters(Target))!.Message, Does.Contain("9 × 7 × 3").And.Contain("9 × 8 × 3"));
        Assert.That(Assert.Throws<ModelFileException>(() => linear.LoadParameters(Target))!.Message, Does.Contain("hidden.weight"));
        Assert.Throws<ModelFileException>(() => LinearClassifier.Load(TestDevice.Plain, Target));
        Assert.That(Assert.Throws<ModelFileException>(() => classifier.ResumeFrom(Target))!.Message, Does.Contain("not a checkpoint"));
        linear.Save(Target);
        Assert.That(Assert.Throws<ModelFileException>(() => TwoLayerClassifier.Load(TestDevice.Plain, Target))!.Message, Does.Contain("another kind"));
    }

    [Test]
    public void AFileThatIsNotThereIsSaid()
    {
        using TwoLayerClassifier classifier = Make();
        foreach (Action<string> load in new Action<string>[] { classifier.LoadParameters, path => classifier.ResumeFrom(path), path => TwoLayerClassifier.Load(TestDevice.Plain, path) })
        {
            Assert.That(Assert.Throws<FileNotFoundException>(() => load(Target))!.Message, Does.Contain(Target));
            Assert.Throws<DirectoryNotFoundException>(() => load(Path.Combine(folder, "missing", "file")));
            Assert.That(Assert.Throws<FileNotFoundException>(() => load(folder))!.Message, Does.Contain("is a folder"));
            Assert.Throws<ArgumentException>(() => load(""));
            Assert.Throws<ArgumentNullException>(() => load(null!));
        }
    }

    [Test]
    public void AFileThatCannotBeWrittenIsSaidAndTheOldOneIsWhole()
    {
        using TwoLayerClassifier classifier = Make();
        using BatchTrainer trainer = classifier.TrainWith(new Adam());
        classifier.Save(Target);
        byte[] old = File.ReadAllBytes(Target);
        File.SetAttributes(Target, FileAttributes.ReadOnly);
        foreach (Action<string> save in new Action<string>[] { classifier.Save, path => classifier.SaveCheckpoint(path, trainer) })
        {
            Assert.That(Assert.Throws<FileWriteException>(() => save(Target))!.Message, Does.Contain(Target).And.Contain("read-only"));
            Assert.Throws<FileWriteException>(() => save(folder));
            Assert.Throws<FileWriteException>(() => save(Path.Combine(folder, "missing", "file")));
            Assert.Throws<ArgumentException>(() => save(""));
            Assert.Throws<ArgumentNullException>(() => save(null!));
        }

        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(old));
        File.SetAttributes(Target, FileAttributes.Normal);
    }

    /// <summary>Weights that no file could restore do not overwrite the previous ones.</summary>
    [Test]
    public void WeightsThatAreNotFiniteAreNotSaved()
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 1, 2);
        classifier.Save(Target);
        byte[] old = File.ReadAllBytes(Target);
        using (classifier.Network.Enter()) classifier.Network.Parameters[0].Upload([float.PositiveInfinity, 0]);   // no public call leaves such a weight
        Assert.That(classifier.GetParameters().OutputWeights, Has.Some.Matches<float>(value => !float.IsFinite(value)));
        Assert.That(Assert.Throws<NonFiniteValueException>(() => classifier.Save(Target))!.Message, Does.Contain("output.weight"));
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(old));
        classifier.LoadParameters(Target);
        Assert.That(classifier.GetParameters().OutputWeights, Is.All.Matches<float>(float.IsFinite));
    }

    private static TwoLayerClassifier Make() => new(TestDevice.Plain, Inputs, Hidden, Classes, seed: 3);

    /// <summary>Steps on numbered batches, so that a resumed training gets the right ones.</summary>
    private static void Train(BatchTrainer trainer, int first, int steps)
    {
        for (int step = first; step < first + steps; step++)
        {
            if (step == 3) trainer.LearningRate *= 0.5f;
            int rows = Rows - (step % 4);
            trainer.TrainBatch(
                TwinArrays.UniformFloats(step, rows * Inputs, -1, 1), TwinArrays.Labels(step, rows, Classes), TwinArrays.UniformFloats(50 + step, rows));
        }
    }

    private static string Bits(Classifier classifier)
    {
        ClassifierParameters parameters = classifier.GetParameters();
        return Convert.ToHexString(MemoryMarshal.AsBytes<float>(
            [.. parameters.HiddenWeights, .. parameters.HiddenBiases, .. parameters.OutputWeights, .. parameters.OutputBiases]));
    }
}
