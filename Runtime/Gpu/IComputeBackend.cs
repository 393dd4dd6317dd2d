namespace NeuralPlugin;

/// <summary>
/// The compute implementation behind a device: OpenGL today, and any other implementation of this interface. <see cref="NeuralDevice"/> and its companion
/// types (matrices, readbacks, clocks, the warm-up) build on it, and the folders above build on those. A backend without shaders also needs
/// a method for each shader (<see cref="KernelSource.Method"/>), given where the shader is named. Commands take effect in call order. Nothing waits
/// unless documented, and calls made in a frame allocate nothing.
/// </summary>
/// <remarks>
/// All calls except <see cref="BackendResource.Retire"/> come from one thread at a time, and throw the exceptions documented for the device's public calls:
/// for the wrong thread, a lost device, and a disposed one.
/// </remarks>
internal interface IComputeBackend : IDisposable
{
    /// <summary>Raised once, when the device was lost or disposed, with the exception for every later call.</summary>
    event Action<Exception>? Ended;

    string Vendor { get; }

    string Renderer { get; }

    string Version { get; }

    DeviceLimits Limits { get; }

    DeviceMemory Memory { get; }

    /// <summary>The user's settings, to be read where an outermost call begins.</summary>
    DeviceSettings Settings { get; }

    /// <summary>The textures of a game; null for a backend that shares none with it.</summary>
    IHostTextures? HostTextures { get; }

    /// <summary>
    /// Whether the device has not finished the work enqueued before the last update but one, so that more would only wait. False if the backend
    /// works inside the calls, or cannot tell.
    /// </summary>
    bool IsBehind { get; }

    // ---- calls ----

    /// <summary>Makes the device's own context current on this thread, if it has one.</summary>
    void MakeCurrent();

    /// <summary>Begins a call, which may be nested: checks the device and the thread. The outermost one deletes retired objects.</summary>
    /// <param name="savesHostState">
    /// Whether to save the host's state for everything that the call may change. Otherwise each nested call saves what it changes. A backend
    /// without a host ignores it.
    /// </param>
    void Enter(bool savesHostState);

    /// <summary>Ends the innermost call.</summary>
    void Leave();

    /// <summary>Begins a call that <see cref="EndFrame"/> ends.</summary>
    /// <returns>The frame's number.</returns>
    long BeginFrame();

    /// <summary>Ends a frame and those within it; does nothing if it has already ended.</summary>
    void EndFrame(long number);

    // ---- matrices ----

    /// <summary>A matrix of zeros, laid out by <see cref="MatrixShape"/>.</summary>
    /// <exception cref="DeviceLimitException">There is not enough memory.</exception>
    MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format);

    /// <summary>Writes bytes at an offset into a matrix.</summary>
    void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes);

    /// <summary>Reads bytes at an offset of a matrix. Waits for all enqueued writes to it.</summary>
    void Read(MatrixStorage matrix, nint offset, Span<byte> bytes);

    /// <summary>Enqueues a copy between matrices, with offsets and a length in bytes.</summary>
    void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes);

    // ---- kernels ----

    /// <summary>
    /// The compiled kernel of a dispatch. A backend that distinguishes dispatches of one kernel at run time compiles it at the first request of this
    /// variant; one that resolves their matrices in advance has a kernel for each.
    /// </summary>
    /// <exception cref="DeviceNotSupportedException">The kernel cannot be compiled.</exception>
    /// <exception cref="NotSupportedException">The backend has no such kernel.</exception>
    CompiledKernel GetKernel(Dispatch dispatch);

    /// <summary>Starts compiling the kernel of a dispatch unless that was already started; false if it was compiled inside the call.</summary>
    bool StartCompiling(Dispatch dispatch);

    /// <summary>Whether <see cref="GetKernel"/> would not wait.</summary>
    bool IsCompiled(KernelSource source);

    // ---- dispatches ----

    /// <summary>Runs dispatches in order; their writes are visible to all subsequent commands.</summary>
    void Run(ReadOnlySpan<Dispatch> dispatches, int rows);

    /// <summary>Runs some lines of one dispatch. Earlier writes are visible to it if it requests a barrier.</summary>
    void Run(Dispatch dispatch, int rows, int firstLine, int lines);

    /// <summary>Makes the writes of individual dispatches visible to all subsequent commands.</summary>
    void MakeWritesVisible();

    /// <summary>Waits until all enqueued work is done.</summary>
    void Finish();

    // ---- readbacks ----

    /// <summary>A buffer to copy matrices into.</summary>
    /// <exception cref="DeviceLimitException">There is not enough memory.</exception>
    BackendResource CreateReadBuffer(long bytes);

    /// <summary>Enqueues the copy of the first bytes of a matrix into a buffer. The copy is complete when a fence after it was passed; the next call sets that fence.</summary>
    void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset);

    /// <summary>Sets a fence after all enqueued work.</summary>
    nint InsertFence();

    /// <summary>Call before polling fences, within a call: throws if they are no longer reliable.</summary>
    void CheckFences();

    /// <summary>Whether everything before a fence is done, in which case the fence is deleted. Called within a call.</summary>
    bool TryPass(nint fence);

    /// <summary>Copies bytes out of a buffer after its fence was passed.</summary>
    /// <exception cref="InvalidOperationException">The buffer was lost.</exception>
    void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes);

    // ---- clock ----

    /// <summary>A point in the device's time, which can be marked and read repeatedly.</summary>
    BackendResource CreateTimestamp();

    /// <summary>Prepares the clock for timing dispatches in this call.</summary>
    void PrepareTiming();

    /// <summary>Marks the point after all commands so far. It must have been read since it was last marked.</summary>
    void MarkTime(BackendResource timestamp);

    /// <summary>The time of a marked point, in nanoseconds; false until the device has reached it.</summary>
    bool TryReadTime(BackendResource timestamp, out long nanoseconds);
}

/// <summary>A game's textures, identified by their OpenGL names: for a backend that works in the game's own context.</summary>
internal interface IHostTextures
{
    /// <summary>Makes a placeholder for a texture in a dispatch, initially without a texture.</summary>
    MatrixStorage Create();

    /// <summary>Points it at a texture.</summary>
    /// <returns>The size of its base level, and whether it has channels other than red.</returns>
    /// <exception cref="ArgumentException">The texture is not a two-dimensional texture of numbers that a shader sees as floats.</exception>
    (int Width, int Height, bool HasGreen) Take(MatrixStorage storage, uint texture);

    /// <summary>An empty texture, for a kernel that is run before the first texture of the host.</summary>
    MatrixStorage CreateStandIn(int width, int height, out uint name);
}
