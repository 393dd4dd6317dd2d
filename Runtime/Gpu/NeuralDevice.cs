using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// An OpenGL context in which networks live and learn: the game's own, or one without a window. It counts what is made on
/// it, holds it weakly (a dropped object is collected, and its OpenGL objects go at the next call), and frees what is left
/// when it is disposed. All calls come from the thread on which the context is current; only the Dispose of objects made on
/// it may come from another thread. Once the context was reset, every call on the device or on what was made on it throws
/// <see cref="ContextLostException"/> at once.
/// </summary>
public sealed unsafe class NeuralDevice : IDisposable
{
    private const MemoryBarrierMask ShaderWritesVisibleToShaders =
        MemoryBarrierMask.ShaderStorageBarrierBit | MemoryBarrierMask.ShaderImageAccessBarrierBit | MemoryBarrierMask.TextureFetchBarrierBit;

    private const MemoryBarrierMask ShaderWritesVisibleToAll = ShaderWritesVisibleToShaders | MemoryBarrierMask.BufferUpdateBarrierBit;

    private static readonly (string Name, int Value)[] WideStores = [("WIDE_STORES", 1)];

    private readonly GL gl;
    private readonly HeadlessContext? ownContext;
    private readonly ContextIdentity identity;
    private readonly SavedHostState? host;
    private readonly ResetStatus resetStatus;
    private readonly DriverErrors errors;
    private readonly ProgramCompiler compiler;
    private readonly WarmUpQueue warmUp;
    private readonly DebugProc? debugCallback;
    private readonly HashSet<GpuResource> live = [];
    private readonly ConcurrentQueue<GpuResource> retired = new();
    private readonly Dictionary<string, Kernel> kernels = [];
    private readonly Dictionary<string, (PendingProgram Program, GpuResource Resource)> compiling = [];
    private readonly List<Readback> readbacks = [];
    private readonly long maximumTexels;
    private readonly long maximumStorageBytes;
    private readonly bool storesWideTexels;
    private byte[] staging = [];
    private GpuResource? nearestSampler;
    private GpuResource? emptyFramebuffer;
    private long[] openFrames = new long[4];
    private int openFrameCount;
    private long lastFrame;
    private int depth;
    private bool isValidating;
    private volatile bool disposed;
    private volatile string? lost;

    private NeuralDevice(GL gl, HeadlessContext? ownContext, ContextIdentity identity, HeadlessOptions options)
    {
        this.gl = gl;
        this.ownContext = ownContext;
        this.identity = identity;
        host = ownContext is null ? new SavedHostState(gl) : null;
        DriverExtensions extensions = new(gl);
        resetStatus = new ResetStatus(gl, extensions);
        errors = new DriverErrors(gl);
        compiler = new ProgramCompiler(gl, extensions);
        warmUp = new WarmUpQueue(this);
        Vendor = gl.GetStringS(StringName.Vendor);
        Renderer = gl.GetStringS(StringName.Renderer);
        Version = gl.GetStringS(StringName.Version);
        maximumTexels = Limit(GLEnum.MaxTextureBufferSize);
        maximumStorageBytes = Limit(GLEnum.MaxShaderStorageBlockSize);
        MostMatrices = options.MostMatrices ?? (int)Math.Min(Limit(GLEnum.MaxCombinedShaderOutputResources), int.MaxValue);
        storesWideTexels = options.StoresWideTexels ?? Renderer.StartsWith("llvmpipe", StringComparison.Ordinal);
        if (options.Debug && options.DebugMessage is { } receive)
        {
            debugCallback = (_, _, _, _, length, message, _) => receive(Marshal.PtrToStringUTF8(message, length));
            gl.Enable(EnableCap.DebugOutput);
            gl.Enable(EnableCap.DebugOutputSynchronous);
            gl.DebugMessageCallback(debugCallback, null);
        }
    }

    /// <summary>The driver's own name of its maker.</summary>
    public string Vendor { get; }

    /// <summary>The driver's own name of what draws and computes: a card, or a software driver such as llvmpipe.</summary>
    public string Renderer { get; }

    /// <summary>The OpenGL version and the driver's own, as the driver gives them.</summary>
    public string Version { get; }

    /// <summary>What is alive on this device now. Objects that were dropped are counted until the next call deletes them.</summary>
    public DeviceMemory Memory { get; private set; }

    /// <summary>
    /// What calls do about the state of the host whose context this is; it holds from the next call or frame on. A device of its
    /// own context has no host, and neither saves nor sets anything.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the values.</exception>
    public HostStatePolicy HostStatePolicy
    {
        get;
        set => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected Preserve or HostRebinds.");
    }

