using System.Globalization;
using System.Runtime.Intrinsics;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Kernels on the processor with vectors of each width, which exist on .NET but not on .NET Standard.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class VectorWidthTests
{
    /// <summary>Each lane is a column of the result, so the machine's vector width changes no bit.</summary>
    [Test]
    public unsafe void AProductHasTheSameBitsWhateverTheWidthOfTheVectors([Values(1, 5, 8, 13, 29)] int rows, [Values(4, 12, 32, 52)] int columns)
    {
        const int Depth = 300, Margin = 64;
        float[] a = TwinArrays.UniformFloats(1, rows * Depth, -1, 1), b = TwinArrays.UniformFloats(2, (Depth * columns) + Margin, -1, 1);
        float[] start = TwinArrays.UniformFloats(3, columns + Margin, -1, 1);
        float[][] results = [.. Enumerable.Range(0, 5).Select(_ => new float[(rows * columns) + Margin])];
        fixed (float* pa = a, pb = b, ps = start, r0 = results[0], r1 = results[1], r2 = results[2], r3 = results[3], r4 = results[4])
        {
            float** found = stackalloc float*[rows];
            for (int row = 0; row < rows; row++) found[row] = pa + (row * Depth);
            MatrixProduct.Multiply(rows, found, 1, pb, columns, Depth, ps, r0, columns, columns);
            MatrixProduct.Multiply<Vector512<float>, Simd512>(rows, found, 1, pb, columns, Depth, ps, r1, columns, columns);
            MatrixProduct.Multiply<Vector256<float>, Simd256>(rows, found, 1, pb, columns, Depth, ps, r2, columns, columns);
            MatrixProduct.Multiply<Vector128<float>, Simd128>(rows, found, 1, pb, columns, Depth, ps, r3, columns, columns);
            MatrixProduct.Multiply<float, SimdNone>(rows, found, 1, pb, columns, Depth, ps, r4, columns, columns);
        }

        foreach (float[] result in results) Assert.That(result[..(rows * columns)], Is.EqualTo(results[0][..(rows * columns)]));
    }

    /// <summary>
    /// All kernels against their twins, in a process whose runtime does without some instructions: as on processors with narrower vectors, on Arm, and
    /// where there are none.
    /// </summary>
    [TestCase("DOTNET_EnableAVX512", 256)]
    [TestCase("DOTNET_EnableAVX2", 128)]
    [TestCase("DOTNET_EnableHWIntrinsic", 128)]
    [Category(Categories.Nightly)]
    public void EveryKernelIsRightWithNarrowerVectors(string variable, int mostBits)
    {
        string renderer = Run("device processor").Output.Trim();
        int bits = int.Parse(renderer.Split(' ')[^2], CultureInfo.InvariantCulture);
        Assert.That(bits, Is.AtMost(mostBits), renderer);
        ChildResult tests = Run("tests DenseKernelTests RowKernelTests NetworkPopulationTests");
        Assert.That(tests.ExitCode, Is.Zero, tests.Output);

        ChildResult Run(string probe) => ChildProcess.Run(probe, (variable, "0"), ("NEURALPLUGIN_TEST_DEVICE", "processor"));
    }
}
