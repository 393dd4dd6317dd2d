using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Steps: they match the twin, they give the same bits, and a bad one is not committed.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class TrainingTests
{
    public static IEnumerable<TestCaseData> Optimizers()
    {
        yield return new TestCaseData(new Sgd(0.2f), new SgdTwin(0.2f)).SetArgDisplayNames("Sgd");
        yield return new TestCaseData(new Sgd(0.05f, 0.9f), new SgdTwin(0.05f, 0.9f)).SetArgDisplayNames("Momentum");
        yield return new TestCaseData(new Sgd(0.2f, 0, 0.01f), new SgdTwin(0.2f, 0, 0.01f)).SetArgDisplayNames("WeightDecay");
        yield return new TestCaseData(new Sgd(0.05f, 0.8f, 0.01f), new SgdTwin(0.05f, 0.8f, 0.01f)).SetArgDisplayNames("MomentumAndDecay");
        yield return new TestCaseData(new Adam(0.005f), new AdamTwin(0.005f, 0.9f, 0.999f, 1e-8f)).SetArgDisplayNames("Adam");
    }

    [TestCaseSource(nameof(Optimizers))]
    public void TwoHundredStepsFollowTheTwin(Optimizer optimizer, OptimizerTwin optimizerTwin)
    {
        const int Inputs = 19, Hidden = 26, Classes = 5, Rows = 40;
        using TwoLayerClassifier classifier = new(TestDevice.Plain, Inputs, Hidden, Classes, seed: 8);
        ClassifierParameters start = classifier.GetParameters();
        NetworkTwin twin = new(
            Inputs, new DenseLayerTwin(Inputs, Hidden, start.HiddenWeights, start.HiddenBiases), new ReluLayerTwin(),
            new DenseLayerTwin(Hidden, Classes, start.OutputWeights, start.OutputBiases));
        using BatchTrainer trainer = classifier.TrainWith(optimizer);
        float[] features = TwinArrays.UniformFloats(100, Rows * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(101, Rows, Classes);
        double[] features64 = TwinArrays.ToDouble(features);
        double first = 0, last = 0;
        for (int step = 0; step < 200; step++)
        {
            BatchResult actual = trainer.TrainBatch(features, labels);
            SoftmaxCrossEntropyTwinResult expected = twin.Step(optimizerTwin, features64, labels);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(1e-5 + (1e-4 * Math.Abs(expected.Loss))), $"loss of step {step}");
            if (step == 0) first = expected.Loss;
            last = expected.Loss;
        }

        Assert.That(trainer.Steps, Is.EqualTo(200));
        Assert.That(last, Is.LessThan(0.8 * first), "it learned something, so that the comparison means something");
    }

    /// <summary>Weights, masks and the entropy bonus in complete steps, on batches of changing size.</summary>
    [Test]
    public void StepsWithWeightsMasksAndEntropyFollowTheTwin()
    {
        const int Inputs = 9, Hidden = 14, Classes = 6;
        const float EntropyBonus = 0.05f;
        using TwoLayerClassifier classifier = new(TestDevice.Plain, Inputs, Hidden, Classes, seed: 9);
        ClassifierParameters start = classifier.GetParameters();
        NetworkTwin twin = new(
            Inputs, new DenseLayerTwin(Inputs, Hidden, start.HiddenWeights, start.HiddenBiases), new ReluLayerTwin(),
            new DenseLayerTwin(Hidden, Classes, start.OutputWeights, start.OutputBiases));
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f), new SoftmaxCrossEntropy(EntropyBonus));
        SgdTwin optimizerTwin = new(0.1f);
        for (int step = 0; step < 60; step++)
        {
            int rows = 1 + (step * 7 % 23);
            float[] features = TwinArrays.UniformFloats(200 + step, rows * Inputs, -1, 1);
            int[] labels = TwinArrays.Labels(300 + step, rows, Classes);
            float[] weights = TwinArrays.UniformFloats(400 + step, rows, -0.5, 1.5);
            bool[] allowed = TwinArrays.Mask(500 + step, labels, Classes);
            BatchResult actual = trainer.TrainBatch(features, labels, weights, allowed);
            SoftmaxCrossEntropyTwinResult expected =
                twin.Step(optimizerTwin, TwinArrays.ToDouble(features), labels, TwinArrays.ToDouble(weights), allowed, EntropyBonus);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(1e-5 + (1e-4 * Math.Abs(expected.Loss))), $"loss of step {step}");
            Assert.That(actual.Correct, Is.EqualTo(expected.CorrectCount), $"right predictions of step {step}");
        }
    }

    /// <summary>
    /// Bytes stand for value / 255, in a network with every kind of step: one dispatch, three, and one per layer; also with a single layer.
    /// Batches of floats come in between, and their size changes.
    /// </summary>
    [Test]
    public void StepsOfBytesFollowTheTwin([Values("19-26-5", "785-130-10", "9-33-17", "20-300-10", "21-5", "785-10")] string stack)
    {
        int[] units = [.. stack.Split('-').Select(int.Parse)];
        (int inputs, int classes) = (units[0], units[^1]);
        NeuralDevice device = TestDevice.Plain;
        using Classifier classifier = units.Length == 2
            ? new LinearClassifier(device, inputs, classes, seed: 12) : new TwoLayerClassifier(device, inputs, units[1], classes, seed: 12);
        ClassifierParameters start = classifier.GetParameters();
        DenseLayerTwin output = new(units[^2], classes, start.OutputWeights, start.OutputBiases);
        NetworkTwin twin = units.Length == 2 ? new(inputs, output)
            : new(inputs, new DenseLayerTwin(inputs, units[1], start.HiddenWeights, start.HiddenBiases), new ReluLayerTwin(), output);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.02f, Momentum: 0.5f));
        SgdTwin optimizer = new(0.02f, 0.5f);
        for (int step = 0; step < 12; step++)
        {
            int rows = 1 + (step * 29 % 70);
            byte[] bytes = [.. Enumerable.Range(0, rows * inputs).Select(i => (byte)((i + step) * 37 % 256))];
            double[] features = [.. bytes.Select(value => value / 255.0)];
            int[] labels = TwinArrays.Labels(310 + step, rows, classes);
            float[] weights = TwinArrays.UniformFloats(410 + step, rows, 0.5, 1.5);
            bool[] allowed = TwinArrays.Mask(510 + step, labels, classes);
            BatchResult actual = step % 4 == 3
                ? trainer.TrainBatch([.. features.Select(value => (float)value)], labels, weights, allowed)
                : trainer.TrainBatchOfBytes(bytes, labels, weights, allowed);
            SoftmaxCrossEntropyTwinResult expected = twin.Step(optimizer, features, labels, TwinArrays.ToDouble(weights), allowed);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(1e-5 + (1e-4 * Math.Abs(expected.Loss))), $"loss of step {step}");
        }

        Assert.That(trainer.Steps, Is.EqualTo(12));
        foreach ((NetworkParameter actual, double[] expected) in classifier.Network.Parameters.Zip(twin.Parameters))
            Tolerance.AssertClose(actual.GetValues(), expected, 2e-5, 1e-4, actual.Name);
    }

    [Test]
    public void AFusedStepOfBytesHasTheBitsOfThePlainOne([Values(0, 1, 3)] int hiddenLayers, [Values(3, 40)] int classes, [Values(27, 70)] int batch)
    {
        const int Inputs = 21;
        byte[] features = [.. Enumerable.Range(0, batch * Inputs).Select(i => (byte)(i * 41))];
        int[] labels = TwinArrays.Labels(711, batch, classes);
        Layer[] hidden = [.. Enumerable.Range(0, hiddenLayers).SelectMany(i => new Layer[] { new Dense(19 + (14 * i)), new Relu() })];
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Adam(0.01f) })
        {
            float[][][] results =
            [
                .. new[] { false, true }.Select(fused =>
                {
                    using Network network = new(TestDevice.Plain, 4, Inputs, [.. hidden, new Dense(classes)]);
                    using BatchTrainer trainer = new(network, optimizer, capacity: 1, fused: fused);
                    float[] losses = [.. Enumerable.Range(0, 4).Select(_ => trainer.TrainBatchOfBytes(features, labels).Loss)];
                    return (float[][])[losses, .. network.Parameters.Select(parameter => parameter.GetValues())];
                }),
            ];
            Assert.That(results[1], Is.EqualTo(results[0]), $"{optimizer}");
        }
    }

    [Test]
    public void TheFacadesTrainBatchIsPlainGradientDescent()
    {
        const int Inputs = 5, Classes = 3, Rows = 8;
        using LinearClassifier classifier = new(TestDevice.Plain, Inputs, Classes);
        float[] features = TwinArrays.UniformFloats(110, Rows * Inputs);
        int[] labels = TwinArrays.Labels(111, Rows, Classes);
        float[] weights = TwinArrays.UniformFloats(112, Rows, -1, 1);
        foreach (float rate in new[] { 0.5f, 0.25f, 0f })
        {
            ClassifierParameters before = classifier.GetParameters();
            ClassifierParameters gradients = classifier.ComputeGradients(features, labels, weights);
            classifier.TrainBatch(features, labels, rate, weights);
            double[] expected = [.. before.OutputWeights.Zip(gradients.OutputWeights, (w, g) => w - ((double)rate * g))];
            Tolerance.AssertClose(classifier.GetParameters().OutputWeights, expected, 1e-7, 0, $"weights after a step at rate {rate}");
        }
    }

    /// <summary>Two trainers take turns on one network: each keeps its own optimizer state in line with its own commits.</summary>
    [Test]
    public void TwoTrainersOfOneNetworkKeepTheirStatesApart()
    {
        const int Inputs = 6, Classes = 3, Rows = 10;
        using LinearClassifier classifier = new(TestDevice.Plain, Inputs, Classes, seed: 2);
        ClassifierParameters start = classifier.GetParameters();
        NetworkTwin twin = new(Inputs, new DenseLayerTwin(Inputs, Classes, start.OutputWeights, start.OutputBiases));
        using BatchTrainer momentum = classifier.TrainWith(new Sgd(0.1f, 0.9f)), adam = classifier.TrainWith(new Adam(0.01f));
        SgdTwin momentumTwin = new(0.1f, 0.9f);
        AdamTwin adamTwin = new(0.01f, 0.9f, 0.999f, 1e-8f);
        float[] features = TwinArrays.UniformFloats(120, Rows * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(121, Rows, Classes);
        for (int step = 0; step < 30; step++)
        {
            bool first = step % 3 != 1;
            (first ? momentum : adam).TrainBatch(features, labels);
            twin.Step(first ? momentumTwin : adamTwin, TwinArrays.ToDouble(features), labels);
        }

        Tolerance.AssertClose(classifier.GetParameters().OutputWeights, twin.Parameters[0], 1e-5, 1e-4, "weights", Classes);
    }

    [Test]
    public void TheSameSeedGivesTheSameBitsForAnyCapacity()
    {
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        Assert.That(TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1), Is.EqualTo(expected), "a second run");
        foreach (int capacity in new[] { 45, 50, 64, 100, 1000 })
            Assert.That(TrainingRun.HashOfWeights(TestDevice.Plain, capacity), Is.EqualTo(expected), $"capacity {capacity}");
    }

    /// <summary>Fewer dispatches, the same bits: with every optimizer, with weights, masks and entropy, for shallow and deep stacks.</summary>
    [Test]
    public void AFusedStepHasTheBitsOfThePlainOne(
        [Values(0, 1, 3)] int hiddenLayers, [Values(2, 10, 16, 40)] int classes, [Values(27, 70)] int batch)
    {
        const int Inputs = 21;
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f, 0, 0.01f), new Sgd(0.05f, 0.9f), new Adam(0.01f) })
        {
            float[][][] results =
            [
                .. new[] { false, true }.Select(fused =>
                {
                    Layer[] hidden = [.. Enumerable.Range(0, hiddenLayers).SelectMany(i => new Layer[] { new Dense(19 + (14 * i)), new Relu() })];
                    using Network network = new(TestDevice.Plain, 4, Inputs, [.. hidden, new Dense(classes)]);
                    using BatchTrainer trainer = new(network, optimizer, new SoftmaxCrossEntropy(0.05f), capacity: 1, fused);
                    List<float> losses = [];
                    for (int step = 0; step < 5; step++)
                    {
                        int rows = batch - step;
                        int[] labels = TwinArrays.Labels(700 + step, rows, classes);
                        losses.Add(trainer.TrainBatch(
                            TwinArrays.UniformFloats(600 + step, rows * Inputs, -1, 1), labels, TwinArrays.UniformFloats(800 + step, rows, -1, 2),
                            TwinArrays.Mask(900 + step, labels, classes)).Loss);
                    }

                    return (float[][])[[.. losses], .. network.Parameters.Select(parameter => parameter.GetValues())];
                }),
            ];
            Assert.That(results[1], Is.EqualTo(results[0]), $"{optimizer}");
        }
    }

    /// <summary>The last hidden layer in the last layer's dispatch, with tiles of all shapes, one or two of them side by side, and partial ones.</summary>
    [Test]
    public void AWideHiddenLayerHasTheBitsOfThePlainOne([Values(16, 100, 130, 256, 257)] int hidden, [Values(9, 135)] int batch)
    {
        const int Inputs = 13, Classes = 5;
        float[] features = TwinArrays.UniformFloats(610, batch * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(611, batch, Classes);
        float[][][] results =
        [
            .. new[] { false, true }.Select(fused =>
            {
                using Network network = new(TestDevice.Plain, 4, Inputs, new Dense(hidden), new Relu(), new Dense(Classes));
                using BatchTrainer trainer = new(network, new Sgd(0.1f, 0.9f), new SoftmaxCrossEntropy(0.05f), capacity: 1, fused);
                float[] losses = [.. Enumerable.Range(0, 4).Select(step => trainer.TrainBatch(features.AsSpan(0, (batch - step) * Inputs), labels.AsSpan(0, batch - step)).Loss)];
                return (float[][])[losses, .. network.Parameters.Select(parameter => parameter.GetValues())];
            }),
        ];
        Assert.That(results[1], Is.EqualTo(results[0]));
    }

    [Test]
    public void ATwoLayerStepHasThreeDispatchesAndABarrier()
    {
        TestDevice.RequireOpenGL();
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 20, 30, 10);
        using OptimizerState state = new(classifier.Network, new Adam());
        using StepWorkspace fused = new(classifier.Network, 8, new SoftmaxCrossEntropy(), state);
        using StepWorkspace plain = new(classifier.Network, 8, new SoftmaxCrossEntropy(), state, fused: false);
        using StepLog steps = new(TestDevice.Plain);
        using StepWorkspace logged = new(classifier.Network, 8, new SoftmaxCrossEntropy(), state, log: steps);
        using TwoLayerClassifier wide = new(TestDevice.Plain, 20, 300, 10);
        using OptimizerState wideState = new(wide.Network, new Adam());
        using StepWorkspace wideStep = new(wide.Network, 8, new SoftmaxCrossEntropy(), wideState);
        bool isInOneWorkgroup = classifier.Network.KernelFamily is WorkgroupTiledFamily;   // with any optimizer
        bool[] barriers = classifier.Network.KernelFamily is StandInFamily ? [false, true, true, false] : isInOneWorkgroup ? [false] : [false, true, false];
        Assert.That(fused.Dispatches, Has.Count.EqualTo(barriers.Length));
        Assert.That(logged.Dispatches, Has.Count.EqualTo(barriers.Length));
        Assert.That(wideStep.Dispatches, Has.Count.EqualTo(isInOneWorkgroup ? 3 : 4), "too wide for a workgroup");
        Assert.That(fused.Dispatches.Select(dispatch => dispatch.NeedsBarrier), Is.EqualTo(barriers));
        Assert.That(plain.Dispatches, Has.Count.EqualTo(12));
    }

    [Test]
    public void ASmallStepWithoutStateHasOneDispatch()
    {
        TestDevice.RequireOpenGL();
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 16, 32, 4);
        using OptimizerState state = new(classifier.Network, new Sgd(0.1f));
        using StepWorkspace small = new(classifier.Network, 64, new SoftmaxCrossEntropy(), state);
        using StepWorkspace large = new(classifier.Network, 65, new SoftmaxCrossEntropy(), state);
        bool isStandIn = classifier.Network.KernelFamily is StandInFamily;   // it fuses the loss into the last layer, and no more
        Assert.That(small.Dispatches, Has.Count.EqualTo(isStandIn ? 4 : 1));
        Assert.That(large.Dispatches, Has.Count.EqualTo(isStandIn ? 4 : 3), "the losses are summed beside the last layer's update");
    }

    /// <summary>
    /// A driver with only the room that OpenGL guarantees uses more dispatches, another driver stores texels differently: uploaded steps of
    /// every optimizer, steps in the frame and populations have the same bits.
    /// </summary>
    [Test]
    public void WhatADriverAllowsAndHowItStoresChangesNoBit()
    {
        const int Guaranteed = 8;
        TestDevice.RequireOpenGL();
        string[] expected = AllKindsOfSteps(TestDevice.Plain);
        foreach (HeadlessOptions options in new HeadlessOptions[] { new() { MostBindings = Guaranteed }, new() { StoresWideTexels = false }, new() { StoresWideTexels = true } })
        {
            using NeuralDevice device = TestDevice.Create(options);
            Assert.That(AllKindsOfSteps(device), Is.EqualTo(expected), $"{options}");
        }

        _ = TestDevice.Plain;

        static string[] AllKindsOfSteps(NeuralDevice device)
        {
            List<string> bits = [TrainingRun.HashOfWeights(device, capacity: 50)];
            foreach ((int inputs, int hidden) in new[] { (16, 32), (21, 130) })
            {
                using TwoLayerClassifier classifier = new(device, inputs, hidden, 10, seed: 3);
                using TrainingSet samples = new(device, inputs, 10, capacity: 40);
                samples.AddRange(TwinArrays.UniformFloats(1, 40 * inputs, -1, 1), TwinArrays.Labels(2, 40, 10));
                foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Adam(0.01f) })
                {
                    using InFrameTrainer trainer = classifier.TrainOn(
                        samples, new TrainerOptions { BatchSize = 16, Optimizer = optimizer, FrameBudget = FrameBudget.Steps(4), Seed = 1 });
                    while (trainer.Tick().Steps < 12)
                    {
                        device.Finish();
                        trainer.FrameBudget = FrameBudget.Steps(Math.Min(4, 12 - (int)trainer.Progress.Steps));   // on a busy machine a frame may run fewer
                    }
                }

                bits.Add(Bits(classifier.GetParameters()));
            }

            using NetworkPopulation population = new(device, 9, 7, 9, 3, seed: 4);
            population.TrainBatch(TwinArrays.UniformFloats(5, 9 * 20 * 7, -1, 1), TwinArrays.Labels(6, 9 * 20, 3), 0.1f);
            bits.Add(Bits(population.GetParameters(8)));
            return [.. bits];
        }

        static string Bits(ClassifierParameters p) =>
            Convert.ToHexString(MemoryMarshal.AsBytes<float>([.. p.HiddenWeights, .. p.HiddenBiases, .. p.OutputWeights, .. p.OutputBiases]));
    }

    /// <summary>Image units and storage buffers counted together.</summary>
    [Test]
    public void NoDispatchTakesMoreThanTheDriverHas([Values(8, 9, 10, 11, 16)] int most, [Values] bool withLog)
    {
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { MostBindings = most });
        using StepLog steps = new(device);
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Sgd(0.1f, Momentum: 0.5f), new Adam() })
        {
            foreach (int hidden in new[] { 20, 130, 300 })
            {
                using TwoLayerClassifier classifier = new(device, 30, hidden, 10);
                using OptimizerState state = new(classifier.Network, optimizer);
                using StepWorkspace step = new(classifier.Network, 16, new SoftmaxCrossEntropy(), state, log: withLog ? steps : null);
                Assert.That(step.Dispatches.Select(dispatch => dispatch.BindingCount), Is.All.AtMost(most), $"{optimizer}, {hidden}");
                if (most == 16) Assert.That(step.Dispatches, Has.Count.AtMost(hidden < 300 && classifier.Network.KernelFamily is not StandInFamily ? 3 : 4));
            }
        }

        _ = TestDevice.Plain;
    }

    /// <summary>The driver's threads share the workgroups; no sum depends on how.</summary>
    [Test]
    public void TheSameSeedGivesTheSameBitsForAnyNumberOfDriverThreads()
    {
        TestDevice.RequireOpenGL();
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        foreach (string threads in new[] { "1", "2" })
        {
            ChildResult result = ChildProcess.Run("train", ("LP_NUM_THREADS", threads));
            Assert.That(result.ExitCode, Is.Zero, result.Output);
            Assert.That(result.Output.Trim(), Is.EqualTo(expected), $"LP_NUM_THREADS={threads}");
        }
    }

    /// <summary>A batch whose loss overflows leaves the weights unchanged, and the next good batch continues from them.</summary>
    [Test]
    public void AStepWhoseLossIsNotFiniteIsNotCommitted()
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 2, 3, 2);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f, 0.9f));
        trainer.TrainBatch([1, 2, 3, 4], [0, 1]);
        ClassifierParameters before = classifier.GetParameters();
        classifier.SetParameters(before with { OutputWeights = [3e38f, -3e38f, 3e38f, -3e38f, 3e38f, -3e38f], HiddenBiases = [1e10f, 1e10f, 1e10f] });
        ClassifierParameters spoiled = classifier.GetParameters();
        BatchResult result = trainer.TrainBatch([1, 2, 3, 4], [0, 1]);
        Assert.That(float.IsFinite(result.Loss), Is.False);
        Assert.That(trainer.Steps, Is.EqualTo(1));
        Assert.That(classifier.GetParameters().OutputWeights, Is.EqualTo(spoiled.OutputWeights));
        classifier.SetParameters(before);
        Assert.That(float.IsFinite(trainer.TrainBatch([1, 2, 3, 4], [0, 1]).Loss));
        Assert.That(trainer.Steps, Is.EqualTo(2));
    }

    /// <summary>A large batch makes the loops of the backward pass long; its gradient is that of the small batch, repeated.</summary>
    [Test]
    public void ABatchOfTwoHundredThousandRowsIsSummedWhole()
    {
        const int Copies = 50_000;
        using LinearClassifier classifier = new(TestDevice.Plain, 2, 2);
        float[] features = [1, 2, -1, 0.5f, 0.25f, -2, 2, 1];
        int[] labels = [0, 1, 1, 0];
        ClassifierParameters expected = classifier.ComputeGradients(features, labels);
        float[] many = new float[features.Length * Copies];
        int[] manyLabels = new int[labels.Length * Copies];
        for (int i = 0; i < Copies; i++)
        {
            features.CopyTo(many, i * features.Length);
            labels.CopyTo(manyLabels, i * labels.Length);
        }

        ClassifierParameters actual = classifier.ComputeGradients(many, manyLabels);
        Tolerance.AssertClose(actual.OutputWeights, TwinArrays.ToDouble(expected.OutputWeights), 1e-3, 1e-3, "gradients");
    }
}
