namespace NeuralPlugin;

/// <summary>
/// Spends a frame's budget on parts of training steps. It determines how much of the next part still fits, from the durations of earlier
/// parts by the GPU's clock, read some frames later, and by that of the calls. Anything longer than the budget runs every few frames,
/// once enough time is saved up. A part is a dispatch, which is cut by lines of its workgroups, or an uncut step with one line.
/// Nothing allocates, and nothing waits unless documented.
/// </summary>
internal sealed class FrameSpender : IDisposable
{
    /// <summary>
    /// The share of a budget that the calls may fill; the rest covers other work in the frame, and moments slower than those before.
    /// </summary>
    private const double Fill = 0.88;

    /// <summary>The same for the GPU, which does nothing else between two timestamps: parts are coarse there, and the last one that fits leaves a gap.</summary>
    private const double GpuFill = 0.97;

    /// <summary>Work that exceeds the budget however it is cut runs in a part that takes little longer than the smallest one.</summary>
    private const double LeastPart = 1.1;

    /// <summary>
    /// If the driver works inside the call, a cut part is short enough to keep the frame within Bound budgets even if it
    /// takes SlowMoment times as long as before: only after it is there time to notice.
    /// </summary>
    private const double Bound = 1.15, SlowMoment = 2.5;

    private const double LongestDispatch = 1_000_000;

    /// <summary>What a step counts in the queue at least while its time is unknown, in which there may be anything; a dispatch, whose operations are known, counts its guess.</summary>
    private const double UnknownStep = 1_000_000;

    private readonly NeuralDevice device;
    private readonly GpuCosts gpuCosts;
    private readonly StepCosts callCosts;
    private readonly FrameClock clock;
    private readonly WorkUnderWay work;
    private readonly TimeProvider time;
    private readonly bool isCut;
    private readonly bool waits;
    private readonly bool isLaidOut;   // by the processor, before each part
    private readonly FrameAllowance allowance;
    private long start;
    private double given;       // in nanoseconds, as all below
    private double allowed;
    private double predicted;   // of the GPU, for the enqueued parts
    private double called;      // since the call began, when last checked
    private double credit;      // of earlier frames, which were too short for any part: what they had left
    private double worked;      // by the processor before the first part
    private bool isMeasured;

    /// <summary>For the dispatches of a step, which are cut if they do not fit.</summary>
    public FrameSpender(NeuralDevice device, IReadOnlyList<Dispatch> dispatches, int rows, TimeProvider time)
        : this(device, new GpuCosts(dispatches, rows), new StepCosts(dispatches, rows), isCut: true, waits: false, time)
    {
    }

    /// <summary>For steps of one kind, which the processor lays out before each part.</summary>
    /// <param name="device">The device of the GPU.</param>
    /// <param name="lines">The lines that a step can be cut into; 1 if it runs whole.</param>
    /// <param name="time">The clock of the calls.</param>
    /// <param name="waits">Whether a frame waits for a GPU that is too far behind, instead of doing less: for callers that wait anyway and must be repeatable.</param>
    public FrameSpender(NeuralDevice device, int lines, TimeProvider time, bool waits)
        : this(device, new GpuCosts(lines), new StepCosts(1), isCut: lines > 1, waits, time, hasGaps: true)
    {
    }

    private FrameSpender(NeuralDevice device, GpuCosts gpuCosts, StepCosts callCosts, bool isCut, bool waits, TimeProvider time, bool hasGaps = false)
    {
        this.device = device;
        this.waits = waits;
        this.gpuCosts = gpuCosts;
        this.callCosts = callCosts;
        this.isCut = isCut;
        isLaidOut = hasGaps;
        this.time = time;
        allowance = new FrameAllowance(time);
        clock = new FrameClock(device, gpuCosts, hasGaps);
        work = new WorkUnderWay(device);
    }

    /// <summary>Parts enqueued in this frame.</summary>
    public int Parts { get; private set; }

    /// <summary>Steps completed in this frame.</summary>
    public int Steps { get; private set; }

    /// <summary>Whether this frame should do more, but the GPU is too far behind (<see cref="WorkUnderWay"/>).</summary>
    public bool IsAheadOfGpu { get; private set; }

    /// <summary>Whether the frame may have another step; with a time budget, how much of it fits is a separate question.</summary>
    public bool AllowsAStep => !allowance.IsInSteps || Steps < allowance.Steps;

    /// <summary>The duration of training in the last measured frame or, if longer, of the calls in this one.</summary>
    public TimeSpan Time => TimeSpan.FromMicroseconds(Math.Max(clock.LastNanoseconds, called) / 1000);

    /// <summary>The time of the calls in this frame.</summary>
    public TimeSpan CallTime => TimeSpan.FromMicroseconds(called / 1000);

    /// <summary>Whether the frame is limited by a number of steps, and not by a time.</summary>
    public bool IsInSteps => allowance.IsInSteps;

    /// <summary>Whether the processor has time for one more piece of its own work before the first part: at least for one, if the frame has any.</summary>
    /// <param name="piece">The pieces of this frame so far.</param>
    public bool HasTime(int piece)
    {
        called = worked = Elapsed();
        return piece == 0 ? given > 0 : called < allowed;
    }

