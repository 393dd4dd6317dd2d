using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>ReLU, softmax and its loss against their twins.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class RowKernelTests
{
    /// <summary>Rows and classes; 65 and 130 need a second and a third word of the mask, and a second texel of targets.</summary>
    private static readonly (int Rows, int Classes)[] Shapes =
        [(1, 1), (1, 2), (3, 3), (4, 4), (7, 9), (9, 10), (64, 10), (65, 65), (7, 130), (785, 7), (3, 785), (100, 33)];

    public static IEnumerable<TestCaseData> Losses()
    {
        foreach ((int rows, int classes) in Shapes)
        {
            foreach ((bool weighted, bool masked, float entropyBonus) in
                new[] { (false, false, 0f), (true, false, 0f), (false, true, 0f), (false, false, 0.3f), (true, true, 0.3f) })
            {
                yield return new TestCaseData(rows, classes, weighted, masked, entropyBonus);
            }
        }
    }

    [TestCaseSource(nameof(Losses))]
    public void LossAndItsGradientAgreeWithTheirTwins(int rows, int classes, bool weighted, bool masked, float entropyBonus)
    {
        float[] logits = TwinArrays.UniformFloats(11, rows * classes, -4, 4);
        int[] labels = TwinArrays.Labels(12, rows, classes);
        float[] weights = weighted ? TwinArrays.UniformFloats(13, rows, -2, 2) : [];
        if (weighted) weights[rows / 2] = 0;
        bool[] allowed = masked ? TwinArrays.Mask(14, labels, classes) : [];
        Compare(TestDevice.Plain, logits, labels, classes, weights, allowed, entropyBonus);
    }

    /// <summary>Logits of ±10,000: every exponential except the greatest underflows, and nothing overflows.</summary>
    [Test]
    public void HugeLogitsStayFiniteAndRight([Values(0f, 0.5f)] float entropyBonus)
    {
        float[] logits =
        [
            10_000, -10_000, 0,
            -10_000, -10_000, -10_000,
            10_000, 10_000, -10_000,
            10_000, 9_999, 9_998,
            -10_000, 10_000, 10_000,
            3e38f, -3e38f, 0,
        ];
        int[] labels = [0, 2, 1, 1, 0, 0];
        Compare(TestDevice.Plain, logits, labels, 3, [1, 1, 1, 1, 1, 1], [], entropyBonus);

        float[] probabilities = SoftmaxOf(TestDevice.Plain, logits, 6, 3);
        Tolerance.AssertClose(probabilities, SoftmaxTwin.SoftmaxForward(TwinArrays.ToDouble(logits), 6, 3), 1e-6, 1e-5, "softmax_forward", 3);
    }

    /// <summary>A class that is not allowed does not count, however great its logit.</summary>
    [Test]
    public void AMaskedLogitHasNoInfluence()
    {
        bool[] allowed = [true, false, true, true, true, false];
        Compare(TestDevice.Plain, [1, 10_000, 2, -5, 3, float.MaxValue], [2, 1], 3, [1, -1], allowed, 0.1f);
    }

    [Test]
    public void SoftmaxAgreesWithItsTwin([ValueSource(nameof(ShapeCases))] (int Rows, int Classes) shape)
    {
        float[] logits = TwinArrays.UniformFloats(21, shape.Rows * shape.Classes, -6, 6);
        double[] expected = SoftmaxTwin.SoftmaxForward(TwinArrays.ToDouble(logits), shape.Rows, shape.Classes);
        float[] actual = SoftmaxOf(TestDevice.Plain, logits, shape.Rows, shape.Classes);
        Tolerance.AssertClose(actual, expected, 1e-6, 1e-5, "softmax_forward", shape.Classes);
    }

    /// <summary>The derivative of ReLU is 0 below zero, 1 above, and 0 at zero (of either sign).</summary>
    [Test]
    public void ReluAndItsDerivativeAtZero()
    {
        float[] x = [-2, -float.Epsilon, -0f, 0, float.Epsilon, 3];
        (float[] y, float[] dx) = ReluOf(TestDevice.Plain, x, [1, 1, 1, 1, 1, 1], 1, 6);
        Assert.That(y[0], Is.Zero);
        Assert.That(y[2..4], Is.All.EqualTo(0f));
        Assert.That(y[5], Is.EqualTo(3f));
        Assert.That(dx[0], Is.Zero);
        Assert.That(dx[2..4], Is.All.EqualTo(0f));
        Assert.That(dx[5], Is.EqualTo(1f));
    }

    [Test]
    public void ReluAgreesWithItsTwin([ValueSource(nameof(ShapeCases))] (int Rows, int Classes) shape)
    {
        float[] x = TwinArrays.UniformFloats(31, shape.Rows * shape.Classes);
        float[] dy = TwinArrays.UniformFloats(32, x.Length);
        (float[] y, float[] dx) = ReluOf(TestDevice.Plain, x, dy, shape.Rows, shape.Classes);
        Tolerance.AssertClose(y, ReluTwin.ReluForward(TwinArrays.ToDouble(x)), 0, 0, "relu_forward", shape.Classes);
        Tolerance.AssertClose(dx, ReluTwin.ReluBackward(TwinArrays.ToDouble(x), TwinArrays.ToDouble(dy)), 0, 0, "relu_backward", shape.Classes);
    }

    private static IEnumerable<(int Rows, int Classes)> ShapeCases() => Shapes;

    private static void Compare(
        NeuralDevice device, float[] logits, int[] labels, int classes, float[] weights, bool[] allowed, float entropyBonus)
    {
        int rows = labels.Length;
        LabelTargets layout = new(classes);
        int words = layout.WordsPerRow;
        uint[] packed = new uint[rows * words];
        layout.Pack(BatchTargets.OfLabels(labels, weights, allowed), packed);
        using MatrixTexture z = Kernels.Upload(device, rows, classes, logits);
        using MatrixTexture targets = new(device, device.Shape(rows, words, "targets"), TexelFormat.UnsignedInteger);
        targets.Upload<uint>(packed);
        using MatrixTexture rowLosses = Kernels.Empty(device, rows, MatrixShape.ColumnsPerTexel);
        using MatrixTexture batchLoss = Kernels.Empty(device, 1, MatrixShape.ColumnsPerTexel);
        using MatrixTexture gradients = Kernels.Empty(device, rows, classes);
        SoftmaxCrossEntropy loss = new(entropyBonus);
        Kernels.Run(device, rows, [.. loss.Forward(z, targets, rowLosses, batchLoss), .. loss.Backward(z, targets, gradients)]);

        double[] z64 = TwinArrays.ToDouble(logits), weights64 = TwinArrays.ToDouble(weights);
        SoftmaxCrossEntropyTwinResult expected =
            SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyForward(z64, labels, classes, weights64, allowed, entropyBonus);
        float[] rowValues = rowLosses.Read();
        float[] losses = [.. Enumerable.Range(0, rows).Select(row => rowValues[row * MatrixShape.ColumnsPerTexel])];
        Tolerance.AssertClose(losses, expected.RowLosses, 1e-5, 1e-5, "softmax_cross_entropy_forward");
        Tolerance.AssertClose(batchLoss.Read().AsSpan(0, 1), [expected.Loss], 1e-5, 1e-5, "softmax_cross_entropy_sum");
        Assert.That(batchLoss.Read()[1], Is.EqualTo(expected.CorrectCount), "right predictions");
        double[] expectedGradients =
            SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyBackward(z64, labels, classes, weights64, allowed, entropyBonus);
        Tolerance.AssertClose(gradients.Read(), expectedGradients, 1e-6, 1e-4, "softmax_cross_entropy_backward", classes);
    }

    private static float[] SoftmaxOf(NeuralDevice device, float[] logits, int rows, int classes)
    {
        using MatrixTexture z = Kernels.Upload(device, rows, classes, logits);
        using MatrixTexture p = Kernels.Empty(device, rows, classes);
        Kernels.Run(device, rows, [new SoftmaxForward(z, p)]);
        return p.Read();
    }

    private static (float[] Y, float[] Dx) ReluOf(NeuralDevice device, float[] x, float[] dy, int rows, int columns)
    {
        using MatrixTexture input = Kernels.Upload(device, rows, columns, x);
        using MatrixTexture output = Kernels.Empty(device, rows, columns);
        using MatrixTexture outputGradients = Kernels.Upload(device, rows, columns, dy);
        using MatrixTexture inputGradients = Kernels.Empty(device, rows, columns);
        Relu relu = new();
        LayerOperands operands = new(input, output, []);
        Kernels.Run(device, rows, [.. relu.Forward(operands), .. relu.Backward(operands, new GradientOperands(outputGradients, inputGradients, []))]);
        return (output.Read(), inputGradients.Read());
    }
}
