using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// An OpenGL context in which networks live and learn: the game's own, or one without a window. It counts the objects made on
/// it, holds them weakly (a dropped object is collected, and its OpenGL objects are deleted at the next call), and frees the remaining ones
/// when it is disposed. All calls come from the thread on which the context is current; only objects made on
/// it may be disposed from another thread. Once the context was reset, every call on the device or its objects throws
/// <see cref="ContextLostException"/> at once.
/// </summary>
public sealed class NeuralDevice : IDisposable
{
    /// <summary>The environment variable that chooses <see cref="KernelCacheFolder"/> for devices made from then on: a folder, or <c>off</c>.</summary>
    public const string KernelCacheVariable = "NEURALPLUGIN_KERNEL_CACHE";

    /// <summary>Of the thread of a device that has one.</summary>
    private const string ThreadName = "NeuralPlugin";

    private readonly WarmUpQueue warmUp;
    private NeuralDevice? processor;
    private byte[] staging = [];

    internal NeuralDevice(IComputeBackend backend)
    {
        Backend = backend;
        Readbacks = new ReadbackQueue(backend);
        warmUp = new WarmUpQueue(this);
        backend.Ended += Readbacks.Fail;
    }

    /// <summary>The vendor name reported by the driver.</summary>
    public string Vendor => Backend.Vendor;

    /// <summary>The renderer name reported by the driver: a card, or a software driver such as llvmpipe.</summary>
    public string Renderer => Backend.Renderer;

    /// <summary>The OpenGL version and the driver's own, as reported by the driver.</summary>
    public string Version => Backend.Version;

    /// <summary>
    /// Whether it computes on the processor: it is a device of <see cref="CreateOnProcessor"/>, or of a software OpenGL driver, a slower path to it.
    /// </summary>
    public bool IsSoftware => Limits.IsSoftware;

    /// <summary>The objects currently alive on this device. Dropped objects are counted until the next call deletes them.</summary>
    public DeviceMemory Memory => Backend.Memory;

    /// <summary>
    /// How calls treat the state of the host whose context this is; takes effect with the next call or frame. A device with its
    /// own context has no host, and neither saves nor sets anything.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is invalid.</exception>
    public HostStatePolicy HostStatePolicy
    {
        get => Backend.Settings.HostStatePolicy;
        set => Backend.Settings.HostStatePolicy = Enum.IsDefined(value)
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected Preserve or HostRebinds.");
    }

    /// <summary>
    /// The folder of compiled kernels, so that the next start with the same driver compiles nothing; null for none. By default NeuralPlugin/kernels in the
    /// user's cache folder, or what the environment variable <see cref="KernelCacheVariable"/> says: a folder, or <c>off</c>. Kernels compiled from then on are saved
    /// there, some kilobytes each, when they are first needed; the newest 1,024 are kept. If the folder cannot be written to, nothing is saved. The processor
    /// compiles nothing.
    /// </summary>
    public string? KernelCacheFolder
    {
        get => Backend.Settings.KernelCacheFolder;
        set => Backend.Settings.KernelCacheFolder = value;
    }

    /// <summary>
    /// Reads the driver's errors where each call or frame begins and ends, and throws <see cref="OpenGLErrorException"/> if there
    /// is one: at the beginning it is the host's, at the end ours. For debugging: reading waits for the driver, and
    /// consumes errors that the host's own glGetError would have seen. Without it no error is read. Takes effect with the next call or frame. A context
    /// without errors (GL_CONTEXT_FLAG_NO_ERROR_BIT) has none to read.
    /// </summary>
    public bool Validation
    {
        get => Backend.Settings.Validation;
        set => Backend.Settings.Validation = value;
    }

    internal DeviceLimits Limits => Backend.Limits;

    /// <summary>Whether work enqueued in earlier frames is unfinished, so that a frame should enqueue only what cannot wait.</summary>
    internal bool IsBehind => Backend.IsBehind;

    /// <summary>A processor device with the same lifetime as this one, for networks that are faster there. Made at the first request.</summary>
    internal NeuralDevice ProcessorBeside => processor ??= CreateOnProcessor(new ProcessorOptions { Background = Backend is BackgroundBackend });

    /// <summary>Probe results: whether a shape is faster on the processor.</summary>
    internal Dictionary<string, bool> Placements { get; } = [];

    /// <summary>The backend, for the types in this folder; the folders above use those types and the members below.</summary>
    internal IComputeBackend Backend { get; }

    /// <summary>The pending readbacks, for <see cref="Readback"/> alone.</summary>
    internal ReadbackQueue Readbacks { get; }

