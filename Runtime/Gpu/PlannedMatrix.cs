namespace NeuralPlugin;

/// <summary>
/// A matrix that a recording asks for. It is a shape until it is realized: a cost needs no more, and what fusing makes
/// needless never becomes a texture.
/// </summary>
internal sealed class PlannedMatrix(MatrixShape shape, string what, TexelFormat format = TexelFormat.Float) : Operand
{
    private MatrixTexture? texture;

    public override MatrixShape Shape => shape;

    public override TexelFormat Format => format;

    public override uint TextureName => Texture.TextureName;

    public bool IsRealized => texture is not null;

    public MatrixTexture Texture => texture ?? throw new InvalidOperationException($"{what} {shape} were planned and not realized.");

    /// <summary>Makes the texture.</summary>
    /// <exception cref="DeviceLimitException">It does not fit.</exception>
    public MatrixTexture Realize(NeuralDevice device)
    {
        return texture ??= new MatrixTexture(device, device.Shape(shape.Rows, shape.Columns, what), format);
    }
}
