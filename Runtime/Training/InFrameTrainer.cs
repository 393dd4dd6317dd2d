using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// Trains a network inside a running game: <see cref="Tick"/>, called once a frame, enqueues as many steps as fit into the frame's
/// budget, and neither waits for the GPU nor allocates. A step that is too long for a frame is cut, at its dispatches and those
/// by rows, and goes on in the next frame, with the same bits; until it is whole, predictions see the weights before it.
/// </summary>
/// <remarks>
/// A time budget is held by what the dispatches of earlier frames took, by the GPU's clock and by that of the calls. Exact replay
/// needs a budget in steps. Several trainers may take turns on one network: a step that is open over frames lets no other
/// in-frame trainer of the network begin one, and begins anew where the weights were changed in between.
/// Every call comes from the thread on which the device's context is current, else it throws <see cref="WrongContextException"/>;
/// with the trainer, its network, its samples or its device disposed, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class InFrameTrainer : IDisposable
{
    private const int MostReadbacks = 4;

    /// <summary>What a budget is filled up to; the rest is for what a frame does besides, and for a moment that is slower than those before.</summary>
    internal const double Fill = 0.88;

    /// <summary>
    /// Where the driver works inside the call, a part is no longer than what keeps the frame within so many budgets should it take
    /// so many times as long as it took before: only behind it is there time to notice.
    /// </summary>
    internal const double Bound = 1.15, SlowMoment = 2.5;

    private readonly Network network;
    private readonly TrainingSet samples;
    private readonly WeakReference self;
    private readonly SampleOrder order;
    private readonly StepLog record;
    private readonly OptimizerState state;
    private readonly StepWorkspace workspace;
    private readonly Dispatch[] dispatches;   // that of the order, which few steps need, and those of every step
    private readonly StepCosts gpuCosts;
    private readonly StepCosts callCosts;
    private readonly FrameClock clock;
    private readonly RecordReadback[] readbacks;
    private readonly StepLogCopy found = new();
    private WarmUpProgress? warmUp;
    private bool isWarm;
    private OpenStep open;
    private long enqueued;
    private long copied;
    private long noticed;
    private long skipped;
    private double credit;
    private int resumed;
    private bool isPaused;
    private bool hasDiverged;
    private bool disposed;
    private float windowLoss = float.NaN;
    private float windowAccuracy = float.NaN;
    private double callNanoseconds;

    /// <summary>Makes a trainer: its state and its plan. Allocates; nothing is compiled or trained yet.</summary>
    /// <param name="network">What it trains.</param>
    /// <param name="samples">What it learns from, of the network's inputs and outputs, on the same device.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ArgumentException">The samples have other sizes than the network, or live on another device.</exception>
    /// <exception cref="DeviceLimitException">The batch is beyond what this device can hold or run.</exception>
    public InFrameTrainer(Network network, TrainingSet samples, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(samples);
        this.network = network;
        this.samples = samples;
        options ??= new TrainerOptions();
        if (samples.Inputs != network.Inputs || samples.Classes != network.Outputs)
        {
            throw new ArgumentException(
                $"The network takes {network.Inputs} features and has {network.Outputs} classes; the samples have {samples.Inputs} features and " +
                $"{samples.Classes} classes. Make the TrainingSet with the sizes of the network.", nameof(samples));
        }

        if (!ReferenceEquals(samples.Device, network.Device))
            throw new ArgumentException("The samples live on another device than the network. Make both on one.", nameof(samples));
        int capacity = Math.Min(options.BatchSize, samples.Capacity);
        using NeuralDevice.Scope scope = network.Enter(savesHostState: false);
        self = new WeakReference(this);
        LearningRate = options.Optimizer.LearningRate;
        FrameBudget = options.FrameBudget;
        order = new SampleOrder(samples, options.Seed, capacity);
        record = new StepLog(network.Device);
        state = new OptimizerState(network, options.Optimizer);
        workspace = new StepWorkspace(network, capacity, options.Loss, state, source: order.Source, log: record);
        dispatches = [order.Filling, .. workspace.Dispatches];
        gpuCosts = new StepCosts(dispatches, capacity);
        callCosts = new StepCosts(dispatches, capacity);
        clock = new FrameClock(network.Device, gpuCosts);
        readbacks = [.. Enumerable.Range(0, MostReadbacks).Select(_ => new RecordReadback(this))];
    }

    /// <summary>
    /// The kernels that it needs. <see cref="Tick"/> compiles them one a frame before it trains; where the budget is a number of
    /// steps, all in the first frame, so that a run can be repeated. To have them sooner: <see cref="NeuralDevice.WarmUp"/>.
    /// </summary>
    public KernelSet Kernels => new(dispatches);

    /// <summary>The learning rate of the steps to come.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; set => field = Optimizer.RequireLearningRate(value); }

    /// <summary>How much it does in a frame, from the next one on.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; set => field = Require(value); }

    /// <summary>Where it stands, as the last Tick told.</summary>
    public TrainingProgress Progress { get; private set; } =
        new(0, 0, float.NaN, float.NaN, TimeSpan.Zero, 0, TrainerState.WarmingUp);

    /// <summary>
    /// Trains for one frame: hands over what the GPU has finished (<see cref="NeuralDevice.Update"/>), uploads the samples that
    /// were added, and enqueues steps until the budget is used up. Never waits; allocates nothing but where more samples were
    /// added between two calls than ever before.
    /// </summary>
    /// <exception cref="DispatchesSkippedException">
    /// What earlier calls enqueued did not run, since a conditional render of the host was open. Steps are lost; the next call goes on.
    /// </exception>
    public TrainingProgress Tick()
    {
        using NeuralDevice.Scope scope = Enter();
        long start = Stopwatch.GetTimestamp();
        if (!isWarm) WarmUp();
        network.Device.Update();
        clock.Read();
        RequireThatStepsRan();
        samples.Upload();
        int steps = State == TrainerState.Training ? RunFrame(start) : 0;
        TimeSpan time = TimeSpan.FromMicroseconds((State == TrainerState.Training ? Math.Max(clock.LastNanoseconds, callNanoseconds) : 0) / 1000);
        Progress = new TrainingProgress(state.Steps, order.Epochs, windowLoss, windowAccuracy, time, steps, State);
        return Progress;
    }

    /// <summary>Enqueues nothing until <see cref="Resume"/>. A step that is open over frames is begun anew then.</summary>
    public void Pause()
    {
        using NeuralDevice.Scope scope = Enter();
        isPaused = true;
        Abandon();
    }

    /// <summary>
    /// Goes on after <see cref="Pause"/>, or after the loss was not finite (<see cref="TrainerState.Diverged"/>): from the last weights
    /// whose loss was, which are those before the last two steps at most, with the optimizer's state that belongs to them.
    /// </summary>
    public void Resume()
    {
        using NeuralDevice.Scope scope = Enter();
        isPaused = false;
        if (!hasDiverged) return;
        hasDiverged = false;
        resumed++;   // what was read back before tells of the old drop
        record.ForgetDrop();
        CopyToPending();
    }

    /// <summary>Frees its buffers at the device's next call; the network and the samples stay. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        order.Dispose();
        if (network.StepOwner == self) network.StepOwner = null;
        state.Dispose();
        workspace.Dispose();
        record.Dispose();
        clock.Dispose();
        foreach (RecordReadback readback in readbacks) readback.Dispose();
    }

    internal static FrameBudget Require(FrameBudget budget)
    {
        return budget != default ? budget : throw new ArgumentException(
            "This budget allows nothing. Use a TimeSpan, FrameBudget.Steps or FrameBudget.Shared; to train nothing, Pause the trainer.", nameof(budget));
    }

    private TrainerState State =>
        hasDiverged ? TrainerState.Diverged : isPaused ? TrainerState.Paused : !isWarm ? TrainerState.WarmingUp
            : samples.Uploaded == 0 ? TrainerState.WaitingForSamples : TrainerState.Training;

    private NeuralDevice.Scope Enter()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return network.Enter(savesHostState: false);   // each call takes its own
    }

    private void WarmUp()
    {
        if (FrameBudget.StepsPerFrame == 0)
        {
            warmUp ??= network.Device.WarmUp(Kernels);
            if (!warmUp.IsDone) return;
        }

        workspace.Compile();
        network.Device.Compile(order.Filling);
        isWarm = true;
    }

    /// <summary>Enqueues what fits into this frame; returns the steps that became whole.</summary>
    private int RunFrame(long start)
    {
        FrameBudget budget = FrameBudget;
        double nanoseconds = budget.SharedWith?.Begin(this) ?? budget.Time.TotalNanoseconds;
        double allowed = Fill * nanoseconds;
        double predicted = 0;
        int steps = 0, parts = 0;
        clock.BeginFrame();
        while (budget.StepsPerFrame == 0 || steps < budget.StepsPerFrame)
        {
            if (!open.IsOpen && !BeginStep()) break;
            if (network.Changes != open.Changes) Restart();
            Dispatch dispatch = dispatches[open.Dispatch];
            int all = dispatch.Grid.Lines(open.Rows), left = all - open.Line;
            double called = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
            int lines = budget.StepsPerFrame > 0 ? left : Math.Min(
                gpuCosts.LinesWithin(allowed - predicted, open.Dispatch, left),
                callCosts.LinesWithin(Math.Min(allowed - called, ((Bound * nanoseconds) - called) / SlowMoment), open.Dispatch, left));
            if (lines == 0 && parts == 0 && CostOfALine() <= allowed + credit) lines = 1;
            if (lines == 0 || (lines < left && parts > 0 && (gpuCosts.IsWasteful(open.Dispatch, lines) || callCosts.IsWasteful(open.Dispatch, lines)))) break;
            network.Device.Run(dispatch, open.Rows, open.Line, lines);
            callCosts.Observe(open.Dispatch, lines, Stopwatch.GetElapsedTime(start).TotalNanoseconds - called);
            clock.Add(open.Dispatch, lines);
            predicted += gpuCosts.Of(open.Dispatch, lines);
            parts++;
            if (Advance(lines, all)) steps++;
        }

        if (parts > 0) network.Device.MakeWritesVisible();
        callCosts.EndObservation();
        clock.EndFrame();
        StartReading(parts);
        callNanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        credit = parts > 0 || !open.IsOpen ? 0 : Math.Min(credit + nanoseconds, CostOfALine() + callNanoseconds);
        budget.SharedWith?.Spend((long)Math.Max(callNanoseconds, predicted));
        return steps;
    }

    /// <summary>What must have been saved up before the smallest part of the open step can run in a budget that it does not fit into.</summary>
    private double CostOfALine() => Math.Max(gpuCosts.Of(open.Dispatch, 1), callCosts.Of(open.Dispatch, 1));

    /// <summary>False where another trainer's step is open on the network, or no sample was uploaded yet.</summary>
    private bool BeginStep()
    {
        if (network.StepOwner is { IsAlive: true } owner && owner != self) return false;
        if (network.PendingIsStale) CopyToPending();
        DrawnBatch batch = order.BeginBatch();
        if (batch.Rows == 0) return false;   // what was added waits for another trainer's open step
        state.PrepareStep(LearningRate);
        network.StepOwner = self;
        order.Source.BeginBatch(batch.FirstSample);
        record.BeginStep(enqueued + 1);
        open = Opened(batch.Rows);
        return true;
    }

    /// <summary>The weights are others than when the step began: it begins anew with them, and the same batch.</summary>
    private void Restart()
    {
        state.Discard();   // what it has written
        CopyToPending();
        open = Opened(open.Rows);
    }

    private OpenStep Opened(int rows) => new(rows, network.Changes) { Dispatch = order.NeedsFilling ? 0 : 1 };

    private void Abandon()
    {
        if (!open.IsOpen) return;
        open = default;
        network.StepOwner = null;
        order.AbandonBatch();
        state.Discard();
    }

    /// <summary>True where that was the last of the step, which then counts.</summary>
    private bool Advance(int lines, int all)
    {
        open.Line += lines;
        if (open.Line < all) return false;
        open.Line = 0;
        if (open.Dispatch == 0)
        {
            order.EndFilling();
            network.Device.MakeWritesVisible();
        }

        if (++open.Dispatch < dispatches.Length) return false;
        network.Device.MakeWritesVisible();
        open = default;
        network.StepOwner = null;
        order.EndBatch();
        state.Commit();
        enqueued++;
        return true;
    }

    private void CopyToPending()
    {
        state.CopyToPending();
        copied = enqueued;
    }

    /// <summary>Lets what the steps found be read back, if anything is new and a readback is free.</summary>
    private void StartReading(int parts)
    {
        if (parts == 0 || enqueued == 0) return;
        foreach (RecordReadback readback in readbacks)
        {
            if (!readback.IsFree) continue;
            readback.Start(enqueued, resumed);
            return;
        }
    }

    private void RequireThatStepsRan()
    {
        if (skipped == 0) return;
        long lost = skipped;
        skipped = 0;
        order.Regenerate();
        throw new DispatchesSkippedException(
            $"Training step {lost} was enqueued and did not run: the driver skips dispatches while a conditional render is open " +
            "(glBeginConditionalRender). Call Tick before it or after glEndConditionalRender. Training goes on with the next Tick.");
    }

    /// <summary>Takes what a readback has brought: the record as it was behind its last step.</summary>
    private void Notice(Readback readback, long lastStep, int since)
    {
        if (readback.Status != ReadbackStatus.Ready || since != resumed || disposed) return;
        found.Read(readback);
        if (!found.TryGet(lastStep, out _))
        {
            skipped = lastStep;
            return;
        }

        noticed = lastStep;
        double loss = 0, correct = 0, rows = 0;
        for (long step = Math.Max(1, lastStep - StepLog.Slots + 1); step <= lastStep; step++)
        {
            if (!found.TryGet(step, out StepResult result) || !float.IsFinite(result.Loss)) continue;
            loss += (double)result.Loss * result.Rows;
            correct += result.Correct;
            rows += result.Rows;
        }

        if (rows > 0) (windowLoss, windowAccuracy) = ((float)(loss / rows), (float)(correct / rows));
        if (found.DroppedStep != 0 && !hasDiverged) Diverge();
    }

    /// <summary>
    /// The weights are those before the step before the dropped one, or where these were copied, those before the dropped one; the
    /// steps since then were none.
    /// </summary>
    private void Diverge()
    {
        hasDiverged = true;
        Abandon();
        long dropped = noticed;
        while (StepLog.NumberOf(dropped) != found.DroppedStep) dropped--;
        long good = Math.Max(dropped - 2, Math.Min(copied, dropped - 1));
        state.Rewind(state.Steps - (enqueued - good));
    }

    /// <summary>Where a step stands that is open.</summary>
    private struct OpenStep(int rows, long changes)
    {
        public readonly int Rows = rows;
        public readonly long Changes = changes;
        public int Dispatch;
        public int Line;

        public readonly bool IsOpen => Rows > 0;
    }

    private sealed class RecordReadback : IDisposable
    {
        private readonly MatrixTexture[] textures;
        private readonly Readback readback;
        private readonly WeakReference<InFrameTrainer> owner;
        private long lastStep;
        private int since;

        public RecordReadback(InFrameTrainer trainer)
        {
            owner = new WeakReference<InFrameTrainer>(trainer);   // the device holds what is under way, and must not hold the trainer
            textures = [trainer.record.Texture];
            readback = new Readback(trainer.network.Device, [textures[0].Shape], Ended);
        }

        public bool IsFree => readback.Status != ReadbackStatus.Pending;

        public void Start(long step, int resumedBefore)
        {
            lastStep = step;
            since = resumedBefore;
            readback.Start(textures);
        }

        public void Dispose() => readback.Dispose();

        private void Ended(Readback ended)
        {
            if (owner.TryGetTarget(out InFrameTrainer? trainer)) trainer.Notice(ended, lastStep, since);
        }
    }
}
