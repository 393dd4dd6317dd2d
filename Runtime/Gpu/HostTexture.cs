namespace NeuralPlugin;

/// <summary>
/// A texture of the host that a dispatch looks up in, through a sampler of ours: how the host filters it does not matter. It keeps
/// the name alone, which the host may delete or use anew once the dispatch was enqueued.
/// </summary>
internal sealed class HostTexture(NeuralDevice device, int width = 0, int height = 0) : Operand
{
    private uint name;

    public NeuralDevice Device => device;

    /// <summary>Texels side by side.</summary>
    public int Width { get; private set; } = width;

    /// <summary>Rows of texels.</summary>
    public int Height { get; private set; } = height;

    /// <summary>Whether it has more than red.</summary>
    public bool HasGreen { get; private set; }

    public override MatrixShape Shape => new(Height, Width * MatrixShape.ColumnsPerTexel);

    public override TexelFormat Format => TexelFormat.Float;

    public override uint TextureName => name;

    public override uint BufferName => 0;

    /// <summary>Looks at another texture from now on.</summary>
    /// <exception cref="ArgumentException">It is no two-dimensional texture of numbers that a shader sees as floats.</exception>
    public void Take(uint texture)
    {
        (Width, Height, HasGreen) = device.ExtentOfTexture(texture);
        name = texture;
    }
}
