using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// Another backend on a thread of its own. Calls enqueue commands, with copies of what they are handed, and return; the thread carries
/// them out in order, as a graphics card carries out those of its driver. So all above it works on it as on a card: results come some frames later, and
/// what waits says so.
/// </summary>
/// <remarks>
/// It makes, compiles and disposes on its thread as well, between two commands, and collects what was retired whenever the queue was empty. What a fence
/// or a timestamp that has passed tells is read on the thread of the calls: the inner backend keeps it in memory.
/// </remarks>
internal sealed unsafe class BackgroundBackend : IComputeBackend
{
    /// <summary>An upload of more bytes, or one that finds no room in the ring, is copied into an array of its own.</summary>
    private const int MostBytesInRing = CommandQueue.MostBytes / 2;

    private readonly IComputeBackend inner;
    private readonly CommandQueue queue;
    private readonly OneThreadAtATime calls = new("One in the background");
    private readonly Queue<(long Number, nint Fence)> innerFences = new(64);   // of the thread
    private int linesDone;   // of the dispatch that it is at
    private long passedFences;
    private long fences;
    private long lastUpdate;
    private long updateBefore;
    private bool disposed;
    private bool hasEnded;

    /// <param name="create">Makes the inner backend, on its thread.</param>
    /// <param name="name">Of the thread.</param>
    /// <param name="spinTime">How long the thread looks for more work before it sleeps.</param>
    public BackgroundBackend(Func<IComputeBackend> create, string name, TimeSpan spinTime)
    {
        IComputeBackend? made = null;
        queue = new CommandQueue(name, spinTime, CarryOut, () => made?.Enter(savesHostState: false), () => made?.Leave());
        try
        {
            queue.Do(() =>
            {
                made = create();
                made.Enter(savesHostState: false);   // as if it had been there when the work began
            });
        }
        catch
        {
            queue.Stop();
            queue.Dispose();
            throw;
        }

        inner = made!;
        (Vendor, Renderer, Version) = (inner.Vendor, inner.Renderer, $"{inner.Version}, in the background");
        (Limits, Settings) = (inner.Limits, inner.Settings);
    }

    public event Action<Exception>? Ended;

    public string Vendor { get; }

    public string Renderer { get; }

    public string Version { get; }

    public DeviceLimits Limits { get; }

    /// <summary>Asked between two commands, when what was retired has been collected if nothing was under way.</summary>
    public DeviceMemory Memory
    {
        get
        {
            DeviceMemory memory = default;
            if (disposed || queue.Failure is not null) memory = inner.Memory;
            else queue.Do(() => memory = inner.Memory);
            return memory;
        }
    }

    public DeviceSettings Settings { get; }

    /// <summary>None: those of a game belong to its own thread.</summary>
    public IHostTextures? HostTextures => null;

    public bool IsBehind => queue.Done < updateBefore;

    public void MakeCurrent() => RequireAlive();

    public void Enter(bool savesHostState)
    {
        RequireAlive();
        calls.Begin();
    }

    public void Leave()
    {
        if (calls.End()) queue.Wake();
    }

    public long BeginFrame()
    {
        RequireAlive();
        return calls.BeginFrame();
    }

    public void EndFrame(long number)
    {
        if (calls.EndFrame(number)) queue.Wake();
    }

