using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class NetworkTwinTests
{
    private const double LeastDistanceFromKink = 1e-3;

    /// <summary>The worked example of issue 2.</summary>
    private static readonly double[] HiddenWeights = [0.1, 0.2, 0.4, 0.4, 0.6, 0.6, 0.5, 0.9, 0.1, 0.8, 0.2, 0.8];
    private static readonly double[] OutputWeights = [0.1, 0.6, 0.2, 0.1, 0.7, 0.9];
    private static readonly double[] ExampleFeatures = [1, 2, 3, 4, -1, -2, -3, -4, 11, 12, 13, 14];
    private static readonly double[] ExampleLogits = [5.11, 8.44, 0, 0, 24.01, 38.24];

    [Test]
    public void TheWorkedExample()
    {
        var network = new NetworkTwin(
            4, new DenseLayerTwin(4, 3, HiddenWeights, new double[3]), new ReluLayerTwin(),
            new DenseLayerTwin(3, 2, OutputWeights, new double[2]));
        Tolerance.AssertClose(network.Forward(ExampleFeatures, 3), ExampleLogits, 1e-12, 0, "logits", 2);
    }

    [Test]
    public void TheWorkedExampleFromFloats()
    {
        float[] hidden = [.. HiddenWeights.Select(w => (float)w)];
        float[] output = [.. OutputWeights.Select(w => (float)w)];
        var network = new NetworkTwin(
            4, new DenseLayerTwin(4, 3, hidden, new float[3]), new ReluLayerTwin(),
            new DenseLayerTwin(3, 2, output, new float[2]));
        Tolerance.AssertClose(network.Forward(ExampleFeatures, 3), ExampleLogits, 1e-5, 0, "logits", 2);
        Assert.That(network.Parameters[0][0], Is.EqualTo((double)0.1f), "what the float holds, not what it was written as");
    }

    [Test]
    public void GradientsAgreeWithCentralDifferences(
        [Values(1, 2, 3, 4)] int denseLayers, [Values] bool relu, [Values] bool weighted, [Values] bool masked,
        [Values(0, 0.2)] double entropyBonus)
    {
        int[] sizes = [5, 7, 4, 9, 3];
        sizes[denseLayers] = 3;
        (NetworkTwin network, double[] features) = AwayFromKink(rows: 6, relu, sizes.AsSpan(0, denseLayers + 1));
        int[] labels = TwinArrays.Labels(7, 6, 3);
        double[]? weights = weighted ? [0, -1.5, 1, 2, -0.25, 0.5] : null;
        bool[]? allowed = masked ? TwinArrays.Mask(8, labels, 3) : null;
        if (allowed is not null)
            Assert.That(allowed, Has.Some.False);

        NetworkTwinGradients gradients = network.Gradients(features, labels, weights, allowed, entropyBonus);

        double Loss() => network.Loss(features, labels, weights, allowed, entropyBonus);
        Assert.That(gradients.Forward.Loss, Is.EqualTo(Loss()));
        Assert.That(gradients.Parameters, Has.Count.EqualTo(2 * denseLayers));
        for (int i = 0; i < network.Parameters.Count; i++)
        {
            Tolerance.AssertClose(
                gradients.Parameters[i], CentralDifferences.Gradient(Loss, network.Parameters[i]), 1e-8, 1e-6, $"parameter {i}");
            Assert.That(gradients.Parameters[i].Max(Math.Abs), Is.GreaterThan(1e-3), $"parameter {i} shows something");
        }
        Tolerance.AssertClose(gradients.Input, CentralDifferences.Gradient(Loss, features), 1e-8, 1e-6, "input", sizes[0]);
        Assert.That(gradients.Input.Max(Math.Abs), Is.GreaterThan(1e-3), "the input shows something");
    }

    [Test]
    public void ARowOfWeightZeroHasNoSay()
    {
        (NetworkTwin network, double[] features) = AwayFromKink(rows: 2, relu: true, 5, 7, 3);
        NetworkTwinGradients both = network.Gradients(features, [0, 1], [0, 2]);
        NetworkTwinGradients alone = network.Gradients(features.AsSpan(5), [1]);
        // Weight 2 for one of two rows is the same as that row alone.
        Assert.That(both.Forward.Loss, Is.EqualTo(alone.Forward.Loss).Within(1e-15));
        for (int i = 0; i < 4; i++)
            Tolerance.AssertClose(both.Parameters[i], alone.Parameters[i], 1e-15, 1e-14, $"parameter {i}");
        Assert.That(both.Input.Take(5), Is.All.Zero);
    }

    [Test]
    public void TwoDenseLayersWithNoReluBetweenEqualOne()
    {
        double[] first = TwinArrays.Uniform(1, 5 * 7), firstBiases = TwinArrays.Uniform(2, 7);
        double[] second = TwinArrays.Uniform(3, 7 * 3), secondBiases = TwinArrays.Uniform(4, 3);
        double[] features = TwinArrays.Uniform(5, 4 * 5);
        var two = new NetworkTwin(
            5, new DenseLayerTwin(5, 7, first, firstBiases), new DenseLayerTwin(7, 3, second, secondBiases));
        var one = new NetworkTwin(
            5, new DenseLayerTwin(
                5, 3, DenseTwin.DenseForward(first, second, new double[3], 5, 7, 3),
                DenseTwin.DenseForward(firstBiases, second, secondBiases, 1, 7, 3)));
        Tolerance.AssertClose(two.Forward(features, 4), one.Forward(features, 4), 1e-14, 0, "logits", 3);
    }

    [Test]
    public void AStepFollowsTheOptimizerAndReturnsTheLossBeforeIt()
    {
        (NetworkTwin network, double[] features) = AwayFromKink(rows: 6, relu: true, 5, 7, 3);
        int[] labels = TwinArrays.Labels(7, 6, 3);
        double[][] before = [.. network.Parameters.Select(parameter => (double[])parameter.Clone())];
        NetworkTwinGradients gradients = network.Gradients(features, labels);

        SoftmaxCrossEntropyTwinResult result = network.Step(new SgdTwin(0.1), features, labels);

        Assert.That(result.Loss, Is.EqualTo(gradients.Forward.Loss));
        for (int i = 0; i < before.Length; i++)
        {
            double[] expected = [.. before[i].Zip(gradients.Parameters[i], (w, g) => w - 0.1 * g)];
            Assert.That(network.Parameters[i], Is.EqualTo(expected));
        }
    }

    [TestCase("sgd")]
    [TestCase("momentum")]
    [TestCase("decay")]
    [TestCase("adam")]
    public void TwoHundredStepsLearnTheBatch(string optimizer)
    {
        (NetworkTwin network, double[] features) = AwayFromKink(rows: 6, relu: true, 5, 16, 3);
        int[] labels = [0, 1, 2, 0, 1, 2];
        OptimizerTwin twin = optimizer switch
        {
            "sgd" => new SgdTwin(0.5),
            "momentum" => new SgdTwin(0.1, momentum: 0.9),
            "decay" => new SgdTwin(0.5, weightDecay: 1e-4),
            _ => new AdamTwin(0.02),
        };
        double start = network.Loss(features, labels);
        for (int step = 0; step < 200; step++)
            network.Step(twin, features, labels);

        SoftmaxCrossEntropyTwinResult end = network.Evaluate(features, labels);
        Assert.That(end.Loss, Is.LessThan(start / 10));
        Assert.That(end.CorrectCount, Is.EqualTo(6));
        Assert.That(twin.Steps, Is.EqualTo(200));
    }

    [Test]
    public void ALayerHoldsCopiesOfItsParameters()
    {
        double[] weights = [1, 2];
        var layer = new DenseLayerTwin(1, 2, weights, [0.0, 0.0]);
        weights[0] = 5;
        Assert.That(layer.Weights, Is.EqualTo((double[])[1, 2]));
    }

    [Test]
    public void TheDistanceFromTheKinkIsTheSmallestInputOfARelu()
    {
        var layer = new DenseLayerTwin(1, 2, [1.0, -3.0], [0.0, 0.0]);
        Assert.That(new NetworkTwin(1, layer, new ReluLayerTwin()).DistanceFromKink([2, -0.5], 2), Is.EqualTo(0.5));
        Assert.That(new NetworkTwin(1, layer).DistanceFromKink([2], 1), Is.EqualTo(double.PositiveInfinity));
    }

    [Test]
    public void RejectsLayersThatDoNotFit()
    {
        var layer = new DenseLayerTwin(2, 3, new double[6], new double[3]);
        Assert.That(() => new NetworkTwin(2), Throws.ArgumentException);
        Assert.That(() => new NetworkTwin(3, layer), Throws.ArgumentException);
        Assert.That(() => new NetworkTwin(2, layer, new ReluLayerTwin(), layer), Throws.ArgumentException);
        Assert.That(() => new DenseLayerTwin(2, 3, new double[5], new double[3]), Throws.ArgumentException);
        Assert.That(() => new NetworkTwin(2, layer).Forward(new double[3], 1), Throws.ArgumentException);
        Assert.That(() => new NetworkTwin(2, layer).Loss(new double[2], [3]), Throws.ArgumentException);
    }

    /// <summary>
    /// Dense layers of these sizes, a ReLU between consecutive ones on request, and features, all from the first seed that keeps every
    /// input of a ReLU off its kink. Fails the test if none of a thousand does.
    /// </summary>
    private static (NetworkTwin Network, double[] Features) AwayFromKink(int rows, bool relu, params ReadOnlySpan<int> sizes)
    {
        for (int seed = 0; seed < 1000; seed++)
        {
            var layers = new List<LayerTwin>();
            for (int i = 0; i + 1 < sizes.Length; i++)
            {
                if (relu && i > 0)
                    layers.Add(new ReluLayerTwin());
                layers.Add(new DenseLayerTwin(
                    sizes[i], sizes[i + 1],
                    TwinArrays.Uniform(100 * seed + 2 * i, sizes[i] * sizes[i + 1], -1, 1),
                    TwinArrays.Uniform(100 * seed + 2 * i + 1, sizes[i + 1], -0.5, 0.5)));
            }
            var network = new NetworkTwin(sizes[0], [.. layers]);
            double[] features = TwinArrays.Uniform(100 * seed + 99, rows * sizes[0], -1, 1);
            if (network.DistanceFromKink(features, rows) >= LeastDistanceFromKink)
                return (network, features);
        }
        throw new InvalidOperationException($"No seed keeps the network {LeastDistanceFromKink} away from the kink.");
    }
}