    /// <summary>The textures of the game that owns the context.</summary>
    /// <exception cref="NotSupportedException">The device shares no textures with a game.</exception>
    internal IHostTextures HostTextures => Backend.HostTextures ?? throw new NotSupportedException(
        $"The device {Renderer} shares no textures with a game. Use a device on the game's OpenGL context, or pass the pixels as features.");

    /// <summary>
    /// Makes a core context of OpenGL 4.5, or at least 4.3, without a visible window, and makes it current
    /// on this thread: through EGL a hardware device first, otherwise Mesa's surfaceless platform; on Windows through WGL, with a hidden window, which is
    /// destroyed with the device or with the thread that made it.
    /// </summary>
    /// <param name="options">Another driver, or a debug context; null for the defaults.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// There is no EGL or WGL library, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateHeadless(HeadlessOptions? options = null)
    {
        return new NeuralDevice(OpenGLBackend.CreateHeadless(options ?? new HeadlessOptions()));
    }

    /// <summary>
    /// Makes a device with a thread of its own, which creates a context as <see cref="CreateHeadless"/> does and makes all OpenGL calls. It
    /// touches neither the game's context nor the game's threads, so it serves games that draw with Vulkan, Direct3D or an older OpenGL.
    /// </summary>
    /// <remarks>
    /// Calls copy their arguments and return; results arrive some frames later, with the same bits as on a device of <see cref="CreateHeadless"/>. Calls
    /// that are documented to wait (<c>TrainBatch</c>, <c>Predict</c>, <c>GetParameters</c>) wait for the thread, too, and so do the constructors of networks, training sets and
    /// trainers. Call from any thread, but from one at a time: a call while another thread is inside a call or a frame throws
    /// <see cref="InvalidOperationException"/>. If work on the thread fails or its context is lost, the next call throws. Textures of a game belong to the game's context and are refused
    /// (<see cref="NotSupportedException"/>). <see cref="Dispose"/> may be called from any thread at any time and ends the thread after the command in progress;
    /// a device that is dropped without it keeps its thread.
    /// </remarks>
    /// <param name="options">Another driver, or a debug context, whose messages arrive on the device's thread; null for the defaults.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// No library of EGL or WGL, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateInBackground(HeadlessOptions? options = null)
    {
        HeadlessOptions chosen = options ?? new HeadlessOptions();
        return new NeuralDevice(new BackgroundBackend(() => OpenGLBackend.CreateHeadless(chosen), ThreadName, new ProcessorOptions().SpinTime));
    }

    /// <summary>
    /// Makes the device that is likely the fastest here: an OpenGL context of its own on a graphics card if there is one, otherwise the processor, as
    /// <see cref="CreateOnProcessor"/>. With <see cref="ProcessorOptions.Background"/> either has a thread of its own, as with <see cref="CreateInBackground"/>. It uses a software
    /// OpenGL driver, a slower path to the processor, only if the environment requests one (<see cref="HeadlessOptions.PlatformVariable"/>).
    /// </summary>
    /// <param name="options">For the processor, and whether either device has a thread of its own; null for one thread per processor, at most 8, inside the calls.</param>
    public static NeuralDevice Create(ProcessorOptions? options = null)
    {
        bool takesSoftware = Environment.GetEnvironmentVariable(HeadlessOptions.PlatformVariable) is { Length: > 0 };
        return FindCard(() => options is { Background: true } ? CreateInBackground() : CreateHeadless(), takesSoftware) ?? CreateOnProcessor(options);
    }

    /// <summary>A device on OpenGL; null if there is none, or only a software driver that was not requested.</summary>
    internal static NeuralDevice? FindCard(Func<NeuralDevice> create, bool takesSoftware)
    {
        try
        {
            NeuralDevice device = create();
            if (takesSoftware || !device.Limits.IsSoftware) return device;
            device.Dispose();
        }
        catch (DeviceNotSupportedException)
        {
            // no OpenGL here
        }

        return null;
    }

    /// <summary>
    /// Makes a processor device: it needs no OpenGL, no driver and no window. Networks, trainers, populations, agents and files work on it
    /// as on any other, with kernels that are methods, and learn the same, up to the rounding of sums. It shares no textures with a game.
    /// </summary>
    /// <remarks>
    /// It is not bound to a thread: any thread may call it, but only one at a time. So no call throws <see cref="WrongContextException"/> or
    /// <see cref="ContextLostException"/>; a call while another thread is inside a call or a frame throws <see cref="InvalidOperationException"/>.
    /// Every call computes before it returns, with the threads of <paramref name="options"/>, and a frame budget is enforced as on a GPU. With
    /// <see cref="ProcessorOptions.Background"/> a separate thread computes: calls return at once unless documented to wait, results arrive some
    /// frames later, and an error in the thread is thrown by the next call.
    /// </remarks>
    /// <param name="options">The number of threads, and whether to run beside the game; null for one per processor, at most 8, inside the calls.</param>
    public static NeuralDevice CreateOnProcessor(ProcessorOptions? options = null)
    {
        ProcessorOptions chosen = options ?? new ProcessorOptions();
        return new NeuralDevice(chosen.Background
            ? new BackgroundBackend(() => new ProcessorBackend(chosen), ThreadName, chosen.SpinTime) : new ProcessorBackend(chosen));
    }

