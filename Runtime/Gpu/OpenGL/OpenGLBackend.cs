using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The backend of an OpenGL context: its parts, put together.</summary>
internal sealed class OpenGLBackend : IComputeBackend
{
    private readonly OpenGLContext context;
    private readonly OpenGLBuffers buffers;
    private readonly KernelCache kernels;
    private readonly OpenGLHostTextures hostTextures;
    private readonly OpenGLDispatcher dispatcher;
    private readonly OpenGLFences fences;
    private readonly OpenGLClock clock;

    private OpenGLBackend(GL gl, HeadlessContext? own, ContextIdentity identity, HeadlessOptions options)
    {
        context = new OpenGLContext(gl, own, identity, options, Settings);
        Limits = OpenGLLimits.Read(gl, context.Renderer, options) with { MaySkipDispatches = own is null, CompilesBesideCalls = context.Extensions.HasParallelCompilation };
        buffers = new OpenGLBuffers(context);
        kernels = new KernelCache(context, Limits, Settings);
        hostTextures = new OpenGLHostTextures(context);
        dispatcher = new OpenGLDispatcher(context, kernels, hostTextures);
        fences = new OpenGLFences(context);
        clock = new OpenGLClock(context);
        context.Ended += End;
    }

    public event Action<Exception>? Ended;

    public string Vendor => context.Vendor;

    public string Renderer => context.Renderer;

    public string Version => context.Version;

    public DeviceLimits Limits { get; }

    public DeviceMemory Memory => context.Resources.Memory;

    public DeviceSettings Settings { get; } = new();

    public IHostTextures HostTextures => hostTextures;

    public bool IsBehind => false;

    /// <summary>Creates a context of its own and makes it current.</summary>
    public static OpenGLBackend CreateHeadless(HeadlessOptions options)
    {
        HeadlessContext context = HeadlessContext.Create(options);
        try
        {
            GL gl = GL.GetApi(options.Functions?.Invoke(context) ?? context);
            OpenGLRequirements.RequireComputeShaders(gl, "Choose another driver, or another device in the options of CreateHeadless.");
            return new OpenGLBackend(gl, context, OpenGLRequirements.RequireCurrentContext(), options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>Uses the current context, which is a host's.</summary>
    public static OpenGLBackend Attach(GL gl)
    {
        ContextIdentity identity = OpenGLRequirements.RequireCurrentContext();
        OpenGLRequirements.RequireComputeShaders(
            gl,
            "With Silk.NET.Windowing, whose windows request 3.3 by default, change this line of the window's options: " +
            "options.API = new GraphicsAPI(ContextAPI.OpenGL, ContextProfile.Core, ContextFlags.ForwardCompatible, new APIVersion(4, 3));");
        return new OpenGLBackend(gl, null, identity, new HeadlessOptions());
    }

    public void MakeCurrent() => context.MakeCurrent();

    public void Enter(bool savesHostState) => context.Enter(savesHostState ? HostStateParts.All : HostStateParts.None);

    public void Leave() => context.Leave();

    public long BeginFrame() => context.BeginFrame();

    public void EndFrame(long number) => context.EndFrame(number);

    public MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format) => buffers.CreateMatrix(shape, format);

    public void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes) => buffers.Upload(BufferOf(matrix), offset, bytes);

    public void Read(MatrixStorage matrix, nint offset, Span<byte> bytes) => buffers.Read(BufferOf(matrix), offset, bytes);

    public void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes)
    {
        buffers.Copy(BufferOf(source), sourceOffset, BufferOf(destination), destinationOffset, bytes);
    }

    public CompiledKernel GetKernel(Dispatch dispatch) => kernels.Get(dispatch);

    public bool StartCompiling(Dispatch dispatch) => kernels.StartCompiling(dispatch.Program);

    public bool IsCompiled(KernelSource source) => kernels.IsCompiled(source);

    public void Run(ReadOnlySpan<Dispatch> dispatches, int rows) => dispatcher.Run(dispatches, rows);

    public void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        dispatcher.Run(dispatch, rows, firstLine, lines);
    }

    public void MakeWritesVisible() => dispatcher.MakeWritesVisible();

    public void Finish() => dispatcher.Finish();

    public BackendResource CreateReadBuffer(long bytes) => buffers.CreateReadBuffer(bytes);

    public void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset) => buffers.Copy(BufferOf(matrix), 0, ((OpenGLReadBuffer)buffer).Name, offset, bytes);

    public nint InsertFence() => fences.Insert();

    public void CheckFences() => fences.RequireTheirContext();

    public bool TryPass(nint fence) => fences.TryPass(fence);

    public void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes) => buffers.CopyOut((OpenGLReadBuffer)buffer, offset, bytes);

    public BackendResource CreateTimestamp() => clock.CreateQuery();

    public void PrepareTiming() => clock.Prepare();

    public void MarkTime(BackendResource timestamp) => clock.Mark(NameOf(timestamp));

    public bool TryReadTime(BackendResource timestamp, out long nanoseconds) => clock.TryRead(NameOf(timestamp), out nanoseconds);

    public void Dispose()
    {
        context.Close(() =>
        {
            fences.DeleteAll();
            context.Resources.DeleteAll();
        });
    }

    private static uint BufferOf(MatrixStorage matrix) => ((OpenGLMatrix)matrix).Buffer;

    private static uint NameOf(BackendResource resource) => ((GpuResource)resource).Name;

    /// <summary>From now on, nothing of the context is queried or deleted.</summary>
    private void End(Exception why)
    {
        kernels.Forget();
        fences.Forget();
        Ended?.Invoke(why);
    }
}
