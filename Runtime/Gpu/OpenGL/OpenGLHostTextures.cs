using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Reads textures of the host by their names.</summary>
internal sealed class OpenGLHostTextures(OpenGLContext context) : IHostTextures
{
    private const int TextureTargetName = 0x1006;   // GL_TEXTURE_TARGET

    private readonly GL gl = context.Gl;
    private readonly bool tellsTarget = context.Extensions.Has("GL_ARB_direct_state_access", sinceMajor: 4, sinceMinor: 5);
    private GpuResource? nearestSampler;

    /// <summary>
    /// A sampler that reads a texture as it is, whatever filter its host has set: a texture without the mipmaps that its filter needs
    /// would read as nothing.
    /// </summary>
    public uint NearestSampler
    {
        get
        {
            if (nearestSampler is not null) return nearestSampler.Name;
            using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
            uint name = gl.GenSampler();
            gl.SamplerParameter(name, SamplerParameterI.MinFilter, (int)TextureMinFilter.Nearest);
            gl.SamplerParameter(name, SamplerParameterI.MagFilter, (int)TextureMagFilter.Nearest);
            nearestSampler = context.Resources.Register(GpuResourceKind.Sampler, name, 0);
            return name;
        }
    }

    public MatrixStorage Create() => new OpenGLTexture();

    public (int Width, int Height, bool HasGreen) Take(MatrixStorage storage, uint texture)
    {
        (int Width, int Height, bool HasGreen) extent = ExtentOf(texture);
        ((OpenGLTexture)storage).Name = texture;
        return extent;
    }

    public MatrixStorage CreateStandIn(int width, int height, out uint name)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Textures);
        name = gl.GenTexture();
        gl.BindTexture(TextureTarget.Texture2D, name);
        gl.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba32f, (uint)width, (uint)height);
        return new OpenGLTexture(context.Resources.Register(GpuResourceKind.Texture, name, (long)width * height * MatrixShape.BytesPerTexel));
    }

    private static ArgumentException NotATexture(uint texture, string why)
    {
        return new ArgumentException($"Texture {texture} cannot be read: {why}. Pass the name of a two-dimensional color texture.", nameof(texture));
    }

    /// <summary>
    /// Binds a texture if it is two-dimensional. A newer driver reports this; an older one is tested by binding, which is an error if it is not;
    /// that error is hidden from the host. A context without errors (GL_CONTEXT_FLAG_NO_ERROR_BIT) is of a newer driver.
    /// </summary>
    private bool BindIfFlat(uint texture)
    {
        if (tellsTarget)
        {
            gl.GetTextureParameter(texture, (GLEnum)TextureTargetName, out int target);
            if (target != (int)TextureTarget.Texture2D) return false;
        }

        gl.BindTexture(TextureTarget.Texture2D, texture);
        if (tellsTarget || gl.GetInteger(GetPName.TextureBinding2D) == (int)texture) return true;
        _ = gl.GetError();
        return false;
    }

    private (int Width, int Height, bool HasGreen) ExtentOf(uint texture)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Textures);
        if (!gl.IsTexture(texture)) throw NotATexture(texture, "there is no texture of this name in the device's context");
        if (!BindIfFlat(texture)) throw NotATexture(texture, "it is not a two-dimensional one (GL_TEXTURE_2D)");
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, GetTextureParameter.TextureWidth, out int width);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, GetTextureParameter.TextureHeight, out int height);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, (GetTextureParameter)GLEnum.TextureRedType, out int red);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, (GetTextureParameter)GLEnum.TextureGreenType, out int green);
        if (width == 0 || height == 0) throw NotATexture(texture, "it has no image of level 0");
        return (GLEnum)red is GLEnum.Float or GLEnum.UnsignedNormalized or GLEnum.SignedNormalized ? (width, height, (GLEnum)green != GLEnum.None)
            : throw NotATexture(texture, "it has no red channel that shaders read as floats: it is a depth or an integer texture");
    }
}
