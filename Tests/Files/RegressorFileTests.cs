using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A regressor is saved, loaded and resumed like a classifier; neither accepts the other's files.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class RegressorFileTests
{
    private const int Inputs = 9;
    private const int Hidden = 7;
    private const int Rows = 11;

    private string folder = "";

    private string Target => Path.Combine(folder, "model.safetensors");

    [SetUp]
    public void MakeAFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveIt() => Directory.Delete(folder, recursive: true);

    [Test]
    public void ItComesBackFromItsFile([Values(1, 3, 8)] int outputs, [Values] bool async)
    {
        using Regressor saved = new(TestDevice.Plain, Inputs, Hidden, outputs, seed: 4), other = new(TestDevice.Plain, Inputs, Hidden, outputs, seed: 5);
        saved.TrainBatch(TwinArrays.UniformFloats(1, Rows * Inputs), TwinArrays.UniformFloats(2, Rows * outputs), 0.5f);
        if (async) TestDevice.Plain.WaitFor(saved.SaveAsync(Target));
        else saved.Save(Target);
        using Regressor loaded = Regressor.Load(TestDevice.Plain, Target);
        Assert.That((loaded.Inputs, loaded.Hidden, loaded.Outputs), Is.EqualTo((Inputs, Hidden, outputs)));
        Assert.That(Bits(loaded), Is.EqualTo(Bits(saved)));
        other.LoadParameters(Target);
        Assert.That(Bits(other), Is.EqualTo(Bits(saved)));
        float[] features = TwinArrays.UniformFloats(3, Rows * Inputs), expected = new float[Rows * outputs], actual = new float[Rows * outputs];
        saved.Predict(features, expected);
        loaded.Predict(features, actual);
        Assert.That(actual, Is.EqualTo(expected));
    }

    [Test]
    public void AResumedTrainingIsTheOneThatNeverStopped([Values(0, 1, 5)] int stepsBefore)
    {
        const int Outputs = 2;
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Sgd(0.05f, 0.9f, 0.01f), new Adam(0.01f) })
        {
            using Regressor steady = new(TestDevice.Plain, Inputs, Hidden, Outputs, seed: 6), stopped = new(TestDevice.Plain, Inputs, Hidden, Outputs, seed: 6);
            using BatchTrainer steadyTrainer = steady.TrainWith(optimizer), stoppedTrainer = stopped.TrainWith(optimizer);
            Train(steadyTrainer, 0, stepsBefore + 4);
            Train(stoppedTrainer, 0, stepsBefore);
            stopped.SaveCheckpoint(Target, stoppedTrainer);
            using Regressor other = new(TestDevice.Plain, Inputs, Hidden, Outputs, seed: 99);
            using BatchTrainer resumed = other.ResumeFrom(Target);
            Assert.That(resumed.Steps, Is.EqualTo(stepsBefore));
            Train(resumed, stepsBefore, 4);
            Assert.That(Bits(other), Is.EqualTo(Bits(steady)), $"{optimizer}");
        }

        static void Train(BatchTrainer trainer, int first, int steps)
        {
            for (int step = first; step < first + steps; step++)
            {
                int rows = Rows - (step % 4);
                trainer.TrainBatch(
                    TwinArrays.UniformFloats(step, rows * Inputs, -1, 1), TwinArrays.UniformFloats(20 + step, rows * Outputs, -1, 1), TwinArrays.UniformFloats(50 + step, rows));
            }
        }
    }

    [Test]
    public void NeitherTakesTheOthersFile()
    {
        using Regressor regressor = new(TestDevice.Plain, Inputs, Hidden, 3);
        using TwoLayerClassifier classifier = new(TestDevice.Plain, Inputs, Hidden, 3);
        string before = Bits(regressor);
        classifier.Save(Target);
        Assert.That(
            Assert.Throws<ModelFileException>(() => regressor.LoadParameters(Target))!.Message, Does.Contain("'classifier'").And.Contain("must be 'regressor'"));
        Assert.Throws<ModelFileException>(() => Regressor.Load(TestDevice.Plain, Target));
        Assert.That(Bits(regressor), Is.EqualTo(before));
        regressor.Save(Target);
        Assert.Throws<ModelFileException>(() => classifier.LoadParameters(Target));
        Assert.Throws<ModelFileException>(() => TwoLayerClassifier.Load(TestDevice.Plain, Target));
    }

    private static string Bits(NetworkModel model)
    {
        ClassifierParameters parameters = model.GetParameters();
        return Convert.ToHexString(MemoryMarshal.AsBytes<float>(
            [.. parameters.HiddenWeights, .. parameters.HiddenBiases, .. parameters.OutputWeights, .. parameters.OutputBiases]));
    }
}
