using NUnit.Framework;
using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Tests;

/// <summary>The results of the kernels of a loss of values for a batch.</summary>
/// <param name="RowLosses">One per row.</param>
/// <param name="Loss">The mean, with its weights.</param>
/// <param name="Correct">Rows counted as correct.</param>
/// <param name="Gradients">With respect to the outputs, row by row, with their padding.</param>
/// <param name="Outputs">Outputs per row, without padding.</param>
internal sealed record ValueLossKernels(float[] RowLosses, float Loss, float Correct, float[] Gradients, int Outputs)
{
    /// <param name="device">The device that runs them.</param>
    /// <param name="loss">The loss whose kernels to run.</param>
    /// <param name="outputs">Outputs per row.</param>
    /// <param name="given">The network's outputs, [rows x outputs].</param>
    /// <param name="values">The targets, likewise.</param>
    /// <param name="weights">One per row; empty for all 1.</param>
    public static ValueLossKernels Run(NeuralDevice device, Loss loss, int outputs, float[] given, float[] values, float[] weights)
    {
        int rows = given.Length / outputs;
        ValueTargets layout = new(outputs);
        uint[] packed = new uint[rows * layout.WordsPerRow];
        layout.Pack(BatchTargets.OfValues(values, weights), packed);
        using MatrixTexture y = Kernels.Upload(device, rows, outputs, given);
        using MatrixTexture targets = new(device, device.Shape(rows, layout.WordsPerRow, "targets"), TexelFormat.UnsignedInteger);
        targets.Upload<uint>(packed);
        using MatrixTexture rowLosses = Kernels.Empty(device, rows, MatrixShape.ColumnsPerTexel), batchLoss = Kernels.Empty(device, 1, MatrixShape.ColumnsPerTexel);
        using MatrixTexture gradients = Kernels.Empty(device, rows, outputs);
        Kernels.Run(device, rows, [.. loss.Forward(y, targets, rowLosses, batchLoss), .. loss.Backward(y, targets, gradients)]);

        float[] rowValues = rowLosses.Read(), batch = batchLoss.Read();
        return new ValueLossKernels(
            [.. Enumerable.Range(0, rows).Select(row => rowValues[row * MatrixShape.ColumnsPerTexel])], batch[0], batch[1], Kernels.ReadPadded(gradients), outputs);
    }

    /// <summary>Checks that they match the twin's, that no row is correct, and that the gradients' padding is zero.</summary>
    public void AssertClose(double[] rowLosses, double loss, double[] gradients)
    {
        int stride = Gradients.Length / RowLosses.Length;
        Tolerance.AssertClose(RowLosses, rowLosses, 1e-5, 1e-5, "row losses");
        Tolerance.AssertClose([Loss], [loss], 1e-5, 1e-5, "batch loss");
        Assert.That(Correct, Is.Zero, "nothing is right or wrong");
        Tolerance.AssertClose([.. Gradients.Where((_, i) => i % stride < Outputs)], gradients, 1e-7, 1e-5, "gradients", Outputs);
        Assert.That(Gradients.Where((_, i) => i % stride >= Outputs), Is.All.Zero, "the padding");
    }
}
