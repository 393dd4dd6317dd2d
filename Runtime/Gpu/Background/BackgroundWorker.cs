using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>The work of a <see cref="BackgroundBackend"/>'s thread: its commands, on the inner backend.</summary>
internal sealed unsafe class BackgroundWorker : ICommandWorker
{
    private readonly object counting = new();
    private DeviceMemory memory;
    private int linesDone;   // of the current dispatch

    public IComputeBackend? Inner { get; private set; }

    public CommandQueue Queue { get; set; } = null!;

    public WorkOverThere Work { get; } = new();

    /// <summary>From any thread.</summary>
    public DeviceMemory Memory
    {
        get
        {
            lock (counting) return memory;
        }
    }

    public void Make(Func<IComputeBackend> create)
    {
        Inner = create();
        Begin();   // as if it had existed when the work began
    }

    public void Answer(Action<IComputeBackend> action)
    {
        action(Inner!);
        Count();
    }

    public void Begin() => Inner?.Enter(savesHostState: false);

    public void End() => Inner?.Leave();

    public bool Look() => Inner is not null && Work.Look(Inner);

    public void Dispose()
    {
        Inner!.Dispose();
        Count();
    }

    public bool CarryOut(in QueuedCommand command)
    {
        IComputeBackend inner = Inner!;
        switch (command.Kind)
        {
            case CommandKind.Upload:
                inner.Upload((MatrixStorage)command.Subject!, command.First, command.Target is byte[] large ? large : Queue.Bytes[command.Bytes]);
                break;
            case CommandKind.Copy:
                inner.Copy((MatrixStorage)command.Subject!, command.First, (MatrixStorage)command.Target!, command.Second, command.Third);
                break;
            case CommandKind.Run:
                return Run((RecordedKernel)command.Subject!, command);
            case CommandKind.MakeWritesVisible:
                inner.MakeWritesVisible();
                break;
            case CommandKind.PrepareTiming:
                inner.PrepareTiming();
                break;
            case CommandKind.MarkTime:
                BackgroundTimestamp timestamp = (BackgroundTimestamp)command.Subject!;
                inner.MarkTime(timestamp.Inner);
                Work.AddTimestamp(command.First, timestamp);
                Look();
                break;
            case CommandKind.CopyToBuffer:
                BackgroundReadBuffer buffer = (BackgroundReadBuffer)command.Target!;
                inner.CopyToBuffer((MatrixStorage)command.Subject!, command.Third, buffer.Inner, command.First);
                if (buffer.Extend(command.First + command.Third)) Work.AddReading(buffer);
                break;
            case CommandKind.InsertFence:
                Work.AddFence(command.First, inner.InsertFence());
                Look();
                break;
            case CommandKind.Compile:
                CompileRequest request = (CompileRequest)command.Subject!;
                inner.StartCompiling(request.Kernel.Copy);
                Work.AddCompiling(request);
                Look();
                break;
            case CommandKind.Retire:
                ((IWrappedResource)command.Subject!).RetireInner();
                break;
            case CommandKind.Collect:
                End();   // the inner backend collects when an outermost call begins
                Begin();
                Count();
                break;
            case CommandKind.Read:
                inner.Read((MatrixStorage)command.Subject!, command.First, new Span<byte>((void*)command.Second, (int)command.Third));
                break;
            case CommandKind.Finish:
                inner.Finish();
                Look();
                break;
        }

        return true;
    }

    /// <summary>Notes the inner backend's memory.</summary>
    public void Count()
    {
        DeviceMemory counted = Inner!.Memory;
        lock (counting) memory = counted;
    }

    /// <summary>Runs a dispatch or, if kernels are methods, its next lines; true after the last ones. A card gets complete dispatches, and splits them itself.</summary>
    private bool Run(RecordedKernel kernel, in QueuedCommand command)
    {
        if (linesDone == 0)
        {
            kernel.Resolve(Inner!);
            kernel.Set(Queue.Storages[command.Storages], Queue.Bytes[command.Bytes]);
        }

        int all = (int)command.Third, lines = Inner!.Limits.RunsMethods ? kernel.LinesOfPiece(all - linesDone) : all;
        long begin = Stopwatch.GetTimestamp();
        Inner.Run(kernel.Copy, (int)command.First, (int)command.Second + linesDone, lines);
        kernel.Observe(lines, Stopwatch.GetTimestamp() - begin);
        linesDone += lines;
        if (linesDone < all) return false;
        linesDone = 0;
        return true;
    }
}
