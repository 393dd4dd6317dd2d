using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Properties of every activation, whatever its function. A fixture for each activation names it and provides its twin.</summary>
[Category(Categories.EveryFamily)]
internal abstract class ActivationTests
{
    /// <summary>
    /// Inputs, then layers: a number is a dense layer's units, A the activation of the fixture, R, T and L are ReLU, Tanh and LeakyReLU. First, last
    /// and several in a row; among others; before and after layers of all widths that fusion distinguishes.
    /// </summary>
    private static readonly string[] Stacks =
    [
        "13-A-7", "13-7-A", "13-7-A-5", "3-A-A-9-A-A-3", "13-7-T-18-A-5", "13-7-A-18-L-5", "13-7-R-8-A-6-T-9-L-5",
        "16-32-A-4", "21-130-A-10", "21-300-A-5", "9-19-A-33-A-40",
    ];

    private static readonly (int Rows, int Columns)[] Shapes = [(1, 1), (3, 3), (7, 9), (64, 10), (3, 785), (100, 33)];

    protected abstract Activation Make();

    protected abstract LayerTwin MakeTwin();

    /// <summary>The fan that determines the initial weights of a dense layer before it.</summary>
    protected abstract double FanOf(int inputs, int outputs);

    // ---- its kernels ----

    [Test]
    public void ItsKernelsAgreeWithTheirTwin([ValueSource(nameof(Shapes))] (int Rows, int Columns) shape)
    {
        float[] x = TwinArrays.UniformFloats(31, shape.Rows * shape.Columns, -4, 4);
        float[] dy = TwinArrays.UniformFloats(32, x.Length);
        AssertAgreesWithTheTwin(x, dy, shape.Rows, shape.Columns);
    }

    /// <summary>At zero, where functions have kinks; close to it, where a difference of exponentials would be nothing but rounding errors; and far away.</summary>
    [Test]
    public void ItIsRightEverywhere()
    {
        float[] sizes = [1e-30f, 1e-10f, 1e-4f, 0.1f, 0.5f, 0.6f, MathF.BitIncrement(0.6f), 0.7f, 1, 5, 8.9f, 9.1f, 20, 100, 1e4f, 1e30f, float.MaxValue];
        float[] x = [0, -0f, .. sizes, .. sizes.Select(size => -size)];
        AssertAgreesWithTheTwin(x, [.. x.Select((_, i) => i % 2 == 0 ? 1f : -0.5f)], 1, x.Length);
    }

    /// <summary>The sum of a product that overflowed.</summary>
    [Test]
    public void InfinitiesGoWhereTheFunctionGoes()
    {
        using MatrixTexture input = Kernels.Upload(TestDevice.Plain, 1, 2, [float.PositiveInfinity, float.NegativeInfinity]), output = Kernels.Empty(TestDevice.Plain, 1, 2);
        Kernels.Run(TestDevice.Plain, 1, [new ActivationForward(Make(), input, output)]);
        Assert.That(TwinArrays.ToDouble(output.Read()), Is.EqualTo(MakeTwin().Forward([double.PositiveInfinity, double.NegativeInfinity], 1)).Within(1e-7));
    }

    /// <summary>Otherwise a non-finite loss would go unnoticed, and its effects would be learned.</summary>
    [Test]
    public void WhatIsNoNumberStaysNone()
    {
        NeuralDevice device = TestDevice.Plain;
        float[] x = [1, float.NaN, -1, 0, float.NaN, 2, 3, 4, 5];
        using MatrixTexture input = Kernels.Upload(device, 1, 9, x), alone = Kernels.Empty(device, 1, 9), fused = Kernels.Empty(device, 1, 9);
        using MatrixTexture zeros = Kernels.Upload(device, 1, 9, new float[9]);
        Kernels.Run(device, 1, [new ActivationForward(Make(), input, alone)]);
        Assert.That(alone.Read().Select(float.IsNaN), Is.EqualTo(x.Select(float.IsNaN)));

        float[] biases = [.. new float[81], .. x];
        using MatrixTexture parameters = Kernels.Upload(device, 10, 9, biases);
        Kernels.Run(device, 1, [new DenseForward(zeros, parameters, fused, Make())]);
        Assert.That(fused.Read().Select(float.IsNaN), Is.EqualTo(x.Select(float.IsNaN)));
    }

