namespace NeuralPlugin;

/// <summary>
/// Another backend on a thread of its own. Calls enqueue commands, with copies of their arguments, and return; the thread carries
/// them out in order, as a graphics card does those of its driver. So all layers above treat it like a card: results arrive some frames
/// later, and calls that wait say so.
/// </summary>
/// <remarks>
/// The inner backend is created, queried, used and disposed on its thread alone, so it may be bound to a thread. The thread keeps its results (readbacks, times,
/// whether a kernel is compiled) where the calls find them. Retiring a resource is also a command, after those that may still name it.
/// </remarks>
internal sealed unsafe class BackgroundBackend : IComputeBackend
{
    /// <summary>An upload of more bytes, or one that does not fit in the ring, is copied into an array of its own.</summary>
    private const int MostBytesInRing = CommandQueue.MostBytes / 2;

    private readonly BackgroundWorker worker;
    private readonly CommandQueue queue;
    private readonly OneThreadAtATime calls = new("One with a thread of its own");
    private readonly RetiredResources retired = new();
    private readonly KernelsOverThere kernels = new();
    private long fences;
    private long lastUpdate;
    private long updateBefore;
    private long lastCollection;
    private int disposed;
    private bool hasEnded;

    /// <param name="create">Creates the inner backend, on its thread.</param>
    /// <param name="name">The thread's name.</param>
    /// <param name="spinTime">How long the thread looks for more work before it sleeps.</param>
    public BackgroundBackend(Func<IComputeBackend> create, string name, TimeSpan spinTime)
    {
        worker = new BackgroundWorker();
        worker.Queue = queue = new CommandQueue(name, spinTime, worker);
        queue.Start();
        try
        {
            queue.Do(() => worker.Make(create));
        }
        catch
        {
            queue.Stop();
            queue.Dispose();
            throw;
        }

        IComputeBackend inner = worker.Inner!;
        (Vendor, Renderer, Version) = (inner.Vendor, inner.Renderer, $"{inner.Version}, in the background");
        (Limits, Settings) = (inner.Limits with { CompilesBesideCalls = true }, inner.Settings);
    }

    public event Action<Exception>? Ended;

    public string Vendor { get; }

    public string Renderer { get; }

    public string Version { get; }

    public DeviceLimits Limits { get; }

    /// <summary>As last counted by the thread, after the last call that retired something: following such a call, this waits for the thread to get there.</summary>
    public DeviceMemory Memory
    {
        get
        {
            SpinWait wait = default;
            while (queue.IsRunning && queue.Done < Volatile.Read(ref lastCollection)) wait.SpinOnce(sleep1Threshold: -1);
            return worker.Memory;
        }
    }

    public DeviceSettings Settings { get; }

    /// <summary>None: a game's textures belong to its own thread.</summary>
    public IHostTextures? HostTextures => null;

    public bool IsBehind => queue.Done < updateBefore;

    private bool IsDisposed => Volatile.Read(ref disposed) != 0;

    public void MakeCurrent() => RequireAlive();

    public void Enter(bool savesHostState)
    {
        RequireAlive();
        if (calls.Begin()) GiveBack();
    }

    public void Leave()
    {
        if (calls.IsOutermost) queue.Wake();
        if (calls.End() && IsDisposed) EndDisposal();
    }

    public long BeginFrame()
    {
        Enter(savesHostState: false);
        return calls.BeginFrame();
    }

    public void EndFrame(long number)
    {
        queue.Wake();   // before the device may be disposed
        if (calls.EndFrame(number) && IsDisposed) EndDisposal();
    }

    public MatrixStorage CreateMatrix(MatrixShape shape, TexelFormat format)
    {
        MatrixStorage? storage = null;
        Do(inner => storage = inner.CreateMatrix(shape, format));
        return new BackgroundMatrix(storage!, retired);
    }

    public void Upload(MatrixStorage matrix, nint offset, ReadOnlySpan<byte> bytes)
    {
        RequireAlive();
        QueuedCommand command = new() { Kind = CommandKind.Upload, Subject = InnerOf(matrix), First = offset };
        if (bytes.Length <= MostBytesInRing && queue.Bytes.TryTake(bytes.Length, out command.Bytes)) bytes.CopyTo(queue.Bytes[command.Bytes]);
        else command.Target = bytes.ToArray();
        queue.Add(command);
    }

    public void Read(MatrixStorage matrix, nint offset, Span<byte> bytes)
    {
        fixed (byte* to = bytes)
            queue.WaitFor(Add(new QueuedCommand { Kind = CommandKind.Read, Subject = InnerOf(matrix), First = offset, Second = (nint)to, Third = bytes.Length }));
    }

    public void Copy(MatrixStorage source, nint sourceOffset, MatrixStorage destination, nint destinationOffset, nint bytes)
    {
        Add(new QueuedCommand
        {
            Kind = CommandKind.Copy,
            Subject = InnerOf(source),
            Target = InnerOf(destination),
            First = sourceOffset,
            Second = destinationOffset,
            Third = bytes,
        });
    }

