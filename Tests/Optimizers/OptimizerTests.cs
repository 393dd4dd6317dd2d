using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Properties of every optimizer, whatever its rule. A fixture for each optimizer names it and provides its twin.</summary>
[Category(Categories.EveryFamily)]
internal abstract class OptimizerTests
{
    private const int Inputs = 16;
    private const int Classes = 4;

    /// <summary>The optimizer, with hyperparameters that all affect the weights.</summary>
    protected abstract Optimizer Optimizer { get; }

    /// <summary>The same rule in double precision, before its first step.</summary>
    protected abstract OptimizerTwin MakeTwin();

    /// <summary>The learning rate changes between steps, and so does the size of batches.</summary>
    [Test]
    public void StepsFollowTheTwin([Values("19-5", "16-32-4", "19-26-5")] string stack)
    {
        using Network network = Make(stack);
        NetworkTwin twin = TwinOf(network);
        OptimizerTwin optimizer = MakeTwin();
        using BatchTrainer trainer = new(network, Optimizer);
        double first = 0, last = 0;
        for (int step = 0; step < 60; step++)
        {
            if (step == 40) optimizer.LearningRate = trainer.LearningRate /= 2;
            int rows = 40 - (step % 7);
            float[] features = TwinArrays.UniformFloats(100, rows * network.Inputs, -1, 1);
            int[] labels = TwinArrays.Labels(101, rows, network.Outputs);
            BatchResult actual = trainer.TrainBatch(features, labels);
            SoftmaxCrossEntropyTwinResult expected = twin.Step(optimizer, TwinArrays.ToDouble(features), labels);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(1e-5 + (1e-4 * Math.Abs(expected.Loss))), $"loss of step {step}");
            if (step == 0) first = expected.Loss;
            last = expected.Loss;
        }

