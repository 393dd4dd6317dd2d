using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The framebuffer that a scene draws into when there is no window.</summary>
internal sealed unsafe class OffscreenFramebuffer : IDisposable
{
    private readonly GL gl;
    private readonly uint framebuffer;
    private readonly uint color;

    public OffscreenFramebuffer(GL gl)
    {
        this.gl = gl;
        color = gl.GenRenderbuffer();
        gl.BindRenderbuffer(RenderbufferTarget.Renderbuffer, color);
        gl.RenderbufferStorage(RenderbufferTarget.Renderbuffer, InternalFormat.Rgba8, Screen.Width, Screen.Height);
        framebuffer = gl.GenFramebuffer();
        Bind();
        gl.FramebufferRenderbuffer(
            FramebufferTarget.Framebuffer, FramebufferAttachment.ColorAttachment0, RenderbufferTarget.Renderbuffer, color);
        var status = gl.CheckFramebufferStatus(FramebufferTarget.Framebuffer);
        if (status != GLEnum.FramebufferComplete) throw new InvalidOperationException($"The framebuffer is not complete: {status}.");
    }

    public void Bind()
    {
        gl.BindFramebuffer(FramebufferTarget.Framebuffer, framebuffer);
        gl.Viewport(0, 0, Screen.Width, Screen.Height);
    }

    /// <summary>The picture, the first row at the top.</summary>
    public SKBitmap Read()
    {
        Bind();
        return FramePicture.Read(gl, Screen.Width, Screen.Height);
    }

    public void Dispose()
    {
        gl.DeleteFramebuffer(framebuffer);
        gl.DeleteRenderbuffer(color);
    }
}
