namespace NeuralPlugin;

/// <summary>
/// What a device computes on: OpenGL today, and whatever else implements this. <see cref="NeuralDevice"/> and the types beside it
/// (matrices, readbacks, clocks, the warm-up) are written against it, and the folders above against those. A backend that runs no shaders also needs
/// a method beside each shader (<see cref="KernelSource.Method"/>), which is given where the shader is named. Commands take effect in the order of the calls. Nothing waits but what says so, and what is called in a frame allocates nothing.
/// </summary>
/// <remarks>
/// All calls but <see cref="BackendResource.Retire"/> come from one thread at a time, and throw what the device's public calls document: for
/// the wrong thread, for a device that was lost, and for one that was disposed.
/// </remarks>
internal interface IComputeBackend : IDisposable
{
    /// <summary>Raised once, when the device was lost or disposed, with what every later call fails with.</summary>
    event Action<Exception>? Ended;

    string Vendor { get; }

    string Renderer { get; }

    string Version { get; }

    DeviceLimits Limits { get; }

    DeviceMemory Memory { get; }

    /// <summary>What the user sets, to be read where an outermost call begins.</summary>
    DeviceSettings Settings { get; }

    /// <summary>The textures of a game; null for a backend that shares none with it.</summary>
    IHostTextures? HostTextures { get; }

    /// <summary>
    /// Whether the device has not yet done what was enqueued before the last update but one, so that more would only wait. False where the backend
    /// works inside the calls, or cannot tell.
    /// </summary>
    bool IsBehind { get; }

    // ---- calls ----

    /// <summary>Makes the device's own context current on this thread, where there is such a thing.</summary>
    void MakeCurrent();

    /// <summary>Begins a call, which may lie in another one: checks the device and the thread. The outermost one deletes what was retired.</summary>
    /// <param name="savesHostState">
    /// Whether the host's state is saved for all that the call may change. Else each call within it saves what it changes. A backend
    /// without a host ignores it.
    /// </param>
    void Enter(bool savesHostState);

    /// <summary>Ends the innermost call.</summary>
    void Leave();

    /// <summary>Begins a call that <see cref="EndFrame"/> ends.</summary>
    /// <returns>Its number.</returns>
    long BeginFrame();

    /// <summary>Ends a frame and those within it; one that has ended is left alone.</summary>
    void EndFrame(long number);

    // ---- matrices ----

    /// <summary>A matrix of zeros, laid out by <see cref="MatrixShape"/>.</summary>
    /// <exception cref="DeviceLimitException">There is no memory for it.</exception>
    MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format);

    /// <summary>Writes bytes at an offset into a matrix.</summary>
    void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes);

    /// <summary>Reads bytes at an offset of a matrix. Waits for all that was enqueued and writes it.</summary>
    void Read(MatrixStorage matrix, nint offset, Span<byte> bytes);

    /// <summary>Enqueues a copy from matrix to matrix, of offsets and a length in bytes.</summary>
    void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes);

    // ---- kernels ----

    /// <summary>
    /// The compiled kernel of a dispatch. A backend that tells dispatches of one kernel apart when they run compiles it at the first request of this
    /// variant; one that looks their matrices up beforehand has a kernel for each.
    /// </summary>
    /// <exception cref="DeviceNotSupportedException">It cannot be compiled.</exception>
    /// <exception cref="NotSupportedException">The backend has no such kernel.</exception>
    CompiledKernel GetKernel(Dispatch dispatch);

    /// <summary>Begins to compile the kernel of a dispatch, if nobody has; false if it was compiled inside the call.</summary>
    bool StartCompiling(Dispatch dispatch);

    /// <summary>Whether <see cref="GetKernel"/> would not wait.</summary>
    bool IsCompiled(KernelSource source);

    // ---- dispatches ----

    /// <summary>Runs dispatches in order; what they wrote is visible to whatever comes after.</summary>
    void Run(ReadOnlySpan<Dispatch> dispatches, int rows);

    /// <summary>Runs some lines of one dispatch. What it needs of earlier ones is there where it says so.</summary>
    void Run(Dispatch dispatch, int rows, int firstLine, int lines);

    /// <summary>What single dispatches have written is visible to whatever comes after.</summary>
    void MakeWritesVisible();

    /// <summary>Waits until all that was enqueued is done.</summary>
    void Finish();

    // ---- readbacks ----

    /// <summary>A buffer that matrices are copied into.</summary>
    /// <exception cref="DeviceLimitException">There is no memory for it.</exception>
    BackendResource CreateReadBuffer(long bytes);

    /// <summary>Enqueues the copy of the first bytes of a matrix into a buffer. It is there when a fence behind it was passed, which is the next call.</summary>
    void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset);

    /// <summary>Sets a fence after all that was enqueued.</summary>
    nint InsertFence();

    /// <summary>Before fences are asked, within a call: throws where they do not tell the truth any more.</summary>
    void CheckFences();

    /// <summary>Whether all before a fence is done; the fence is gone then. Called within a call.</summary>
    bool TryPass(nint fence);

    /// <summary>Copies bytes out of a buffer whose fence was passed.</summary>
    /// <exception cref="InvalidOperationException">The buffer was lost.</exception>
    void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes);

    // ---- clock ----

    /// <summary>A point in the device's time, to be marked and read again and again.</summary>
    BackendResource CreateTimestamp();

    /// <summary>The clock is about to tell the time of dispatches in this call.</summary>
    void PrepareTiming();

    /// <summary>Marks the point after all commands so far. It must have been read since it was last marked.</summary>
    void MarkTime(BackendResource timestamp);

    /// <summary>The time of a point that was marked, in nanoseconds; false while the device has not come there.</summary>
    bool TryReadTime(BackendResource timestamp, out long nanoseconds);
}

/// <summary>The textures of a game, known by their OpenGL names: for a backend that works on the game's own context.</summary>
internal interface IHostTextures
{
    /// <summary>What stands for a texture in a dispatch, which looks at none yet.</summary>
    MatrixStorage Create();

    /// <summary>Lets it look at a texture.</summary>
    /// <returns>The extent of its first level, and whether it has more than red.</returns>
    /// <exception cref="ArgumentException">It is no two-dimensional texture of numbers that a shader sees as floats.</exception>
    (int Width, int Height, bool HasGreen) Take(MatrixStorage storage, uint texture);

    /// <summary>A texture with nothing in it, for a kernel that is run ahead of the first texture of the host.</summary>
    MatrixStorage CreateStandIn(int width, int height, out uint name);
}