    public MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        MatrixStorage? storage = null;
        Do(() => storage = inner.CreateMatrix(shape, format));
        return storage!;
    }

    public void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes)
    {
        RequireAlive();
        QueuedCommand command = new() { Kind = CommandKind.Upload, Subject = matrix, First = offset };
        if (bytes.Length <= MostBytesInRing && queue.Bytes.TryTake(bytes.Length, out command.Bytes)) bytes.CopyTo(queue.Bytes[command.Bytes]);
        else command.Target = bytes.ToArray();
        queue.Add(command);
    }

    public void Read(MatrixStorage matrix, nint offset, Span<byte> bytes)
    {
        RequireAlive();
        fixed (byte* to = bytes)
            queue.WaitFor(queue.Add(new QueuedCommand { Kind = CommandKind.Read, Subject = matrix, First = offset, Second = (nint)to, Third = bytes.Length }));
    }

    public void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes)
    {
        RequireAlive();
        queue.Add(new QueuedCommand { Kind = CommandKind.Copy, Subject = source, Target = destination, First = sourceOffset, Second = destinationOffset, Third = bytes });
    }

    public CompiledKernel GetKernel(Dispatch dispatch)
    {
        RecordedKernel kernel = new(dispatch);
        Do(() => kernel.Copy.Kernel = inner.GetKernel(kernel.Copy));
        return kernel;
    }

    public bool StartCompiling(KernelSource source)
    {
        bool inBackground = false;
        Do(() => inBackground = inner.StartCompiling(source));
        return inBackground;
    }

    public bool IsCompiled(KernelSource source)
    {
        bool isCompiled = false;
        Do(() => isCompiled = inner.IsCompiled(source));
        return isCompiled;
    }

    public void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, 0, dispatch.Grid.Lines(rows));
        MakeWritesVisible();
    }

    public void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        RequireAlive();
        RecordedKernel kernel = (RecordedKernel)dispatch.Kernel!;
        QueuedCommand command = new() { Kind = CommandKind.Run, Subject = kernel, First = rows, Second = firstLine, Third = lines };
        command.Storages = queue.TakeStorages(kernel.StorageCount);
        command.Bytes = queue.TakeBytes(kernel.ByteCount);
        kernel.Record(queue.Storages[command.Storages], queue.Bytes[command.Bytes]);
        queue.Add(command);
    }

    public void MakeWritesVisible() => Add(CommandKind.MakeWritesVisible);

    public void Finish()
    {
        RequireAlive();
        queue.WaitFor(queue.Add(new QueuedCommand { Kind = CommandKind.Finish }));
    }

    public BackendResource CreateReadBuffer(long bytes)
    {
        BackendResource? buffer = null;
        Do(() => buffer = inner.CreateReadBuffer(bytes));
        return buffer!;
    }

    public nint StartReading(IReadOnlyList<MatrixTexture> matrices, int rows, BackendResource buffer)
    {
        RequireAlive();
        queue.Add(new QueuedCommand { Kind = CommandKind.StartReading, Subject = matrices, Target = buffer, First = rows, Second = (nint)(++fences) });
        return (nint)fences;
    }

    public nint InsertFence()
    {
        RequireAlive();
        queue.Add(new QueuedCommand { Kind = CommandKind.InsertFence, Second = (nint)(++fences) });
        return (nint)fences;
    }

    public void CheckFences() => (updateBefore, lastUpdate) = (lastUpdate, queue.Published);

    public bool TryPass(nint fence) => Volatile.Read(ref passedFences) >= fence;

    public void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes) => inner.ReadBuffer(buffer, offset, bytes);

    public BackendResource CreateTimestamp()
    {
        Timestamp? timestamp = null;
        Do(() => timestamp = new Timestamp(inner.CreateTimestamp()));
        return timestamp!;
    }

    public void PrepareTiming() => Add(CommandKind.PrepareTiming);

    public void MarkTime(BackendResource timestamp)
    {
        RequireAlive();
        Timestamp marked = (Timestamp)timestamp;
        marked.Command = queue.Add(new QueuedCommand { Kind = CommandKind.MarkTime, Subject = marked });
    }

    public bool TryReadTime(BackendResource timestamp, out long nanoseconds)
    {
        Timestamp marked = (Timestamp)timestamp;
        nanoseconds = 0;
        return queue.Done >= marked.Command && inner.TryReadTime(marked.Inner, out nanoseconds);
    }

    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        calls.ForgetFrames();
        queue.Stop(inner.Dispose);
        queue.Dispose();
        End(new ObjectDisposedException(nameof(NeuralDevice)));
    }

    // ---- on the thread ----

    private bool CarryOut(QueuedCommand command)
    {
        switch (command.Kind)
        {
            case CommandKind.Upload:
                inner.Upload((MatrixStorage)command.Subject!, command.First, command.Target is byte[] large ? large : queue.Bytes[command.Bytes]);
                break;
            case CommandKind.Copy:
                inner.Copy((MatrixStorage)command.Subject!, command.First, (MatrixStorage)command.Target!, command.Second, command.Third);
                break;
            case CommandKind.Run:
                if (!RunPiece((RecordedKernel)command.Subject!, command)) return false;
                break;
            case CommandKind.MakeWritesVisible:
                inner.MakeWritesVisible();
                break;
            case CommandKind.PrepareTiming:
                inner.PrepareTiming();
                break;
            case CommandKind.MarkTime:
                inner.MarkTime(((Timestamp)command.Subject!).Inner);
                break;
            case CommandKind.StartReading:
                nint fence = inner.StartReading((IReadOnlyList<MatrixTexture>)command.Subject!, (int)command.First, (BackendResource)command.Target!);
                innerFences.Enqueue((command.Second, fence));
                break;
            case CommandKind.InsertFence:
                innerFences.Enqueue((command.Second, inner.InsertFence()));
                break;
            case CommandKind.Read:
                inner.Read((MatrixStorage)command.Subject!, command.First, new Span<byte>((void*)command.Second, (int)command.Third));
                break;
            case CommandKind.Finish:
                inner.Finish();
                break;
        }

        PassFences();
        return true;
    }

    /// <summary>The next lines of a dispatch; true after the last ones.</summary>
    private bool RunPiece(RecordedKernel kernel, QueuedCommand command)
    {
        if (linesDone == 0) kernel.Set(queue.Storages[command.Storages], queue.Bytes[command.Bytes]);
        int all = (int)command.Third, lines = kernel.LinesOfPiece(all - linesDone);
        long begin = Stopwatch.GetTimestamp();
        inner.Run(kernel.Copy, (int)command.First, (int)command.Second + linesDone, lines);
        kernel.Observe(lines, Stopwatch.GetTimestamp() - begin);
        linesDone += lines;
        if (linesDone < all) return false;
        linesDone = 0;
        return true;
    }

    private void PassFences()
    {
        if (innerFences.Count == 0) return;
        inner.CheckFences();
        while (innerFences.TryPeek(out (long Number, nint Fence) oldest) && inner.TryPass(oldest.Fence))
        {
            innerFences.Dequeue();
            Volatile.Write(ref passedFences, oldest.Number);
        }
    }

    // ---- on that of the calls ----

    private void Add(CommandKind kind)
    {
        RequireAlive();
        queue.Add(new QueuedCommand { Kind = kind });
    }

    private void Do(Action action)
    {
        RequireAlive();
        queue.Do(action);
    }

    private void RequireAlive()
    {
        ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));
        if (queue.Failure is { } failure) End(failure);
        queue.RequireNoFailure();
    }

    private void End(Exception why)
    {
        if (hasEnded) return;
        hasEnded = true;
        Ended?.Invoke(why);
    }

    /// <summary>One of the inner backend, and the command that marks it.</summary>
    private sealed class Timestamp(BackendResource inner) : BackendResource
    {
        public BackendResource Inner => inner;

        public long Command { get; set; }

        public override void Retire() => inner.Retire();
    }
}
