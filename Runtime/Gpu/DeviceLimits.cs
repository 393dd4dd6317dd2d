namespace NeuralPlugin;

/// <summary>
/// The capabilities of a device, read once when it is made. It names no driver types, so that kernel selection
/// can be given limits that no available device has.
/// </summary>
internal sealed record DeviceLimits
{
    /// <summary>The assumptions without a device: unlimited sizes and bindings, and workgroups as OpenGL 4.3 guarantees them.</summary>
    public static DeviceLimits WithoutDevice { get; } = new();

    /// <summary>
    /// The total image units and storage buffers that one dispatch may use. A matrix that is read takes an image unit, one that
    /// is written a storage buffer, and one that is both read and written takes both. OpenGL 4.3 guarantees 8.
    /// </summary>
    public int MostBindings { get; init; } = int.MaxValue;

    /// <summary>The storage buffers that one dispatch may use: 16 (<see cref="Dispatch.MostStorageBuffers"/>), or the 8 that OpenGL 4.3 guarantees.</summary>
    public int MostStorageBuffers { get; init; } = Dispatch.MostStorageBuffers;

    /// <summary>The maximum texels per matrix.</summary>
    public long MostTexels { get; init; } = long.MaxValue;

    /// <summary>The maximum bytes of a matrix that kernels write, which may be lower than for one that they only read.</summary>
    public long MostStorageBytes { get; init; } = long.MaxValue;

    /// <summary>The maximum workgroups of a dispatch along each of its dimensions.</summary>
    public int MostWorkgroups { get; init; } = 65_535;

    /// <summary>The maximum invocations per workgroup.</summary>
    public int MostInvocations { get; init; } = 1024;

    /// <summary>Memory shared by the invocations of a workgroup.</summary>
    public int SharedMemoryBytes { get; init; } = 32 * 1024;

    /// <summary>Whether kernels run on the processor, as with a software driver.</summary>
    public bool IsSoftware { get; init; }

    /// <summary>Whether kernels are methods (<see cref="KernelSource.Method"/>) rather than shaders.</summary>
    public bool RunsMethods { get; init; }

    /// <summary>Whether kernels store two 64-bit numbers per texel instead of four 32-bit ones. The bits are the same.</summary>
    public bool StoresWideTexels { get; init; }

    /// <summary>Whether kernels are compiled beside the calls, on threads of the driver's or the device's own, so that a frame does not wait for one that is not needed yet.</summary>
    public bool CompilesBesideCalls { get; init; }

    /// <summary>Whether dispatches may be skipped without an error: in a host's context, while a conditional render of the host discards commands.</summary>
    public bool MaySkipDispatches { get; init; }

    /// <summary>Whether the device has a clock (<see cref="IComputeBackend.TryReadTime"/>). OpenGL allows a driver to have timestamps of no bits, which are all zero.</summary>
    public bool HasClock { get; init; } = true;

    /// <summary>The shape of a matrix, checked against the device.</summary>
    /// <exception cref="DeviceLimitException">The matrix is too large.</exception>
    public MatrixShape Shape(long rows, long columns, string what, TexelFormat format = TexelFormat.Float)
    {
        long texels = rows * ((columns + MatrixShape.ColumnsPerTexel - 1) / MatrixShape.ColumnsPerTexel);
        long bytes = texels * MatrixShape.BytesPerTexelOf(format);
        if (texels <= MostTexels && bytes <= int.MaxValue) return new MatrixShape((int)rows, (int)columns);
        throw new DeviceLimitException(
            $"{what} [{rows} × {columns}] are too large for this device: they would have {texels} texels of four columns, {bytes} bytes, but one " +
            $"matrix has at most {MostTexels} texels and {int.MaxValue} bytes. Use fewer rows or columns.");
    }
}
