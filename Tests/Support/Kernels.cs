using System.Runtime.InteropServices;

namespace NeuralPlugin.Tests;

/// <summary>Runs single computations on matrices, so that each kernel can be compared with its twin alone.</summary>
internal static class Kernels
{
    public static MatrixTexture Upload(NeuralDevice device, int rows, int columns, float[] values, int? capacity = null)
    {
        MatrixTexture texture = new(device, device.Shape(capacity ?? rows, columns, "test values"));
        texture.Upload<float>(values);
        return texture;
    }

    public static MatrixTexture Empty(NeuralDevice device, int rows, int columns) => new(device, device.Shape(rows, columns, "test values"));

    public static void Run(NeuralDevice device, int rows, IEnumerable<Dispatch> dispatches) => new Plan(device, dispatches).Run(rows);

    /// <summary>With the kernels of a family; null for the device's.</summary>
    public static void Run(NeuralDevice device, int rows, IEnumerable<Computation> computations, KernelFamily? family = null)
    {
        FamilyKernels kernels = (family ?? KernelFamily.Of(device)).For(device.Limits);
        Run(device, rows, computations.Select(computation => computation.ToDispatch(kernels)));
    }

    /// <summary>All values in a texture, with the padding at the end of each row.</summary>
    public static float[] ReadPadded(MatrixTexture texture)
    {
        float[] padded = new float[texture.Shape.Rows * texture.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel];
        texture.ReadRows(0, MemoryMarshal.AsBytes(padded.AsSpan()));
        return padded;
    }

    /// <summary>All its values, row-major without the padding.</summary>
    public static float[] Read(this MatrixTexture texture)
    {
        float[] values = new float[texture.Shape.Elements];
        texture.Read(values);
        return values;
    }
}