    /// <summary>
    /// Reads the driver's errors where each call or frame begins and ends, and throws <see cref="OpenGLErrorException"/> if there
    /// is one: at the beginning it is the host's, at the end ours. For finding mistakes: reading waits for the driver, and
    /// consumes what the host's own glGetError would have seen. Without it no error is read. It holds from the next call or frame on.
    /// </summary>
    public bool Validation { get; set; }

    /// <summary>Matrices that one dispatch may read and write together; one that it does both with counts twice. OpenGL 4.3 guarantees 8.</summary>
    internal int MostMatrices { get; }

    /// <summary>
    /// Makes a core context of OpenGL 4.5, or at least 4.3, through EGL, without a window or a display, and makes it current
    /// on this thread: a hardware device first, else Mesa's surfaceless platform.
    /// </summary>
    /// <param name="options">Another driver, a debug context; null for none of it.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// No EGL library, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateHeadless(HeadlessOptions? options = null)
    {
        options ??= new HeadlessOptions();
        HeadlessContext context = HeadlessContext.Create(options);
        try
        {
            GL gl = GL.GetApi(context);
            RequireComputeShaders(gl, "Choose another driver, or another device by the options of CreateHeadless.");
            return new NeuralDevice(gl, context, RequireCurrentContext(), options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Uses the game's own context, which must be current on this thread, and remembers which one it is. The host's OpenGL
    /// state is after every call what it was before, unless <see cref="HostStatePolicy"/> says otherwise. The host keeps the context, and disposes the device before it.
    /// </summary>
    /// <param name="gl">The Silk.NET binding of the context that is current.</param>
    /// <exception cref="WrongContextException">No context is current on this thread.</exception>
    /// <exception cref="DeviceNotSupportedException">The context is older than OpenGL 4.3, or has no compute shaders.</exception>
    public static NeuralDevice Attach(GL gl)
    {
        ArgumentNullException.ThrowIfNull(gl);
        ContextIdentity identity = RequireCurrentContext();
        RequireComputeShaders(
            gl,
            "With Silk.NET.Windowing, which asks for 3.3 unless told, change this line of the window's options: " +
            "options.API = new GraphicsAPI(ContextAPI.OpenGL, ContextProfile.Core, ContextFlags.ForwardCompatible, new APIVersion(4, 3));");
        return new NeuralDevice(gl, null, identity, new HeadlessOptions());
    }

    /// <summary>Uses the context of a Silk.NET window or view, which must be current on this thread.</summary>
    /// <param name="source">Any Silk.NET IWindow or IView that has an OpenGL context.</param>
    /// <exception cref="WrongContextException">No context is current on this thread.</exception>
    /// <exception cref="DeviceNotSupportedException">
    /// The window has no OpenGL context, or its context is older than OpenGL 4.3 or has no compute shaders.
    /// </exception>
    public static NeuralDevice Attach(IGLContextSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        IGLContext context = source.GLContext ?? throw new DeviceNotSupportedException(
            "The window has no OpenGL context. Set options.API to OpenGL 4.3 core, and attach after the window's Load event.");
        return Attach(GL.GetApi(context));
    }

    /// <summary>Makes the context of a headless device current on this thread.</summary>
    /// <exception cref="InvalidOperationException">The context belongs to the host, which makes it current itself.</exception>
    /// <exception cref="WrongContextException">The context is current on another thread.</exception>
    /// <exception cref="ContextLostException">The context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RequireNotLost();
        if (ownContext is null)
        {
            throw new InvalidOperationException(
                "This device is attached to the host's context: make it current with the host's own call (IGLContext.MakeCurrent).");
        }

        ownContext.MakeCurrent();
    }

    /// <summary>
    /// Begins the calls of a frame: the host's OpenGL state is read once and given back once, at the Dispose of the result, however
    /// many calls come in between. Optional, and only a matter of time: without it each call does so itself. Frames may nest;
    /// the outermost one counts. It deletes what was dropped, as every call does, and is no <see cref="Update"/>. Allocates nothing.
    /// </summary>
    /// <remarks>
    /// Until then the state belongs to the calls of this package: the host neither sets nor relies on any of what
    /// <see cref="HostStatePolicy.HostRebinds"/> lists, and deletes none of the objects that it had bound.
    /// </remarks>
    /// <example><code>using (device.BeginFrame()) { device.Update(); classifier.Predict(features, probabilities); }</code></example>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public FrameScope BeginFrame()
    {
        Scope scope = Enter(HostStateParts.None);   // EndFrame leaves it
        if (openFrameCount == openFrames.Length) Array.Resize(ref openFrames, 2 * openFrames.Length);
        openFrames[openFrameCount++] = ++lastFrame;
        return new FrameScope(this, lastFrame);
    }

    /// <summary>
    /// Hands over what the GPU has finished since the last call (saves under way go on), takes a warm-up one kernel further, and
    /// deletes the OpenGL objects whose owners were disposed or collected, which every other call does too. Call it once a frame.
    /// It never waits, save for a kernel that the driver compiles inside the call, and allocates nothing but what a save that it
    /// completes hands to its writer and what a warm-up needs.
    /// </summary>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset: what was under way has failed with the same exception.</exception>
    /// <exception cref="DeviceNotSupportedException">The driver rejected a kernel of a warm-up, which goes on without it.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void Update()
    {
        using Scope scope = Enter(HostStateParts.None);
        if (readbacks.Count > 0 && depth > 1) RequireContextNotReset();   // since the frame began
        for (int i = 0; i < readbacks.Count; i++)
        {
            Readback readback = readbacks[i];
            SyncStatus status = (SyncStatus)gl.ClientWaitSync(readback.Fence, (SyncObjectMask)0, 0);
            if (status == SyncStatus.TimeoutExpired) continue;
            if (status == SyncStatus.WaitFailed) Lose("no longer knows the fences made on it");
            readbacks.RemoveAt(i--);
            gl.DeleteSync(readback.Fence);
            readback.Complete();
        }

        warmUp.Advance();
    }

    /// <summary>
    /// Makes kernels ready over the frames to come, so that the first call that needs them does not compile: each
    /// <see cref="Update"/> runs one of them once on small textures of its own. A driver that compiles in the background
    /// (KHR_parallel_shader_compile) is given many at once; of others, each Update compiles one, which on a software driver may
    /// take some hundred milliseconds, so do it behind a loading screen. Kernels that are ready already count as done.
    /// </summary>
    /// <param name="kernels">What will be needed: <c>device.WarmUp(classifier.KernelsFor(64), population.KernelsFor(8))</c>.</param>
    /// <returns>How far it has come, counting on while frames go by.</returns>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public WarmUpProgress WarmUp(params ReadOnlySpan<KernelSet> kernels)
    {
        foreach (KernelSet set in kernels) ArgumentNullException.ThrowIfNull(set, nameof(kernels));
        using Scope scope = Enter(HostStateParts.None);
        return warmUp.Add(kernels);
    }

    /// <summary>
    /// Waits for a task that only <see cref="Update"/> brings forward, such as a save that is under way, by calling Update until
    /// the task is complete: for tools, tests and the end of a program. Wait and Result of such a task, called on the device's
    /// thread, would never return. From another thread, wait for the task itself, while the device's thread goes on.
    /// </summary>
    /// <param name="task">The task; what it failed with is thrown.</param>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void WaitFor(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        while (!task.IsCompleted)
        {
            Update();
            Task.WaitAny([task], millisecondsTimeout: 1);
        }

        task.GetAwaiter().GetResult();
    }

    /// <summary>
    /// Frees everything made on this device, and its context if it is the device's own; a frame that is still open ends, and the
    /// host has its state back. A second call does nothing. After a loss of the context no OpenGL call is made, from whatever thread.
    /// </summary>
    /// <exception cref="WrongContextException">
    /// The context is the host's and not current on this thread, or current on another one: nothing was freed.
    /// </exception>
    public void Dispose()
    {
        if (disposed) return;
        if (lost is not null)
        {
            disposed = true;
            ownContext?.Dispose();
        }
        else if (ownContext is null)
        {
            RequireThisContext();
            Free();
        }
        else
        {
            using HeadlessContext.Previous previous = ownContext.MakeCurrentForNow();
            Free();
            ownContext.Dispose();
        }
    }

    /// <summary>
    /// Begins a call: checks the device and the context; on the outermost call asks whether the context was reset and deletes
    /// what was retired; saves the host's state in the parts that the call may change. Nothing of this package reaches the driver
    /// outside such a scope.
    /// </summary>
    /// <param name="parts">A call that makes others asks for all of theirs at once, or leaves each its own.</param>
    internal Scope Enter(HostStateParts parts = HostStateParts.All)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RequireNotLost();
        RequireThisContext();
        if (depth == 0)
        {
            RequireContextNotReset();
            isValidating = Validation;
            if (isValidating) errors.ThrowHosts();
            host?.Begin(HostStatePolicy);
            DeleteRetired();
        }

        host?.Take(parts);
        depth++;
        return new Scope(this);
    }

