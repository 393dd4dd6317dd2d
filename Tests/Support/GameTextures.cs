using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Textures as a game makes them, in the context that is current, without anything of the package.</summary>
internal sealed unsafe class GameTextures : IDisposable
{
    private readonly List<uint> names = [];

    public GL Gl { get; } = GL.GetApi(Egl.TryLoad(null)!.GetProcAddress);

    /// <summary>A texture with the filter that OpenGL gives it, which asks for mipmaps that it does not have.</summary>
    /// <param name="width">Texels side by side.</param>
    /// <param name="height">Rows of texels.</param>
    /// <param name="format">How the driver keeps them.</param>
    /// <param name="rgba">[height × width × 4].</param>
    public uint Make(int width, int height, InternalFormat format, float[] rgba)
    {
        uint name = New(TextureTarget.Texture2D);
        Fill(name, width, height, format, rgba);
        return name;
    }

    /// <summary>A name that was bound to a target, and has no image yet.</summary>
    public uint New(TextureTarget target)
    {
        uint name = Gl.GenTexture();
        names.Add(name);
        Gl.BindTexture(target, name);
        Gl.BindTexture(target, 0);
        return name;
    }

    public void Fill(uint name, int width, int height, InternalFormat format, float[] rgba, int level = 0)
    {
        Assert.That(rgba, Has.Length.EqualTo(width * height * 4));
        Gl.BindTexture(TextureTarget.Texture2D, name);
        fixed (float* first = rgba)
            Gl.TexImage2D(TextureTarget.Texture2D, level, format, (uint)width, (uint)height, 0, PixelFormat.Rgba, PixelType.Float, first);
        Gl.BindTexture(TextureTarget.Texture2D, 0);
    }

    /// <summary>An image of another kind than colors that are floats.</summary>
    public uint MakeOther(InternalFormat format, PixelFormat pixels, PixelType type)
    {
        uint name = New(TextureTarget.Texture2D);
        Gl.BindTexture(TextureTarget.Texture2D, name);
        Gl.TexImage2D(TextureTarget.Texture2D, 0, format, 4, 4, 0, pixels, type, null);
        Gl.BindTexture(TextureTarget.Texture2D, 0);
        return name;
    }

    public void Set(uint name, TextureParameterName parameter, int value)
    {
        Gl.BindTexture(TextureTarget.Texture2D, name);
        Gl.TexParameter(TextureTarget.Texture2D, parameter, value);
        Gl.BindTexture(TextureTarget.Texture2D, 0);
    }

    /// <summary>What the driver has kept of it: [height × width × 4].</summary>
    public float[] Read(uint name, int width, int height)
    {
        float[] rgba = new float[width * height * 4];
        Gl.BindTexture(TextureTarget.Texture2D, name);
        fixed (float* first = rgba) Gl.GetTexImage(TextureTarget.Texture2D, 0, PixelFormat.Rgba, PixelType.Float, first);
        Gl.BindTexture(TextureTarget.Texture2D, 0);
        return rgba;
    }

    public void Dispose()
    {
        foreach (uint name in names) Gl.DeleteTexture(name);
        Gl.Dispose();
    }
}
