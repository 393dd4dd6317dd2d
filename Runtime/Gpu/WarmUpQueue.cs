namespace NeuralPlugin;

/// <summary>
/// Kernels that are warmed up before they are needed, one per frame. A driver that compiles in the background receives as
/// many programs at once as it accepts without working inside the call. Each is then run once, since drivers defer part of the
/// work (llvmpipe most of it) until then.
/// </summary>
internal sealed class WarmUpQueue(NeuralDevice device)
{
    /// <summary>
    /// Together at least as many texels as the log of a trainer's steps: its size is a constant of kernels, so that those with all sizes zero still read
    /// and write its last rows. They touch no more of any other matrix.
    /// </summary>
    private const int SmallRows = 64;
    private const int SmallColumns = 16;

    private readonly Dictionary<string, WarmUpRun> known = [];
    private readonly List<WarmUpRun> queue = [];
    private readonly Dictionary<OperandKind, Operand> operands = [];
    private readonly Dispatch[] single = new Dispatch[1];
    private readonly Queue<(KernelSet Set, WarmUpProgress Progress)> tuning = [];
    private int started;

    /// <summary>Adds runs that are missing or no longer compiled; existing ones count for both.</summary>
    public WarmUpProgress Add(ReadOnlySpan<KernelSet> sets)
    {
        Dictionary<string, WarmUpRun> wanted = [];
        List<KernelSet> open = [];
        foreach (KernelSet set in sets)
        {
            if (set.Tuner is not null) open.Add(set);
            else AddRuns(set, wanted);
        }

        WarmUpProgress progress = new([.. wanted.Values], open.Count);
        foreach (KernelSet set in open) tuning.Enqueue((set, progress));
        return progress;
    }

    /// <summary>
    /// One frame's share: at most one kernel is run, and one compiled inside a call. Sets whose configurations are still to be chosen come last, so that nobody waits for what others choose.
    /// </summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected a kernel, which is omitted from then on.</exception>
    public void Advance()
    {
        if (queue.Count == 0)
        {
            if (tuning.Count > 0) AdvanceTuning();
            return;
        }

        bool inBackground = true;
        while (inBackground && started < queue.Count) inBackground = device.Backend.StartCompiling(queue[started++].Dispatch!);
        WarmUpRun next = queue[0];
        if (!device.Backend.IsCompiled(next.Program)) return;
        queue.RemoveAt(0);
        started--;
        try
        {
            single[0] = next.Dispatch!;
            single[0].Kernel = device.GetKernel(single[0]);
            device.Run(single, rows: 0);
        }
        finally
        {
            next.IsDone = true;
            next.Dispatch = null;
            if (queue.Count == 0) DropOperands();
        }
    }

    private void AddRuns(KernelSet set, Dictionary<string, WarmUpRun> wanted)
    {
        foreach (WarmUpRun run in set.Runs)
        {
            bool isKept = known.TryGetValue(run.Key, out WarmUpRun? earlier) && (!earlier.IsDone || device.Backend.IsCompiled(run.Program));
            if (!isKept)
            {
                run.IsDone = false;
                run.Dispatch = run.On(OperandOf);   // now, since a device may be busy once it compiles
                queue.Add(known[run.Key] = run);
            }

            wanted[run.Key] = known[run.Key];
        }
    }

    private void AdvanceTuning()
    {
        (KernelSet set, WarmUpProgress progress) = tuning.Peek();
        if (set.Tuner is { } tuner)
        {
            tuner.Advance(device);
            if (!tuner.IsDone) return;
            set.TakeTuned();
        }

        tuning.Dequeue();
        Dictionary<string, WarmUpRun> chosen = [];
        AddRuns(set, chosen);
        progress.AddTuned(chosen.Values);
    }

    private Operand OperandOf(OperandKind kind)
    {
        if (!operands.TryGetValue(kind, out Operand? operand))
        {
            operands[kind] = operand = kind.IsOfHost
                ? new StandInTexture(device, kind) : new MatrixTexture(device, new MatrixShape(SmallRows, SmallColumns), kind.Format);
        }

        return operand;
    }

    private void DropOperands()
    {
        foreach (IDisposable operand in operands.Values.Cast<IDisposable>()) operand.Dispose();
        operands.Clear();
    }
}