        Assert.That(last, Is.LessThan(0.9 * first), "it learned something, so that the comparison means something");
        foreach ((NetworkParameter actual, double[] expected) in network.Parameters.Zip(twin.Parameters))
            Tolerance.AssertClose(actual.GetValues(), expected, 5e-5, 2e-4, actual.Name, actual.Columns);
    }

    /// <summary>The weights, the state and the losses: with a step in one dispatch, in three, with a dispatch for each layer; with floats and with bytes.</summary>
    [TestCase("21-5", 27, false)]
    [TestCase("16-32-4", 27, false)]
    [TestCase("16-32-4", 27, true)]
    [TestCase("16-32-4", 70, false)]
    [TestCase("21-130-10", 70, true)]
    [TestCase("21-300-10", 27, false)]
    [TestCase("9-19-33-40", 27, false)]
    public void AFusedStepHasTheBitsOfThePlainOne(string stack, int batch, bool bytes)
    {
        float[][][] results =
        [
            .. new[] { false, true }.Select(fused =>
            {
                using Network network = Make(stack);
                using BatchTrainer trainer = new(network, Optimizer, new SoftmaxCrossEntropy(0.05f), capacity: 1, fused);
                List<float> losses = [];
                for (int step = 0; step < 4; step++)
                {
                    int rows = batch - step;
                    int[] labels = TwinArrays.Labels(700 + step, rows, network.Outputs);
                    float[] weights = TwinArrays.UniformFloats(800 + step, rows, -1, 2);
                    bool[] allowed = TwinArrays.Mask(900 + step, labels, network.Outputs);
                    byte[] pixels = [.. Enumerable.Range(0, rows * network.Inputs).Select(i => (byte)((i + step) * 41))];
                    losses.Add((bytes ? trainer.TrainBatchOfBytes(pixels, labels, weights, allowed)
                        : trainer.TrainBatch([.. pixels.Select(value => (value / 128f) - 1)], labels, weights, allowed)).Loss);
                }

                return (float[][])[[.. losses], .. network.Parameters.Select(parameter => parameter.GetValues()), .. trainer.ReadState().Moments.SelectMany(state => state)];
            }),
        ];
        Assert.That(results[1], Is.EqualTo(results[0]));
    }

    /// <summary>Fusion depends on the amount of an optimizer's state, and on nothing else of it.</summary>
    [Test]
    public void ItIsFusedAsAnyOtherOneWithAsMuchState([Values("21-5", "16-32-4", "21-130-10")] string stack)
    {
        Optimizer known = new Optimizer[] { new Sgd(0.1f), new Sgd(0.1f, Momentum: 0.9f), new Adam() }.First(other => other.State.Count == Optimizer.State.Count);
        using Network network = Make(stack);
        Assert.That(Kernels(Optimizer), Is.EqualTo(Kernels(known)));
        string[] Kernels(Optimizer optimizer) =>
            [.. StepWorkspace.KernelsFor(network, 40, new SoftmaxCrossEntropy(), optimizer).Select(dispatch => dispatch.Source.FileName)];
    }

    /// <summary>Batches that the kernels draw, steps that are logged.</summary>
    [Test]
    public void InTheFrameItTrainsAsOnBatchesThatAreHandedOver([Values("16-32-4", "16-130-4")] string stack, [Values(7, 30)] int batch)
    {
        const int Count = 23, Steps = 9;
        using Network drawn = Make(stack), handed = Make(stack);
        float[] features = TwinArrays.UniformFloats(5, Count * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(6, Count, Classes);
        using TrainingSet samples = new(drawn.Device, Inputs, Classes, capacity: 30);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = new(drawn, samples, new TrainerOptions { BatchSize = batch, FrameBudget = FrameBudget.Steps(1), Optimizer = Optimizer, Seed = 1 });
        using BatchTrainer reference = new(handed, Optimizer);
        int position = 0, epoch = 0;
        for (int step = 0; step < Steps; step++)
        {
            drawn.Device.Finish();   // on a busy machine a software driver's fences may be late, and the trainer would skip its turn
            Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(1));
            int rows = Math.Min(batch, Count - position);
            int[] drawnRows = [.. Enumerable.Range(position, rows).Select(i => SampleOrder.RowAt(1, epoch, Count, i))];
            reference.TrainBatch(
                [.. drawnRows.SelectMany(row => features.AsSpan(row * Inputs, Inputs).ToArray())], [.. drawnRows.Select(row => labels[row])]);
            position += rows;
            if (position == Count) (position, epoch) = (0, epoch + 1);
            Assert.That(Weights(drawn), Is.EqualTo(Weights(handed)), $"after step {step}");
            drawn.Device.Finish();   // a trainer that is far ahead of the GPU, on a busy machine, lets a frame pass
        }
    }

    /// <summary>Every member with a state of its own.</summary>
    [Test]
    public void MembersOfAPopulationFollowTheTwin()
    {
        const int Members = 3, Features = 7, Hidden = 9, Rows = 10;
        using NetworkPopulation population = new(TestDevice.Plain, Members, Features, Hidden, Classes, seed: 4, Optimizer);
        NetworkTwin[] twins =
        [
            .. Enumerable.Range(0, Members).Select(population.GetParameters).Select(p => new NetworkTwin(
                Features, new DenseLayerTwin(Features, Hidden, p.HiddenWeights, p.HiddenBiases), new ReluLayerTwin(),
                new DenseLayerTwin(Hidden, Classes, p.OutputWeights, p.OutputBiases))),
        ];
        OptimizerTwin[] optimizers = [.. twins.Select(_ => MakeTwin())];
        for (int step = 0; step < 10; step++)
        {
            float[] features = TwinArrays.UniformFloats(40 + step, Members * Rows * Features, -1, 1);
            int[] labels = TwinArrays.Labels(60 + step, Members * Rows, Classes);
            population.TrainBatch(features, labels, Optimizer.LearningRate);
            for (int member = 0; member < Members; member++)
            {
                double[] own = TwinArrays.ToDouble(features.AsSpan(member * Rows * Features, Rows * Features));
                twins[member].Step(optimizers[member], own, labels.AsSpan(member * Rows, Rows));
            }
        }

        for (int member = 0; member < Members; member++)
        {
            ClassifierParameters actual = population.GetParameters(member);
            Tolerance.AssertClose(actual.HiddenWeights, twins[member].Parameters[0], 1e-5, 1e-4, $"hidden weights of member {member}", Hidden);
            Tolerance.AssertClose(actual.OutputBiases, twins[member].Parameters[3], 1e-5, 1e-4, $"output biases of member {member}");
        }
    }

    /// <summary>A step whose loss is not finite leaves the weights and the state as they were.</summary>
    [Test]
    public void AStepThatIsDroppedChangesNothing([Values] bool fused)
    {
        using Network network = Make("16-32-4");
        using BatchTrainer trainer = new(network, Optimizer, fused: fused);
        float[] features = TwinArrays.UniformFloats(5, 8 * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(6, 8, Classes);
        trainer.TrainBatch(features, labels);
        float[][] moments = [.. trainer.ReadState().Moments.SelectMany(state => state)];
        float[][] good = Weights(network);
        network.Parameters[2].SetValues([.. good[2].Select((_, i) => i % 2 == 0 ? 3e38f : -3e38f)]);
        network.Parameters[1].SetValues([.. good[1].Select(_ => 1e10f)]);
        float[][] spoiled = Weights(network);
        Assert.That(float.IsFinite(trainer.TrainBatch(features, labels).Loss), Is.False);
        Assert.That(trainer.Steps, Is.EqualTo(1));
        Assert.That(Weights(network), Is.EqualTo(spoiled));
        Assert.That(trainer.ReadState().Moments.SelectMany(state => state), Is.EqualTo(moments));
    }

    [Test]
    public void CostAllocatesWhatTheDeviceCounts([Values] bool fused)
    {
        NeuralDevice device = TestDevice.Plain;
        device.Update();
        long before = device.Memory.Bytes;
        using Network network = Make("16-32-4");
        using BatchTrainer trainer = new(network, Optimizer, capacity: 7, fused: fused);
        trainer.TrainBatch(TwinArrays.UniformFloats(1, 7 * Inputs), TwinArrays.Labels(2, 7, Classes));
        Assert.That(device.Memory.Bytes - before, Is.EqualTo(network.Cost(7, Optimizer, fused).Total.BytesAllocated));
    }

    protected static void AssertRefused(Func<Optimizer> make, string name, string says)
    {
        ArgumentOutOfRangeException exception = Assert.Throws<ArgumentOutOfRangeException>(() => make())!;
        Assert.That(exception.ParamName, Is.EqualTo(name));
        Assert.That(exception.Message, Does.Contain(says).And.Contain("Actual value was"));
    }

    protected static Network Make(string stack)
    {
        int[] units = [.. stack.Split('-').Select(int.Parse)];
        return new Network(
            TestDevice.Plain, 4, units[0], [.. units[1..^1].SelectMany(count => new Layer[] { new Dense(count), new Relu() }), new Dense(units[^1])]);
    }

    protected static float[][] Weights(Network network) => [.. network.Parameters.Select(parameter => parameter.GetValues())];

    protected static NetworkTwin TwinOf(Network network)
    {
        List<LayerTwin> layers = [];
        for (int i = 0; i < network.Parameters.Count; i += 2)
        {
            if (i > 0) layers.Add(new ReluLayerTwin());
            NetworkParameter weights = network.Parameters[i];
            layers.Add(new DenseLayerTwin(weights.Rows, weights.Columns, weights.GetValues(), network.Parameters[i + 1].GetValues()));
        }

        return new NetworkTwin(network.Inputs, [.. layers]);
    }
}

