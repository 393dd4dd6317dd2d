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

    /// <param name="scene">The scene.</param>
    /// <param name="options">How long to run, and how much to train.</param>
    /// <param name="inline">For a software driver: whether its dispatches run inside their calls, not on its worker threads.</param>
    /// <exception cref="DeviceNotSupportedException">No device can run the shaders.</exception>
    public ScenePlayer(IScene scene, SceneOptions options, bool inline = false)
    {
        this.scene = scene;

        // Only its context is needed, for drawing: the scene's device is attached to it, and preserves the host's state as in a game, or is the processor.
        owner = NeuralDevice.CreateHeadless();
        if (inline && InlineDriver.TryCreate(owner) is { } other)
        {
            owner.Dispose();
            owner = other;
        }

        gl = GL.GetApi(new ContextFunctions());
        framebuffer = new OffscreenFramebuffer(gl);
        Context = new SceneContext(DeviceOption.Open(options.Device, gl), gl, options);
    }

    public SceneContext Context { get; }

    /// <summary>Call it once, before the first frame.</summary>
    public void Load() => scene.Load(Context);

    public void RunFrame()
    {
        Context.Click = Context.Frame == 0 ? Context.Options.Click : null;
        Context.BeginFrame();
        scene.Update();
        framebuffer.Bind();
        scene.Render();
        gl.Finish();   // as showing the frame does in a window
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
