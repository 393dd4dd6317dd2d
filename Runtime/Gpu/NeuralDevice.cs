using System.Runtime.CompilerServices;
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
public sealed class NeuralDevice : IDisposable
{
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

    /// <summary>The driver's own name of its maker.</summary>
    public string Vendor => Backend.Vendor;

    /// <summary>The driver's own name of what draws and computes: a card, or a software driver such as llvmpipe.</summary>
    public string Renderer => Backend.Renderer;

    /// <summary>The OpenGL version and the driver's own, as the driver gives them.</summary>
    public string Version => Backend.Version;

    /// <summary>
    /// Whether it computes on the processor: it is a device of <see cref="CreateOnProcessor"/>, or of a software driver of OpenGL, which is a slow way to it.
    /// </summary>
    public bool IsSoftware => Limits.IsSoftware;

    /// <summary>What is alive on this device now. Objects that were dropped are counted until the next call deletes them.</summary>
    public DeviceMemory Memory => Backend.Memory;

    /// <summary>
    /// What calls do about the state of the host whose context this is; it holds from the next call or frame on. A device of its
    /// own context has no host, and neither saves nor sets anything.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the values.</exception>
    public HostStatePolicy HostStatePolicy
    {
        get => Backend.Settings.HostStatePolicy;
        set => Backend.Settings.HostStatePolicy = Enum.IsDefined(value)
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected Preserve or HostRebinds.");
    }

    /// <summary>
    /// Reads the driver's errors where each call or frame begins and ends, and throws <see cref="OpenGLErrorException"/> if there
    /// is one: at the beginning it is the host's, at the end ours. For finding mistakes: reading waits for the driver, and
    /// consumes what the host's own glGetError would have seen. Without it no error is read. It holds from the next call or frame on. A context
    /// without errors (GL_CONTEXT_FLAG_NO_ERROR_BIT) has none to read.
    /// </summary>
    public bool Validation
    {
        get => Backend.Settings.Validation;
        set => Backend.Settings.Validation = value;
    }

    internal DeviceLimits Limits => Backend.Limits;

    /// <summary>Whether what was enqueued in earlier frames is not done, so that a frame had better enqueue nothing that can wait.</summary>
    internal bool IsBehind => Backend.IsBehind;

    /// <summary>A device on the processor that lives as long as this one, for what is better off there. Made when it is first asked for.</summary>
    internal NeuralDevice ProcessorBeside => processor ??= CreateOnProcessor(new ProcessorOptions { Background = Backend is BackgroundBackend });

    /// <summary>What probes have found: whether a shape is better off there.</summary>
    internal Dictionary<string, bool> Placements { get; } = [];

    /// <summary>What it computes on, for the types of this folder; the folders above use those and the members below.</summary>
    internal IComputeBackend Backend { get; }

    /// <summary>Those that are under way, for <see cref="Readback"/> alone.</summary>
    internal ReadbackQueue Readbacks { get; }

    /// <summary>The textures of the game that the device is a part of.</summary>
    /// <exception cref="NotSupportedException">The device shares no textures with a game.</exception>
    internal IHostTextures HostTextures => Backend.HostTextures ?? throw new NotSupportedException(
        $"The device {Renderer} shares no textures with a game. Use a device on the game's OpenGL context, or hand over the pixels as features.");

    /// <summary>
    /// Makes a core context of OpenGL 4.5, or at least 4.3, without a window that anybody sees, and makes it current
    /// on this thread: through EGL a hardware device first, else Mesa's surfaceless platform; on Windows through WGL, by a window that is never shown and that
    /// goes where the device is disposed, or with the thread that made it.
    /// </summary>
    /// <param name="options">Another driver, a debug context; null for none of it.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// No library of EGL or WGL, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateHeadless(HeadlessOptions? options = null)
    {
        return new NeuralDevice(OpenGLBackend.CreateHeadless(options ?? new HeadlessOptions()));
    }

