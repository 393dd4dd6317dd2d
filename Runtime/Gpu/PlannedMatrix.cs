namespace NeuralPlugin;

/// <summary>
/// A matrix that a computation graph requests. It is only a shape until it is realized: a cost needs no more, and matrices that fusion
/// eliminates are never made.
/// </summary>
internal sealed class PlannedMatrix(MatrixShape shape, string what, TexelFormat format = TexelFormat.Float) : Operand, IDisposable
{
    private MatrixTexture? texture;

    public override MatrixShape Shape => shape;

    public override TexelFormat Format => format;

    public override MatrixStorage Storage => Texture.Storage;

    public override bool IsUsable => texture is { IsUsable: true };

    public bool IsRealized => texture is not null;

    public MatrixTexture Texture => texture ?? throw new InvalidOperationException($"{what} {shape} were planned, but not created.");

    /// <exception cref="DeviceLimitException">The matrix is too large for this device.</exception>
    public void RequireFit(NeuralDevice device) => _ = device.Shape(shape.Rows, shape.Columns, what, format);

    public void Realize(NeuralDevice device) => texture = new MatrixTexture(device, shape, format);

    public void Dispose() => texture?.Dispose();
}