    [Test]
    public void TheTwinsDerivativeAgreesWithCentralDifferences()
    {
        double[] x = TwinArrays.Uniform(1, 785, -3, 3), dY = TwinArrays.Uniform(2, 785);
        for (int i = 0; i < x.Length; i++) x[i] += x[i] < 0 ? -1e-3 : 1e-3;   // away from a kink
        LayerTwin twin = MakeTwin();
        double[] differences = CentralDifferences.Gradient(() => twin.Forward(x, 1).Zip(dY, (y, d) => y * d).Sum(), x);
        Tolerance.AssertClose(twin.Backward(x, dY, 1).Input, differences, 1e-7, 1e-7, "dX");
    }

    // ---- in networks ----

    /// <summary>The outputs and all gradients, including those of the features.</summary>
    [Test]
    public void NetworksAgreeWithTheTwin([ValueSource(nameof(Stacks))] string stack)
    {
        const int Rows = 11;
        int seed = 0;
        float[] features;
        Network network;
        NetworkTwin twin;
        do
        {
            Assert.That(++seed, Is.LessThan(1000), "some seed keeps away from the kinks");
            network = Build(stack, Make(), seed);
            twin = TwinOf(network, stack);
            features = TwinArrays.UniformFloats(50 + seed, Rows * network.Inputs, -1, 1);
            if (DistanceFromKink(twin, TwinArrays.ToDouble(features), Rows) > 1e-5) break;
            network.Dispose();
        }
        while (true);

        using (network)
        {
            int[] labels = TwinArrays.Labels(51, Rows, network.Outputs);
            double[] features64 = TwinArrays.ToDouble(features), logits64 = twin.Forward(features64, Rows);
            float[] logits = new float[Rows * network.Outputs], probabilities = new float[logits.Length], inputGradients = new float[features.Length];
            network.ComputeLogits(features, logits);
            network.Predict(features, probabilities);
            Tolerance.AssertClose(logits, logits64, 1e-5, 1e-5, "logits", network.Outputs);
            Tolerance.AssertClose(probabilities, SoftmaxTwin.SoftmaxForward(logits64, Rows, network.Outputs), 1e-6, 1e-4, "probabilities", network.Outputs);

            NetworkTwinGradients expected = twin.Gradients(features64, labels);
            float[][] gradients = network.ComputeGradients(features, labels);
            for (int i = 0; i < gradients.Length; i++)
                Tolerance.AssertClose(gradients[i], expected.Parameters[i], 1e-6, 1e-4, network.Parameters[i].Name, network.Parameters[i].Columns);
            double[] outputGradients = SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyBackward(logits64, labels, network.Outputs);
            network.ComputeInputGradients(features, [.. outputGradients.Select(g => (float)g)], inputGradients);
            Tolerance.AssertClose(inputGradients, expected.Input, 1e-6, 1e-4, "input gradients", network.Inputs);
        }
    }

    [Test]
    public void AFusedStepHasTheBitsOfThePlainOne([ValueSource(nameof(Stacks))] string stack) => AssertFusedIsPlain(stack, bytes: false);

    [Test]
    public void AFusedStepOfBytesHasTheBitsOfThePlainOne([Values("13-A-7", "16-32-A-4", "21-130-A-10")] string stack) => AssertFusedIsPlain(stack, bytes: true);