    /// <summary>Ends a frame and those within it; one that has ended is left alone.</summary>
    internal void EndFrame(long number)
    {
        int outer = Array.IndexOf(openFrames, number, 0, openFrameCount);
        if (outer < 0) return;
        RequireThisContext();
        depth -= openFrameCount - outer - 1;
        openFrameCount = outer;
        Leave();
    }

    /// <summary>The shape of a matrix that this device can hold.</summary>
    internal MatrixShape Shape(long rows, long columns, string what, TexelFormat format = TexelFormat.Float)
    {
        long texels = rows * ((columns + MatrixShape.ColumnsPerTexel - 1) / MatrixShape.ColumnsPerTexel);
        long bytes = texels * MatrixShape.BytesPerTexelOf(format);
        if (texels <= maximumTexels && bytes <= int.MaxValue) return new MatrixShape((int)rows, (int)columns);
        throw new DeviceLimitException(
            $"{what} [{rows} × {columns}] are too large for this device: they would be {texels} texels of four columns, {bytes} bytes, and one " +
            $"matrix has at most {maximumTexels} texels and {int.MaxValue} bytes. Use fewer rows or columns.");
    }

    /// <summary>Checks that kernels of this device can write a matrix of this shape, of which drivers allow less than to read one.</summary>
    /// <exception cref="DeviceLimitException">It is too large.</exception>
    internal void RequireWritable(MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        long bytes = shape.BytesOf(format);
        if (bytes <= maximumStorageBytes) return;
        throw new DeviceLimitException(
            $"A matrix {shape} that the GPU writes takes {bytes} bytes, and the driver {Renderer} lets it write at most " +
            $"{maximumStorageBytes}. Use a smaller batch, or fewer units or members.");
    }