    /// <summary>
    /// Makes a device with a thread of its own, which makes a context as <see cref="CreateHeadless"/> does, has it current, and makes all calls of OpenGL. So it
    /// touches neither the game's context nor any thread of the game, and serves a game that draws with something else: Vulkan, Direct3D, an older OpenGL.
    /// </summary>
    /// <remarks>
    /// Calls hand over copies and return; what they ask for comes some frames later, with the same bits as on a device of <see cref="CreateHeadless"/>. Those
    /// that wait by their own words (<c>TrainBatch</c>, <c>Predict</c>, <c>GetParameters</c>) wait for the thread too, and so does whatever makes networks, sets of samples and
    /// trainers. The calls may come from any thread, but from one at a time; one that comes while another thread is inside a call or a frame throws
    /// <see cref="InvalidOperationException"/>. What fails over there, the loss of the context included, is thrown by the next call. Textures of a game are refused
    /// (<see cref="NotSupportedException"/>), since they belong to its context. <see cref="Dispose"/> may come from any thread, at any time, and ends the thread behind the command that it is at;
    /// a device that is only dropped keeps its thread.
    /// </remarks>
    /// <param name="options">Another driver, a debug context, whose messages come on the thread of the device; null for none of it.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// No library of EGL or WGL, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateInBackground(HeadlessOptions? options = null)
    {
        HeadlessOptions chosen = options ?? new HeadlessOptions();
        return new NeuralDevice(new BackgroundBackend(() => OpenGLBackend.CreateHeadless(chosen), ThreadName, new ProcessorOptions().SpinTime));
    }

    /// <summary>
    /// Makes the device that is likely the fastest here: an OpenGL context of its own on a graphics card where there is one, else the processor, as
    /// <see cref="CreateOnProcessor"/>. With <see cref="ProcessorOptions.Background"/> either has a thread of its own, as <see cref="CreateInBackground"/>. It takes a software driver of OpenGL, which is a slow way to the processor, only where the environment asks for one
    /// (<see cref="HeadlessOptions.PlatformVariable"/>).
    /// </summary>
    /// <param name="options">For the processor, and whether beside the game; null for one thread a processor, at most 8, inside the calls.</param>
    public static NeuralDevice Create(ProcessorOptions? options = null)
    {
        try
        {
            NeuralDevice device = options is { Background: true } ? CreateInBackground() : CreateHeadless();
            if (!device.Limits.IsSoftware || Environment.GetEnvironmentVariable(HeadlessOptions.PlatformVariable) is { Length: > 0 }) return device;
            device.Dispose();
        }
        catch (DeviceNotSupportedException)
        {
            // no OpenGL here, which is what the processor is for
        }

        return CreateOnProcessor(options);
    }

    /// <summary>
    /// Makes a device that is the processor: it needs no OpenGL, no driver and no window. Networks, trainers, populations, agents and files work on it
    /// as on any other, by kernels that are methods, and learn the same, up to the rounding of sums. It shares no textures with a game.
    /// </summary>
    /// <remarks>
    /// It is not bound to a thread: its calls may come from any, but from one at a time. So none of them throws <see cref="WrongContextException"/> or
    /// <see cref="ContextLostException"/>; one that comes while another thread is inside a call or a frame throws <see cref="InvalidOperationException"/>.
    /// Every call computes before it returns, with the threads of <paramref name="options"/>, and a budget of a frame is held as on a GPU. With
    /// <see cref="ProcessorOptions.Background"/> a thread of its own computes: calls return at once but those that wait by their own words, results come some
    /// frames later, and an error of the thread is thrown by the next call.
    /// </remarks>
    /// <param name="options">How many threads, and whether beside the game; null for one a processor, at most 8, inside the calls.</param>
    public static NeuralDevice CreateOnProcessor(ProcessorOptions? options = null)
    {
        ProcessorOptions chosen = options ?? new ProcessorOptions();
        return new NeuralDevice(chosen.Background
            ? new BackgroundBackend(() => new ProcessorBackend(chosen), ThreadName, chosen.SpinTime) : new ProcessorBackend(chosen));
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
        return new NeuralDevice(OpenGLBackend.Attach(gl));
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
    public void MakeCurrent() => Backend.MakeCurrent();

    /// <summary>
    /// Begins the calls of a frame: the host's OpenGL state is read once and given back once, at the Dispose of the result, however
    /// many calls come in between. Optional, and only a matter of time: without it each call does so itself. Frames may nest;
    /// the outermost one counts. It deletes what was dropped, as every call does, and is no <see cref="Update"/>. Allocates nothing.
    /// </summary>
    /// <remarks>
    /// Until then the state belongs to the calls of this package: the host neither sets nor relies on any of what
    /// <see cref="HostStatePolicy.HostRebinds"/> lists, and deletes none of the objects that it had bound. Transform feedback that is active stays paused until then.
    /// </remarks>
    /// <example><code>using (device.BeginFrame()) { device.Update(); classifier.Predict(features, probabilities); }</code></example>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ContextLostException">The device's context was reset.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public FrameScope BeginFrame() => new(this, Backend.BeginFrame());

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
        using Scope scope = Enter(savesHostState: false);
        Backend.CheckFences();
        Readbacks.Complete();
        warmUp.Advance();
        processor?.Update();
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
        using Scope scope = Enter(savesHostState: false);
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
        Backend.Dispose();
        processor?.Dispose();
    }

