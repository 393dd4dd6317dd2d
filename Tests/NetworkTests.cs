using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The complete stack: the worked example, the chain rule, its cost.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class NetworkTests
{
    private static readonly ClassifierParameters WorkedExample = new(
        [0.1f, 0.2f, 0.4f, 0.4f, 0.6f, 0.6f, 0.5f, 0.9f, 0.1f, 0.8f, 0.2f, 0.8f], new float[3],
        [0.1f, 0.6f, 0.2f, 0.1f, 0.7f, 0.9f], new float[2]);

    [Test]
    public void TheWorkedExampleGivesItsLogits()
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 4, 3, 2);
        classifier.SetParameters(WorkedExample);
        float[] logits = new float[6];
        classifier.ComputeLogits([1, 2, 3, 4, -1, -2, -3, -4, 11, 12, 13, 14], logits);
        Tolerance.AssertClose(logits, [5.11, 8.44, 0, 0, 24.01, 38.24], 1e-5, 0, "logits", 2);
    }

    [TestCase(784, 10, 7850)]
    [TestCase(1, 2, 4)]
    [TestCase(3, 7, 28)]
    public void ALinearModelHasInputsPlusOneTimesClassesParameters(int inputs, int classes, int expected)
    {
        using LinearClassifier classifier = new(TestDevice.Plain, inputs, classes);
        Assert.That(classifier.ParameterCount, Is.EqualTo(expected));
        ClassifierParameters parameters = classifier.GetParameters();
        Assert.That(parameters.OutputWeights.Length + parameters.OutputBiases.Length, Is.EqualTo(expected));
    }

    [Test]
    public void ParametersComeBackBitForBit([Values(1, 3, 9)] int inputs, [Values(1, 4, 7)] int hidden, [Values(2, 5)] int classes)
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, inputs, hidden, classes);
        ClassifierParameters written = new(
            TwinArrays.UniformFloats(1, inputs * hidden), TwinArrays.UniformFloats(2, hidden),
            TwinArrays.UniformFloats(3, hidden * classes), TwinArrays.UniformFloats(4, classes));
        classifier.SetParameters(written);
        ClassifierParameters read = classifier.GetParameters();
        Assert.That(read.HiddenWeights, Is.EqualTo(written.HiddenWeights));
        Assert.That(read.HiddenBiases, Is.EqualTo(written.HiddenBiases));
        Assert.That(read.OutputWeights, Is.EqualTo(written.OutputWeights));
        Assert.That(read.OutputBiases, Is.EqualTo(written.OutputBiases));
    }

    /// <summary>The initial weights are within their rule's bound and use its range; biases start at zero; another seed gives other weights.</summary>
    [Test]
    public void InitialWeightsFollowHeAndGlorot()
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 300, 200, 10, seed: 3);
        using TwoLayerClassifier same = new(TestDevice.Plain, 300, 200, 10, seed: 3);
        using TwoLayerClassifier other = new(TestDevice.Plain, 300, 200, 10, seed: 4);
        ClassifierParameters start = classifier.GetParameters();
        AssertUniform(start.HiddenWeights, Math.Sqrt(6.0 / 300));
        AssertUniform(start.OutputWeights, Math.Sqrt(6.0 / (200 + 10)));
        Assert.That(start.HiddenBiases.Concat(start.OutputBiases), Is.All.Zero);
        Assert.That(same.GetParameters().HiddenWeights, Is.EqualTo(start.HiddenWeights));
        Assert.That(other.GetParameters().HiddenWeights, Is.Not.EqualTo(start.HiddenWeights));
    }

    /// <summary>Stacks of one to four dense layers, with and without ReLU, weights, masks and entropy, against the twin.</summary>
    [Test]
    public void GradientsOfStacksAgreeWithTheTwin(
        [Values(1, 2, 3, 4)] int denseLayers, [Values] bool relu, [Values] bool weighted, [Values] bool masked,
        [Values(0f, 0.2f)] float entropyBonus)
    {
        const int Rows = 13, Inputs = 9, Classes = 5;
        int[] units = [.. new[] { 7, 18, 33 }.Take(denseLayers - 1), Classes];
        (Network network, NetworkTwin twin) = Pair(TestDevice.Plain, Inputs, units, relu, seed: 40 + denseLayers);
        using (network)
        {
            float[] features = TwinArrays.UniformFloats(50, Rows * Inputs, -1, 1);
            int[] labels = TwinArrays.Labels(51, Rows, Classes);
            float[] weights = weighted ? TwinArrays.UniformFloats(52, Rows, -1.5, 1.5) : [];
            if (weighted) weights[3] = 0;
            bool[] allowed = masked ? TwinArrays.Mask(53, labels, Classes) : [];
            NetworkTwinGradients expected =
                twin.Gradients(TwinArrays.ToDouble(features), labels, TwinArrays.ToDouble(weights), allowed, entropyBonus);
            float[][] actual = network.ComputeGradients(features, labels, weights, allowed, new SoftmaxCrossEntropy(entropyBonus));
            Assert.That(actual, Has.Length.EqualTo(expected.Parameters.Count));
            for (int i = 0; i < actual.Length; i++)
                Tolerance.AssertClose(actual[i], expected.Parameters[i], 1e-6, 1e-4, network.Parameters[i].Name, network.Parameters[i].Columns);
        }
    }

    /// <summary>The gradient of the features is computed when requested, and only then.</summary>
    [Test]
    public void InputGradientsAgreeWithTheTwinAndAreRecordedOnlyWhenAsked([Values] bool relu)
    {
        const int Rows = 11, Inputs = 13, Classes = 6;
        (Network network, NetworkTwin twin) = Pair(TestDevice.Plain, Inputs, [17, Classes], relu, seed: 60);
        using (network)
        {
            float[] features = TwinArrays.UniformFloats(61, Rows * Inputs, -1, 1);
            int[] labels = TwinArrays.Labels(62, Rows, Classes);
            double[] features64 = TwinArrays.ToDouble(features);
            double[] logitGradients = SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyBackward(twin.Forward(features64, Rows), labels, Classes);
            float[] inputGradients = new float[features.Length];
            network.ComputeInputGradients(features, [.. logitGradients.Select(g => (float)g)], inputGradients);
            Tolerance.AssertClose(inputGradients, twin.Gradients(features64, labels).Input, 1e-6, 1e-4, "input gradients", Inputs);
        }

        IEnumerable<Computation> OfTheFirstLayer(bool asked)
        {
            ComputationGraph graph = new(network.Stack, Rows, network.CommittedParameters, network.Kernels);
            graph.AddLoss(new SoftmaxCrossEntropy());
            graph.AddBackward(asked);
            return graph.Computations.Where(c => c.Layer == 0 && c.Pass == Pass.Backward).Select(c => c.Computation);
        }

        Assert.That(OfTheFirstLayer(asked: true), Has.Some.TypeOf<DenseBackwardInput>());
        Assert.That(OfTheFirstLayer(asked: false), Is.Not.Empty.And.None.TypeOf<DenseBackwardInput>());
    }

    [Test]
    public void TwoDenseLayersWithoutReluEqualOne()
    {
        const int Rows = 20, Inputs = 9, Hidden = 12, Classes = 4;
        NeuralDevice device = TestDevice.Plain;
        using Network two = new(device, Inputs, new Dense(Hidden), new Dense(Classes));
        using Network one = new(device, Inputs, new Dense(Classes));
        double[] w1 = TwinArrays.ToDouble(two.Parameters[0].GetValues());
        float[] b1 = TwinArrays.UniformFloats(70, Hidden), b2 = TwinArrays.UniformFloats(71, Classes);
        two.Parameters[1].SetValues(b1);
        two.Parameters[3].SetValues(b2);
        double[] w2 = TwinArrays.ToDouble(two.Parameters[2].GetValues());
        double[] product = DenseTwin.DenseForward(w1, w2, new double[Classes], Inputs, Hidden, Classes);
        double[] bias = DenseTwin.DenseForward(TwinArrays.ToDouble(b1), w2, TwinArrays.ToDouble(b2), 1, Hidden, Classes);
        one.Parameters[0].SetValues([.. product.Select(v => (float)v)]);
        one.Parameters[1].SetValues([.. bias.Select(v => (float)v)]);
        float[] features = TwinArrays.UniformFloats(72, Rows * Inputs, -2, 2);
        float[] logitsOfTwo = new float[Rows * Classes], logitsOfOne = new float[Rows * Classes];
        two.ComputeLogits(features, logitsOfTwo);
        one.ComputeLogits(features, logitsOfOne);
        Tolerance.AssertClose(logitsOfTwo, TwinArrays.ToDouble(logitsOfOne), 1e-5, 1e-5, "logits", Classes);
    }

    /// <summary>The gradient of a linear model's logits with respect to its features is a column of W, at every x; that of the two-layer one is not.</summary>
    [Test]
    public void ALinearModelsInputGradientIsTheSameEverywhere()
    {
        const int Rows = 30, Inputs = 6, Classes = 3;
        using LinearClassifier linear = new(TestDevice.Plain, Inputs, Classes);
        using TwoLayerClassifier layered = new(TestDevice.Plain, Inputs, 40, Classes);
        float[] weights = linear.GetParameters().OutputWeights;
        float[] features = TwinArrays.UniformFloats(80, Rows * Inputs, -3, 3);
        for (int k = 0; k < Classes; k++)
        {
            float[] selector = [.. Enumerable.Range(0, Rows * Classes).Select(i => i % Classes == k ? 1f : 0f)];
            float[] column = [.. Enumerable.Range(0, Inputs).Select(i => weights[(i * Classes) + k])];
            float[] gradients = new float[Rows * Inputs];
            linear.Network.ComputeInputGradients(features, selector, gradients);
            for (int row = 0; row < Rows; row++) Assert.That(gradients[(row * Inputs)..((row + 1) * Inputs)], Is.EqualTo(column));

            layered.Network.ComputeInputGradients(features, selector, gradients);
            Assert.That(Enumerable.Range(0, Rows).Select(row => gradients[row * Inputs]).Distinct().Count(), Is.GreaterThan(1));
        }
    }

    /// <summary>‖Δlogits‖ ≤ ‖W‖·‖Δx‖ with the Frobenius norm, which bounds the spectral norm.</summary>
    [Test]
    public void ALinearModelsLogitsMoveNoFurtherThanItsWeightsAllow()
    {
        const int Rows = 50, Inputs = 8, Classes = 4;
        using LinearClassifier linear = new(TestDevice.Plain, Inputs, Classes);
        double norm = Norm(linear.GetParameters().OutputWeights);
        float[] x = TwinArrays.UniformFloats(90, Rows * Inputs, -5, 5), moved = TwinArrays.UniformFloats(91, Rows * Inputs, -5, 5);
        float[] logits = new float[Rows * Classes], logitsMoved = new float[Rows * Classes];
        linear.ComputeLogits(x, logits);
        linear.ComputeLogits(moved, logitsMoved);
        double greatestShare = 0;
        for (int row = 0; row < Rows; row++)
        {
            double dx = Norm(Enumerable.Range(row * Inputs, Inputs).Select(i => moved[i] - x[i]));
            double dz = Norm(Enumerable.Range(row * Classes, Classes).Select(i => logitsMoved[i] - logits[i]));
            Assert.That(dz, Is.LessThanOrEqualTo(norm * dx * (1 + 1e-5)));
            greatestShare = Math.Max(greatestShare, dz / (norm * dx));
        }

        Assert.That(greatestShare, Is.GreaterThan(0.1), "the bound is tried, not trivial");
    }

    [Test]
    public void CostCountsTheProductsOfEachBlock([Values] bool fused)
    {
        const long Batch = 64, Inputs = 784, Hidden = 128, Classes = 10;
        TestDevice.RequireOpenGL();
        using TwoLayerClassifier classifier = new(TestDevice.Plain, (int)Inputs, (int)Hidden, (int)Classes);
        NetworkCost cost = classifier.Network.Cost((int)Batch, null, fused);
        Assert.That(cost.Layers.Select(b => b.Name), Is.EqualTo(new[] { "0.dense", "1.relu", "2.dense", "3.softmax_cross_entropy" }));
        Assert.That(cost.Layers[0].Forward.FloatingPointOperations, Is.EqualTo(2 * Batch * Inputs * Hidden));
        Assert.That(cost.Layers[0].Backward.FloatingPointOperations, Is.EqualTo(cost.Layers[0].Forward.FloatingPointOperations), "first layer: once");
        Assert.That(cost.Layers[2].Backward.FloatingPointOperations, Is.EqualTo(2 * cost.Layers[2].Forward.FloatingPointOperations), "inner layer: twice");
        Assert.That(cost.Layers[1].Forward.FloatingPointOperations + cost.Layers[3].Backward.FloatingPointOperations, Is.Zero);
        Assert.That(cost.Total.FloatingPointOperations, Is.EqualTo(2 * Batch * ((2 * Inputs * Hidden) + (3 * Hidden * Classes))));

        // X is read once, W and b once, the result is written once, in 16-byte texels; 784 and 128 columns fill theirs. Fused, this is part of the
        // last layer's dispatch, which also has its own W and b, the targets, the losses, dZ, and dH in place of its input. A family that does
        // not fuse the previous layer into the last one reads its result again.
        long product = 4 * ((Batch * Inputs) + (Inputs * Hidden) + Hidden + (Batch * Hidden));
        long rows = 4 * (((Hidden + 1) * 12) + (Batch * (4 + 4 + 12 + Hidden)));
        bool isTakenAlong = fused && classifier.Network.KernelFamily is not (StandInFamily or WorkgroupTiledFamily);
        if (fused && classifier.Network.KernelFamily is WorkgroupTiledFamily)   // the sums are stored in 49 parts, in place of the result that the last layer makes of them
        {
            product += 4 * 48 * Batch * Hidden;
            rows += 4 * ((49 * Batch * Hidden) + ((Inputs + 1) * Hidden));
        }

        Assert.That(cost.Layers[0].Forward.BytesMoved, Is.EqualTo(isTakenAlong ? 0 : product));
        if (fused) Assert.That(cost.Layers[2].Forward.BytesMoved, Is.EqualTo(rows + (isTakenAlong ? product : 4 * Batch * Hidden)));
        Assert.That(cost.Layers[0].Forward.BytesAllocated, Is.GreaterThan(4 * ((Batch * Inputs) + (Inputs * Hidden))));

        Layer[] layers = [new Dense((int)Hidden), new Relu(), new Dense((int)Classes)];
        NetworkCost estimate = Network.EstimateCost(classifier.Network.KernelFamily, (int)Batch, (int)Inputs, null, layers);
        Assert.That(estimate.Total, Is.EqualTo(classifier.Network.Cost((int)Batch).Total), "the estimate needs no device");
        NetworkCost withoutFamily = Network.EstimateCost((int)Batch, (int)Inputs, null, layers);
        Assert.That(withoutFamily.Total, Is.EqualTo(Network.EstimateCost(KernelFamily.RegisterTiled, (int)Batch, (int)Inputs, null, layers).Total));
    }

    /// <summary>
    /// Without fusing, training holds about twice the memory of the forward pass alone: a gradient for each matrix except the
    /// features, whose share is large in a shallow stack and small in a deep one. Fusing saves a part of it.
    /// </summary>
    [Test]
    public void ThePlainPlanHoldsTwiceTheMemoryOfTheForwardPass()
    {
        using TwoLayerClassifier shallow = new(TestDevice.Plain, 784, 128, 10);
        using Network deep = new(TestDevice.Plain, 128, [.. Enumerable.Range(0, 8).SelectMany(_ => new Layer[] { new Dense(128), new Relu() }), new Dense(128)]);
        static double Share(NetworkCost cost) => (double)(cost.Forward.BytesAllocated + cost.Backward.BytesAllocated) / cost.Forward.BytesAllocated;
        Assert.That(Share(shallow.Network.Cost(64, fused: false)), Is.EqualTo(2).Within(0.3));
        Assert.That(Share(deep.Cost(64, fused: false)), Is.EqualTo(2).Within(0.05));
        Assert.That(deep.Cost(64).Total.BytesAllocated, Is.LessThan(deep.Cost(64, fused: false).Total.BytesAllocated));
    }

    /// <summary>The allocation reported by the cost equals the device's count, without and with an optimizer.</summary>
    [Test]
    public void CostAllocatesWhatTheDeviceCounts([Values(1, 7, 64)] int batch, [Values] bool fused)
    {
        const int Inputs = 33, Classes = 10;
        NeuralDevice device = TestDevice.Plain;
        foreach (Optimizer? optimizer in new Optimizer?[] { null, new Sgd(0.1f), new Sgd(0.1f, 0.9f), new Adam() })
        {
            if (optimizer is null && !fused) continue;   // gradients alone are always fused
            device.Update();
            long before = device.Memory.Bytes;
            using Network network = new(device, Inputs, new Dense(21), new Relu(), new Dense(Classes));
            float[] features = TwinArrays.UniformFloats(1, batch * Inputs);
            int[] labels = TwinArrays.Labels(2, batch, Classes);
            using BatchTrainer? trainer = optimizer is null ? null : new BatchTrainer(network, optimizer, fused: fused);
            if (trainer is null) network.ComputeGradients(features, labels);
            else trainer.TrainBatch(features, labels);
            Assert.That(device.Memory.Bytes - before, Is.EqualTo(network.Cost(batch, optimizer, fused).Total.BytesAllocated), $"{optimizer}");
            network.Dispose();
            trainer?.Dispose();
            device.Update();
            Assert.That(device.Memory.Bytes, Is.EqualTo(before));
        }
    }

    /// <summary>A dispatch that needs another's writes has a barrier before it, and no other does.</summary>
    [Test]
    public void BarriersStandWhereADispatchNeedsAnothersResult()
    {
        NeuralDevice device = TestDevice.Plain;
        using MatrixTexture a = Kernels.Empty(device, 4, 4), b = Kernels.Empty(device, 4, 4), c = Kernels.Empty(device, 4, 4), d = Kernels.Empty(device, 4, 4);
        Relu relu = new();
        IEnumerable<Dispatch> Copy(Operand from, Operand to) => relu.Forward(new LayerOperands(from, to, [])).Select(c => c.ToDispatch(KernelFamily.Of(device).For(device.Limits)));
        Plan plan = new(device, [.. Copy(a, b), .. Copy(a, c), .. Copy(b, d), .. Copy(c, a), .. Copy(a, b)]);
        Assert.That(plan.Dispatches.Select(dispatch => dispatch.NeedsBarrier), Is.EqualTo(new[] { false, false, true, false, true }));
    }

    private static (Network Network, NetworkTwin Twin) Pair(NeuralDevice device, int inputs, int[] units, bool relu, int seed)
    {
        List<Layer> stack = [];
        foreach (int count in units)
        {
            if (relu && stack.Count > 0) stack.Add(new Relu());
            stack.Add(new Dense(count));
        }

        Network network = new(device, seed, inputs, [.. stack]);
        for (int i = 1; i < network.Parameters.Count; i += 2)
            network.Parameters[i].SetValues(TwinArrays.UniformFloats(seed + i, network.Parameters[i].Columns));
        return (network, TwinOf(network, stack, inputs));
    }

    private static NetworkTwin TwinOf(Network network, List<Layer> stack, int inputs)
    {
        Queue<NetworkParameter> parameters = new(network.Parameters);
        List<LayerTwin> layers = [];
        foreach (Layer layer in stack)
        {
            if (layer is Relu)
            {
                layers.Add(new ReluLayerTwin());
                continue;
            }

            NetworkParameter weights = parameters.Dequeue(), biases = parameters.Dequeue();
            layers.Add(new DenseLayerTwin(weights.Rows, weights.Columns, weights.GetValues(), biases.GetValues()));
        }

        return new NetworkTwin(inputs, [.. layers]);
    }

    private static void AssertUniform(float[] values, double bound)
    {
        Assert.That(values.Max(), Is.LessThanOrEqualTo((float)bound).And.GreaterThan(0.98 * bound));
        Assert.That(values.Min(), Is.GreaterThanOrEqualTo((float)-bound).And.LessThan(-0.98 * bound));
        Assert.That(values.Average(), Is.EqualTo(0).Within(5 * bound / Math.Sqrt(3.0 * values.Length)));
    }

    private static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(v => (double)v * v));
}
