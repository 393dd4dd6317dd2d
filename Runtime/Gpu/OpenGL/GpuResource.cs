namespace NeuralPlugin;

internal enum GpuResourceKind
{
    Texture,
    Buffer,
    Framebuffer,
    Program,
    Query,
    Sampler,
}

/// <summary>
/// The name of one OpenGL object, held by the device so that it can free it. It holds nothing that a user sees: the object
/// that wraps it can be dropped and collected, and its finalizer only retires the name (no OpenGL call).
/// </summary>
internal sealed class GpuResource(GpuResourceKind kind, uint name, long bytes)
{
    private int retired;

    public GpuResourceKind Kind { get; } = kind;

    public uint Name { get; } = name;

    public long Bytes { get; } = bytes;

    /// <summary>True for the first caller, from any thread.</summary>
    public bool TryRetire() => Interlocked.Exchange(ref retired, 1) == 0;
}