    /// <summary>
    /// Begins a call: checks the device and the thread. Nothing of this package reaches the driver outside such a scope. Calls may lie in each other.
    /// </summary>
    /// <param name="savesHostState">True for a call that makes others: it saves the host's state for all of them at once. False leaves each its own.</param>
    internal Scope Enter(bool savesHostState = true)
    {
        Backend.Enter(savesHostState);
        return new Scope(Backend);
    }

    /// <summary>Ends a frame and those within it; one that has ended is left alone.</summary>
    internal void EndFrame(long number) => Backend.EndFrame(number);

    /// <summary>The shape of a matrix that this device can hold.</summary>
    /// <exception cref="DeviceLimitException">It is too large.</exception>
    internal MatrixShape Shape(long rows, long columns, string what, TexelFormat format = TexelFormat.Float) => Limits.Shape(rows, columns, what, format);

    /// <summary>Checks that kernels of this device can write a matrix of this shape, of which drivers allow less than to read one.</summary>
    /// <exception cref="DeviceLimitException">It is too large.</exception>
    internal void RequireWritable(MatrixShape shape, TexelFormat format = TexelFormat.Float)
    {
        long bytes = shape.BytesOf(format);
        if (bytes <= Limits.MostStorageBytes) return;
        throw new DeviceLimitException(
            $"A matrix {shape} that the GPU writes takes {bytes} bytes, and the driver {Renderer} lets it write at most " +
            $"{Limits.MostStorageBytes}. Use a smaller batch, or fewer units or members.");
    }

    /// <summary>Checks that this device can run a dispatch, whose matrices need not be there yet.</summary>
    /// <exception cref="DeviceLimitException">It writes too large a matrix, or works on too many.</exception>
    internal void RequireRunnable(Dispatch dispatch)
    {
        foreach (MatrixBinding matrix in dispatch.Matrices.Where(matrix => matrix.IsWritten)) RequireWritable(matrix.Operand.Shape, matrix.Operand.Format);
        if (dispatch.BindingCount <= Limits.MostBindings) return;
        throw new DeviceLimitException(
            $"{dispatch.Source.FileName} takes {dispatch.BindingCount} image units and storage buffers together, and the driver {Renderer} has " +
            $"{Limits.MostBindings} of them. Use smaller batches, or an optimizer that keeps fewer matrices of state.");
    }

    /// <summary>Checks a dispatch and compiles its kernel, if it is not compiled.</summary>
    /// <exception cref="DeviceLimitException">This device cannot run it.</exception>
    internal void Compile(Dispatch dispatch)
    {
        RequireRunnable(dispatch);
        dispatch.Kernel ??= GetKernel(dispatch);
    }

    /// <summary>A buffer for packing rows, kept from call to call.</summary>
    internal Span<T> Staging<T>(int count) where T : unmanaged
    {
        int bytes = checked(count * Unsafe.SizeOf<T>());
        if (staging.Length < bytes) staging = GC.AllocateUninitializedArray<byte>(bytes);
        return MemoryMarshal.Cast<byte, T>(staging.AsSpan(0, bytes));
    }

    /// <summary>The compiled kernel of a dispatch, compiled at the first request of this variant.</summary>
    internal CompiledKernel GetKernel(Dispatch dispatch) => Backend.GetKernel(dispatch);

    /// <summary>Runs dispatches in order; what they wrote is visible to whatever comes after.</summary>
    internal void Run(ReadOnlySpan<Dispatch> dispatches, int rows) => Backend.Run(dispatches, rows);

    /// <summary>Runs some lines of one dispatch. What it needs of earlier ones is waited for on the GPU where it says so.</summary>
    internal void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        Backend.Run(dispatch, rows, firstLine, lines);
    }

    /// <summary>What dispatches have written is visible to whatever comes after.</summary>
    internal void MakeWritesVisible() => Backend.MakeWritesVisible();

    /// <summary>Waits until the GPU has finished all that was enqueued.</summary>
    internal void Finish() => Backend.Finish();

    /// <summary>Lets the clock tell the time of the dispatches of this call.</summary>
    internal void PrepareTiming() => Backend.PrepareTiming();

    /// <summary>The extent of one call; the outermost one gives the host its state back.</summary>
    internal readonly ref struct Scope(IComputeBackend backend)
    {
        public void Dispose() => backend.Leave();
    }
}
