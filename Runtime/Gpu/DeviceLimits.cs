namespace NeuralPlugin;

/// <summary>
/// What a device is able to do, read once when it is made. It names no driver's types, so that whatever chooses kernels by it
/// can be given limits that no device at hand has.
/// </summary>
internal sealed record DeviceLimits
{
    /// <summary>What is assumed where there is no device: sizes and bindings without a limit, workgroups as OpenGL 4.3 guarantees them.</summary>
    public static DeviceLimits WithoutDevice { get; } = new();

    /// <summary>
    /// Image units and storage buffers that one dispatch may take together. A matrix that it reads takes one of those, one that it
    /// writes one of these, and one that it does both with takes both. OpenGL 4.3 guarantees 8.
    /// </summary>
    public int MostBindings { get; init; } = int.MaxValue;

    /// <summary>Texels of one matrix.</summary>
    public long MostTexels { get; init; } = long.MaxValue;

    /// <summary>Bytes of a matrix that kernels write, which may be fewer than those of one that they only read.</summary>
    public long MostStorageBytes { get; init; } = long.MaxValue;

    /// <summary>Workgroups of a dispatch along each of its dimensions.</summary>
    public int MostWorkgroups { get; init; } = 65_535;

    /// <summary>Invocations of a workgroup.</summary>
    public int MostInvocations { get; init; } = 1024;

    /// <summary>Memory that the invocations of a workgroup share.</summary>
    public int SharedMemoryBytes { get; init; } = 32 * 1024;

    /// <summary>Whether kernels run on the processor, as a software driver's do.</summary>
    public bool IsSoftware { get; init; }

    /// <summary>Whether kernels are methods (<see cref="KernelSource.Method"/>), and not shaders.</summary>
    public bool RunsMethods { get; init; }

    /// <summary>Whether kernels store two numbers of 64 bits a texel instead of four of 32. The bits are the same.</summary>
    public bool StoresWideTexels { get; init; }

    /// <summary>The shape of a matrix that the device can hold.</summary>
    /// <exception cref="DeviceLimitException">It is too large.</exception>
    public MatrixShape Shape(long rows, long columns, string what, TexelFormat format = TexelFormat.Float)
    {
        long texels = rows * ((columns + MatrixShape.ColumnsPerTexel - 1) / MatrixShape.ColumnsPerTexel);
        long bytes = texels * MatrixShape.BytesPerTexelOf(format);
        if (texels <= MostTexels && bytes <= int.MaxValue) return new MatrixShape((int)rows, (int)columns);
        throw new DeviceLimitException(
            $"{what} [{rows} × {columns}] are too large for this device: they would be {texels} texels of four columns, {bytes} bytes, and one " +
            $"matrix has at most {MostTexels} texels and {int.MaxValue} bytes. Use fewer rows or columns.");
    }
}
