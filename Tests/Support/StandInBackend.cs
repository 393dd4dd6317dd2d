namespace NeuralPlugin.Tests;

/// <summary>
/// A backend in plain C#, without OpenGL: matrices are arrays, each command takes effect inside its call, and kernels are only
/// noted. It shares no textures with a game.
/// </summary>
internal sealed class StandInBackend : IComputeBackend
{
    private readonly OpenCalls calls = new();
    private readonly Dictionary<string, NotedKernel> kernels = [];
    private long buffers;
    private long bytes;
    private long fences;
    private long time;
    private bool disposed;

    public event Action<Exception>? Ended;

    public string Vendor => "tests";

    public string Renderer => "a stand-in";

    public string Version => "1";

    /// <summary>Whether kernels write, zeros. Otherwise they do nothing, as under a conditional render that discards.</summary>
    public bool Computes { get; set; }

    public DeviceLimits Limits { get; init; } = DeviceLimits.WithoutDevice with { IsSoftware = true };

    public DeviceMemory Memory => new(0, (int)Interlocked.Read(ref buffers), kernels.Count, Interlocked.Read(ref bytes));

    public DeviceSettings Settings { get; } = new();

    public IHostTextures? HostTextures => null;

    public bool IsBehind => false;

    /// <summary>Files of the kernels that ran.</summary>
    public HashSet<string> Ran { get; } = [];

    /// <summary>Times somebody waited for values of a matrix.</summary>
    public int Reads { get; private set; }

    /// <summary>Whether fences are reached. While they are not, readbacks stay pending.</summary>
    public bool IsIdle { get; set; } = true;

    public void MakeCurrent() => ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));

    public void Enter(bool savesHostState)
    {
        ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));
        calls.Begin();
    }

    public void Leave() => calls.End();

    public long BeginFrame()
    {
        Enter(savesHostState: false);
        return calls.BeginFrame();
    }

    public void EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return;
        calls.EndFrame(number);
        Leave();
    }

    public MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        byte[] values = new byte[shape.BytesOf(format)];
        Count(1, values.Length);
        return new Matrix(this, values);
    }

    public void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes) => bytes.CopyTo(BytesOf(matrix)[(int)offset..]);

    public void Read(MatrixStorage matrix, nint offset, Span<byte> bytes)
    {
        Reads++;
        BytesOf(matrix).Slice((int)offset, bytes.Length).CopyTo(bytes);
    }

    public void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes)
    {
        BytesOf(source).Slice((int)sourceOffset, (int)bytes).CopyTo(BytesOf(destination)[(int)destinationOffset..]);
    }

    public CompiledKernel GetKernel(Dispatch dispatch)
    {
        KernelSource source = dispatch.Program;
        if (!kernels.TryGetValue(source.Key, out NotedKernel? kernel)) kernels[source.Key] = kernel = new NotedKernel(source.FileName);
        return kernel;
    }

    public bool StartCompiling(Dispatch dispatch) => true;

    public bool IsCompiled(KernelSource source) => true;

    public void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, 0, dispatch.Grid.Lines(rows));
    }

    /// <summary>Checks that each operand has its storage here, of the right kind.</summary>
    public void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        foreach (MatrixBinding matrix in dispatch.Matrices)
        {
            Span<byte> bytes = BytesOf(matrix.Operand.Storage);
            if (Computes && matrix.Access == MatrixAccess.Write) bytes.Clear();
        }

        Ran.Add(((NotedKernel)dispatch.Kernel!).FileName);
    }

    public void MakeWritesVisible()
    {
    }

    public void Finish()
    {
    }

    public BackendResource CreateReadBuffer(long bytes) => CreateMatrix(new MatrixShape(1, (int)bytes / sizeof(float)), TexelFormat.Float);

    public void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset) => Copy(matrix, 0, (Matrix)buffer, offset, bytes);

    public nint InsertFence() => (nint)(++fences);

    public void CheckFences()
    {
    }

    public bool TryPass(nint fence) => IsIdle;

    public void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes) => Read((Matrix)buffer, offset, bytes);

    public BackendResource CreateTimestamp() => new Timestamp();

    public void PrepareTiming()
    {
    }

    public void MarkTime(BackendResource timestamp) => ((Timestamp)timestamp).Nanoseconds = time += 1000;

    public bool TryReadTime(BackendResource timestamp, out long nanoseconds)
    {
        nanoseconds = ((Timestamp)timestamp).Nanoseconds;
        return true;
    }

    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        calls.ForgetFrames();
        Ended?.Invoke(new ObjectDisposedException(nameof(NeuralDevice)));
    }

    private void Count(int more, long moreBytes)
    {
        Interlocked.Add(ref buffers, more);
        Interlocked.Add(ref bytes, moreBytes);
    }

    private Span<byte> BytesOf(MatrixStorage matrix)
    {
        ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));
        return ((Matrix)matrix).Bytes;
    }

    private sealed class Matrix(StandInBackend backend, byte[] bytes) : MatrixStorage
    {
        private int retired;

        public byte[] Bytes => bytes;

        public override void Retire()
        {
            if (Interlocked.Exchange(ref retired, 1) == 0) backend.Count(-1, -bytes.Length);
        }
    }

    private sealed class NotedKernel(string fileName) : CompiledKernel
    {
        public string FileName => fileName;
    }

    private sealed class Timestamp : BackendResource
    {
        public long Nanoseconds { get; set; }

        public override void Retire()
        {
        }
    }
}