    /// <summary>Begins the call whose time counts against the budget.</summary>
    public void BeginCall() => start = time.GetTimestamp();

    /// <summary>Updates the costs from GPU measurements of earlier frames.</summary>
    public void TakeMeasurements() => clock.Read();

    /// <param name="frameBudget">The budget of this frame.</param>
    /// <param name="owner">The owner that shares the budget, if it is shared.</param>
    public void BeginFrame(FrameBudget frameBudget, object owner)
    {
        allowance.BeginFrame(frameBudget, owner, start);
        given = allowance.Nanoseconds;
        allowed = Fill * given;
        (predicted, called, worked) = (0, 0, 0);
        (Parts, Steps) = (0, 0);
        (isMeasured, IsAheadOfGpu) = (false, false);
        gpuCosts.BeginFrame();
    }

    /// <summary>Starts measuring enqueued work. Further calls in a frame do nothing, unless parts are laid out by the processor: then the GPU's time of the next part begins here.</summary>
    public void BeginMeasuring()
    {
        if (!isMeasured) clock.BeginFrame();
        isMeasured = true;
        clock.BeginPart();
    }

    /// <summary>How many of a part's remaining lines fit; 0 if it has to wait for another frame.</summary>
    public int LinesThatFit(int part, int left)
    {
        called = Elapsed();
        if (!AllowsAStep) return 0;
        IsAheadOfGpu = !HasRoomInQueue();
        if (IsAheadOfGpu) return 0;
        if (allowance.IsInSteps) return left;
        if (!isCut && Parts > 0 && !(gpuCosts.IsKnown(part) && callCosts.IsKnown(part))) return 0;   // a guess may be off by a whole step
        double calls = isCut ? Math.Min(allowed - called, ((Bound * given) - called) / SlowMoment) : allowed - called;
        double gpu = ((GpuFill * given) - predicted) / FactorOfNext;
        bool isCallShort = !isLaidOut && !device.Limits.IsSoftware && !callCosts.IsKnown(part) && calls > 0;   // the driver of a card does not work inside the call, until measured otherwise
        int gpuLines = gpuCosts.LinesWithin(gpu, part, left), callLines = isCallShort ? left : callCosts.LinesWithin(calls, part, left), lines = Math.Min(gpuLines, callLines);
        if (lines == 0 && Parts == 0 && CostOfALine(part) <= allowed + credit - worked) lines = LeastLines(part, left);
        bool isCutShort = lines < left && Parts > 0;
        bool isWasteful = isCutShort && (gpuLines < callLines ? gpuCosts.IsWasteful(part, lines) : callCosts.IsWasteful(part, lines));
        return isWasteful ? 0 : lines;
    }

    /// <summary>
    /// How many consecutive steps fit, in a part that one dispatch runs whole: its lines are the steps. However large the budget is, the dispatch is no longer than <see cref="LongestDispatch"/>,
    /// by measurement, since a GPU does nothing else meanwhile, and a watchdog ends those that last; before there is one, it has one step.
    /// </summary>
    public int StepsThatFit(int part, int most)
    {
        if (allowance.IsInSteps) most = Math.Min(most, allowance.Steps - Steps);
        int measured = gpuCosts.IsKnown(part) ? gpuCosts.LinesWithin(LongestDispatch, part, most) : 1;
        return LinesThatFit(part, Math.Clamp(most, 1, Math.Max(1, measured)));
    }

    /// <summary>Records lines of a part enqueued since <see cref="LinesThatFit"/> was called for them.</summary>
    public void Spend(int part, int lines)
    {
        double now = Elapsed(), expected = gpuCosts.Of(part, lines) * FactorOfNext;
        callCosts.Observe(part, lines, now - called);
        called = now;
        predicted += expected;
        work.Add(isLaidOut && !gpuCosts.IsKnown(part) ? Math.Max(expected, UnknownStep) : expected);
        gpuCosts.Enqueued(part);
        clock.Add(part, lines);
        Parts++;
    }

    /// <summary>Records a completed step.</summary>
    public void EndStep() => Steps++;

    /// <summary>All parts of the frame were enqueued; the rest of the frame belongs to the call, not to the parts.</summary>
    public void EndMeasuring()
    {
        callCosts.EndObservation();
        clock.EndFrame();
        work.EndFrame();
    }

    /// <param name="waiting">The next part; null if nothing is left to do, so that nothing is saved up.</param>
    public void EndFrame(int? waiting)
    {
        called = Elapsed();
        credit = Parts > 0 || IsAheadOfGpu || waiting is not { } part ? 0 : Math.Min(credit + Math.Max(0, given - worked), CostOfALine(part) + called);
        allowance.EndFrame(Steps, (long)Math.Max(called, predicted));
    }

    public void Dispose() => clock.Dispose();

    /// <summary>The time to save up before the smallest part can run in a budget that is too small for it.</summary>
    private double CostOfALine(int part) => Math.Max(gpuCosts.Of(part, 1), callCosts.Of(part, 1));

    /// <summary>The cost of the next part relative to an individually measured one.</summary>
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