    public CompiledKernel GetKernel(Dispatch dispatch)
    {
        RequireAlive();
        if (!Limits.RunsMethods && kernels.Find(dispatch) is { } known) return known;
        RecordedKernel kernel = new(dispatch);
        Do(kernel.Resolve);
        kernels.Add(dispatch.Program.Key);
        return kernel;
    }

    public bool StartCompiling(Dispatch dispatch)
    {
        RequireAlive();
        if (!Limits.RunsMethods && kernels.Request(dispatch) is { } request) queue.Add(new QueuedCommand { Kind = CommandKind.Compile, Subject = request });
        return true;
    }

    public bool IsCompiled(KernelSource source) => Limits.RunsMethods || kernels.IsCompiled(source);

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

    public void MakeWritesVisible() => Add(new QueuedCommand { Kind = CommandKind.MakeWritesVisible });

    public void Finish() => queue.WaitFor(Add(new QueuedCommand { Kind = CommandKind.Finish }));

    public BackendResource CreateReadBuffer(long bytes)
    {
        BackendResource? buffer = null;
        Do(inner => buffer = inner.CreateReadBuffer(bytes));
        try
        {
            return new BackgroundReadBuffer(buffer!, bytes, retired);
        }
        catch (Exception exception) when (exception is OutOfMemoryException or OverflowException)
        {
            buffer!.Retire();
            throw new DeviceLimitException($"There is no memory for a readback of {bytes} bytes. Use fewer rows or columns, or dispose objects that are no longer needed.");
        }
    }

    public void CopyToBuffer(MatrixStorage matrix, nint bytes, BackendResource buffer, nint offset) =>
        Add(new QueuedCommand { Kind = CommandKind.CopyToBuffer, Subject = InnerOf(matrix), Target = buffer, First = offset, Third = bytes });

    public nint InsertFence()
    {
        Add(new QueuedCommand { Kind = CommandKind.InsertFence, First = (nint)(++fences) });
        return (nint)fences;
    }

    public void CheckFences() => (updateBefore, lastUpdate) = (lastUpdate, queue.Published);

    public bool TryPass(nint fence) => worker.Work.PassedFences >= fence;

    public void ReadBuffer(BackendResource buffer, nint offset, Span<byte> bytes) => ((BackgroundReadBuffer)buffer).Copy.Slice((int)offset, bytes.Length).CopyTo(bytes);

    public BackendResource CreateTimestamp()
    {
        BackendResource? timestamp = null;
        Do(inner => timestamp = inner.CreateTimestamp());
        return new BackgroundTimestamp(timestamp!, retired);
    }

    public void PrepareTiming() => Add(new QueuedCommand { Kind = CommandKind.PrepareTiming });

    public void MarkTime(BackendResource timestamp)
    {
        BackgroundTimestamp marked = (BackgroundTimestamp)timestamp;
        marked.Command = queue.Published + 1;
        Add(new QueuedCommand { Kind = CommandKind.MarkTime, Subject = marked, First = (nint)marked.Command });
    }

    public bool TryReadTime(BackendResource timestamp, out long nanoseconds) => ((BackgroundTimestamp)timestamp).TryRead(out nanoseconds);

    /// <summary>From any thread, at any time. A call in progress on another one ends with <see cref="ObjectDisposedException"/>, and pending work then fails.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        try
        {
            queue.Stop(worker.Dispose);
        }
        finally
        {
            EndDisposal();
        }
    }

    private static MatrixStorage InnerOf(MatrixStorage matrix) => ((BackgroundMatrix)matrix).Inner;

    /// <summary>Enqueues the retirement of the objects dropped since the last call, after all commands that may name them.</summary>
    private void GiveBack()
    {
        if (!retired.TryTake(out IWrappedResource? resource)) return;
        do queue.Add(new QueuedCommand { Kind = CommandKind.Retire, Subject = resource });
        while (retired.TryTake(out resource));
        Volatile.Write(ref lastCollection, queue.Add(new QueuedCommand { Kind = CommandKind.Collect }));
        queue.Wake();
    }

    private long Add(in QueuedCommand command)
    {
        RequireAlive();
        return queue.Add(command);
    }

    private void Do(Action<IComputeBackend> action)
    {
        RequireAlive();
        queue.Do(() => worker.Answer(action));
    }

    private void RequireAlive()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, typeof(NeuralDevice));
        if (queue.Failure is null) return;
        try
        {
            queue.RequireRunning();
        }
        catch (InvalidOperationException why)
        {
            worker.Count();   // the thread no longer does anything
            End(why);
            throw;
        }
    }

    /// <summary>Called by the disposing thread or, if another one is inside a call, by that one when it leaves.</summary>
    private void EndDisposal()
    {
        if (!calls.TryBegin()) return;
        End(new ObjectDisposedException(nameof(NeuralDevice)));
        queue.Dispose();
        calls.ForgetFrames();
        calls.End();
    }

    private void End(Exception why)
    {
        if (hasEnded) return;
        hasEnded = true;
        Ended?.Invoke(why);
    }
}
