namespace NeuralPlugin;

internal enum GpuResourceKind
{
    Texture,
    Buffer,
    Framebuffer,
    Program,
    Query,
    Sampler,
    ProgramPipeline,
}

/// <summary>
/// The name of one OpenGL object, held by the table so that it can delete it. The object that wraps it can be dropped and
/// collected, and its finalizer only retires the name (no OpenGL call).
/// </summary>
internal sealed class GpuResource(ResourceTable table, GpuResourceKind kind, uint name, long bytes) : BackendResource
{
    private int retired;

    public GpuResourceKind Kind { get; } = kind;

    public uint Name { get; } = name;

    public long Bytes { get; } = bytes;

    public bool IsRetired => Volatile.Read(ref retired) != 0;

    public override void Retire()
    {
        if (Interlocked.Exchange(ref retired, 1) == 0) table.Retire(this);
    }
}
