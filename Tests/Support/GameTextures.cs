using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Textures made as a game makes them, in the current context, without using the package.</summary>
internal sealed unsafe class GameTextures : IDisposable
{
    private readonly List<uint> names = [];

    public GL Gl { get; } = GL.GetApi(Egl.TryLoad(null)!.GetProcAddress);

    /// <summary>A texture with OpenGL's default filter, which needs mipmaps that it does not have.</summary>
    /// <param name="width">Texels per row.</param>
    /// <param name="height">Rows of texels.</param>
    /// <param name="format">The driver's internal format.</param>
    /// <param name="rgba">[height × width × 4].</param>
    public uint Make(int width, int height, InternalFormat format, float[] rgba)
    {
        uint name = New(TextureTarget.Texture2D);
        Fill(name, width, height, format, rgba);
        return name;
    }

    /// <summary>A name that was bound to a target and has no image yet.</summary>
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

    /// <summary>An image other than one of colors in floats.</summary>
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

    /// <summary>The driver's copy of it: [height × width × 4].</summary>
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
