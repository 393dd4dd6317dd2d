using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The loss of a regression, alone and in complete steps: it matches its twin, and has the same bits fused, drawn or of bytes.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class MeanSquaredErrorTests
{
    private static readonly MeanSquaredError Loss = new();

    /// <summary>Rows and outputs; full and partial texels.</summary>
    private static readonly (int Rows, int Outputs)[] Shapes =
        [(1, 1), (1, 2), (3, 3), (4, 4), (7, 9), (9, 10), (64, 16), (65, 65), (7, 130), (785, 7), (3, 785), (100, 33)];

    private static NeuralDevice Device => TestDevice.Plain;

    [Test]
    public void LossAndItsGradientAgreeWithTheirTwin([ValueSource(nameof(Shapes))] (int Rows, int Outputs) shape, [Values] bool weighted)
    {
        (int rows, int outputs) = shape;
        Batch batch = Batch.Random(1, inputs: 1, outputs, rows, weighted);
        float[] given = TwinArrays.UniformFloats(15, rows * outputs, -4, 4);
        (double[] rowLosses, double loss) =
            MeanSquaredErrorTwin.MeanSquaredErrorForward(TwinArrays.ToDouble(given), batch.Targets64, outputs, batch.Weights64);
        ValueLossKernels.Run(Device, Loss, outputs, given, batch.Targets, batch.Weights).AssertClose(
            rowLosses, loss, MeanSquaredErrorTwin.MeanSquaredErrorBackward(TwinArrays.ToDouble(given), batch.Targets64, outputs, batch.Weights64));
    }

    [Test]
    public void GradientsOfStacksAgreeWithTheTwin([Values(1, 2, 3)] int denseLayers, [Values(1, 5)] int outputs, [Values] bool weighted)
    {
        const int Rows = 13, Inputs = 9;
        (Network network, NetworkTwin twin) = Pair(Inputs, [.. new[] { 7, 18 }.Take(denseLayers - 1), outputs], seed: 40 + denseLayers);
        using Network disposed = network;
        Batch batch = Batch.Random(50, Inputs, outputs, Rows, weighted);
        IReadOnlyList<double[]> activations = twin.Activations(batch.Features64, Rows);
        double[] outputGradients = MeanSquaredErrorTwin.MeanSquaredErrorBackward(activations[^1], batch.Targets64, outputs, batch.Weights64);
        IReadOnlyList<double[]> expected = twin.Backward(activations, outputGradients, Rows).Parameters;
        float[][] actual = network.ComputeGradients(batch.Features, batch.Targets, batch.Weights);
        Assert.That(actual, Has.Length.EqualTo(expected.Count));
        for (int i = 0; i < actual.Length; i++)
            Tolerance.AssertClose(actual[i], expected[i], 1e-6, 1e-4, network.Parameters[i].Name, network.Parameters[i].Columns);
        Assert.That(network.ComputeGradients(batch.Features, batch.Targets, batch.Weights, Loss), Is.EqualTo(actual), "it is the default");
    }

    /// <summary>Networks with every kind of step, with floats and bytes, on batches of changing size with zero and negative weights.</summary>
    [Test]
    public void StepsFollowTheTwin([Values("9-14-3", "16-32-1", "785-130-10", "9-33-17", "20-300-10", "21-5")] string stack, [Values] bool bytes)
    {
        int[] units = [.. stack.Split('-').Select(int.Parse)];
        int inputs = units[0], outputs = units[^1];
        (Network network, NetworkTwin twin) = Pair(inputs, units[1..], seed: 12);
        using Network disposed = network;
        using BatchTrainer trainer = new(network, new Sgd(0.02f, Momentum: 0.5f), Loss);
        SgdTwin optimizer = new(0.02f, 0.5f);
        for (int step = 0; step < 12; step++)
        {
            int rows = 1 + (step * 29 % 70);
            Batch batch = Batch.Random(step, inputs, outputs, rows, weighted: true);
            BatchResult actual = bytes
                ? trainer.TrainBatchOfBytes(batch.Bytes, batch.Targets, batch.Weights) : trainer.TrainBatch(batch.Features, batch.Targets, batch.Weights);
            IReadOnlyList<double[]> activations = twin.Activations(bytes ? [.. batch.Bytes.Select(value => value / 255.0)] : batch.Features64, rows);
            double expected = MeanSquaredErrorTwin.MeanSquaredErrorForward(activations[^1], batch.Targets64, outputs, batch.Weights64).Loss;
            Assert.That(actual.Loss, Is.EqualTo(expected).Within(1e-5 + (1e-4 * Math.Abs(expected))), $"loss of step {step}");
            Assert.That(actual.Correct, Is.Zero);
            double[] gradients = MeanSquaredErrorTwin.MeanSquaredErrorBackward(activations[^1], batch.Targets64, outputs, batch.Weights64);
            optimizer.Step(twin.Parameters, twin.Backward(activations, gradients, rows).Parameters);
        }

        Assert.That(trainer.Steps, Is.EqualTo(12));
        foreach ((NetworkParameter actual, double[] expected) in network.Parameters.Zip(twin.Parameters))
            Tolerance.AssertClose(actual.GetValues(), expected, 2e-5, 1e-4, actual.Name);
    }

    [Test]
    public void AFusedStepHasTheBitsOfThePlainOne(
        [Values(0, 1, 3)] int hiddenLayers, [Values(1, 3, 16, 40)] int outputs, [Values(27, 70)] int rows, [Values] bool bytes)
    {
        const int Inputs = 21;
        Layer[] hidden = [.. Enumerable.Range(0, hiddenLayers).SelectMany(i => new Layer[] { new Dense(19 + (14 * i)), new Relu() })];
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f, 0, 0.01f), new Sgd(0.05f, 0.9f), new Adam(0.01f) })
        {
            float[][][] results =
            [
                .. new[] { false, true }.Select(fused =>
                {
                    using Network network = new(Device, 4, Inputs, [.. hidden, new Dense(outputs)]);
                    using BatchTrainer trainer = new(network, optimizer, Loss, capacity: 1, fused);
                    float[] losses =
                    [
                        .. Enumerable.Range(0, 4).Select(step =>
                        {
                            Batch batch = Batch.Random(step, Inputs, outputs, rows - step, weighted: true);
                            return bytes ? trainer.TrainBatchOfBytes(batch.Bytes, batch.Targets, batch.Weights).Loss
                                : trainer.TrainBatch(batch.Features, batch.Targets, batch.Weights).Loss;
                        }),
                    ];
                    return (float[][])[losses, .. network.Parameters.Select(parameter => parameter.GetValues())];
                }),
            ];
            Assert.That(results[1], Is.EqualTo(results[0]), $"{optimizer}");
            Assert.That(results[0].SelectMany(values => values), Is.All.Matches<float>(float.IsFinite));
        }
    }

    /// <summary>As with labels: one dispatch for a small network with plain SGD, three for others.</summary>
    [TestCase(32, 64, 1)]
    [TestCase(32, 65, 3)]
    public void AStepIsFusedAsThatOfAClassifier(int hidden, int capacity, int dispatches)
    {
        TestDevice.RequireOpenGL();
        using Network network = new(Device, 16, new Dense(hidden), new Relu(), new Dense(4));
        using OptimizerState state = new(network, new Sgd(0.1f));
        using StepWorkspace values = new(network, capacity, Loss, state), labels = new(network, capacity, new SoftmaxCrossEntropy(), state);
        if (network.KernelFamily is StandInFamily) dispatches = 4;   // it fuses the loss into the last layer, and no more
        Assert.That(values.Dispatches, Has.Count.EqualTo(dispatches));
        Assert.That(labels.Dispatches, Has.Count.EqualTo(dispatches));
    }

    /// <summary>In the frame, on drawn batches: the same bits as with the same batches passed in. The accuracy of a regression is NaN.</summary>
    [Test]
    public void InTheFrameItTrainsAsBatchesThatAreHandedOver([Values(5, 40)] int hidden, [Values(1, 7, 64)] int batchSize, [Values] SampleFormat format)
    {
        const int Inputs = 9, Outputs = 3, Count = 23, Steps = 9;
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Adam(0.01f) })
        {
            using Regressor drawn = new(Device, Inputs, hidden, Outputs, seed: 3), handed = new(Device, Inputs, hidden, Outputs, seed: 3);
            Batch all = Batch.Random(5, Inputs, Outputs, Count, weighted: true);
            using TrainingSet samples = TrainingSet.ForValues(Device, Inputs, Outputs, capacity: 30, format);
            if (format == SampleFormat.Bytes) samples.AddRange(all.Bytes, all.Targets, all.Weights);
            else samples.AddRange(all.Features, all.Targets, all.Weights);
            using InFrameTrainer trainer = drawn.TrainOn(
                samples, new TrainerOptions { BatchSize = batchSize, FrameBudget = FrameBudget.Steps(1), Optimizer = optimizer });
            using BatchTrainer reference = handed.TrainWith(optimizer);
            int position = 0, epoch = 0;
            for (int step = 0; step < Steps; step++)
            {
                Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(1));
                int rows = Math.Min(batchSize, Count - position);
                Batch batch = all.Rows([.. Enumerable.Range(position, rows).Select(i => SampleOrder.RowAt(1, epoch, Count, i))]);
                if (format == SampleFormat.Bytes) reference.TrainBatchOfBytes(batch.Bytes, batch.Targets, batch.Weights);
                else reference.TrainBatch(batch.Features, batch.Targets, batch.Weights);
                position += rows;
                if (position == Count) (position, epoch) = (0, epoch + 1);
                foreach ((NetworkParameter mine, NetworkParameter theirs) in drawn.Network.Parameters.Zip(handed.Network.Parameters))
                    Assert.That(mine.GetValues(), Is.EqualTo(theirs.GetValues()), $"{optimizer}, step {step}");
            }

            TrainingProgress progress = trainer.Tick();
            Assert.That(progress.Steps, Is.EqualTo(Steps + 1));
            Assert.That(float.IsFinite(progress.Loss));
            Assert.That(progress.Accuracy, Is.NaN);
        }
    }

    [Test]
    public void ALossThatIsNotFiniteIsNotCommitted()
    {
        using Regressor regressor = new(Device, 2, 3, 1);
        using BatchTrainer trainer = regressor.TrainWith(new Sgd(0.1f, 0.9f));
        trainer.TrainBatch([1, 2, 3, 4], [0.5f, 1f]);
        ClassifierParameters before = regressor.GetParameters();
        Assert.That(float.IsFinite(trainer.TrainBatch([1, 2, 3, 4], [3e38f, 1f]).Loss), Is.False);
        Assert.That(trainer.Steps, Is.EqualTo(1));
        Assert.That(regressor.GetParameters().OutputWeights, Is.EqualTo(before.OutputWeights));

        using TrainingSet samples = TrainingSet.ForValues(Device, 2, 1, capacity: 4);
        samples.Add([1f, 2f], [-3e38f]);
        using InFrameTrainer inFrame = regressor.TrainOn(samples, new TrainerOptions { FrameBudget = FrameBudget.Steps(1) });
        for (int frame = 0; frame < 3; frame++)
        {
            inFrame.Tick();
            TestDevice.EndFrame();
        }

        Assert.That(inFrame.Progress.State, Is.EqualTo(TrainerState.Diverged));
        Assert.That(regressor.GetParameters().OutputWeights, Is.EqualTo(before.OutputWeights));
    }

    [Test]
    public void ItIsInTheCostAndAmongTheKernels()
    {
        using Network network = new(Device, 33, new Dense(21), new Relu(), new Dense(10));
        NetworkCost cost = network.Cost(7, new Adam(), loss: Loss);
        Assert.That(cost.Layers[3].Name, Is.EqualTo("3.mean_squared_error"));
        Assert.That(
            Network.EstimateCost(KernelFamily.Of(Device), Loss, 7, 33, new Adam(), new Dense(21), new Relu(), new Dense(10)).Total, Is.EqualTo(cost.Total));
        Device.Update();
        long before = Device.Memory.Bytes;
        using Network another = new(Device, 33, new Dense(21), new Relu(), new Dense(10));
        using BatchTrainer trainer = new(another, new Adam(), Loss);
        trainer.TrainBatch(TwinArrays.UniformFloats(1, 7 * 33), TwinArrays.UniformFloats(2, 7 * 10));
        Assert.That(Device.Memory.Bytes - before, Is.EqualTo(cost.Total.BytesAllocated), "what the device counts");
    }

    // ---- labels for values, and vice versa ----

    [Test]
    public void TargetsOfAnotherKindAreRefusedBeforeAnythingChanges()
    {
        using Network network = new(Device, 2, new Dense(3));
        using BatchTrainer ofValues = new(network, new Sgd(0.1f), Loss), ofLabels = new(network, new Sgd(0.1f));
        float[] weights = network.Parameters[0].GetValues(), targets = new float[6];
        int[] labels = [0, 1];
        byte[] bytes = new byte[4];
        Action[] labelsForValues =
        [
            () => ofValues.TrainBatch([1, 2, 3, 4], labels), () => ofValues.TrainBatchOfBytes(bytes, labels),
            () => network.ComputeGradients([1, 2, 3, 4], labels, loss: Loss),
        ];
        Action[] valuesForLabels =
        [
            () => ofLabels.TrainBatch([1, 2, 3, 4], targets), () => ofLabels.TrainBatchOfBytes(bytes, targets),
            () => network.ComputeGradients([1, 2, 3, 4], targets, loss: new SoftmaxCrossEntropy()),
        ];
        DeviceMemory memory = Device.Memory;
        foreach (Action call in labelsForValues)
            Assert.That(call, Throws.ArgumentException.With.Message.Contains("Expected values (floats), 3 for each sample, but got labels").And.Message.Contains("SoftmaxCrossEntropy"));
        foreach (Action call in valuesForLabels)
            Assert.That(call, Throws.ArgumentException.With.Message.Contains("Expected labels (ints)").And.Message.Contains("MeanSquaredError"));
        Assert.That(Device.Memory, Is.EqualTo(memory), "nothing is allocated");
        Assert.That(network.Parameters[0].GetValues(), Is.EqualTo(weights));
        Assert.That((ofValues.Steps, ofLabels.Steps), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public void ASetOfAnotherKindIsRefused()
    {
        using Network network = new(Device, 2, new Dense(3));
        using TrainingSet values = TrainingSet.ForValues(Device, 2, 3, capacity: 4), labels = new(Device, 2, 3, capacity: 4);
        Assert.That(
            () => new InFrameTrainer(network, values, new TrainerOptions { Loss = new SoftmaxCrossEntropy() }),
            Throws.ArgumentException.With.Message.Contains("SoftmaxCrossEntropy takes labels, but the samples have values"));
        Assert.That(
            () => new InFrameTrainer(network, labels, new TrainerOptions { Loss = Loss }),
            Throws.ArgumentException.With.Message.Contains("MeanSquaredError takes values, but the samples have labels"));
        Assert.That(() => values.Add([1f, 2f], 1), Throws.ArgumentException.With.Message.Contains("but got labels"));
        Assert.That(() => labels.Add([1f, 2f], new float[3]), Throws.ArgumentException.With.Message.Contains("but got values"));
        Assert.That((values.Count, labels.Count), Is.EqualTo((0, 0)));
        using InFrameTrainer byTargets = new(network, values), byLabels = new(network, labels);   // the loss follows from the targets
    }

    /// <summary>A network with these units (and a ReLU between consecutive layers) and nonzero biases, and its twin.</summary>
    private static (Network Network, NetworkTwin Twin) Pair(int inputs, int[] units, int seed)
    {
        List<Layer> stack = [];
        foreach (int count in units)
        {
            if (stack.Count > 0) stack.Add(new Relu());
            stack.Add(new Dense(count));
        }

        Network network = new(Device, seed, inputs, [.. stack]);
        List<LayerTwin> layers = [];
        for (int i = 0; i < network.Parameters.Count; i += 2)
        {
            NetworkParameter weights = network.Parameters[i], biases = network.Parameters[i + 1];
            biases.SetValues(TwinArrays.UniformFloats(seed + i, biases.Columns));
            if (i > 0) layers.Add(new ReluLayerTwin());
            layers.Add(new DenseLayerTwin(weights.Rows, weights.Columns, weights.GetValues(), biases.GetValues()));
        }

        return (network, new NetworkTwin(inputs, [.. layers]));
    }

    /// <summary>Samples with values; their features as bytes are unrelated to those as floats.</summary>
    private sealed record Batch(int Inputs, int Outputs, float[] Features, byte[] Bytes, float[] Targets, float[] Weights)
    {
        public double[] Features64 => TwinArrays.ToDouble(Features);

        public double[] Targets64 => TwinArrays.ToDouble(Targets);

        public double[] Weights64 => TwinArrays.ToDouble(Weights);

        /// <summary>If weighted, one of the weights is zero, and some are negative.</summary>
        public static Batch Random(int seed, int inputs, int outputs, int rows, bool weighted)
        {
            float[] weights = weighted ? TwinArrays.UniformFloats((10 * seed) + 1, rows, -0.5, 1.5) : [];
            if (weighted) weights[rows / 2] = 0;
            return new Batch(
                inputs, outputs, TwinArrays.UniformFloats((10 * seed) + 2, rows * inputs, -1, 1),
                [.. Enumerable.Range(0, rows * inputs).Select(i => (byte)((i + seed) * 37))], TwinArrays.UniformFloats((10 * seed) + 3, rows * outputs, -2, 2), weights);
        }

        public Batch Rows(int[] rows) => new(
            Inputs, Outputs, [.. rows.SelectMany(row => Features.Skip(row * Inputs).Take(Inputs))], [.. rows.SelectMany(row => Bytes.Skip(row * Inputs).Take(Inputs))],
            [.. rows.SelectMany(row => Targets.Skip(row * Outputs).Take(Outputs))], [.. rows.Select(row => Weights[row])]);
    }
}