/// <summary>Further properties of optimizers that files can name.</summary>
internal abstract class SavedOptimizerTests : OptimizerTests
{
    private const int Inputs = 9;
    private const int Classes = 3;

    private DirectoryInfo folder = null!;

    [SetUp]
    public void MakeTheFolder() => folder = Directory.CreateTempSubdirectory("neuralplugin-optimizer-");

    [TearDown]
    public void DeleteTheFolder() => folder.Delete(recursive: true);

    [Test]
    public void AResumedTrainingIsTheOneThatNeverStopped([Values(0, 1, 5)] int stepsBefore)
    {
        string file = Path.Combine(folder.FullName, "checkpoint.safetensors");
        using TwoLayerClassifier steady = MakeClassifier(seed: 6), stopped = MakeClassifier(seed: 6), other = MakeClassifier(seed: 99);
        using BatchTrainer steadyTrainer = steady.TrainWith(Optimizer), stoppedTrainer = stopped.TrainWith(Optimizer);
        Train(steadyTrainer, 0, stepsBefore + 4);
        Train(stoppedTrainer, 0, stepsBefore);
        stopped.SaveCheckpoint(file, stoppedTrainer);
        using BatchTrainer resumed = other.ResumeFrom(file);
        Assert.That(resumed.Steps, Is.EqualTo(stepsBefore));
        Assert.That(resumed.ReadState().Optimizer, Is.EqualTo(Optimizer));
        Train(resumed, stepsBefore, 4);
        Assert.That(Weights(other.Network), Is.EqualTo(Weights(steady.Network)));
        Assert.That(resumed.ReadState().Moments, Is.EqualTo(steadyTrainer.ReadState().Moments));
    }

