namespace NeuralPlugin;

/// <summary>
/// A matrix that a computation graph asks for. It is a shape until it is realized: a cost needs no more, and what fusing makes
/// needless is never made.
/// </summary>
internal sealed class PlannedMatrix(MatrixShape shape, string what, TexelFormat format = TexelFormat.Float) : Operand, IDisposable
{
    private MatrixTexture? texture;

    public override MatrixShape Shape => shape;

    public override TexelFormat Format => format;

    public override MatrixStorage Storage => Texture.Storage;

    public bool IsRealized => texture is not null;

    public MatrixTexture Texture => texture ?? throw new InvalidOperationException($"{what} {shape} were planned and not realized.");

    /// <exception cref="DeviceLimitException">It is too large for this device.</exception>
    public void RequireFit(NeuralDevice device) => _ = device.Shape(shape.Rows, shape.Columns, what, format);

    public void Realize(NeuralDevice device) => texture = new MatrixTexture(device, shape, format);

    public void Dispose() => texture?.Dispose();
}
