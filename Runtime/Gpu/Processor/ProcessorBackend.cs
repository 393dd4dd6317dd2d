using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The backend of the processor: matrices are arrays, kernels are methods (<see cref="KernelSource.Method"/>), and each command is done when
/// its call returns. Readbacks become available at the next Update, as on every backend, so that results arrive in the same order.
/// </summary>
internal sealed class ProcessorBackend : IComputeBackend
{
    private readonly OneThreadAtATime calls = new("One on the processor");
    private readonly ProcessorMemory memory = new();
    private readonly ProcessorWorkers workers;
    private int kernels;
    private long fences;
    private bool disposed;

    public ProcessorBackend(ProcessorOptions options)
    {
        workers = new ProcessorWorkers(options);
        Version = $".NET {Environment.Version}, {options.Threads} {(options.Threads == 1 ? "thread" : "threads")}";
    }

    public event Action<Exception>? Ended;

    public string Vendor => RuntimeInformation.ProcessArchitecture.ToString();

    public string Renderer => $"the processor, vectors of {VectorBits} bits";

    public string Version { get; }

    public DeviceLimits Limits { get; } = DeviceLimits.WithoutDevice with { IsSoftware = true, RunsMethods = true };

    public DeviceMemory Memory => memory.Count(kernels);

    public DeviceSettings Settings { get; } = new();

    public IHostTextures? HostTextures => null;

    public bool IsBehind => false;

    private static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 32;

    public void MakeCurrent() => RequireAlive();

    public void Enter(bool savesHostState)
    {
        RequireAlive();
        if (calls.Begin()) memory.Collect();
    }

    public void Leave() => calls.End();

    public long BeginFrame()
    {
        Enter(savesHostState: false);
        return calls.BeginFrame();
    }

    public void EndFrame(long number) => calls.EndFrame(number);

    public MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        RequireAlive();
        return memory.Allocate(shape.BytesOf(format), $"a matrix {shape}");
    }

    public void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes)
    {
        RequireAlive();
        bytes.CopyTo(((ProcessorMatrix)matrix).Part(offset, bytes.Length));
        GC.KeepAlive(matrix);
    }

    public void Read(MatrixStorage matrix, nint offset, Span<byte> bytes)
    {
        RequireAlive();
        ((ProcessorMatrix)matrix).Part(offset, bytes.Length).CopyTo(bytes);
        GC.KeepAlive(matrix);
    }

    public void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes)
    {
        RequireAlive();
        ((ProcessorMatrix)source).Part(sourceOffset, (int)bytes).CopyTo(((ProcessorMatrix)destination).Part(destinationOffset, (int)bytes));
        GC.KeepAlive(source);
        GC.KeepAlive(destination);
    }

    public CompiledKernel GetKernel(Dispatch dispatch)
    {
        RequireAlive();
        Func<Dispatch, ProcessorKernel> method = dispatch.Source.Method ?? throw NoMethod(dispatch.Source);
        ProcessorKernel kernel = method(dispatch);
        workers.ReserveScratch(kernel.ScratchLength);
        kernels++;
        return kernel;
    }

    public bool StartCompiling(Dispatch dispatch) => true;

    public bool IsCompiled(KernelSource source) => true;

    public void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, 0, dispatch.Grid.Lines(rows));
    }

    public void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        RequireAlive();
        ProcessorKernel kernel = (ProcessorKernel)dispatch.Kernel!;
        kernel.Locate();
        if (firstLine == 0) kernel.Begin(rows);
        int preparing = Math.Clamp(kernel.PreparingLines(rows) - firstLine, 0, lines);
        if (preparing > 0) workers.Run(kernel, rows, firstLine, preparing);
        workers.Run(kernel, rows, firstLine + preparing, lines - preparing);
        GC.KeepAlive(dispatch);   // its matrices, whose addresses are all that the kernel holds while it runs
    }

    public void MakeWritesVisible()
    {
    }

    public void Finish() => RequireAlive();

    public BackendResource CreateReadBuffer(long bytes)
    {
        RequireAlive();
        return memory.Allocate(bytes, "a readback");
    }

    public void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset) => Copy(matrix, 0, (ProcessorMatrix)buffer, offset, bytes);

    public nint InsertFence() => (nint)(++fences);

    public void CheckFences()
    {
    }

    public bool TryPass(nint fence) => true;

    public void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes) => Read((ProcessorMatrix)buffer, offset, bytes);

    public BackendResource CreateTimestamp() => new ProcessorTimestamp();

    public void PrepareTiming()
    {
    }

    public void MarkTime(BackendResource timestamp) =>
        ((ProcessorTimestamp)timestamp).Nanoseconds = (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public bool TryReadTime(BackendResource timestamp, out long nanoseconds)
    {
        nanoseconds = ((ProcessorTimestamp)timestamp).Nanoseconds;
        return true;
    }

    public void Dispose()
    {
        if (disposed) return;
        calls.Begin();   // refused while another thread computes, whose memory this frees
        disposed = true;
        calls.ForgetFrames();
        workers.Dispose();
        memory.Forget();
        kernels = 0;
        Ended?.Invoke(new ObjectDisposedException(nameof(NeuralDevice)));
    }

    private static NotSupportedException NoMethod(KernelSource source) => new(
        $"The kernel {source.FileName} works on textures of a game or is only for GPUs, but the device is the processor. Use a device on the game's OpenGL " +
        "context, or pass the pixels as features.");

    private void RequireAlive() => ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));
}