    /// <summary>The data that files store of it are sufficient to read it back.</summary>
    [Test]
    public void ItsFormatNamesWhatItWrites()
    {
        OptimizerFormat format = Optimizer.Formats.Single(known => known.Name == Optimizer.Name);
        Assert.That(Optimizer.Hyperparameters.Select(number => number.Name), Is.EqualTo(format.Hyperparameters));
        Assert.That(Optimizer.State, Is.SubsetOf(format.State));
    }

    [Test]
    public void ANegativeMeanOfSquaresInAFileIsRefused()
    {
        Assert.That(Optimizer.State[^1].IsNonNegative);
        byte[] file = ModelFiles.Write(ModelFiles.Make(1, [5, 6], Optimizer));
        BitConverter.GetBytes(-1e-9f).CopyTo(file, file.Length - sizeof(float));
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Linear))!;
        Assert.That(exception.Defect, Is.EqualTo(FileDefect.NegativeMoment));
        Assert.That(exception.Offset, Is.EqualTo(file.Length - sizeof(float)));
    }

    /// <summary>An ONNX model is the weights: it does not say how they were trained.</summary>
    [Test]
    public void AnOnnxModelKnowsNothingOfIt()
    {
        string learned = Path.Combine(folder.FullName, "learned.onnx"), copied = Path.Combine(folder.FullName, "copied.onnx");
        using TwoLayerClassifier classifier = MakeClassifier(seed: 6), copy = MakeClassifier(seed: 7);
        using BatchTrainer trainer = classifier.TrainWith(Optimizer);
        Train(trainer, 0, 3);
        copy.SetParameters(classifier.GetParameters());
        classifier.ExportOnnx(learned);
        copy.ExportOnnx(copied);
        Assert.That(File.ReadAllBytes(learned), Is.EqualTo(File.ReadAllBytes(copied)));
        OnnxTests.AssertGivesTheSame(learned, classifier.Network, softmax: false);
    }

    private static TwoLayerClassifier MakeClassifier(int seed) => new(TestDevice.Plain, Inputs, 7, Classes, seed);

    private static void Train(BatchTrainer trainer, int first, int steps)
    {
        for (int step = first; step < first + steps; step++)
            trainer.TrainBatch(TwinArrays.UniformFloats(50 + step, 11 * Inputs, -1, 1), TwinArrays.Labels(60 + step, 11, Classes));
    }
}
