using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A device that is an OpenGL context: its parts, put together.</summary>
internal sealed class OpenGLBackend
{
    private OpenGLBackend(GL gl, HeadlessContext? own, ContextIdentity identity, HeadlessOptions options)
    {
        Context = new OpenGLContext(gl, own, identity, options, Settings);
        Limits = OpenGLLimits.Read(gl, Context.Renderer, options);
        Buffers = new OpenGLBuffers(Context);
        Kernels = new KernelCache(Context, Limits);
        HostTextures = new OpenGLHostTextures(Context);
        Dispatcher = new OpenGLDispatcher(Context, HostTextures);
        Fences = new OpenGLFences(Context);
        Clock = new OpenGLClock(Context);
        Context.Ended += End;
    }

    /// <summary>Raised once, when the context was lost or the device disposed, with what every later call fails with.</summary>
    public event Action<Exception>? Ended;

    public DeviceSettings Settings { get; } = new();

    public OpenGLContext Context { get; }

    public DeviceLimits Limits { get; }

    public OpenGLBuffers Buffers { get; }

    public KernelCache Kernels { get; }

    public OpenGLHostTextures HostTextures { get; }

    public OpenGLDispatcher Dispatcher { get; }

    public OpenGLFences Fences { get; }

    public OpenGLClock Clock { get; }

    /// <summary>Makes a context of its own and makes it current.</summary>
    public static OpenGLBackend CreateHeadless(HeadlessOptions options)
    {
        HeadlessContext context = HeadlessContext.Create(options);
        try
        {
            GL gl = GL.GetApi(context);
            OpenGLRequirements.RequireComputeShaders(gl, "Choose another driver, or another device by the options of CreateHeadless.");
            return new OpenGLBackend(gl, context, OpenGLRequirements.RequireCurrentContext(), options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>Uses the context of a host, which is current.</summary>
    public static OpenGLBackend Attach(GL gl)
    {
        ContextIdentity identity = OpenGLRequirements.RequireCurrentContext();
        OpenGLRequirements.RequireComputeShaders(
            gl,
            "With Silk.NET.Windowing, which asks for 3.3 unless told, change this line of the window's options: " +
            "options.API = new GraphicsAPI(ContextAPI.OpenGL, ContextProfile.Core, ContextFlags.ForwardCompatible, new APIVersion(4, 3));");
        return new OpenGLBackend(gl, null, identity, new HeadlessOptions());
    }

    public void Dispose()
    {
        Context.Close(() =>
        {
            Fences.DeleteAll();
            Context.Resources.DeleteAll();
        });
    }

    private void End(Exception why)
    {
        Kernels.Forget();
        Fences.Forget();
        Ended?.Invoke(why);
    }
}