    /// <summary>
    /// Uses the game's own context, which must be current on this thread, and remembers which one it is. After each call the host's OpenGL
    /// state is as before, unless <see cref="HostStatePolicy"/> says otherwise. The host keeps the context, and disposes the device before it.
    /// </summary>
    /// <param name="gl">The Silk.NET binding of the current context.</param>
    /// <exception cref="WrongContextException">No context is current on this thread.</exception>
    /// <exception cref="DeviceNotSupportedException">The context is older than OpenGL 4.3, or has no compute shaders.</exception>
    public static NeuralDevice Attach(GL gl)
    {
        ArgumentNullException.ThrowIfNull(gl);
        return new NeuralDevice(OpenGLBackend.Attach(gl));
    }

    /// <summary>Uses the context of a Silk.NET window or view, which must be current on this thread.</summary>
    /// <param name="source">Any Silk.NET IWindow or IView with an OpenGL context.</param>
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
    public void MakeCurrent() => Backend.MakeCurrent();

    /// <summary>
    /// Begins the calls of a frame: the host's OpenGL state is saved once and restored once, when the result is disposed, however
    /// many calls come in between. Optional, for speed only: without it each call does so itself. Frames may nest;
    /// the outermost one counts. Like every call, it deletes dropped objects, but it is not an <see cref="Update"/>. Allocates nothing.
    /// </summary>
    /// <remarks>
    /// Until then the state belongs to the calls of this package: the host neither sets nor relies on any of the state that
    /// <see cref="HostStatePolicy.HostRebinds"/> lists, and deletes none of the objects it had bound. Active transform feedback stays paused until then.
    /// </remarks>
    /// <example><code>using (device.BeginFrame()) { device.Update(); classifier.Predict(features, probabilities); }</code></example>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public FrameScope BeginFrame() => new(this, Backend.BeginFrame());

    /// <summary>
    /// Delivers what the GPU has finished since the last call (pending saves proceed), advances a warm-up by one kernel, and
    /// deletes the OpenGL objects whose owners were disposed or collected, as every other call does. Call it once a frame.
    /// It never waits, except for a kernel that the driver compiles inside the call, and allocates only what a completed
    /// save passes to its writer and what a warm-up needs.
    /// </summary>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset: pending work has failed with the same exception.</exception>
    /// <exception cref="DeviceNotSupportedException">The driver rejected a kernel of a warm-up, which continues without it.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void Update()
    {
        using Scope scope = Enter(savesHostState: false);
        Backend.CheckFences();
        Readbacks.Complete();
        warmUp.Advance();
        processor?.Update();
    }

    /// <summary>
    /// Warms up kernels over the coming frames, so that the first call that needs them does not compile: each
    /// <see cref="Update"/> runs one of them once on small textures of its own. A driver that compiles in the background
    /// (KHR_parallel_shader_compile) receives many at once; otherwise each Update compiles one, which on a software driver may
    /// take some hundred milliseconds, so do it behind a loading screen. Kernels that are already warm count as done.
    /// </summary>
    /// <param name="kernels">The kernels to be needed: <c>device.WarmUp(classifier.KernelsFor(64), population.KernelsFor(8))</c>.</param>
    /// <returns>The progress, updated as frames go by.</returns>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public WarmUpProgress WarmUp(params ReadOnlySpan<KernelSet> kernels)
    {
        foreach (KernelSet set in kernels) ArgumentNullException.ThrowIfNull(set, nameof(kernels));
        using Scope scope = Enter(savesHostState: false);
        return warmUp.Add(kernels);
    }

    /// <summary>
    /// Waits for a task that only <see cref="Update"/> advances, such as a pending save, by calling Update until
    /// the task is complete: for tools, tests and the end of a program. Wait or Result on such a task, called on the device's
    /// thread, would never return. From another thread, wait for the task itself, while the device's thread continues.
    /// </summary>
    /// <param name="task">The task; if it failed, its exception is thrown.</param>
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
    /// host's state is restored. A second call does nothing. After a loss of the context no OpenGL call is made, from whatever thread.
    /// </summary>
    /// <exception cref="WrongContextException">
    /// The context is the host's and not current on this thread, or current on another one: nothing was freed.
    /// </exception>
    /// <exception cref="InvalidOperationException">It is a processor device without a thread of its own, and another thread is inside a call or a frame: nothing was freed.</exception>
    public void Dispose()
    {
        Backend.Dispose();
        processor?.Dispose();
    }

