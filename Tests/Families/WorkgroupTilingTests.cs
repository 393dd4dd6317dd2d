using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The tilings of the family for graphics cards: all shapes of tiles give the same bits, apart or in turn, and are right; the rule that chooses between them depends
/// on the sizes alone.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class WorkgroupTilingTests
{
    /// <summary>The shapes: ragged at each side, with several parts, with one, and with few outputs.</summary>
    private static readonly (int Rows, int Inputs, int Outputs)[] Sizes = [(70, 201, 145), (131, 33, 37), (9, 130, 17)];

    /// <summary>The products as they are, in parts, and as updates of two layers, with each shape of tiles, against the twins.</summary>
    [Test]
    public void EveryShapeOfTilesGivesTheSameBits([ValueSource(nameof(Sizes))] (int Rows, int Inputs, int Outputs) sizes)
    {
        TestDevice.RequireOpenGL();
        NeuralDevice device = TestDevice.Plain;
        List<float[]> found = [.. TileShape.All.Select(shape => Products(device, new WorkgroupTiledFamily(WorkgroupTiling.WithShape(shape)), sizes))];
        (int rows, int inputs, int outputs) = sizes;
        double[] x = TwinArrays.ToDouble(TwinArrays.UniformFloats(1, rows * inputs)), w = TwinArrays.ToDouble(TwinArrays.UniformFloats(2, inputs * outputs));
        double[] b = TwinArrays.ToDouble(TwinArrays.UniformFloats(3, outputs)), dy = TwinArrays.ToDouble(TwinArrays.UniformFloats(4, rows * outputs));
        double[] y = DenseTwin.DenseForward(x, w, b, rows, inputs, outputs);
        double[] expected =
        [
            .. y, .. y, .. DenseTwin.DenseBackwardInput(dy, w, rows, inputs, outputs),
            .. DenseTwin.DenseBackwardWeights(x, dy, rows, inputs, outputs), .. DenseTwin.DenseBackwardBiases(dy, rows, outputs),
        ];
        Tolerance.AssertClose(found[0], expected, 2e-5, 0, "the products");
        foreach (float[] other in found.Skip(1)) Assert.That(other, Is.EqualTo(found[0]));
    }

    /// <summary>Steps of one network with each shape of tiles: the fused ones, in which two layers are updated at once.</summary>
    [Test]
    public void StepsHaveTheSameBitsWithEveryShape()
    {
        TestDevice.RequireOpenGL();
        const int Rows = 20, Inputs = 140, Hidden = 70, Classes = 10;
        List<float[]> found = [];
        foreach (TileShape shape in TileShape.All)
        {
            using NeuralDevice device = TestDevice.Create();
            KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.WithShape(shape)));
            using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes, seed: 1);
            using BatchTrainer trainer = classifier.TrainWith(new Adam(0.01f));
            for (int step = 0; step < 3; step++)
                trainer.TrainBatch(TwinArrays.UniformFloats(step, Rows * Inputs), TwinArrays.Labels(9, Rows, Classes));
            ClassifierParameters parameters = classifier.GetParameters();
            found.Add([.. parameters.HiddenWeights, .. parameters.HiddenBiases, .. parameters.OutputWeights, .. parameters.OutputBiases]);
        }

        _ = TestDevice.Plain;
        foreach (float[] other in found.Skip(1)) Assert.That(other, Is.EqualTo(found[0]));
    }

    /// <summary>The invocations of a small step and the rows of a workgroup decide no bits, whatever a card finds fastest.</summary>
    [Test]
    public void LanesAndRowsOfAWorkgroupDecideNoBits()
    {
        TestDevice.RequireOpenGL();
        const string Tiles = "workgroup-tiled Forward tiles 16x128x256", Updates = "workgroup-tiled BackwardWeights tiles 256x128x16", Rows = "workgroup-tiled last layer rows 16x128x8", Lanes = "workgroup-tiled small step lanes 16x64x64x8";
        string small = $"{TileShape.Flat}";   // the least to compile of those that are offered
        List<float[]> found = [];
        foreach ((int lanes, int rows) in new[] { (256, 4), (512, 1), (256, 2), (512, 8) })
        {
            using NeuralDevice device = TestDevice.Create();
            KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.ByRule));
            KernelTuning.Force(device, KernelTuning.Parse($"{Tiles}: {small}\n{Updates}: {small}\n{Rows}: {rows}\n{Lanes}: {lanes}"));
            List<float> values = [];
            foreach ((int inputs, int hidden) in new[] { (37, 43), (140, 70) })
            {
                const int BatchRows = 11, Classes = 6;
                using TwoLayerClassifier classifier = new(device, inputs, hidden, Classes, seed: 1);
                using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f));
                for (int step = 0; step < 3; step++) trainer.TrainBatch(TwinArrays.UniformFloats(step, BatchRows * inputs), TwinArrays.Labels(9, BatchRows, Classes));
                float[] probabilities = new float[BatchRows * Classes];
                classifier.Predict(TwinArrays.UniformFloats(5, BatchRows * inputs), probabilities);
                ClassifierParameters parameters = classifier.GetParameters();
                values.AddRange([.. parameters.HiddenWeights, .. parameters.HiddenBiases, .. parameters.OutputWeights, .. parameters.OutputBiases, .. probabilities]);
                string source = inputs < 100 ? $"GROUP_SIZE={lanes}" : $"GROUP_ROWS={rows}";
                Assert.That(trainer.KernelsFor(BatchRows).Runs.Select(run => run.Source.Key), Has.Some.Contains(source));
            }

            found.Add([.. values]);
        }

        _ = TestDevice.Plain;
        foreach (float[] other in found.Skip(1)) Assert.That(other, Is.EqualTo(found[0]));
    }

    /// <summary>A prediction of two layers is one dispatch or two with every family, for probabilities and for outputs, whatever the sizes of the layers of a classifier.</summary>
    [Test]
    public void APredictionIsAtMostTwoDispatches([Values(1, 64, 256)] int rows, [Values("16-32-4", "64-32-10", "784-128-10", "784-1024-10")] string layers, [Values] bool softmax)
    {
        Stack stack = StackOf(layers);
        foreach (KernelFamily family in (KernelFamily[])[KernelFamily.RegisterTiled, KernelFamily.WorkgroupTiled, new WorkgroupTiledFamily(WorkgroupTiling.ByRule), KernelFamily.Processor])
        {
            Dispatch[] prediction = [.. PredictionWorkspace.KernelsFor(stack, family.For(new DeviceLimits()), rows, softmax)];
            Assert.That(prediction, Has.Length.InRange(1, 2), family.Name);
        }
    }

    /// <summary>So it is on cards for more outputs, also where the sums of the last layer have parts, as long as its weights are not too many for rows that are shared by lanes.</summary>
    [Test]
    public void SoIsAPredictionOfMoreOutputs(
        [Values(1, 64, 256)] int rows, [Values("784-128-17", "784-128-20", "64-256-26", "16-32-20", "784-1024-32", "784-26", "784-128-33", "64-256-100", "784-512-128", "784-64", "16-32-300")]
        string layers, [Values] bool softmax)
    {
        foreach (KernelFamily family in (KernelFamily[])[KernelFamily.WorkgroupTiled, new WorkgroupTiledFamily(WorkgroupTiling.ByRule)])
        {
            Dispatch[] prediction = [.. PredictionWorkspace.KernelsFor(StackOf(layers), family.For(new DeviceLimits()), rows, softmax)];
            Assert.That(prediction, Has.Length.InRange(1, 2), family.Name);
        }
    }

    /// <summary>
    /// The dispatches of steps, on a driver with only the room that OpenGL guarantees, and those of a loss that guides the learning rate, for whose sum the updates wait.
    /// </summary>
    [TestCase("16-32-4", 32, 1, 4)]
    [TestCase("16-32-17", 32, 1, 4)]
    [TestCase("9-20-32", 33, 1, 4)]
    [TestCase("784-128-10", 64, 3, 4)]
    [TestCase("784-128-20", 64, 3, 4)]
    [TestCase("784-1024-32", 64, 3, 4)]
    [TestCase("16-300-26", 64, 3, 4)]
    public void AStepIsAFewDispatches(string layers, int rows, int expected, int expectedOfGuided)
    {
        foreach (KernelFamily family in (KernelFamily[])[KernelFamily.WorkgroupTiled, new WorkgroupTiledFamily(WorkgroupTiling.ByRule)])
        {
            FamilyKernels kernels = family.For(new DeviceLimits());
            Assert.That(StepWorkspace.KernelsFor(StackOf(layers), kernels, rows, new SoftmaxCrossEntropy(), new Sgd(0.1f)).Count(), Is.EqualTo(expected), "a step");
            Loss guided = new ProximalPolicyLoss(StackOf(layers).Outputs - 1, ClipRange: 0.2f, EntropyBonus: 0.01f, ValueWeight: 0.5f, new RateGuide(0.01f, 0.001f, 0.1f, 0.01f));
            Assert.That(StepWorkspace.LoggedKernelsFor(StackOf(layers), kernels, rows, guided, new Adam(0.1f)).Count(), Is.EqualTo(expectedOfGuided), "a guided step");
        }
    }

    /// <summary>Steps of up to 32 outputs have the bits of the plain computations: small ones, and those where the sums of the last layer, or of the layer before it, have parts.</summary>
    [Test]
    public void StepsOfMoreOutputsHaveTheBitsOfThePlainOnes([Values("13-17-21", "13-140-29", "201-37-32", "150-18")] string layers, [Values(5, 70)] int batch)
    {
        TestDevice.RequireOpenGL();
        using NeuralDevice device = TestDevice.Create();
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
        Stack stack = StackOf(layers);
        byte[] features = [.. Enumerable.Range(0, batch * stack.Inputs).Select(i => (byte)(i * 41))];
        int[] labels = TwinArrays.Labels(711, batch, stack.Outputs);
        float[][][] results =
        [
            .. new[] { false, true }.Select(fused =>
            {
                using Network network = new(device, 4, stack.Inputs, [.. stack.Layers.Select(layer => layer.Layer)]);
                using BatchTrainer trainer = new(network, new Adam(0.01f), new SoftmaxCrossEntropy(0.05f), capacity: 1, fused: fused);
                float[] losses = [.. Enumerable.Range(0, 3).Select(_ => trainer.TrainBatchOfBytes(features, labels).Loss)];
                return (float[][])[losses, .. network.Parameters.Select(parameter => parameter.GetValues())];
            }),
        ];
        Assert.That(results[1], Is.EqualTo(results[0]));
        _ = TestDevice.Plain;
    }

    /// <summary>Predictions in two dispatches, parts of sums and the rest, have the bits of the plain computations, also where the last layer's sums have parts; more than 32 outputs are in shared memory.</summary>
    [Test]
    public void PredictionsOfPartsHaveTheBitsOfThePlainOnes([Values(1, 9)] int rows, [Values(37, 140)] int hidden, [Values(3, 16, 27, 33, 150)] int outputs, [Values] bool softmax)
    {
        TestDevice.RequireOpenGL();
        const int Inputs = 201;
        using NeuralDevice device = TestDevice.Create();
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
        using Network network = new(device, Inputs, new Dense(hidden), new Tanh(), new Dense(outputs));
        float[] features = TwinArrays.UniformFloats(1, rows * Inputs, -1, 1), found = new float[rows * outputs], plain = new float[rows * outputs];
        Assert.That(
            PredictionWorkspace.KernelsFor(network.Stack, network.Kernels, rows, softmax).Select(dispatch => dispatch.Source.FileName),
            Has.Some.EqualTo(softmax ? "dense_softmax_row_lanes.comp" : "dense_output_row_lanes.comp"));
        if (softmax) network.Predict(features, found);
        else network.ComputeOutputs(features, found);
        ComputationGraph graph = new(network.Stack, rows, network.CommittedParameters, network.Kernels);
        if (softmax) graph.AddProbabilities();
        Dispatch[] dispatches = [.. graph.Computations.Select(planned => graph.ToDispatch(planned.Computation))];
        foreach (GraphMatrix planned in graph.Matrices) planned.Matrix.Realize(device);
        ((PlannedMatrix)graph.Input).Texture.Upload<float>(features);
        new Plan(device, dispatches).Run(rows);
        Assert.That((graph.Probabilities ?? graph.Outputs).Texture.TryRead(plain));
        Assert.That(found, Is.EqualTo(plain).And.Some.Not.Zero);
        foreach (GraphMatrix planned in graph.Matrices) planned.Matrix.Dispose();
    }

    /// <summary>What OpenGL 4.3 guarantees, for every shape: a software driver chooses the smallest one alone.</summary>
    [Test]
    public void EveryShapeKeepsToTheLeastLimits()
    {
        foreach (TileShape shape in TileShape.All)
        {
            Assert.That(shape.Lanes, Is.InRange(1, 1024));
            Dictionary<string, int> constants = shape.Kernel("", isAAlongSum: true, isBAlongSum: true).Constants.ToDictionary(constant => constant.Name, constant => constant.Value);
            Assert.That((constants["STAGED_A"] + constants["STAGED_B"]) * 16, Is.AtMost(32 * 1024));
            Assert.That(constants["LOADS_OF_A"] * shape.Lanes, Is.EqualTo(shape.Rows * shape.Depth / 4), "each texel of a stage is loaded once");
            Assert.That(constants["LOADS_OF_B"] * shape.Lanes, Is.EqualTo(shape.Columns * shape.Depth / 4));
            Assert.That(shape.Depth / 4 % 2, Is.Zero, "so that rows along the sum have an odd number of texels");
        }
    }

    /// <summary>The bits depend on the parts, and so these on the layer alone; shapes differ by the batch.</summary>
    [Test]
    public void TheRuleDependsOnTheSizesAlone()
    {
        WorkgroupTiling rule = WorkgroupTiling.ByRule;
        ProductTiling Forward(int rows, int outputs, int inputs) => rule.Of(new ProductSizes(DenseProduct.Forward, rows, outputs, inputs));
        Assert.That(Forward(64, 128, 784), Is.EqualTo(new ProductTiling(TileShape.Medium, 16)), "49 parts");
        Assert.That(Forward(256, 1024, 784).PartLength, Is.EqualTo(144), "6 parts");
        Assert.That(Forward(2048, 2048, 2048), Is.EqualTo(new ProductTiling(TileShape.Large, 2048)), "one part");
        Assert.That(Forward(32, 32, 64).PartLength, Is.EqualTo(64), "one part");
        Assert.That(rule.Of(new ProductSizes(DenseProduct.BackwardWeights, 785, 128, 64)).Shape, Is.EqualTo(TileShape.Flat));
        Assert.That(rule.Of(new ProductSizes(DenseProduct.BackwardWeights, 2048, 2048, 2048)), Is.EqualTo(new ProductTiling(TileShape.Large, 2048)));
        foreach (int rows in new[] { 1, 64, 262_140 })
        {
            Assert.That(Forward(rows, 128, 784).PartLength, Is.EqualTo(16));
            Assert.That(WorkgroupTiling.ForSoftware.Of(new ProductSizes(DenseProduct.Forward, rows, 128, 784)), Is.EqualTo(new ProductTiling(TileShape.Small, 16)));
        }

        ProductTiling chosen = new(TileShape.Narrow, 32);
        WorkgroupTiling forced = new(sizes => sizes.Columns == 128 ? chosen : null);
        Assert.That(forced.Of(new ProductSizes(DenseProduct.Forward, 64, 128, 784)), Is.EqualTo(chosen));
        Assert.That(forced.Of(new ProductSizes(DenseProduct.Forward, 64, 256, 784)), Is.EqualTo(Forward(64, 256, 784)));
    }

    /// <summary>Forced or named it runs anywhere; chosen it is on graphics cards alone, by time.</summary>
    [Test]
    public void ASoftwareDriverDoesNotChooseIt()
    {
        DeviceLimits card = DeviceLimits.WithoutDevice, software = card with { IsSoftware = true };
        Assert.That(KernelFamily.WorkgroupTiled.IsCandidateOn(card), Is.True);
        Assert.That(KernelFamily.WorkgroupTiled.IsCandidateOn(software), Is.False);
        Assert.That(KernelFamily.WorkgroupTiled.RunsOn(software), Is.True);
        Assert.That(KernelFamily.WorkgroupTiled.RunsOn(card with { RunsMethods = true }), Is.False);
    }

    /// <summary>Dense layers of these sizes, with an activation between each and the next.</summary>
    private static Stack StackOf(string layers)
    {
        int[] sizes = [.. layers.Split('-').Select(size => int.Parse(size, System.Globalization.CultureInfo.InvariantCulture))];
        return new Stack(sizes[0], [.. sizes.Skip(1).SelectMany((size, i) => i == 0 ? (Layer[])[new Dense(size)] : [new Relu(), new Dense(size)])]);
    }

    /// <summary>Y whole and from its parts, dX and dW with db.</summary>
    private static float[] Products(NeuralDevice device, WorkgroupTiledFamily family, (int Rows, int Inputs, int Outputs) sizes)
    {
        (int rows, int inputs, int outputs) = sizes;
        float[] spoiled = [.. Enumerable.Repeat(float.NaN, 2 * inputs)], spoiledGradients = [.. Enumerable.Repeat(float.NaN, 2 * outputs)];
        using MatrixTexture input = Kernels.Upload(device, rows, inputs, [.. TwinArrays.UniformFloats(1, rows * inputs), .. spoiled], rows + 2);
        using MatrixTexture parameters = Kernels.Upload(device, inputs + 1, outputs, [.. TwinArrays.UniformFloats(2, inputs * outputs), .. TwinArrays.UniformFloats(3, outputs)]);
        using MatrixTexture outputGradients = Kernels.Upload(device, rows, outputs, [.. TwinArrays.UniformFloats(4, rows * outputs), .. spoiledGradients], rows + 2);
        using MatrixTexture output = Kernels.Empty(device, rows + 2, outputs), ofParts = Kernels.Empty(device, rows + 2, outputs);
        using MatrixTexture inputGradients = Kernels.Empty(device, rows + 2, inputs), parameterGradients = Kernels.Empty(device, inputs + 1, outputs);
        DenseForward forward = new(input, parameters, output), apart = forward with { Output = ofParts };
        int partLength = family.For(device.Limits).PartLengthOf(apart) ?? inputs, parts = MatrixShape.CeilingDivide(inputs, partLength);
        using MatrixTexture partSums = Kernels.Empty(device, rows + 2, parts * MatrixShape.Texels(outputs) * MatrixShape.ColumnsPerTexel);
        Kernels.Run(device, rows, [forward, new DenseForwardParts(apart, partSums, partLength), new DensePartsSum(apart, partSums)], family);
        Kernels.Run(
            device, rows,
            [new DenseBackwardInput(outputGradients, parameters, inputGradients), new DenseBackwardWeights(input, outputGradients, parameterGradients)], family);
        float[] First(MatrixTexture matrix, int columns)
        {
            float[] values = new float[rows * columns];
            matrix.Read(values);
            return values;
        }

        return [.. First(output, outputs), .. First(ofParts, outputs), .. First(inputGradients, inputs), .. parameterGradients.Read()];
    }
}
