namespace NeuralPlugin;

/// <summary>
/// A texture of the host that a dispatch looks up in, texel by texel: the host's filtering does not matter. The host may delete it
/// once the dispatch has been enqueued.
/// </summary>
internal sealed class HostTexture(NeuralDevice device, int width = 0, int height = 0) : Operand
{
    private MatrixStorage? storage;

    public NeuralDevice Device => device;

    /// <summary>Texels per row.</summary>
    public int Width { get; private set; } = width;

    /// <summary>Rows of texels.</summary>
    public int Height { get; private set; } = height;

    /// <summary>Whether it has channels other than red.</summary>
    public bool HasGreen { get; private set; }

    public override MatrixShape Shape => new(Height, Width * MatrixShape.ColumnsPerTexel);

    public override TexelFormat Format => TexelFormat.Float;

    public override MatrixStorage Storage => storage ?? throw new InvalidOperationException("No texture of the host was set.");

    /// <summary>Switches to another texture.</summary>
    /// <exception cref="ArgumentException">The texture is not a two-dimensional texture of numbers that a shader sees as floats.</exception>
    /// <exception cref="NotSupportedException">The device shares no textures with a game.</exception>
    public void Take(uint texture)
    {
        storage ??= device.HostTextures.Create();
        (Width, Height, HasGreen) = device.HostTextures.Take(storage, texture);
    }
}
