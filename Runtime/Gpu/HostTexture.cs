namespace NeuralPlugin;

/// <summary>A texture of the host that a dispatch looks up in, through a sampler of ours: how the host filters it does not matter.</summary>
internal sealed class HostTexture(NeuralDevice device) : Operand
{
    private uint name;

    /// <summary>Its extent in texels.</summary>
    public (int Width, int Height) Size { get; private set; }

    public override MatrixShape Shape => new(Size.Height, Size.Width * MatrixShape.ColumnsPerTexel);

    public override TexelFormat Format => TexelFormat.Float;

    public override uint TextureName => name;

    public override uint SamplerName => device.NearestSampler;

    /// <summary>Looks at another texture from now on.</summary>
    /// <exception cref="ArgumentException">It is no two-dimensional texture of numbers that a shader sees as floats.</exception>
    public void Take(uint texture)
    {
        Size = device.SizeOfTexture(texture);
        name = texture;
    }
}
