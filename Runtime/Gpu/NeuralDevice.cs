using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// An OpenGL context in which networks live and learn: the game's own, or one without a window. It counts what is made on
/// it, holds it weakly (a dropped object is collected, and its OpenGL objects go at the next call), and frees what is left
/// when it is disposed. All calls come from the thread on which the context is current; only the Dispose of objects made on
/// it may come from another thread.
/// </summary>
public sealed unsafe class NeuralDevice : IDisposable
{
    private const MemoryBarrierMask ShaderWritesVisibleToShaders =
        MemoryBarrierMask.ShaderImageAccessBarrierBit | MemoryBarrierMask.TextureFetchBarrierBit;

    private const MemoryBarrierMask ShaderWritesVisibleToAll =
        MemoryBarrierMask.ShaderImageAccessBarrierBit | MemoryBarrierMask.TextureUpdateBarrierBit |
        MemoryBarrierMask.TextureFetchBarrierBit | MemoryBarrierMask.FramebufferBarrierBit | MemoryBarrierMask.PixelBufferBarrierBit;

    private readonly GL gl;
    private readonly HeadlessContext? ownContext;
    private readonly ContextIdentity identity;
    private readonly HostState? host;
    private readonly DebugProc? debugCallback;
    private readonly HashSet<GpuResource> live = [];
    private readonly ConcurrentQueue<GpuResource> retired = new();
    private readonly Dictionary<string, Kernel> kernels = [];
    private readonly List<Readback> readbacks = [];
    private readonly int maximumTextureSize;
    private byte[] staging = [];
    private GpuResource? readFramebuffer;
    private GpuResource? emptyFramebuffer;
    private int depth;
    private bool disposed;

    private NeuralDevice(GL gl, HeadlessContext? ownContext, ContextIdentity identity, HeadlessOptions options)
    {
        this.gl = gl;
        this.ownContext = ownContext;
        this.identity = identity;
        FoldHeight = options.FoldHeight;
        host = ownContext is null ? new HostState(gl) : null;
        Vendor = gl.GetStringS(StringName.Vendor);
        Renderer = gl.GetStringS(StringName.Renderer);
        Version = gl.GetStringS(StringName.Version);
        maximumTextureSize = gl.GetInteger(GetPName.MaxTextureSize);
        if (options.Debug && options.DebugMessage is { } receive)
        {
            debugCallback = (_, _, _, _, length, message, _) => receive(Marshal.PtrToStringUTF8(message, length));
            gl.Enable(EnableCap.DebugOutput);
            gl.Enable(EnableCap.DebugOutputSynchronous);
            gl.DebugMessageCallback(debugCallback, null);
        }
    }

    /// <summary>The driver's own name of its maker.</summary>
    public string Vendor { get; }

    /// <summary>The driver's own name of what draws and computes: a card, or a software driver such as llvmpipe.</summary>
    public string Renderer { get; }

    /// <summary>The OpenGL version and the driver's own, as the driver gives them.</summary>
    public string Version { get; }

    /// <summary>What is alive on this device now. Objects that were dropped are counted until the next call deletes them.</summary>
    public DeviceMemory Memory { get; private set; }

    /// <summary>Rows after which a matrix is folded into a further column block.</summary>
    internal int FoldHeight { get; }