    /// <summary>Checks that this device can run a dispatch, whose matrices need not be there yet.</summary>
    /// <exception cref="DeviceLimitException">It writes too large a matrix, or works on too many.</exception>
    internal void RequireRunnable(Dispatch dispatch)
    {
        foreach (MatrixBinding matrix in dispatch.Matrices.Where(matrix => matrix.IsWritten)) RequireWritable(matrix.Operand.Shape, matrix.Operand.Format);
        if (dispatch.BindingCount <= MostMatrices) return;
        throw new DeviceLimitException(
            $"{dispatch.Source.FileName} takes {dispatch.BindingCount} image units and storage buffers together, and the driver {Renderer} has {MostMatrices} of them. " +
            "Use smaller batches, or no momentum.");
    }

    /// <summary>Checks a dispatch and compiles its kernel, if it is not compiled.</summary>
    /// <exception cref="DeviceLimitException">This device cannot run it.</exception>
    internal void Compile(Dispatch dispatch)
    {
        RequireRunnable(dispatch);
        dispatch.Kernel ??= GetKernel(dispatch.Program);
    }

    /// <summary>
    /// A buffer of zeros and the buffer texture through which kernels read it. It has a texel more where its size would be a power of two:
    /// a common driver compiles each kernel anew for buffers of such a size, and so none has one.
    /// </summary>
    internal (GpuResource Buffer, GpuResource Texture) CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        using Scope scope = Enter(HostStateParts.Copying | HostStateParts.Textures);
        long bytes = shape.BytesOf(format);
        GpuResource buffer = CreateBuffer(bytes, BufferUsageARB.DynamicCopy, spareBytes: long.IsPow2(bytes) ? MatrixShape.BytesPerTexelOf(format) : 0);
        gl.ClearBufferData(GLEnum.CopyWriteBuffer, GLEnum.R32ui, GLEnum.RedInteger, GLEnum.UnsignedInt, null);
        uint name = gl.GenTexture();
        gl.BindTexture(TextureTarget.TextureBuffer, name);
        gl.TexBuffer(TextureTarget.TextureBuffer, FormatOf(format), buffer.Name);
        return (buffer, Register(GpuResourceKind.Texture, name, 0));
    }

    /// <summary>A texture of two dimensions with nothing in it, for a kernel that is run ahead of the first texture of the host.</summary>
    internal GpuResource CreateStandIn(int width, int height)
    {
        using Scope scope = Enter(HostStateParts.Textures);
        uint name = gl.GenTexture();
        gl.BindTexture(TextureTarget.Texture2D, name);
        gl.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba32f, (uint)width, (uint)height);
        return Register(GpuResourceKind.Texture, name, (long)width * height * MatrixShape.BytesPerTexel);
    }

    /// <summary>
    /// A sampler that takes a texture as it is, whatever filter its host has set: one without the mipmaps that its filter asks for
    /// reads as nothing.
    /// </summary>
    internal uint NearestSampler
    {
        get
        {
            if (nearestSampler is not null) return nearestSampler.Name;
            using Scope scope = Enter(HostStateParts.None);
            uint name = gl.GenSampler();
            gl.SamplerParameter(name, SamplerParameterI.MinFilter, (int)TextureMinFilter.Nearest);
            gl.SamplerParameter(name, SamplerParameterI.MagFilter, (int)TextureMagFilter.Nearest);
            nearestSampler = Register(GpuResourceKind.Sampler, name, 0);
            return name;
        }
    }

    /// <summary>The extent of the first level of a texture of the host, which shaders must see as floats, and whether it has more than red.</summary>
    internal (int Width, int Height, bool HasGreen) ExtentOfTexture(uint texture)
    {
        using Scope scope = Enter(HostStateParts.Textures);
        if (!gl.IsTexture(texture)) throw NotATexture(texture, "there is no texture of this name in the device's context");
        gl.BindTexture(TextureTarget.Texture2D, texture);
        if (gl.GetInteger(GetPName.TextureBinding2D) != (int)texture)
        {
            _ = gl.GetError();   // of the binding that was refused
            throw NotATexture(texture, "it is none of two dimensions (GL_TEXTURE_2D)");
        }

        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, GetTextureParameter.TextureWidth, out int width);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, GetTextureParameter.TextureHeight, out int height);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, (GetTextureParameter)GLEnum.TextureRedType, out int red);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, (GetTextureParameter)GLEnum.TextureGreenType, out int green);
        if (width == 0 || height == 0) throw NotATexture(texture, "it has no image of level 0");
        return (GLEnum)red is GLEnum.Float or GLEnum.UnsignedNormalized or GLEnum.SignedNormalized ? (width, height, (GLEnum)green != GLEnum.None)
            : throw NotATexture(texture, "it has no red that shaders see as floats: it is one of depths or of integers");
    }

    /// <summary>Retires an object's name; the next call on the device's own thread deletes it. From any thread.</summary>
    internal void Retire(GpuResource resource)
    {
        if (resource.TryRetire() && !disposed && lost is null) retired.Enqueue(resource);
    }

    /// <summary>A buffer for packing rows, kept from call to call.</summary>
    internal Span<T> Staging<T>(int count) where T : unmanaged
    {
        int bytes = checked(count * sizeof(T));
        if (staging.Length < bytes) staging = GC.AllocateUninitializedArray<byte>(bytes);
        return MemoryMarshal.Cast<byte, T>(staging.AsSpan(0, bytes));
    }

    internal void Upload(MatrixTexture matrix, int firstRow, ReadOnlySpan<byte> padded)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, matrix.BufferName);
        gl.BufferSubData(BufferTargetARB.CopyWriteBuffer, matrix.OffsetOf(firstRow), padded);
    }

    internal void Read(MatrixTexture matrix, int firstRow, Span<byte> padded)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, matrix.BufferName);
        gl.GetBufferSubData(BufferTargetARB.CopyReadBuffer, matrix.OffsetOf(firstRow), padded);
    }

    internal GpuResource CreateReadBuffer(long bytes)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        return CreateBuffer(bytes, BufferUsageARB.StreamRead);
    }

    /// <summary>
    /// Enqueues the copy of matrices, or of their first rows, into a buffer, each where it lies behind the whole ones before it, and the
    /// fence that tells when it is done.
    /// </summary>
    internal nint StartReading(Readback readback, GpuResource buffer, IReadOnlyList<MatrixTexture> matrices, int rows)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        nint offset = 0;
        for (int i = 0; i < matrices.Count; i++)
        {
            MatrixTexture matrix = matrices[i];
            Copy(matrix.BufferName, 0, buffer.Name, offset, matrix.OffsetOf(Math.Min(rows, matrix.Shape.Rows)));
            offset += matrix.OffsetOf(matrix.Shape.Rows);
        }

        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.Flush();
        readbacks.Add(readback);
        return fence;
    }

    /// <summary>Copies bytes out of a buffer that the GPU has finished.</summary>
    internal void CopyOut(GpuResource buffer, long offset, Span<byte> bytes)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer.Name);
        void* mapped = gl.MapBufferRange(BufferTargetARB.CopyReadBuffer, (nint)offset, (nuint)bytes.Length, MapBufferAccessMask.ReadBit);
        bool whole = mapped is not null;
        if (whole)
        {
            new ReadOnlySpan<byte>(mapped, bytes.Length).CopyTo(bytes);
            whole = gl.UnmapBuffer(BufferTargetARB.CopyReadBuffer);
        }

        if (!whole) throw new InvalidOperationException($"The driver {Renderer} lost a buffer that was read back.");
    }

    /// <summary>The compiled kernel, compiled at the first request of this variant.</summary>
    internal Kernel GetKernel(KernelSource source)
    {
        string key = source.Key;
        if (kernels.TryGetValue(key, out Kernel? kernel)) return kernel;
        using Scope scope = Enter(HostStateParts.None);
        _ = StartCompiling(source);
        (PendingProgram pending, GpuResource resource) = compiling[key];
        compiling.Remove(key);
        try
        {
            kernel = new Kernel(gl, compiler.Finish(pending));
        }
        catch (DeviceNotSupportedException)
        {
            Unregister(resource);
            throw;
        }

        kernels.Add(key, kernel);
        return kernel;
    }

    /// <summary>Hands a kernel to the driver's compiler, if it has not been; false if that compiled it inside the call.</summary>
    internal bool StartCompiling(KernelSource source)
    {
        string key = source.Key;
        if (kernels.ContainsKey(key) || compiling.ContainsKey(key)) return true;
        using Scope scope = Enter(HostStateParts.None);
        string text = ShaderLibrary.Assemble(
            source.FileName, [.. Kernel.SharedConstants, .. storesWideTexels ? WideStores : [], .. source.Constants]);
        PendingProgram pending = compiler.Start(key, text);
        compiling.Add(key, (pending, Register(GpuResourceKind.Program, pending.Program, 0)));
        return !compiler.IsDone(pending);
    }

    /// <summary>Whether <see cref="GetKernel"/> would not wait for the driver's compiler.</summary>
    internal bool IsCompiled(KernelSource source)
    {
        string key = source.Key;
        if (kernels.ContainsKey(key)) return true;
        using Scope scope = Enter(HostStateParts.None);
        return compiling.TryGetValue(key, out (PendingProgram Program, GpuResource Resource) started) && compiler.IsDone(started.Program);
    }

    /// <summary>Runs recorded dispatches in order; what they wrote is visible to whatever comes after.</summary>
    internal void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        using Scope scope = Enter(HostStateParts.Dispatches);
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, default, 0, dispatch.Grid.Lines(rows));
        MakeWritesVisible();
    }

    /// <summary>Runs some lines of one dispatch. What it needs of earlier ones is waited for on the GPU where it says so.</summary>
    internal void Run(Dispatch dispatch, int rows, StepArguments arguments, int firstLine, int lines)
    {
        using Scope scope = Enter(HostStateParts.Dispatches);
        Kernel kernel = dispatch.Kernel!;
        (int firstX, int firstY, int x, int y) = dispatch.Grid.Part(rows, firstLine, lines);
        if (dispatch.NeedsBarrier && firstLine == 0) gl.MemoryBarrier(ShaderWritesVisibleToShaders);
        gl.UseProgram(kernel.Program);
        kernel.SetInteger(gl, Kernel.RowsLocation, rows);
        kernel.SetInteger(gl, Kernel.FirstGroupXLocation, firstX);
        kernel.SetInteger(gl, Kernel.FirstGroupYLocation, firstY);
        kernel.SetInteger(gl, Kernel.FirstSampleLocation, arguments.FirstSample);
        kernel.SetInteger(gl, Kernel.StepLocation, arguments.Step);
        for (int i = 0; i < dispatch.Sizes.Length; i++) kernel.SetInteger(gl, Kernel.SizesLocation + i, dispatch.Sizes[i]);
        for (int i = 0; i < dispatch.Scalars.Length; i++) kernel.SetScalar(gl, i, dispatch.Scalars[i]);
        uint image = 0, buffer = 0;
        foreach (MatrixBinding matrix in dispatch.Matrices)
        {
            Operand operand = matrix.Operand;
            if (matrix.IsRead)
                gl.BindImageTexture(image++, operand.TextureName, 0, false, 0, BufferAccessARB.ReadOnly, (InternalFormat)FormatOf(operand.Format));
            if (matrix.IsWritten) gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, buffer++, operand.BufferName);
        }

        for (int i = 0; i < dispatch.Textures.Length; i++)
        {
            if (dispatch.Textures[i] is not { } texture) continue;
            gl.ActiveTexture(TextureUnit.Texture0 + i);
            gl.BindTexture(texture.BufferName != 0 ? TextureTarget.TextureBuffer : TextureTarget.Texture2D, texture.TextureName);
            if (texture.SamplerName != 0) gl.BindSampler((uint)i, texture.SamplerName);
        }

        gl.DispatchCompute((uint)x, (uint)y, 1);
        for (int i = 0; i < dispatch.Textures.Length; i++)
        {
            if (dispatch.Textures[i] is { SamplerName: not 0 }) gl.BindSampler((uint)i, 0);   // which all others rely on
        }
    }

    internal GpuResource CreateQuery()
    {
        using Scope scope = Enter(HostStateParts.None);
        return Register(GpuResourceKind.Query, gl.GenQuery(), 0);
    }

    /// <summary>
    /// Lets the GPU's clock tell the time of dispatches: a common driver puts a timestamp off to the end of all drawing while a
    /// framebuffer with pixels is bound, so one without is. The end of the outermost call gives the host's back.
    /// </summary>
    internal void PrepareTiming()
    {
        using Scope scope = Enter(HostStateParts.Computing);
        emptyFramebuffer ??= Register(GpuResourceKind.Framebuffer, gl.GenFramebuffer(), 0);   // without attachments and size
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, emptyFramebuffer.Name);
    }

    /// <summary>Lets a query note the GPU's time behind all commands so far. Its last result must have been read.</summary>
    internal void MarkTime(GpuResource query)
    {
        using Scope scope = Enter(HostStateParts.None);
        gl.QueryCounter(query.Name, QueryCounterTarget.Timestamp);
    }

    /// <summary>What a query noted, in nanoseconds; false while the GPU has not come there. Does not wait.</summary>
    internal bool TryReadTime(GpuResource query, out long nanoseconds)
    {
        using Scope scope = Enter(HostStateParts.None);
        gl.GetQueryObject(query.Name, QueryObjectParameterName.ResultAvailable, out int available);
        nanoseconds = 0;
        if (available == 0) return false;
        gl.GetQueryObject(query.Name, QueryObjectParameterName.Result, out nanoseconds);
        return true;
    }

    /// <summary>Copies a matrix into another one of the same shape, on the GPU.</summary>
    internal void Copy(MatrixTexture source, MatrixTexture destination)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        Copy(source.BufferName, 0, destination.BufferName, 0, source.OffsetOf(source.Shape.Rows));
    }

    /// <summary>Copies a row of a matrix into one of another matrix with as many columns, on the GPU.</summary>
    internal void CopyRow(MatrixTexture source, int sourceRow, MatrixTexture destination, int destinationRow)
    {
        using Scope scope = Enter(HostStateParts.Copying);
        Copy(source.BufferName, source.OffsetOf(sourceRow), destination.BufferName, destination.OffsetOf(destinationRow), source.OffsetOf(1));
    }

    /// <summary>What dispatches have written is visible to whatever comes after.</summary>
    internal void MakeWritesVisible()
    {
        using Scope scope = Enter(HostStateParts.None);
        gl.MemoryBarrier(ShaderWritesVisibleToAll);
    }

    /// <summary>Waits until the GPU has finished all that was enqueued.</summary>
    internal void Finish()
    {
        using Scope scope = Enter(HostStateParts.None);
        gl.Finish();
    }

    private static ContextIdentity RequireCurrentContext()
    {
        return ContextIdentity.OfThisThread() ?? throw new WrongContextException(
            "No OpenGL context is current on this thread. Make the game's context current before attaching " +
            "(in Silk.NET: from the window's Load event on, on the window's thread).");
    }

    private static void RequireComputeShaders(GL gl, string advice)
    {
        string version = gl.GetStringS(StringName.Version) ?? "";
        string renderer = gl.GetStringS(StringName.Renderer) ?? "";
        string found = $"Found: OpenGL {version} on {renderer}. Needed: OpenGL 4.3 with compute shaders.";
        if (version.StartsWith("OpenGL ES", StringComparison.Ordinal))
            throw new DeviceNotSupportedException($"{found} This is OpenGL ES, which has no buffer textures of this kind. {advice}");
        string[] numbers = version.Split(' ', 2)[0].Split('.');
        bool read = numbers.Length >= 2 &
            int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) &
            int.TryParse(numbers.ElementAtOrDefault(1), NumberStyles.None, CultureInfo.InvariantCulture, out int minor);
        if (!read || (major, minor).CompareTo((4, 3)) < 0)
            throw new DeviceNotSupportedException($"{found} (macOS stops at 4.1.) {advice}");
        if (!gl.Context.TryGetProcAddress("glDispatchCompute", out _))
            throw new DeviceNotSupportedException($"{found} The driver has no glDispatchCompute. {advice}");
    }

    private static ArgumentException NotATexture(uint texture, string why)
    {
        return new ArgumentException($"Texture {texture} cannot be taken: {why}. Hand over the name of a two-dimensional color texture.", nameof(texture));
    }

    /// <summary>Kernels read bytes as the integers that they are: what they stand for, they scale themselves, less often than an image unit would.</summary>
    private static SizedInternalFormat FormatOf(TexelFormat format)
    {
        return format switch
        {
            TexelFormat.Float => SizedInternalFormat.Rgba32f,
            TexelFormat.Byte => SizedInternalFormat.Rgba8ui,
            _ => SizedInternalFormat.Rgba32ui,
        };
    }

    /// <summary>One of the driver's limits, some of which are beyond an int; a driver that has none may say so by a number that is none.</summary>
    private long Limit(GLEnum name)
    {
        gl.GetInteger64((GetPName)name, out long value);
        return value > 0 ? value : long.MaxValue;
    }

    /// <summary>A buffer with no values yet, which is bound for copies into it; the spare bytes are not counted.</summary>
    private GpuResource CreateBuffer(long bytes, BufferUsageARB usage, int spareBytes = 0)
    {
        uint name = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, name);
        gl.BufferData(BufferTargetARB.CopyWriteBuffer, (nuint)(bytes + spareBytes), null, usage);
        gl.GetBufferParameter(BufferTargetARB.CopyWriteBuffer, BufferPNameARB.Size, out long size);
        if (size == bytes + spareBytes) return Register(GpuResourceKind.Buffer, name, bytes);
        gl.DeleteBuffer(name);
        _ = gl.GetError();   // of the storage that was not to be had
        throw new DeviceLimitException($"The driver {Renderer} has no memory for a buffer of {bytes} bytes. Use fewer rows or columns.");
    }

    private void Copy(uint source, nint sourceOffset, uint destination, nint destinationOffset, nint bytes)
    {
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, source);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, destination);
        gl.CopyBufferSubData(CopyBufferSubDataTarget.CopyReadBuffer, CopyBufferSubDataTarget.CopyWriteBuffer, sourceOffset, destinationOffset, (nuint)bytes);
    }

    private void RequireThisContext()
    {
        if (identity.IsCurrent) return;
        throw new WrongContextException(identity.IsNoneCurrent
            ? "No OpenGL context is current on this thread, so the device cannot be used from it. Call from the thread that owns the device's context."
            : "Another OpenGL context is current on this thread than the one this device was made with. Make the device's context current first.");
    }

    private void RequireNotLost()
    {
        if (lost is { } why) throw new ContextLostException(why);
    }

    private void RequireContextNotReset()
    {
        if (resetStatus.Read() is { } what) Lose(what);
    }

    /// <summary>From now on every call fails; what was under way fails now. No fence, query or object is asked or deleted any more.</summary>
    [DoesNotReturn]
    private void Lose(string what)
    {
        ContextLostException loss = new(
            $"The OpenGL context of the driver {Renderer} {what}. All that was on it is gone. Make a new context and a new device on it, and " +
            "load the last saved weights; Dispose of this device and of its objects does no harm.");
        lost = loss.Message;
        Forget();
        Fail(loss);
        throw loss;
    }

    /// <summary>Tells everyone who waits for a readback; they may start no other one.</summary>
    private void Fail(Exception why)
    {
        foreach (Readback readback in readbacks) readback.Fail(why);
        readbacks.Clear();
    }

    private void Forget()
    {
        live.Clear();
        retired.Clear();
        kernels.Clear();
        compiling.Clear();
        openFrameCount = 0;
        Memory = default;
    }

    private void Free()
    {
        foreach (Readback readback in readbacks) gl.DeleteSync(readback.Fence);
        foreach (GpuResource resource in live) Delete(resource);
        if (debugCallback is not null) gl.DebugMessageCallback(null, null);
        if (openFrameCount > 0) host?.GiveBack();
        Forget();
        disposed = true;
        Fail(new ObjectDisposedException(nameof(NeuralDevice)));
    }

    private GpuResource Register(GpuResourceKind kind, uint name, long bytes)
    {
        GpuResource resource = new(kind, name, bytes);
        live.Add(resource);
        Count(resource, 1);
        return resource;
    }

    private void Count(GpuResource resource, int sign)
    {
        Memory = new DeviceMemory(
            Memory.Textures + (resource.Kind == GpuResourceKind.Texture ? sign : 0),
            Memory.Buffers + (resource.Kind == GpuResourceKind.Buffer ? sign : 0),
            Memory.Programs + (resource.Kind == GpuResourceKind.Program ? sign : 0),
            Memory.Bytes + (sign * resource.Bytes));
    }

    private void DeleteRetired()
    {
        while (retired.TryDequeue(out GpuResource? resource))
        {
            if (!live.Contains(resource)) continue;
            Unregister(resource);
            Delete(resource);
        }
    }

    private void Unregister(GpuResource resource)
    {
        live.Remove(resource);
        Count(resource, -1);
    }

    private void Delete(GpuResource resource)
    {
        switch (resource.Kind)
        {
            case GpuResourceKind.Texture: gl.DeleteTexture(resource.Name); break;
            case GpuResourceKind.Buffer: gl.DeleteBuffer(resource.Name); break;
            case GpuResourceKind.Framebuffer: gl.DeleteFramebuffer(resource.Name); break;
            case GpuResourceKind.Program: gl.DeleteProgram(resource.Name); break;
            case GpuResourceKind.Query: gl.DeleteQuery(resource.Name); break;
            case GpuResourceKind.Sampler: gl.DeleteSampler(resource.Name); break;
        }
    }

    private void Leave()
    {
        if (--depth > 0 || lost is not null) return;
        host?.GiveBack();
        if (isValidating) errors.ThrowOurs();
    }

    /// <summary>The extent of one call; the outermost one gives the host its state back.</summary>
    internal readonly ref struct Scope(NeuralDevice device)
    {
        public void Dispose() => device.Leave();
    }
}
