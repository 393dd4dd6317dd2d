using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The second loss of values: it needed only its record, its include and its line in <see cref="Loss.Formats"/>. It matches its twin, has the same bits
/// fused and drawn, and trains in the frame.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class HuberLossTests
{
    private static readonly (int Rows, int Outputs)[] Shapes = [(1, 1), (3, 3), (4, 4), (9, 10), (65, 65), (7, 130), (785, 7)];

    private static NeuralDevice Device => TestDevice.Plain;

    /// <summary>With errors on both sides of delta, and of exactly delta.</summary>
    [Test]
    public void LossAndItsGradientAgreeWithTheirTwin(
        [ValueSource(nameof(Shapes))] (int Rows, int Outputs) shape, [Values(0.25f, 1f, 100f)] float delta, [Values] bool weighted)
    {
        int count = shape.Rows * shape.Outputs;
        float[] given = TwinArrays.UniformFloats(15, count, -4, 4), values = TwinArrays.UniformFloats(16, count, -2, 2);
        float[] weights = weighted ? TwinArrays.UniformFloats(17, shape.Rows, -0.5, 1.5) : [];
        (given[0], values[0]) = (delta + 1, 1);
        (double[] rowLosses, double loss) = HuberLossTwin.HuberLossForward(
            TwinArrays.ToDouble(given), TwinArrays.ToDouble(values), shape.Outputs, delta, TwinArrays.ToDouble(weights));
        ValueLossKernels.Run(Device, new HuberLoss(delta), shape.Outputs, given, values, weights).AssertClose(
            rowLosses, loss, HuberLossTwin.HuberLossBackward(
                TwinArrays.ToDouble(given), TwinArrays.ToDouble(values), shape.Outputs, delta, TwinArrays.ToDouble(weights)));
    }

    /// <summary>For an infinite error, and for one that is NaN: the loss shows it, and no guard is fooled.</summary>
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    [TestCase(float.NaN)]
    public void AnErrorThatIsNotFiniteIsNoFiniteLoss(float output) =>
        Assert.That(ValueLossKernels.Run(Device, new HuberLoss(), 3, [0, output, 1], [0, 0, 0], []).Loss, Is.Not.Matches<float>(float.IsFinite));

    [Test]
    public void AFusedStepHasTheBitsOfThePlainOneAndOfADrawnOne([Values(0, 1, 2)] int hiddenLayers, [Values(1, 3, 40)] int outputs, [Values] bool adaptive)
    {
        const int Inputs = 21, Rows = 27, Steps = 3;
        HuberLoss loss = new(0.5f);
        Optimizer optimizer = adaptive ? new Adam(0.01f) : new Sgd(0.1f);
        Layer[] hidden = [.. Enumerable.Range(0, hiddenLayers).SelectMany(i => new Layer[] { new Dense(19 + (14 * i)), new Relu() })];
        float[] features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1), values = TwinArrays.UniformFloats(2, Rows * outputs, -2, 2);

        float[][] plain = Trained(network => TrainInTheOrderOfADrawnEpoch(network, fused: false));
        float[][] fused = Trained(network => TrainInTheOrderOfADrawnEpoch(network, fused: true));
        float[][] drawn = Trained(network =>
        {
            using TrainingSet samples = TrainingSet.ForValues(Device, Inputs, outputs, Rows);
            samples.AddRange(features, values);
            using InFrameTrainer trainer = new(
                network, samples, new TrainerOptions { Loss = loss, Optimizer = optimizer, BatchSize = Rows, FrameBudget = FrameBudget.Steps(1) });
            for (int step = 0; step < Steps; step++) trainer.Tick();
        });
        Assert.That(fused, Is.EqualTo(plain));
        Assert.That(drawn, Is.EqualTo(plain));

        void TrainInTheOrderOfADrawnEpoch(Network network, bool fused)
        {
            using BatchTrainer trainer = new(network, optimizer, loss, capacity: 1, fused);
            for (int step = 0; step < Steps; step++)
            {
                int[] order = [.. Enumerable.Range(0, Rows).Select(i => SampleOrder.RowAt(1, step, Rows, i))];
                trainer.TrainBatch(
                    [.. order.SelectMany(row => features.Skip(row * Inputs).Take(Inputs))], [.. order.SelectMany(row => values.Skip(row * outputs).Take(outputs))]);
            }
        }

        float[][] Trained(Action<Network> train)
        {
            using Network network = new(Device, 4, Inputs, [.. hidden, new Dense(outputs)]);
            train(network);
            return [.. network.Parameters.Select(parameter => parameter.GetValues())];
        }
    }

    /// <summary>One outlier in ten moves the regression by squared errors far, and that by the Huber loss hardly.</summary>
    [Test]
    public void AnOutlierPullsLessThanUnderTheMeanSquaredError()
    {
        float[] features = [.. Enumerable.Repeat(1f, 10)], values = [1, 1, 1, 1, 1, 1, 1, 1, 1, 101];
        float mean = Fitted(new MeanSquaredError()), robust = Fitted(new HuberLoss(0.1f));
        Assert.That(mean, Is.EqualTo(11).Within(0.1f));
        Assert.That(robust, Is.EqualTo(1).Within(0.1f));

        float Fitted(Loss loss)
        {
            using Network network = new(Device, 1, 1, new Dense(1));
            using BatchTrainer trainer = new(network, new Sgd(0.2f), loss);
            for (int step = 0; step < 300; step++) trainer.TrainBatch(features, values);
            float[] output = new float[1];
            network.ComputeOutputs([1f], output);
            return output[0];
        }
    }

    [Test]
    public void DeltaIsANumberAboveZero()
    {
        foreach (float delta in new[] { 0, -1, float.Epsilon, float.NaN, float.PositiveInfinity })
        {
            Assert.That(() => new HuberLoss(delta), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("delta of the Huber loss"));
            Assert.That(() => new HuberLoss() with { Delta = delta }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        }

        Assert.That(new HuberLoss().Delta, Is.EqualTo(1));
    }
}