    /// <summary>Steps and predictions use the same kernels as with ReLU, and cost the same.</summary>
    [Test]
    public void ItIsFusedWhereReluIs([ValueSource(nameof(Stacks))] string stack, [Values(8, 70)] int rows)
    {
        using Network network = Build(stack, Make(), seed: 4), rectified = Build(stack, new Relu(), seed: 4);
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Adam() })
        {
            Assert.That(Steps(network), Is.EqualTo(Steps(rectified)), $"{optimizer}");
            Assert.That(network.Cost(rows, optimizer).Total, Is.EqualTo(rectified.Cost(rows, optimizer).Total), $"{optimizer}");
            string[] Steps(Network of) => FilesOf(StepWorkspace.KernelsFor(of, rows, new SoftmaxCrossEntropy(), optimizer));
        }

        string[] Predictions(Network of) => FilesOf(PredictionWorkspace.KernelsFor(of.Stack, of.Kernels, rows, softmax: true));
        Assert.That(Predictions(network), Is.EqualTo(Predictions(rectified)));
        static string[] FilesOf(IEnumerable<Dispatch> dispatches) => [.. dispatches.Select(dispatch => dispatch.Source.FileName)];
    }

    /// <summary>Batches that the kernels draw, steps that are logged; one dispatch and several.</summary>
    [Test]
    public void InTheFrameItTrainsAsOnBatchesThatAreHandedOver([Values("16-32-A-4", "9-A-7-A-3")] string stack)
    {
        const int Count = 23;
        using Network drawn = Build(stack, Make(), seed: 4), handed = Build(stack, Make(), seed: 4);
        float[] features = TwinArrays.UniformFloats(5, Count * drawn.Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(6, Count, drawn.Outputs);
        using TrainingSet samples = new(drawn.Device, drawn.Inputs, drawn.Outputs, capacity: 30);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = new(drawn, samples, new TrainerOptions { BatchSize = Count, FrameBudget = FrameBudget.Steps(1), Optimizer = new Sgd(0.1f), Seed = 1 });
        using BatchTrainer reference = new(handed, new Sgd(0.1f));
        for (int epoch = 0; epoch < 5; epoch++)
        {
            Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(1));
            int[] rows = [.. Enumerable.Range(0, Count).Select(i => SampleOrder.RowAt(1, epoch, Count, i))];
            reference.TrainBatch([.. rows.SelectMany(row => features.AsSpan(row * drawn.Inputs, drawn.Inputs).ToArray())], [.. rows.Select(row => labels[row])]);
            foreach ((NetworkParameter actual, NetworkParameter expected) in drawn.Parameters.Zip(handed.Parameters))
                Assert.That(actual.GetValues(), Is.EqualTo(expected.GetValues()), $"{actual.Name} after epoch {epoch}");
        }
    }

    /// <summary>A hidden layer that overflows on both sides at once: its sum is NaN, and the step is not committed.</summary>
    [Test]
    public void ALossThatIsNotFiniteIsNoticed([Values("2-3-A-2", "2-130-A-2", "2-300-A-2", "2-3-A-40")] string stack, [Values] bool fused)
    {
        TestDevice.RequireOpenGL();   // a multiply-add that rounds once adds products beyond the range of a float, and stays on one side
        foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Adam() })
        {
            using Network network = Build(stack, Make(), seed: 4);
            using BatchTrainer trainer = new(network, optimizer, fused: fused);
            network.Parameters[0].SetValues([.. network.Parameters[0].GetValues().Select(_ => 3e38f)]);
            float[][] before = [.. network.Parameters.Select(parameter => parameter.GetValues())];
            Assert.That(float.IsFinite(trainer.TrainBatch([10, -10, 1, 0.5f], [0, 1]).Loss), Is.False);
            Assert.That(trainer.Steps, Is.Zero);
            Assert.That(network.Parameters.Select(parameter => parameter.GetValues()), Is.EqualTo(before));
        }
    }

    [Test]
    public void ADenseLayerBeforeItStartsByItsRule([Values(1, 9, 785)] int inputs, [Values(1, 7, 128)] int outputs)
    {
        Stack stack = new(inputs, [new Dense(outputs), Make(), new Dense(3)]);
        Assert.That(stack.Layers[0].Parameters[0].Parts[0].InitialBound, Is.EqualTo(Math.Sqrt(6 / FanOf(inputs, outputs))).Within(1e-12));
        Assert.That(stack.Layers[2].Parameters[0].Parts[0].InitialBound, Is.EqualTo(Math.Sqrt(6.0 / (outputs + 3))).Within(1e-12), "no activation follows");
    }

    [Test]
    public void AnOnnxModelGivesTheSame([ValueSource(nameof(Stacks))] string stack)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("neuralplugin-activation-");
        try
        {
            using Network network = Build(stack, Make(), seed: 4);
            string file = Path.Combine(folder.FullName, "model.onnx");
            network.ExportOnnx(file);
            OnnxTests.AssertGivesTheSame(file, network, softmax: false);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private void AssertFusedIsPlain(string stack, bool bytes)
    {
        float[][][] results =
        [
            .. new[] { false, true }.Select(fused =>
            {
                using Network network = Build(stack, Make(), seed: 4);
                using BatchTrainer trainer = new(network, new Sgd(0.1f), new SoftmaxCrossEntropy(0.05f), capacity: 1, fused);
                List<float> losses = [];
                for (int step = 0; step < 4; step++)
                {
                    int rows = 27 - step;
                    int[] labels = TwinArrays.Labels(700 + step, rows, network.Outputs);
                    byte[] pixels = [.. Enumerable.Range(0, rows * network.Inputs).Select(i => (byte)((i + step) * 41))];
                    losses.Add((bytes ? trainer.TrainBatchOfBytes(pixels, labels) : trainer.TrainBatch([.. pixels.Select(value => (value / 128f) - 1)], labels)).Loss);
                }

                return (float[][])[[.. losses], .. network.Parameters.Select(parameter => parameter.GetValues())];
            }),
        ];
        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[1][0], Is.Unique, "it moves");
    }

    /// <summary>The smallest |x| given to a layer with a kink, except zeros, which a preceding rectifier produces and on which the kernels agree.</summary>
    private static double DistanceFromKink(NetworkTwin twin, double[] features, int rows)
    {
        IReadOnlyList<double[]> activations = twin.Activations(features, rows);
        return twin.Layers.SelectMany((layer, i) => layer.HasKinkAtZero ? activations[i] : [])
            .Where(x => x != 0).Select(Math.Abs).DefaultIfEmpty(double.PositiveInfinity).Min();
    }

    /// <summary>Its kernels in isolation: the values, the gradients, and zeros in the padding.</summary>
    private void AssertAgreesWithTheTwin(float[] x, float[] dy, int rows, int columns)
    {
        NeuralDevice device = TestDevice.Plain;
        using MatrixTexture input = Kernels.Upload(device, rows, columns, x), outputGradients = Kernels.Upload(device, rows, columns, dy);
        using MatrixTexture output = Kernels.Empty(device, rows, columns), inputGradients = Kernels.Empty(device, rows, columns);
        Activation activation = Make();
        LayerOperands operands = new(input, output, []);
        Kernels.Run(device, rows, [.. activation.Forward(operands), .. activation.Backward(operands, new GradientOperands(outputGradients, inputGradients, []))]);
        LayerTwin twin = MakeTwin();
        double[] x64 = TwinArrays.ToDouble(x);
        Tolerance.AssertClose(output.Read(), twin.Forward(x64, rows), 1e-37, 1e-6, "y", columns);
        Tolerance.AssertClose(inputGradients.Read(), twin.Backward(x64, TwinArrays.ToDouble(dy), rows).Input, 1e-6, 1e-5, "dx", columns);
        int padded = output.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        foreach (MatrixTexture result in new[] { output, inputGradients })
            Assert.That(Kernels.ReadPadded(result).Where((_, i) => i % padded >= columns), Is.All.Zero, "the padding");
    }

    private static Network Build(string stack, Activation activation, int seed)
    {
        string[] parts = stack.Split('-');
        Network network = new(TestDevice.Plain, seed, int.Parse(parts[0]), [.. parts[1..].Select<string, Layer>(part => part switch
        {
            "A" => activation,
            "R" => new Relu(),
            "T" => new Tanh(),
            "L" => new LeakyRelu(0.3f),
            _ => new Dense(int.Parse(part)),
        })]);
        for (int i = 1; i < network.Parameters.Count; i += 2)
            network.Parameters[i].SetValues(TwinArrays.UniformFloats(seed + i, network.Parameters[i].Columns));
        return network;
    }

    private NetworkTwin TwinOf(Network network, string stack)
    {
        Queue<NetworkParameter> parameters = new(network.Parameters);
        return new NetworkTwin(network.Inputs, [.. stack.Split('-')[1..].Select<string, LayerTwin>(part => part switch
        {
            "A" => MakeTwin(),
            "R" => new ReluLayerTwin(),
            "T" => new TanhTwin(),
            "L" => new LeakyReluTwin(0.3f),
            _ => DenseTwin(),
        })]);

        LayerTwin DenseTwin()
        {
            NetworkParameter weights = parameters.Dequeue();
            return new DenseLayerTwin(weights.Rows, weights.Columns, weights.GetValues(), parameters.Dequeue().GetValues());
        }
    }
}
