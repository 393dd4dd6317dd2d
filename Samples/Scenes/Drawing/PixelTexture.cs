using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>An RGBA8 texture with premultiplied alpha, whose first row is the top one.</summary>
internal sealed unsafe class PixelTexture : IDisposable
{
    private readonly GL gl;

    /// <param name="gl">The context of the scene.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="smooth">Interpolates neighboring pixels when magnified; otherwise each is a sharp square.</param>
    public PixelTexture(GL gl, int width, int height, bool smooth)
    {
        this.gl = gl;
        (Width, Height) = (width, height);
        Name = gl.GenTexture();
        var filter = (int)(smooth ? GLEnum.Linear : GLEnum.Nearest);
        gl.BindTexture(TextureTarget.Texture2D, Name);
        gl.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba8, (uint)width, (uint)height);
        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureMinFilter, filter);
        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureMagFilter, filter);
        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureWrapS, (int)GLEnum.ClampToEdge);
        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureWrapT, (int)GLEnum.ClampToEdge);
        gl.BindTexture(TextureTarget.Texture2D, 0);
    }

    public uint Name { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>An opaque color as a pixel.</summary>
    public static uint Pack(SKColor color) => color.Red | (uint)color.Green << 8 | (uint)color.Blue << 16 | 0xff000000;

    /// <param name="pixels">[height × width], bytes in the order red, green, blue, alpha.</param>
    public void Upload(ReadOnlySpan<uint> pixels)
    {
        fixed (uint* first = pixels) Upload((nint)first);
    }

    /// <summary>The same from an address.</summary>
    public void Upload(nint pixels)
    {
        gl.PixelStore(PixelStoreParameter.UnpackAlignment, 4);
        gl.BindTexture(TextureTarget.Texture2D, Name);
        gl.TexSubImage2D(
            TextureTarget.Texture2D, 0, 0, 0, (uint)Width, (uint)Height, PixelFormat.Rgba, PixelType.UnsignedByte, (void*)pixels);
        gl.BindTexture(TextureTarget.Texture2D, 0);
    }

    public void Dispose() => gl.DeleteTexture(Name);
}
