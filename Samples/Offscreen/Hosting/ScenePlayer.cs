using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>A scene, loaded and run frame by frame into a framebuffer of its own.</summary>
internal sealed class ScenePlayer : IDisposable
{
    private readonly IScene scene;
    private readonly NeuralDevice owner;
    private readonly GL gl;
    private readonly OffscreenFramebuffer framebuffer;

    /// <param name="scene">What it plays.</param>
    /// <param name="options">How long, and what is trained.</param>
    /// <param name="inline">Where the driver is a software driver: whether its dispatches run inside their calls, not on its worker threads.</param>
    /// <exception cref="DeviceNotSupportedException">There is no device that runs the shaders.</exception>
    public ScenePlayer(IScene scene, SceneOptions options, bool inline = false)
    {
        this.scene = scene;

        // Only its context is wanted, to draw in: the scene's device is attached to it, and keeps the host's state like a game's, or is the processor.
        owner = NeuralDevice.CreateHeadless();
        if (inline && InlineDriver.TryCreate(owner) is { } other)
        {
            owner.Dispose();
            owner = other;
        }

        gl = GL.GetApi(new EglFunctions());
        framebuffer = new OffscreenFramebuffer(gl);
        Context = new SceneContext(DeviceOption.Open(options.Device, gl), gl, options);
    }

    public SceneContext Context { get; }

    /// <summary>Once, before the first frame.</summary>
    public void Load() => scene.Load(Context);

    public void RunFrame()
    {
        Context.BeginFrame();
        scene.Update();
        framebuffer.Bind();
        scene.Render();
        gl.Finish();   // what showing the frame does in a window
        Context.EndFrame();
    }

    public SKBitmap Picture() => framebuffer.Read();

    public void Dispose()
    {
        scene.Dispose();
        Context.Device.Dispose();
        framebuffer.Dispose();
        gl.Dispose();
        owner.Dispose();
    }
}
