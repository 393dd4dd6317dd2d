using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Creates the buffers of matrices and readbacks, and copies into, out of and between them.</summary>
internal sealed unsafe class OpenGLBuffers(OpenGLContext context)
{
    private const string Storage = "GL_ARB_buffer_storage";

    /// <summary>
    /// Coherent, so that a fence is all that a reading waits for; and in the processor's memory: without that word drivers have put such buffers into the
    /// card's, where a reading crosses the bus number by number.
    /// </summary>
    private const BufferStorageMask MappedForReading =
        BufferStorageMask.MapReadBit | BufferStorageMask.MapPersistentBit | BufferStorageMask.MapCoherentBit | BufferStorageMask.ClientStorageBit;

    private readonly GL gl = context.Gl;
    private bool? staysMapped;

    /// <summary>
    /// A buffer of zeros and the buffer texture through which kernels read it. It has one texel more if its size would be a power of two:
    /// a common driver recompiles each kernel for buffers of such a size, and so none has one.
    /// </summary>
    /// <exception cref="DeviceLimitException">The driver has no memory for it.</exception>
    public OpenGLMatrix CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Copying | HostStateParts.Textures);
        long bytes = shape.BytesOf(format);
        GpuResource buffer = CreateBuffer(bytes, BufferUsageARB.DynamicCopy, spareBytes: long.IsPow2(bytes) ? MatrixShape.BytesPerTexelOf(format) : 0);
        gl.ClearBufferData(GLEnum.CopyWriteBuffer, GLEnum.R32ui, GLEnum.RedInteger, GLEnum.UnsignedInt, null);
        uint name = gl.GenTexture();
        gl.BindTexture(TextureTarget.TextureBuffer, name);
        gl.TexBuffer(TextureTarget.TextureBuffer, FormatOf(format), buffer.Name);
        return new OpenGLMatrix(buffer, context.Resources.Register(GpuResourceKind.Texture, name, 0), (InternalFormat)FormatOf(format));
    }

    /// <summary>A buffer for results, mapped once where the driver can (ARB_buffer_storage, OpenGL 4.4), so that reading them calls no driver.</summary>
    /// <exception cref="DeviceLimitException">The driver has no memory for it.</exception>
    public OpenGLReadBuffer CreateReadBuffer(long bytes)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Copying);
        staysMapped ??= context.Extensions.Has(Storage) && gl.Context.TryGetProcAddress("glBufferStorage", out _);
        if (!staysMapped.Value) return new OpenGLReadBuffer(CreateBuffer(bytes, BufferUsageARB.StreamRead), 0);
        uint name = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, name);
        gl.BufferStorage(BufferStorageTarget.CopyWriteBuffer, (nuint)bytes, null, MappedForReading);
        GpuResource buffer = Registered(name, bytes, 0);
        void* mapped = gl.MapBufferRange(
            BufferTargetARB.CopyWriteBuffer, 0, (nuint)bytes, MapBufferAccessMask.ReadBit | MapBufferAccessMask.PersistentBit | MapBufferAccessMask.CoherentBit);
        return new OpenGLReadBuffer(buffer, (nint)mapped);
    }

    /// <summary>Writes bytes into a buffer at an offset.</summary>
    public void Upload(uint buffer, nint offset, ReadOnlySpan<byte> bytes)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, buffer);
        gl.BufferSubData(BufferTargetARB.CopyWriteBuffer, offset, bytes);
    }

    /// <summary>Waits for all enqueued work and reads the buffer.</summary>
    public void Read(uint buffer, nint offset, Span<byte> bytes)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer);
        gl.GetBufferSubData(BufferTargetARB.CopyReadBuffer, offset, bytes);
    }

    /// <summary>Enqueues a copy from buffer to buffer.</summary>
    public void Copy(uint source, nint sourceOffset, uint destination, nint destinationOffset, nint bytes)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Copying);
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, source);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, destination);
        gl.CopyBufferSubData(CopyBufferSubDataTarget.CopyReadBuffer, CopyBufferSubDataTarget.CopyWriteBuffer, sourceOffset, destinationOffset, (nuint)bytes);
    }

    /// <summary>Copies bytes out of a buffer with which the GPU has finished.</summary>
    /// <exception cref="InvalidOperationException">The driver lost it.</exception>
    public void CopyOut(OpenGLReadBuffer buffer, nint offset, Span<byte> bytes)
    {
        using OpenGLContext.Scope scope = context.Enter(buffer.Mapped == 0 ? HostStateParts.Copying : HostStateParts.None);
        if (buffer.Mapped != 0)
        {
            new ReadOnlySpan<byte>((void*)(buffer.Mapped + offset), bytes.Length).CopyTo(bytes);
            return;
        }

        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer.Name);
        void* mapped = gl.MapBufferRange(BufferTargetARB.CopyReadBuffer, offset, (nuint)bytes.Length, MapBufferAccessMask.ReadBit);
        bool whole = mapped is not null;
        if (whole)
        {
            new ReadOnlySpan<byte>(mapped, bytes.Length).CopyTo(bytes);
            whole = gl.UnmapBuffer(BufferTargetARB.CopyReadBuffer);
        }

        if (!whole) throw new InvalidOperationException($"The driver {context.Renderer} lost a buffer during a readback.");
    }

    /// <summary>Kernels read bytes as integers and scale them to their values themselves, less often than an image unit would.</summary>
    private static SizedInternalFormat FormatOf(TexelFormat format)
    {
        return format switch
        {
            TexelFormat.Float => SizedInternalFormat.Rgba32f,
            TexelFormat.Byte => SizedInternalFormat.Rgba8ui,
            _ => SizedInternalFormat.Rgba32ui,
        };
    }

    /// <summary>A buffer with no values yet, bound for copies into it.</summary>
    private GpuResource CreateBuffer(long bytes, BufferUsageARB usage, int spareBytes = 0)
    {
        uint name = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, name);
        gl.BufferData(BufferTargetARB.CopyWriteBuffer, (nuint)(bytes + spareBytes), null, usage);
        return Registered(name, bytes, spareBytes);
    }

    /// <summary>The bound buffer, if the driver had memory for its storage; the spare bytes are not counted.</summary>
    private GpuResource Registered(uint name, long bytes, int spareBytes)
    {
        gl.GetBufferParameter(BufferTargetARB.CopyWriteBuffer, BufferPNameARB.Size, out long size);
        if (size == bytes + spareBytes) return context.Resources.Register(GpuResourceKind.Buffer, name, bytes);
        gl.DeleteBuffer(name);
        _ = gl.GetError();   // of the storage that was not available
        throw new DeviceLimitException($"The driver {context.Renderer} has no memory for a buffer of {bytes} bytes. Use fewer rows or columns.");
    }
}
