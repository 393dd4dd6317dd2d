namespace NeuralPlugin;

/// <summary>A small substitute for a texture of the host.</summary>
internal sealed class StandInTexture : Operand, IDisposable
{
    private const int PowerOfTwo = 4;
    private const int Other = 3;

    public StandInTexture(NeuralDevice device, OperandKind kind)
    {
        (int width, int height) = (kind.IsWidthPowerOfTwo ? PowerOfTwo : Other, kind.IsHeightPowerOfTwo ? PowerOfTwo : Other);
        Shape = new MatrixShape(height, width * MatrixShape.ColumnsPerTexel);
        Storage = device.HostTextures.CreateStandIn(width, height, out uint name);
        TextureName = name;
    }

    public override MatrixShape Shape { get; }

    public override TexelFormat Format => TexelFormat.Float;

    public override MatrixStorage Storage { get; }

    /// <summary>The name, as a host would use it.</summary>
    public uint TextureName { get; }

    public void Dispose() => Storage.Retire();
}
