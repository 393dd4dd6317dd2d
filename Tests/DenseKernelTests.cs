using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The dense kernels against their twins: every size in every role.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class DenseKernelTests
{
    private const double Absolute = 2e-5;

    private static readonly int[] Sizes = [1, 3, 4, 7, 9, 64, 785];

    /// <summary>
    /// Each size in each role, and the odd ones also against each other, except 785 twice, which only takes long. Then sizes that
    /// use the tiles of large batches. In every family of kernels.
    /// </summary>
    public static IEnumerable<TestCaseData> Shapes()
    {
        return TestDevice.Families.SelectMany(ShapesOf);
    }

    private static IEnumerable<TestCaseData> ShapesOf(KernelFamily family)
    {
        foreach ((int rows, int outputs) in new[] { (128, 65), (131, 97), (145, 290) }) yield return new TestCaseData(family, rows, 9, outputs);
        foreach (int rows in Sizes)
        {
            foreach (int inputs in Sizes)
            {
                foreach (int outputs in Sizes)
                {
                    if (new[] { rows, inputs, outputs }.Count(size => size == 785) <= 1) yield return new TestCaseData(family, rows, inputs, outputs);
                }
            }
        }
    }

    [TestCaseSource(nameof(Shapes))]
    public void AgreeWithTheirTwins(KernelFamily family, int rows, int inputs, int outputs)
    {
        NeuralDevice device = TestDevice.Plain;
        float[] x = TwinArrays.UniformFloats(1, rows * inputs);
        float[] w = TwinArrays.UniformFloats(2, inputs * outputs);
        float[] b = TwinArrays.UniformFloats(3, outputs);
        float[] dy = TwinArrays.UniformFloats(4, rows * outputs);
        double[] x64 = TwinArrays.ToDouble(x), w64 = TwinArrays.ToDouble(w), b64 = TwinArrays.ToDouble(b), dy64 = TwinArrays.ToDouble(dy);
        Dense dense = new(outputs);

        // Room for two more rows, which hold values that must not be read.
        int capacity = rows + 2;
        using MatrixTexture input = Kernels.Upload(device, rows, inputs, [.. x, .. Enumerable.Repeat(float.NaN, 2 * inputs)], capacity);
        using MatrixTexture parameters = Kernels.Upload(device, inputs + 1, outputs, [.. w, .. b]);
        using MatrixTexture output = Kernels.Empty(device, capacity, outputs);
        using MatrixTexture outputGradients =
            Kernels.Upload(device, rows, outputs, [.. dy, .. Enumerable.Repeat(float.NaN, 2 * outputs)], capacity);
        using MatrixTexture inputGradients = Kernels.Empty(device, capacity, inputs);
        using MatrixTexture parameterGradients = Kernels.Empty(device, inputs + 1, outputs);
        LayerOperands operands = new(input, output, [parameters]);

        Kernels.Run(device, rows, dense.Forward(operands), family);
        Kernels.Run(device, rows, dense.Backward(operands, new GradientOperands(outputGradients, inputGradients, [parameterGradients])), family);

        float[] y = new float[rows * outputs];
        output.Read(y);
        Tolerance.AssertClose(y, DenseTwin.DenseForward(x64, w64, b64, rows, inputs, outputs), Absolute, 0, "dense_forward", outputs);
        float[] dx = new float[rows * inputs];
        inputGradients.Read(dx);
        Tolerance.AssertClose(dx, DenseTwin.DenseBackwardInput(dy64, w64, rows, inputs, outputs), Absolute, 0, "dense_backward_input", inputs);
        double[] expected = [.. DenseTwin.DenseBackwardWeights(x64, dy64, rows, inputs, outputs), .. DenseTwin.DenseBackwardBiases(dy64, rows, outputs)];
        Tolerance.AssertClose(parameterGradients.Read(), expected, Absolute, 0, "dense_backward_weights", outputs);
        foreach ((MatrixTexture texture, int columns) in new[] { (output, outputs), (inputGradients, inputs), (parameterGradients, outputs) })
            AssertPaddingIsZero(texture, columns);
    }

    private static void AssertPaddingIsZero(MatrixTexture texture, int columns)
    {
        float[] padded = Kernels.ReadPadded(texture);
        int stride = texture.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        for (int i = 0; i < padded.Length; i++)
        {
            if (i % stride >= columns) Assert.That(padded[i], Is.Zero, $"the padding of row {i / stride} of {texture.Shape}");
        }
    }
}