    /// <summary>
    /// Begins a call: checks the device and the thread. Nothing in this package reaches the driver outside such a scope. Calls may nest.
    /// </summary>
    /// <param name="savesHostState">True for a call that makes others: it saves the host's state once for all of them. False lets each save its own.</param>
    internal Scope Enter(bool savesHostState = true)
    {
        Backend.Enter(savesHostState);
        return new Scope(Backend);
    }

    /// <summary>Ends a frame and those within it; does nothing if it has already ended.</summary>
    internal void EndFrame(long number) => Backend.EndFrame(number);

    /// <summary>The shape of a matrix, checked against this device.</summary>
    /// <exception cref="DeviceLimitException">The matrix is too large.</exception>
    internal MatrixShape Shape(long rows, long columns, string what, TexelFormat format = TexelFormat.Float) => Limits.Shape(rows, columns, what, format);

    /// <summary>Checks that this device's kernels can write a matrix of this shape; drivers have lower limits for writing than for reading.</summary>
    /// <exception cref="DeviceLimitException">The matrix is too large.</exception>
    internal void RequireWritable(MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        long bytes = shape.BytesOf(format);
        if (bytes <= Limits.MostStorageBytes) return;
        throw new DeviceLimitException(
            $"A matrix {shape} that the GPU writes takes {bytes} bytes, but the driver {Renderer} lets it write at most " +
            $"{Limits.MostStorageBytes}. Use a smaller batch, or fewer units or members.");
    }

    /// <summary>Checks that this device can run a dispatch, whose matrices need not exist yet.</summary>
    /// <exception cref="DeviceLimitException">The dispatch writes too large a matrix, or uses too many.</exception>
    internal void RequireRunnable(Dispatch dispatch)
    {
        foreach (MatrixBinding matrix in dispatch.Matrices.Where(matrix => matrix.IsWritten)) RequireWritable(matrix.Operand.Shape, matrix.Operand.Format);
        if (dispatch.BindingCount <= Limits.MostBindings) return;
        throw new DeviceLimitException(
            $"{dispatch.Source.FileName} takes {dispatch.BindingCount} image units and storage buffers together, but the driver {Renderer} has " +
            $"{Limits.MostBindings} of them. Use smaller batches, or an optimizer with fewer matrices of state.");
    }

    /// <summary>Checks a dispatch and compiles its kernel, unless already compiled.</summary>
    /// <exception cref="DeviceLimitException">This device cannot run it.</exception>
    internal void Compile(Dispatch dispatch)
    {
        RequireRunnable(dispatch);
        dispatch.Kernel ??= GetKernel(dispatch);
    }

    /// <summary>A buffer for packing rows, reused from call to call.</summary>
    internal Span<T> Staging<T>(int count) where T : unmanaged
    {
        int bytes = checked(count * Unsafe.SizeOf<T>());
        if (staging.Length < bytes) staging = GC.AllocateUninitializedArray<byte>(bytes);
        return MemoryMarshal.Cast<byte, T>(staging.AsSpan(0, bytes));
    }

    /// <summary>The compiled kernel of a dispatch, compiled at the first request of this variant.</summary>
    internal CompiledKernel GetKernel(Dispatch dispatch) => Backend.GetKernel(dispatch);

    /// <summary>Runs dispatches in order; their writes are visible to all subsequent commands.</summary>
    internal void Run(ReadOnlySpan<Dispatch> dispatches, int rows) => Backend.Run(dispatches, rows);

    /// <summary>Runs some lines of one dispatch. If it requests a barrier, the GPU first makes earlier writes visible to it.</summary>
    internal void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        Backend.Run(dispatch, rows, firstLine, lines);
    }

    /// <summary>Makes the writes of dispatches visible to all subsequent commands.</summary>
    internal void MakeWritesVisible() => Backend.MakeWritesVisible();

    /// <summary>Waits until the GPU has finished all enqueued work.</summary>
    internal void Finish() => Backend.Finish();

    /// <summary>Prepares the clock for timing the dispatches of this call.</summary>
    internal void PrepareTiming() => Backend.PrepareTiming();

    /// <summary>The scope of one call; the outermost one restores the host's state.</summary>
    internal readonly ref struct Scope(IComputeBackend backend)
    {
        public void Dispose() => backend.Leave();
    }
}
