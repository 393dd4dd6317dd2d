namespace NeuralPlugin;

/// <summary>
/// Takes an agent's view: a texture that the game rendered, or a part of it, scaled down on the GPU to the size that
/// <see cref="AgentPopulationOptions.TextureObservations"/> declares. No pixel is read back to the processor.
/// </summary>
/// <remarks>
/// <para>
/// Each pixel is the mean over its box of the texture, mapped to y = clamp(2x − 1, ±5): 0 to 1 in a texture becomes −1 to 1. The running
/// normalization of observations is not applied to it. Values are read as shaders see them, swizzled as the texture says, from its base level: sRGB
/// textures give linear light. The texture's filter, wrap mode and mipmaps do not matter. Non-finite values are not detected here but in the agent's
/// next probabilities.
/// </para>
/// <para>
/// The texture is read by a dispatch that SetTexture enqueues: the agent may draw into it again, or delete it, right afterwards. If the game wrote it
/// by image stores, that needs the game's own barrier (GL_TEXTURE_FETCH_BARRIER_BIT). Neither waits nor allocates.
/// </para>
/// </remarks>
public sealed class TextureSensor
{
    private readonly NeuralDevice device;
    private readonly SeenTextures? seen;
    private Agent? agent;
    private int look;

    internal TextureSensor(NeuralDevice device, TextureObservations? declared, SeenTextures? seen)
    {
        this.device = device;
        this.seen = seen;
        Width = declared?.Width ?? 0;
        Height = declared?.Height ?? 0;
    }

    /// <summary>The width of the agent's view in pixels; 0 if none is declared.</summary>
    public int Width { get; }

    /// <summary>The height of the agent's view in pixels; 0 if none is declared.</summary>
    public int Height { get; }

    /// <summary>Whether a texture was given at this decision.</summary>
    public bool IsSet { get; private set; }

    /// <summary>Shows the agent a complete texture. If called several times at a decision, the last call counts.</summary>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <exception cref="AgentException">
    /// It is not such a texture, is smaller than the declared size, or so large that a pixel would be the mean of more than some 65,000 texels; or
    /// the population declares no texture.
    /// </exception>
    /// <exception cref="InvalidOperationException">No <see cref="Agent.CollectTexture"/> is under way.</exception>
    public void SetTexture(uint texture) => Set(texture, default, isWhole: true);

    /// <summary>
    /// Shows the agent a part of a texture, whose base level is 0: its own view, if one texture holds those of many. The last call counts.
    /// </summary>
    /// <param name="texture">The OpenGL name of a two-dimensional color texture (GL_TEXTURE_2D) in the device's context.</param>
    /// <param name="x">The part's first column of texels.</param>
    /// <param name="y">Its first row of texels; 0 is the bottom of the image that OpenGL rendered.</param>
    /// <param name="width">The width in texels.</param>
    /// <param name="height">The height in texels.</param>
    /// <exception cref="AgentException">
    /// It is not such a texture, the part is not within it, is smaller than the declared size, or so large that a pixel would be the mean of more
    /// than some 65,000 texels; or the population declares no texture.
    /// </exception>
    /// <exception cref="InvalidOperationException">No <see cref="Agent.CollectTexture"/> is under way.</exception>
    public void SetTexture(uint texture, int x, int y, int width, int height) => Set(texture, new TextureRegion(x, y, width, height), isWhole: false);

    /// <summary>Directs the next texture to a row of the seen textures.</summary>
    internal void Begin(Agent looking, int row)
    {
        agent = looking;
        look = row;
        IsSet = false;
    }

    /// <exception cref="AgentException">None was given, but one is declared.</exception>
    internal void RequireOne()
    {
        if (seen is null || IsSet) return;
        throw new AgentException(
            agent!.Name,
            $"CollectTexture gave no texture, and {Width} × {Height} pixels were declared (AgentPopulationOptions.TextureObservations). Override CollectTexture " +
            "and call sensor.SetTexture at every decision, or declare none.");
    }

    internal void End() => agent = null;

    private void Set(uint texture, TextureRegion region, bool isWhole)
    {
        Agent looking = agent ?? throw new InvalidOperationException("A texture was set outside of CollectTexture. Set it there, at each decision.");
        if (seen is null)
        {
            throw new AgentException(
                looking.Name, "CollectTexture gave a texture, and none was declared. Declare what agents see (AgentPopulationOptions.TextureObservations), or give none.");
        }

        try
        {
            using NeuralDevice.Scope scope = device.Enter(savesHostState: false);   // the calls inside save their own
            (int texelsWide, int texelsHigh) = seen.Take(texture);
            if (!isWhole) RequireWithin(region, texelsWide, texelsHigh, looking);
            (int wide, int high) = isWhole ? (texelsWide, texelsHigh) : (region.Width, region.Height);
            RequireNotSmaller(wide, high, looking);
            seen.Write(look, region, wide, high);
            IsSet = true;
        }
        catch (ArgumentException exception)
        {
            throw new AgentException(looking.Name, $"CollectTexture gave texture {texture}. {exception.Message}", exception);
        }
    }

    private static void RequireWithin(TextureRegion region, int texelsWide, int texelsHigh, Agent looking)
    {
        bool isWithin = region is { X: >= 0, Y: >= 0, Width: > 0, Height: > 0 };
        if (isWithin && region.X <= texelsWide - region.Width && region.Y <= texelsHigh - region.Height) return;
        throw new AgentException(
            looking.Name,
            $"CollectTexture gave the part of {region.Width} × {region.Height} texels at ({region.X}, {region.Y}) of a texture of {texelsWide} × {texelsHigh}, but it is " +
            "not within the texture. Give a part that is, or the whole texture.");
    }

    private void RequireNotSmaller(int wide, int high, Agent looking)
    {
        if (wide >= Width && high >= Height) return;
        throw new AgentException(
            looking.Name,
            $"CollectTexture gave {wide} × {high} texels, fewer than the {Width} × {Height} pixels that were declared. Render larger, or declare fewer " +
            "pixels (AgentPopulationOptions.TextureObservations).");
    }
}
