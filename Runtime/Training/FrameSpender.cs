namespace NeuralPlugin;

/// <summary>
/// Spends the budget of a frame on the parts of training steps: says how much of the next part still fits, by what the parts of earlier frames
/// took by the GPU's clock, read some frames later, and by that of the calls. What is longer than the budget runs in every few frames,
/// when enough was saved up for it. A part is a dispatch, which is cut by lines of its workgroups, or a step that is not cut and has one line.
/// Nothing allocates, and nothing waits where it is not said to.
/// </summary>
internal sealed class FrameSpender : IDisposable
{
    /// <summary>
    /// What a budget is filled up to by the calls; the rest is for what a frame does besides, and for a moment that is slower than those before.
    /// </summary>
    private const double Fill = 0.88;

    /// <summary>And by the GPU, which does nothing else between two timestamps: parts are coarse there, and the last one that fits leaves a gap.</summary>
    private const double GpuFill = 0.97;

    /// <summary>What is longer than a budget however it is cut runs in a part that takes little longer than the least one.</summary>
    private const double LeastPart = 1.1;

    /// <summary>
    /// Where the driver works inside the call, a part that is cut is no longer than what keeps the frame within so many budgets should it
    /// take so many times as long as it took before: only behind it is there time to notice.
    /// </summary>
    private const double Bound = 1.15, SlowMoment = 2.5;

    private readonly NeuralDevice device;
    private readonly GpuCosts gpuCosts;
    private readonly StepCosts callCosts;
    private readonly FrameClock clock;
    private readonly WorkUnderWay work;
    private readonly TimeProvider time;
    private readonly bool isCut;
    private readonly bool waits;
    private FrameBudget budget;
    private long start;
    private double given;       // in nanoseconds, as all below
    private double allowed;
    private double predicted;   // of the GPU, for what was enqueued
    private double called;      // since the call began, when it was looked at last
    private double credit;      // of the frames before, which were too short for any part
    private bool isMeasured;

    /// <summary>For the dispatches of a step, which are cut where they do not fit.</summary>
    public FrameSpender(NeuralDevice device, IReadOnlyList<Dispatch> dispatches, int rows, TimeProvider time)
        : this(device, new GpuCosts(dispatches, rows), new StepCosts(dispatches, rows), isCut: true, waits: false, time)
    {
    }

    /// <summary>For whole steps of one kind.</summary>
    /// <param name="device">Whose GPU it is.</param>
    /// <param name="time">The clock of the calls.</param>
    /// <param name="waits">Whether a frame waits for a GPU that is too far behind, in place of doing less: for those that wait anyway, and must be repeatable.</param>
    public FrameSpender(NeuralDevice device, TimeProvider time, bool waits) : this(device, new GpuCosts(), new StepCosts(1), isCut: false, waits, time)
    {
    }

    private FrameSpender(NeuralDevice device, GpuCosts gpuCosts, StepCosts callCosts, bool isCut, bool waits, TimeProvider time)
    {
        this.device = device;
        this.waits = waits;
        this.gpuCosts = gpuCosts;
        this.callCosts = callCosts;
        this.isCut = isCut;
        this.time = time;
        clock = new FrameClock(device, gpuCosts);
        work = new WorkUnderWay(device);
    }

    /// <summary>Parts of this frame that were enqueued.</summary>
    public int Parts { get; private set; }

    /// <summary>Steps of this frame that became whole.</summary>
    public int Steps { get; private set; }

    /// <summary>Whether this frame was to do more, and the GPU is too far behind for it (<see cref="WorkUnderWay"/>).</summary>
    public bool IsAheadOfGpu { get; private set; }

    /// <summary>Whether the frame may have one more step; how much of it fits is another question, where the budget is a time.</summary>
    public bool AllowsAStep => budget.StepsPerFrame == 0 || Steps < budget.StepsPerFrame;

    /// <summary>What training took in the last frame that was measured or, where that is longer, what the calls of this one took.</summary>
    public TimeSpan Time => TimeSpan.FromMicroseconds(Math.Max(clock.LastNanoseconds, called) / 1000);

    /// <summary>The call begins whose time is held to the budget.</summary>
    public void BeginCall() => start = time.GetTimestamp();

    /// <summary>Learns from what the GPU has measured of earlier frames.</summary>
    public void TakeMeasurements() => clock.Read();

