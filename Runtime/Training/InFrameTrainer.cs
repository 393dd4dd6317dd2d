namespace NeuralPlugin;

/// <summary>
/// Trains a network inside a running game: <see cref="Tick"/>, called once a frame, enqueues as many steps as fit into the frame's
/// budget, and neither waits for the GPU nor allocates. A step too long for a frame is cut, between its dispatches and those
/// by rows, and continues in the next frame, with the same bits. Until it is complete, predictions use the weights before it.
/// </summary>
/// <remarks>
/// A time budget is enforced from the durations of earlier frames' dispatches, by the GPU's clock and by that of the calls. Exact replay
/// needs a budget in steps. Several trainers may take turns on one network: while a step spans frames, no other
/// in-frame trainer of the network can begin one, and the step starts over if the weights change in between.
/// Call from the thread on which the device's context is current, otherwise <see cref="WrongContextException"/>;
/// after Dispose of the trainer, its network, its samples or its device, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class InFrameTrainer : IDisposable
{
    private const int MostReadbacks = 4;

    private readonly Network network;
    private readonly TrainingSet samples;
    private readonly bool countsCorrect;
    private readonly WeakReference self;
    private readonly SampleOrder order;
    private readonly OptimizerState state;
    private readonly StepLedger ledger;
    private readonly Loss loss;
    private readonly int capacity;
    private readonly TimeProvider time;
    private StepWorkspace? workspace;   // with the dispatches and the spender, once the configurations of the kernels are known
    private Dispatch[] dispatches = [];   // that of the order, which few steps need, and those of every step
    private FrameSpender? spender;
    private WarmUpProgress? warmUp;
    private bool isWarm;
    private OpenStep open;
    private bool isPaused;
    private bool disposed;

    /// <summary>Makes a trainer: its state and its plan. Allocates; nothing is compiled or trained yet.</summary>
    /// <param name="network">The network to train.</param>
    /// <param name="samples">The training samples, with the network's inputs and outputs, on the same device.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// The samples' sizes differ from the network's, they are on another device, or they have labels but the loss takes values (or vice versa).
    /// </exception>
    /// <exception cref="DeviceLimitException">The batch exceeds what this device can hold or run.</exception>
    public InFrameTrainer(Network network, TrainingSet samples, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(samples);
        this.network = network;
        this.samples = samples;
        options ??= new TrainerOptions();
        if (samples.Inputs != network.Inputs || samples.Outputs != network.Outputs)
        {
            throw new ArgumentException(
                $"The network has {network.Inputs} features and {network.Outputs} outputs, but the samples have {samples.Inputs} features and " +
                $"{samples.Outputs} outputs. Make the TrainingSet with the sizes of the network.", nameof(samples));
        }

        loss = options.ChosenLoss ?? samples.Layout.PlainLoss;
        TargetLayout layout = loss.TargetsFor(network.Outputs);
        if (layout != samples.Layout)
        {
            throw new ArgumentException(
                $"The loss {loss.GetType().Name} takes {layout.Kind}, but the samples have {samples.Layout.Kind}. Choose another loss in TrainerOptions, or make the set " +
                "with new TrainingSet for labels and with TrainingSet.ForValues for values.", nameof(samples));
        }

        if (!ReferenceEquals(samples.Device, network.Device))
            throw new ArgumentException("The samples are on another device than the network. Make both on the same device.", nameof(samples));
        capacity = Math.Min(options.BatchSize, samples.Capacity);
        time = options.TimeProvider;
        using NeuralDevice.Scope scope = network.Enter(savesHostState: false);
        countsCorrect = loss.CountsCorrect;
        self = new WeakReference(this);
        LearningRate = options.Optimizer.LearningRate;
        FrameBudget = options.FrameBudget;
        order = new SampleOrder(samples, options.Seed, capacity);
        state = new OptimizerState(network, options.Optimizer);
        ledger = new StepLedger(network, state, MostReadbacks);
        KernelSet kernels = Kernels;
        if (kernels.Tuner is null || FrameBudget.StepsPerFrame > 0) MakePlan();
        else StepWorkspace.RequireFit(network, capacity, loss, state.Optimizer);
    }

    /// <summary>
    /// The required kernels. <see cref="Tick"/> compiles one per frame before it trains, and first times those that a card may run in several configurations
    /// (<see cref="KernelTuning"/>), unless the network has computed already; if the budget is a number of steps, it compiles all in the first frame and times none, so
    /// that a run can be repeated. To do this sooner: <see cref="NeuralDevice.WarmUp"/>.
    /// </summary>
    public KernelSet Kernels => workspace is not null ? new KernelSet(dispatches) : KernelsOf(network, capacity, loss, state.Optimizer, order);

    /// <summary>The learning rate of future steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, NaN or infinite.</exception>
    public float LearningRate { get; set => field = Optimizer.RequireLearningRate(value); }

    /// <summary>The budget per frame, starting with the next frame.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; set => field = Require(value); }

    /// <summary>The progress as of the last Tick.</summary>
    public TrainingProgress Progress { get; private set; } =
        new(0, 0, float.NaN, float.NaN, TimeSpan.Zero, 0, TrainerState.WarmingUp);

    /// <summary>
    /// Trains for one frame: collects the results that the GPU has finished (<see cref="NeuralDevice.Update"/>), uploads the samples that
    /// were added, and enqueues steps until the budget is used up, or the GPU is too far behind (<see cref="TrainerState.WaitingForGpu"/>).
    /// Never waits; allocates only if more samples were added between two calls than ever before.
    /// </summary>
    /// <exception cref="DispatchesSkippedException">
    /// Work enqueued by earlier calls did not run because a conditional render of the host was open. Steps are lost; the next call continues.
    /// </exception>
    public TrainingProgress Tick()
    {
        using NeuralDevice.Scope scope = Enter();
        if (workspace is null && !IsTuned()) return Progress = Progress with { State = State };
        spender!.BeginCall();
        if (!isWarm) WarmUp();
        network.Device.Update();
        spender.TakeMeasurements();
        ledger.Read();
        if (ledger.HasDropped) Abandon();
        RequireThatStepsRan();
        samples.Upload();
        bool isBehind = network.Device.IsBehind && FrameBudget.StepsPerFrame == 0, trains = State == TrainerState.Training && !isBehind;
        if (trains) RunFrame();
        float accuracy = countsCorrect ? ledger.Accuracy : float.NaN;
        bool hasSkipped = State == TrainerState.Training && (isBehind || (spender.Parts == 0 && spender.IsAheadOfGpu));
        Progress = new TrainingProgress(
            ledger.Steps, order.Epochs, ledger.Loss, accuracy, trains ? spender.Time : TimeSpan.Zero, trains ? spender.Steps : 0,
            hasSkipped ? TrainerState.WaitingForGpu : State)
        {
            HasKeptParameters = ledger.HasKept,
        };
        return Progress;
    }

    /// <summary>Enqueues nothing until <see cref="Resume"/>, when a step that spans frames starts over.</summary>
    public void Pause()
    {
        using NeuralDevice.Scope scope = Enter();
        isPaused = true;
        Abandon();
    }

    /// <summary>
    /// Continues after <see cref="Pause"/>, or after a non-finite loss (<see cref="TrainerState.Diverged"/>): from the last weights
    /// with a finite loss, at most two steps back, with the matching state of the optimizer.
    /// </summary>
    public void Resume()
    {
        using NeuralDevice.Scope scope = Enter();
        isPaused = false;
        if (ledger.HasDropped) ledger.Resume();
    }

    /// <summary>Frees its buffers at the device's next call; the network and the samples stay. Any thread may call it; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        order.Dispose();
        self.Target = null;   // an open step has no owner any more, which whoever begins the next one finds
        state.Dispose();
        workspace?.Dispose();
        ledger.Dispose();
        spender?.Dispose();
    }

    internal static FrameBudget Require(FrameBudget budget)
    {
        return budget != default ? budget : throw new ArgumentException(
            "This budget allows nothing. Use a TimeSpan, FrameBudget.Steps, StepsPerSecond, FractionOfTime or Shared; to train nothing, Pause the trainer.", nameof(budget));
    }

    /// <remarks>An open step ends although its set was cleared: samples that were added may wait for its rows.</remarks>
    private TrainerState State =>
        ledger.HasDropped ? TrainerState.Diverged : isPaused ? TrainerState.Paused : !isWarm ? TrainerState.WarmingUp
            : samples.Uploaded == 0 && !open.IsOpen ? TrainerState.WaitingForSamples : TrainerState.Training;

    private NeuralDevice.Scope Enter()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return network.Enter(savesHostState: false);   // each call saves its own
    }

    /// <summary>Refers to no trainer, since the device keeps it until the kernels are warm. What is timed is a step on an uploaded batch, on matrices of its own.</summary>
    private static KernelSet KernelsOf(Network network, int capacity, Loss loss, Optimizer optimizer, SampleOrder order)
    {
        (Stack stack, BatchSource source, Dispatch filling) = (network.Stack, order.Source, order.Filling);
        return network.KernelsInUse.SetOf(
            capacity, kernels => StepWorkspace.KernelsFor(stack, kernels, capacity, loss, optimizer),
            kernels => [filling, .. StepWorkspace.LoggedKernelsFor(stack, kernels, capacity, loss, optimizer, source)]);
    }

    /// <summary>
    /// One frame's share of choosing the configurations of the kernels, before the first plan is made; true once it is. If the network gets another plan meanwhile, such as for a prediction, its
    /// kernels stay as they are, and what is found is for the next start.
    /// </summary>
    private bool IsTuned()
    {
        if (FrameBudget.StepsPerFrame == 0 && !network.KernelsInUse.IsSettled)
        {
            warmUp ??= network.Device.WarmUp(Kernels);
            if (!warmUp.IsDone)
            {
                network.Device.Update();
                samples.Upload();
                return false;
            }
        }

        MakePlan();
        return true;
    }

    private void MakePlan()
    {
        workspace = new StepWorkspace(network, capacity, loss, state, source: order.Source, log: ledger.Log);
        dispatches = [order.Filling, .. workspace.Dispatches];
        spender = new FrameSpender(network.Device, dispatches, capacity, time);
        warmUp = null;   // of these dispatches from now on: another trainer may have had other kernels made for the network
    }

    private void WarmUp()
    {
        if (FrameBudget.StepsPerFrame == 0)
        {
            warmUp ??= network.Device.WarmUp(Kernels);
            if (!warmUp.IsDone) return;
        }

        workspace!.Compile();
        network.Device.Compile(order.Filling);
        isWarm = true;
    }

    /// <summary>Enqueues what fits into this frame.</summary>
    private void RunFrame()
    {
        spender!.BeginFrame(FrameBudget, this);
        spender.BeginMeasuring();
        if (order.Confirm() && open.IsOpen && open.Dispatch == 0) (open.Dispatch, open.Line) = (1, 0);
        while (spender.AllowsAStep)
        {
            if (!open.IsOpen && !BeginStep()) break;
            if (network.Changes != open.Changes) Restart();
            Dispatch dispatch = dispatches[open.Dispatch];
            if (dispatch.MostRepeats > 1)
            {
                if (!RunSteps(dispatch)) break;
                continue;
            }

            int all = dispatch.Grid.Lines(open.Rows), lines = spender.LinesThatFit(open.Dispatch, all - open.Line);
            if (lines == 0) break;
            network.Device.Run(dispatch, open.Rows, open.Line, lines);
            spender.Spend(open.Dispatch, lines);
            Advance(lines, all);
        }

        if (spender.Parts > 0) network.Device.MakeWritesVisible();
        spender.EndMeasuring();
        ledger.EndCall();
        spender.EndFrame(open.IsOpen ? open.Dispatch : null);
    }

    /// <summary>The open step and as many after it as fit, in one dispatch; false if not even it fits. All are complete at once, so that nobody sees the weights between them.</summary>
    private bool RunSteps(Dispatch dispatch)
    {
        int steps = spender!.StepsThatFit(open.Dispatch, Math.Min(dispatch.MostRepeats, order.BatchesReady));
        if (steps == 0) return false;
        order.ConfirmNext(steps);
        workspace!.Steps!.Prepare(steps, state.Steps + 1, order.OpenBatch);
        network.Device.Run(dispatch, open.Rows, firstLine: 0, lines: 1);
        spender.Spend(open.Dispatch, steps);
        network.Device.MakeWritesVisible();
        EndStep();
        for (int step = 1; step < steps; step++)
        {
            _ = BeginStep();   // its batch is ready, and no other trainer has had a turn
            EndStep();
        }

        return true;
    }

    /// <summary>False if another trainer's step is open on the network, or no sample has been uploaded yet.</summary>
    private bool BeginStep()
    {
        WeakReference? owner = network.StepOwner;
        if (owner is { IsAlive: true } && owner != self) return false;
        DrawnBatch batch = order.BeginBatch();
        if (batch.Rows == 0) return false;   // the added samples wait for another trainer's open step
        if (owner is not null) network.MakePendingStale();   // its trainer has ended within a step, and left parts of it
        network.StepOwner = self;
        order.Source.BeginBatch(batch.FirstSample);
        ledger.BeginStep(LearningRate);
        open = Opened(batch.Rows);
        return true;
    }

    /// <summary>The weights changed since the step began: it starts over with them, on the same batch.</summary>
    private void Restart()
    {
        ledger.RestartStep();
        open = Opened(open.Rows);
    }

    private OpenStep Opened(int rows) => new(rows, network.Changes) { Dispatch = order.NeedsFilling ? 0 : 1 };

    private void Abandon()
    {
        if (!open.IsOpen) return;
        open = default;
        network.StepOwner = null;
        order.AbandonBatch();
        ledger.AbandonStep();
    }

    /// <summary>Moves past the enqueued lines; after the last ones the step is complete.</summary>
    private void Advance(int lines, int all)
    {
        open.Line += lines;
        if (open.Dispatch == 0) order.NoteFilling();
        if (open.Line < all) return;
        open.Line = 0;
        if (open.Dispatch == 0)
        {
            order.EndFilling();
            network.Device.MakeWritesVisible();
        }

        if (++open.Dispatch < dispatches.Length) return;
        network.Device.MakeWritesVisible();
        EndStep();
    }

    private void EndStep()
    {
        open = default;
        network.StepOwner = null;
        order.EndBatch();
        ledger.CommitStep();
        spender!.EndStep();
    }

    private void RequireThatStepsRan()
    {
        if (ledger.TakeSkippedStep() is > 0 and var step) throw StepSides.ExceptionOf(step, nameof(Tick));
    }

    /// <summary>The position in an open step.</summary>
    private struct OpenStep(int rows, long changes)
    {
        public readonly int Rows = rows;
        public readonly long Changes = changes;
        public int Dispatch;
        public int Line;

        public readonly bool IsOpen => Rows > 0;
    }
}