    /// <summary>
    /// Makes a core context of OpenGL 4.5, or at least 4.3, through EGL, without a window or a display, and makes it current
    /// on this thread: a hardware device first, else Mesa's surfaceless platform.
    /// </summary>
    /// <param name="options">Another driver, a debug context; null for none of it.</param>
    /// <exception cref="DeviceNotSupportedException">
    /// No EGL library, no driver, or none that reaches OpenGL 4.3 with compute shaders.
    /// </exception>
    public static NeuralDevice CreateHeadless(HeadlessOptions? options = null)
    {
        options ??= new HeadlessOptions();
        HeadlessContext context = HeadlessContext.Create(options);
        try
        {
            GL gl = GL.GetApi(context);
            RequireComputeShaders(gl, "Choose another driver, or another device by the options of CreateHeadless.");
            return new NeuralDevice(gl, context, RequireCurrentContext(), options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Uses the game's own context, which must be current on this thread, and remembers which one it is. The host's OpenGL
    /// state is after every call what it was before. The host keeps the context, and disposes the device before it.
    /// </summary>
    /// <param name="gl">The Silk.NET binding of the context that is current.</param>
    /// <exception cref="WrongContextException">No context is current on this thread.</exception>
    /// <exception cref="DeviceNotSupportedException">The context is older than OpenGL 4.3, or has no compute shaders.</exception>
    public static NeuralDevice Attach(GL gl)
    {
        ArgumentNullException.ThrowIfNull(gl);
        ContextIdentity identity = RequireCurrentContext();
        RequireComputeShaders(
            gl,
            "With Silk.NET.Windowing, which asks for 3.3 unless told, change this line of the window's options: " +
            "options.API = new GraphicsAPI(ContextAPI.OpenGL, ContextProfile.Core, ContextFlags.ForwardCompatible, new APIVersion(4, 3));");
        return new NeuralDevice(gl, null, identity, new HeadlessOptions());
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
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (ownContext is null)
        {
            throw new InvalidOperationException(
                "This device is attached to the host's context: make it current with the host's own call (IGLContext.MakeCurrent).");
        }

        ownContext.MakeCurrent();
    }

    /// <summary>
    /// Hands over what the GPU has finished since the last call (saves under way go on), and deletes the OpenGL objects whose
    /// owners were disposed or collected, which every other call does too. Call it once a frame. It never waits, and allocates
    /// nothing but what a save that it completes hands to its writer.
    /// </summary>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void Update()
    {
        using Scope scope = Enter();
        for (int i = 0; i < readbacks.Count; i++)
        {
            Readback readback = readbacks[i];
            SyncStatus status = (SyncStatus)gl.ClientWaitSync(readback.Fence, (SyncObjectMask)0, 0);
            if (status == SyncStatus.TimeoutExpired) continue;
            readbacks.RemoveAt(i--);
            gl.DeleteSync(readback.Fence);
            if (status == SyncStatus.WaitFailed) readback.Fail(new InvalidOperationException($"The driver {Renderer} lost what was to be read back: its context is gone."));
            else readback.Complete();
        }
    }

    /// <summary>
    /// Frees everything made on this device, and its context if it is the device's own. A second call does nothing.
    /// </summary>
    /// <exception cref="WrongContextException">
    /// The context is the host's and not current on this thread, or current on another one: nothing was freed.
    /// </exception>
    public void Dispose()
    {
        if (disposed) return;
        if (ownContext is null)
        {
            RequireThisContext();
            Free();
        }
        else
        {
            using HeadlessContext.Previous previous = ownContext.MakeCurrentForNow();
            Free();
            ownContext.Dispose();
        }
    }

    /// <summary>
    /// Begins a call: checks the device and the context, saves the host's state on the outermost call, deletes what was
    /// retired. Nothing of this package reaches the driver outside such a scope.
    /// </summary>
    internal Scope Enter()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RequireThisContext();
        if (depth++ == 0)
        {
            host?.SaveAndPrepare();
            DeleteRetired();
        }

        return new Scope(this);
    }

    /// <summary>The shape of a matrix that this device can hold.</summary>
    internal MatrixShape Shape(long rows, long columns, string what)
    {
        long texelsPerRow = (columns + MatrixShape.ColumnsPerTexel - 1) / MatrixShape.ColumnsPerTexel;
        long blocks = (rows + FoldHeight - 1) / FoldHeight;
        if (texelsPerRow * blocks > maximumTextureSize)
        {
            throw new DeviceLimitException(
                $"{what} [{rows} × {columns}] do not fit into one texture of this device: they would be {texelsPerRow * blocks} texels wide, " +
                $"and it holds {maximumTextureSize} (four columns a texel, a column block for every {FoldHeight} rows). Use fewer rows or columns.");
        }

        MatrixShape shape = new((int)rows, (int)columns, FoldHeight);
        return shape.Bytes <= int.MaxValue ? shape : throw new DeviceLimitException(
            $"{what} [{rows} × {columns}] take {shape.Bytes} bytes, and one matrix is at most {int.MaxValue}. Use fewer rows or columns.");
    }

    internal GpuResource CreateTexture(MatrixShape shape, TexelFormat format)
    {
        using Scope scope = Enter();
        uint name = gl.GenTexture();
        gl.BindTexture(TextureTarget.Texture2D, name);
        gl.TexStorage2D(TextureTarget.Texture2D, 1, InternalFormatOf(format), (uint)shape.Width, (uint)shape.Height);
        gl.GetTexLevelParameter(TextureTarget.Texture2D, 0, GetTextureParameter.TextureWidth, out int width);
        if (width != shape.Width)
        {
            gl.DeleteTexture(name);
            _ = gl.GetError();   // of the storage that was not to be had
            throw new DeviceLimitException($"The driver {Renderer} has no memory for a texture of {shape.Bytes} bytes. Use fewer rows or columns.");
        }

        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureMinFilter, (int)TextureMinFilter.Nearest);
        gl.TexParameter(TextureTarget.Texture2D, TextureParameterName.TextureMagFilter, (int)TextureMagFilter.Nearest);
        Clear(shape, format);
        return Register(GpuResourceKind.Texture, name, shape.Bytes);
    }

    /// <summary>Retires an object's name; the next call on the device's own thread deletes it. From any thread.</summary>
    internal void Retire(GpuResource resource)
    {
        if (resource.TryRetire()) retired.Enqueue(resource);
    }

    /// <summary>A buffer for packing rows, kept from call to call.</summary>
    internal Span<T> Staging<T>(int count) where T : unmanaged
    {
        int bytes = checked(count * sizeof(T));
        if (staging.Length < bytes) staging = GC.AllocateUninitializedArray<byte>(bytes);
        return MemoryMarshal.Cast<byte, T>(staging.AsSpan(0, bytes));
    }

    internal void Upload(MatrixTexture texture, int firstRow, int rows, ReadOnlySpan<byte> padded)
    {
        using Scope scope = Enter();
        gl.BindTexture(TextureTarget.Texture2D, texture.TextureName);
        (PixelFormat pixelFormat, PixelType type) = PixelsOf(texture.Format);
        fixed (byte* first = padded)
        {
            foreach (Block block in BlocksOf(texture.Shape, firstRow, rows))
            {
                gl.TexSubImage2D(
                    TextureTarget.Texture2D, 0, block.X, block.Y, block.Width, block.Height, pixelFormat, type, first + block.FirstByte);
            }
        }
    }

    internal void Read(MatrixTexture texture, int firstRow, int rows, Span<byte> padded)
    {
        using Scope scope = Enter();
        fixed (byte* first = padded) ReadInto(texture, firstRow, rows, first);
    }

    internal GpuResource CreateReadBuffer(long bytes)
    {
        using Scope scope = Enter();
        uint name = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, name);
        gl.BufferData(BufferTargetARB.PixelPackBuffer, (nuint)bytes, null, BufferUsageARB.StreamRead);
        gl.GetBufferParameter(BufferTargetARB.PixelPackBuffer, BufferPNameARB.Size, out long size);
        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, 0);
        if (size == bytes) return Register(GpuResourceKind.Buffer, name, bytes);
        gl.DeleteBuffer(name);
        _ = gl.GetError();   // of the storage that was not to be had
        throw new DeviceLimitException($"The driver {Renderer} has no memory for a buffer of {bytes} bytes to read into.");
    }

    /// <summary>Enqueues the copy of whole matrices into a buffer, one behind the other, and the fence that tells when it is done.</summary>
    internal nint StartReading(Readback readback, GpuResource buffer, IReadOnlyList<MatrixTexture> textures)
    {
        using Scope scope = Enter();
        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, buffer.Name);
        byte* offset = null;
        for (int i = 0; i < textures.Count; i++)
        {
            ReadInto(textures[i], 0, textures[i].Shape.Rows, offset);
            offset += textures[i].Shape.PackedBytes;
        }

        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, 0);
        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.Flush();
        readbacks.Add(readback);
        return fence;
    }

    /// <summary>Copies bytes out of a buffer that the GPU has finished.</summary>
    internal void CopyOut(GpuResource buffer, long offset, Span<byte> bytes)
    {
        using Scope scope = Enter();
        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, buffer.Name);
        void* mapped = gl.MapBufferRange(BufferTargetARB.PixelPackBuffer, (nint)offset, (nuint)bytes.Length, MapBufferAccessMask.ReadBit);
        bool whole = mapped is not null;
        if (whole)
        {
            new ReadOnlySpan<byte>(mapped, bytes.Length).CopyTo(bytes);
            whole = gl.UnmapBuffer(BufferTargetARB.PixelPackBuffer);
        }

        gl.BindBuffer(BufferTargetARB.PixelPackBuffer, 0);
        if (!whole) throw new InvalidOperationException($"The driver {Renderer} lost a buffer that was read back.");
    }

    /// <summary>Reads rows to an address in memory; while a pack buffer is bound, to an offset in that.</summary>
    private void ReadInto(MatrixTexture texture, int firstRow, int rows, byte* first)
    {
        readFramebuffer ??= Register(GpuResourceKind.Framebuffer, gl.GenFramebuffer(), 0);
        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, readFramebuffer.Name);
        gl.FramebufferTexture2D(
            FramebufferTarget.ReadFramebuffer, FramebufferAttachment.ColorAttachment0, TextureTarget.Texture2D, texture.TextureName, 0);
        (PixelFormat pixelFormat, PixelType type) = PixelsOf(texture.Format);
        foreach (Block block in BlocksOf(texture.Shape, firstRow, rows))
            gl.ReadPixels(block.X, block.Y, block.Width, block.Height, pixelFormat, type, first + block.FirstByte);
        gl.FramebufferTexture2D(FramebufferTarget.ReadFramebuffer, FramebufferAttachment.ColorAttachment0, TextureTarget.Texture2D, 0, 0);
        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, 0);
    }

    /// <summary>The compiled kernel, compiled at the first request of this variant.</summary>
    internal Kernel GetKernel(KernelSource source)
    {
        string key = source.Key;
        if (kernels.TryGetValue(key, out Kernel? kernel)) return kernel;
        using Scope scope = Enter();
        string text = ShaderLibrary.Assemble(
            source.FileName, [("FOLD_HEIGHT", FoldHeight), .. Kernel.SharedConstants, .. source.Constants]);
        uint program = Compile(key, text);
        Register(GpuResourceKind.Program, program, 0);
        kernel = new Kernel(gl, program);
        kernels.Add(key, kernel);
        return kernel;
    }

    /// <summary>Runs recorded dispatches in order; what they wrote is visible to whatever comes after.</summary>
    internal void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        using Scope scope = Enter();
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, default, 0, dispatch.Grid.Lines(rows));
        MakeWritesVisible();
    }

    /// <summary>Runs some lines of one dispatch. What it needs of earlier ones is waited for on the GPU where it says so.</summary>
    internal void Run(Dispatch dispatch, int rows, StepArguments arguments, int firstLine, int lines)
    {
        using Scope scope = Enter();
        Kernel kernel = dispatch.Kernel!;
        (int firstX, int firstY, int x, int y) = dispatch.Grid.Part(rows, firstLine, lines);
        if (dispatch.NeedsBarrier && firstLine == 0) gl.MemoryBarrier(ShaderWritesVisibleToShaders);
        gl.UseProgram(kernel.Program);
        kernel.SetInteger(gl, Kernel.RowsLocation, rows);
        kernel.SetInteger(gl, Kernel.FirstGroupXLocation, firstX);
        kernel.SetInteger(gl, Kernel.FirstGroupYLocation, firstY);
        kernel.SetInteger(gl, Kernel.FirstSampleLocation, arguments.FirstSample);
        kernel.SetInteger(gl, Kernel.StepLocation, arguments.Step);
        for (int i = 0; i < dispatch.Sizes.Length; i++) kernel.SetInteger(gl, Kernel.SizesLocation + i, dispatch.Sizes[i]);
        for (int i = 0; i < dispatch.Scalars.Length; i++) kernel.SetScalar(gl, i, dispatch.Scalars[i]);
        for (int i = 0; i < dispatch.Images.Length; i++)
        {
            ImageBinding image = dispatch.Images[i];
            gl.BindImageTexture(
                (uint)i, image.Operand.TextureName, 0, false, 0, AccessOf(image.Access), (InternalFormat)InternalFormatOf(image.Operand.Format));
        }

        for (int i = 0; i < dispatch.Textures.Length; i++)
        {
            if (dispatch.Textures[i] is not { } texture) continue;
            gl.ActiveTexture(TextureUnit.Texture0 + i);
            gl.BindTexture(TextureTarget.Texture2D, texture.TextureName);
            gl.BindSampler((uint)i, 0);
        }

        gl.DispatchCompute((uint)x, (uint)y, 1);
    }

    internal GpuResource CreateQuery()
    {
        using Scope scope = Enter();
        return Register(GpuResourceKind.Query, gl.GenQuery(), 0);
    }

    /// <summary>
    /// Lets the GPU's clock tell the time of dispatches: a common driver puts a timestamp off to the end of all drawing while a
    /// framebuffer with pixels is bound, so one without is. The end of the outermost call gives the host's back.
    /// </summary>
    internal void PrepareTiming()
    {
        using Scope scope = Enter();
        emptyFramebuffer ??= Register(GpuResourceKind.Framebuffer, gl.GenFramebuffer(), 0);   // without attachments and size
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, emptyFramebuffer.Name);
    }

    /// <summary>Lets a query note the GPU's time behind all commands so far. Its last result must have been read.</summary>
    internal void MarkTime(GpuResource query)
    {
        using Scope scope = Enter();
        gl.QueryCounter(query.Name, QueryCounterTarget.Timestamp);
    }

    /// <summary>What a query noted, in nanoseconds; false while the GPU has not come there. Does not wait.</summary>
    internal bool TryReadTime(GpuResource query, out long nanoseconds)
    {
        using Scope scope = Enter();
        gl.GetQueryObject(query.Name, QueryObjectParameterName.ResultAvailable, out int available);
        nanoseconds = 0;
        if (available == 0) return false;
        gl.GetQueryObject(query.Name, QueryObjectParameterName.Result, out nanoseconds);
        return true;
    }

    /// <summary>Copies a matrix into another one of the same shape, on the GPU.</summary>
    internal void Copy(MatrixTexture source, MatrixTexture destination)
    {
        using Scope scope = Enter();
        gl.CopyImageSubData(
            source.TextureName, CopyImageSubDataTarget.Texture2D, 0, 0, 0, 0,
            destination.TextureName, CopyImageSubDataTarget.Texture2D, 0, 0, 0, 0, (uint)source.Shape.Width, (uint)source.Shape.Height, 1);
    }

    /// <summary>What dispatches have written is visible to whatever comes after.</summary>
    internal void MakeWritesVisible()
    {
        using Scope scope = Enter();
        gl.MemoryBarrier(ShaderWritesVisibleToAll);
    }

    /// <summary>Waits until the GPU has finished all that was enqueued.</summary>
    internal void Finish()
    {
        using Scope scope = Enter();
        gl.Finish();
    }

    private static ContextIdentity RequireCurrentContext()
    {
        return ContextIdentity.OfThisThread() ?? throw new WrongContextException(
            "No OpenGL context is current on this thread. Make the game's context current before attaching " +
            "(in Silk.NET: from the window's Load event on, on the window's thread).");
    }

    private static void RequireComputeShaders(GL gl, string advice)
    {
        string version = gl.GetStringS(StringName.Version) ?? "";
        string renderer = gl.GetStringS(StringName.Renderer) ?? "";
        string found = $"Found: OpenGL {version} on {renderer}. Needed: OpenGL 4.3 with compute shaders.";
        if (version.StartsWith("OpenGL ES", StringComparison.Ordinal))
            throw new DeviceNotSupportedException($"{found} This is OpenGL ES, which has no RGBA32F images of this kind. {advice}");
        string[] numbers = version.Split(' ', 2)[0].Split('.');
        bool read = numbers.Length >= 2 &
            int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) &
            int.TryParse(numbers.ElementAtOrDefault(1), NumberStyles.None, CultureInfo.InvariantCulture, out int minor);
        if (!read || (major, minor).CompareTo((4, 3)) < 0)
            throw new DeviceNotSupportedException($"{found} (macOS stops at 4.1.) {advice}");
        if (!gl.Context.TryGetProcAddress("glDispatchCompute", out _))
            throw new DeviceNotSupportedException($"{found} The driver has no glDispatchCompute. {advice}");
    }

    private static SizedInternalFormat InternalFormatOf(TexelFormat format)
    {
        return format == TexelFormat.Float ? SizedInternalFormat.Rgba32f : SizedInternalFormat.Rgba32ui;
    }

    private static (PixelFormat Format, PixelType Type) PixelsOf(TexelFormat format)
    {
        return format == TexelFormat.Float ? (PixelFormat.Rgba, PixelType.Float) : (PixelFormat.RgbaInteger, PixelType.UnsignedInt);
    }

    private static BufferAccessARB AccessOf(ImageAccess access) => access switch
    {
        ImageAccess.Read => BufferAccessARB.ReadOnly,
        ImageAccess.Write => BufferAccessARB.WriteOnly,
        _ => BufferAccessARB.ReadWrite,
    };

    private static BlockSequence BlocksOf(MatrixShape shape, int firstRow, int rows) => new(shape, firstRow, rows);

    private void RequireThisContext()
    {
        if (identity.IsCurrent) return;
        throw new WrongContextException(identity.IsNoneCurrent
            ? "No OpenGL context is current on this thread, so the device cannot be used from it. Call from the thread that owns the device's context."
            : "Another OpenGL context is current on this thread than the one this device was made with. Make the device's context current first.");
    }

    private void Free()
    {
        foreach (Readback readback in readbacks) gl.DeleteSync(readback.Fence);
        foreach (GpuResource resource in live) Delete(resource);
        live.Clear();
        retired.Clear();
        kernels.Clear();
        Memory = default;
        if (debugCallback is not null) gl.DebugMessageCallback(null, null);
        disposed = true;
        foreach (Readback readback in readbacks) readback.Fail(new ObjectDisposedException(nameof(NeuralDevice)));
        readbacks.Clear();
    }

    private GpuResource Register(GpuResourceKind kind, uint name, long bytes)
    {
        GpuResource resource = new(kind, name, bytes);
        live.Add(resource);
        Count(resource, 1);
        return resource;
    }

    private void Count(GpuResource resource, int sign)
    {
        Memory = new DeviceMemory(
            Memory.Textures + (resource.Kind == GpuResourceKind.Texture ? sign : 0),
            Memory.Buffers + (resource.Kind == GpuResourceKind.Buffer ? sign : 0),
            Memory.Programs + (resource.Kind == GpuResourceKind.Program ? sign : 0),
            Memory.Bytes + (sign * resource.Bytes));
    }

    private void DeleteRetired()
    {
        while (retired.TryDequeue(out GpuResource? resource))
        {
            if (!live.Remove(resource)) continue;
            Delete(resource);
            Count(resource, -1);
        }
    }

    private void Delete(GpuResource resource)
    {
        switch (resource.Kind)
        {
            case GpuResourceKind.Texture: gl.DeleteTexture(resource.Name); break;
            case GpuResourceKind.Buffer: gl.DeleteBuffer(resource.Name); break;
            case GpuResourceKind.Framebuffer: gl.DeleteFramebuffer(resource.Name); break;
            case GpuResourceKind.Program: gl.DeleteProgram(resource.Name); break;
            case GpuResourceKind.Query: gl.DeleteQuery(resource.Name); break;
        }
    }

    /// <summary>Fills the bound texture with zeros in stripes (glClearTexImage is newer than 4.3).</summary>
    private void Clear(MatrixShape shape, TexelFormat format)
    {
        const int StripeBytes = 1 << 20;
        int bytesPerTextureRow = shape.Width * MatrixShape.ColumnsPerTexel * sizeof(float);
        int stripe = Math.Min(shape.Height, Math.Max(1, StripeBytes / bytesPerTextureRow));
        Span<byte> zeros = Staging<byte>(stripe * bytesPerTextureRow);
        zeros.Clear();
        (PixelFormat pixelFormat, PixelType type) = PixelsOf(format);
        fixed (byte* first = zeros)
        {
            for (int y = 0; y < shape.Height; y += stripe)
            {
                uint height = (uint)Math.Min(stripe, shape.Height - y);
                gl.TexSubImage2D(TextureTarget.Texture2D, 0, 0, y, (uint)shape.Width, height, pixelFormat, type, first);
            }
        }
    }

    private uint Compile(string key, string text)
    {
        uint shader = gl.CreateShader(ShaderType.ComputeShader);
        gl.ShaderSource(shader, text);
        gl.CompileShader(shader);
        uint program = gl.CreateProgram();
        gl.AttachShader(program, shader);
        gl.LinkProgram(program);
        gl.GetProgram(program, ProgramPropertyARB.LinkStatus, out int linked);
        string log = linked != 0 ? "" : gl.GetShaderInfoLog(shader) + gl.GetProgramInfoLog(program);
        gl.DetachShader(program, shader);
        gl.DeleteShader(shader);
        if (linked != 0) return program;
        gl.DeleteProgram(program);
        throw new DeviceNotSupportedException($"The driver {Renderer} rejected the kernel {key}: {log}");
    }

    private void Leave()
    {
        if (--depth == 0) host?.Restore();
    }

    /// <summary>The extent of one call; the outermost one gives the host its state back.</summary>
    internal readonly ref struct Scope(NeuralDevice device)
    {
        public void Dispose() => device.Leave();
    }

    /// <summary>The part of a range of rows that lies in one column block.</summary>
    private readonly record struct Block(int X, int Y, uint Width, uint Height, nint FirstByte);

    /// <summary>The column blocks that a range of rows lies in, in order, without an allocation.</summary>
    private ref struct BlockSequence(MatrixShape shape, int firstRow, int rows)
    {
        private int done;
        private int height;

        public readonly Block Current
        {
            get
            {
                int row = firstRow + done;
                nint firstByte = (nint)done * shape.TexelsPerRow * MatrixShape.ColumnsPerTexel * sizeof(float);
                return new Block(
                    row / shape.FoldHeight * shape.TexelsPerRow, row % shape.FoldHeight, (uint)shape.TexelsPerRow, (uint)height, firstByte);
            }
        }

        public readonly BlockSequence GetEnumerator() => this;

        public bool MoveNext()
        {
            done += height;
            height = Math.Min(shape.FoldHeight - ((firstRow + done) % shape.FoldHeight), rows - done);
            return height > 0;
        }
    }
}