    /// <param name="frameBudget">What this frame may spend.</param>
    /// <param name="owner">Who shares the budget, where it is shared.</param>
    public void BeginFrame(FrameBudget frameBudget, object owner)
    {
        budget = frameBudget;
        given = budget.SharedWith?.Begin(owner) ?? budget.Time.TotalNanoseconds;
        allowed = Fill * given;
        (predicted, called) = (0, 0);
        (Parts, Steps) = (0, 0);
        (isMeasured, IsAheadOfGpu) = (false, false);
        gpuCosts.BeginFrame();
    }

    /// <summary>What is enqueued from here on is measured; a second call in a frame does nothing.</summary>
    public void BeginMeasuring()
    {
        if (isMeasured) return;
        isMeasured = true;
        clock.BeginFrame();
    }

    /// <summary>How many lines of a part fit, of those that are left; 0 where it has to wait for another frame.</summary>
    public int LinesThatFit(int part, int left)
    {
        called = Elapsed();
        if (!AllowsAStep) return 0;
        IsAheadOfGpu = !HasRoomInQueue();
        if (IsAheadOfGpu) return 0;
        if (budget.StepsPerFrame > 0) return left;
        if (!isCut && Parts > 0 && !(gpuCosts.IsKnown(part) && callCosts.IsKnown(part))) return 0;   // a guess may be wrong by a whole step
        double calls = isCut ? Math.Min(allowed - called, ((Bound * given) - called) / SlowMoment) : allowed - called;
        double gpu = ((GpuFill * given) - predicted) / FactorOfNext;
        int gpuLines = gpuCosts.LinesWithin(gpu, part, left), callLines = callCosts.LinesWithin(calls, part, left), lines = Math.Min(gpuLines, callLines);
        if (lines == 0 && Parts == 0 && CostOfALine(part) <= allowed + credit) lines = LeastLines(part, left);
        bool isCutShort = lines < left && Parts > 0;
        bool isWasteful = isCutShort && (gpuLines < callLines ? gpuCosts.IsWasteful(part, lines) : callCosts.IsWasteful(part, lines));
        return isWasteful ? 0 : lines;
    }

    /// <summary>Lines of a part were enqueued, since <see cref="LinesThatFit"/> was asked for them.</summary>
    public void Spend(int part, int lines)
    {
        double now = Elapsed(), expected = gpuCosts.Of(part, lines) * FactorOfNext;
        callCosts.Observe(part, lines, now - called);
        called = now;
        predicted += expected;
        work.Add(expected);
        gpuCosts.Enqueued(part);
        clock.Add(part, lines);
        Parts++;
    }

    /// <summary>A step became whole.</summary>
    public void EndStep() => Steps++;

    /// <summary>All parts of the frame were enqueued; what follows until the frame ends belongs to the call, and not to them.</summary>
    public void EndMeasuring()
    {
        callCosts.EndObservation();
        clock.EndFrame();
        work.EndFrame();
    }

    /// <param name="waiting">The part that is next; null where there is nothing more to do, so that nothing is saved up.</param>
    public void EndFrame(int? waiting)
    {
        called = Elapsed();
        credit = Parts > 0 || IsAheadOfGpu || waiting is not { } part ? 0 : Math.Min(credit + given, CostOfALine(part) + called);
        budget.SharedWith?.Spend((long)Math.Max(called, predicted));
    }

    public void Dispose() => clock.Dispose();

    /// <summary>What must have been saved up before the smallest part can run in a budget that it does not fit into.</summary>
    private double CostOfALine(int part) => Math.Max(gpuCosts.Of(part, 1), callCosts.Of(part, 1));

    /// <summary>What the next part takes of what it would if it were measured by itself.</summary>
    private double FactorOfNext => Parts == 0 || clock.MeasuresNext ? 1 : gpuCosts.Rest;

    private bool HasRoomInQueue()
    {
        if (work.HasRoom(given)) return true;
        if (!waits) return false;
        device.Finish();
        called = Elapsed();
        return work.HasRoom(given);
    }

    private int LeastLines(int part, int left)
    {
        int gpu = gpuCosts.LinesWithin(LeastPart * gpuCosts.Of(part, 1), part, left), calls = callCosts.LinesWithin(LeastPart * callCosts.Of(part, 1), part, left);
        return Math.Max(1, Math.Min(gpu, calls));
    }

    private double Elapsed() => time.GetElapsedTime(start).TotalNanoseconds;
}
