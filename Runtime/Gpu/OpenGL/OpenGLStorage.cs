using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A matrix: the buffer that kernels write, and the buffer texture through which they read it.</summary>
internal sealed class OpenGLMatrix(GpuResource buffer, GpuResource texture, InternalFormat format) : MatrixStorage
{
    public uint Buffer => buffer.Name;

    public uint Texture => texture.Name;

    /// <summary>The format of its texels.</summary>
    public InternalFormat Format => format;

    public override bool IsRetired => buffer.IsRetired;

    public override void Retire()
    {
        texture.Retire();
        buffer.Retire();
    }
}

/// <summary>
/// A two-dimensional texture that dispatches sample. It keeps only the name, which a host may delete or reuse once
/// the dispatch was enqueued.
/// </summary>
internal sealed class OpenGLTexture(GpuResource? own = null) : MatrixStorage
{
    public uint Name { get; set; } = own?.Name ?? 0;

    public override void Retire() => own?.Retire();
}

/// <summary>A buffer that matrices are copied into and the processor reads.</summary>
/// <param name="buffer">The buffer.</param>
/// <param name="mapped">Where it is mapped for as long as it lives; 0 if each reading maps it.</param>
internal sealed class OpenGLReadBuffer(GpuResource buffer, nint mapped) : BackendResource
{
    public uint Name => buffer.Name;

    public nint Mapped => mapped;

    public override void Retire() => buffer.Retire();
}
