namespace NeuralPlugin;

/// <summary>
/// Spends the budget of a frame on the parts of training steps: says how much of the next part still fits, by what the parts of earlier frames
/// took by the GPU's clock, read some frames later, and by that of the calls. What is longer than the budget runs in every few frames,
/// when enough was saved up for it. A part is a dispatch, which is cut by lines of its workgroups, or a step that is not cut and has one line.
/// Nothing waits or allocates.
/// </summary>
internal sealed class FrameSpender : IDisposable
{
    /// <summary>What a budget is filled up to; the rest is for what a frame does besides, and for a moment that is slower than those before.</summary>
    private const double Fill = 0.88;

    /// <summary>
    /// Where the driver works inside the call, a part that is cut is no longer than what keeps the frame within so many budgets should it
    /// take so many times as long as it took before: only behind it is there time to notice.
    /// </summary>
    private const double Bound = 1.15, SlowMoment = 2.5;

    private readonly StepCosts gpuCosts;
    private readonly StepCosts callCosts;
    private readonly FrameClock clock;
    private readonly TimeProvider time;
    private readonly bool isCut;
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
        : this(device, new StepCosts(dispatches, rows), new StepCosts(dispatches, rows), isCut: true, time)
    {
    }

    /// <summary>For whole steps of one kind.</summary>
    public FrameSpender(NeuralDevice device, TimeProvider time) : this(device, new StepCosts(1), new StepCosts(1), isCut: false, time)
    {
    }

    private FrameSpender(NeuralDevice device, StepCosts gpuCosts, StepCosts callCosts, bool isCut, TimeProvider time)
    {
        this.gpuCosts = gpuCosts;
        this.callCosts = callCosts;
        this.isCut = isCut;
        this.time = time;
        clock = new FrameClock(device, gpuCosts);
    }

    /// <summary>Parts of this frame that were enqueued.</summary>
    public int Parts { get; private set; }

    /// <summary>Steps of this frame that became whole.</summary>
    public int Steps { get; private set; }

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
        isMeasured = false;
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
        if (budget.StepsPerFrame > 0) return AllowsAStep ? left : 0;
        if (!isCut && Parts > 0 && !(gpuCosts.IsKnown(part) && callCosts.IsKnown(part))) return 0;   // a guess may be wrong by a whole step
        double calls = isCut ? Math.Min(allowed - called, ((Bound * given) - called) / SlowMoment) : allowed - called;
        int lines = Math.Min(gpuCosts.LinesWithin(allowed - predicted, part, left), callCosts.LinesWithin(calls, part, left));
        if (lines == 0 && Parts == 0 && CostOfALine(part) <= allowed + credit) lines = 1;
        bool isWasteful = lines < left && Parts > 0 && (gpuCosts.IsWasteful(part, lines) || callCosts.IsWasteful(part, lines));
        return isWasteful ? 0 : lines;
    }

    /// <summary>Lines of a part were enqueued, since <see cref="LinesThatFit"/> was asked for them.</summary>
    public void Spend(int part, int lines)
    {
        double now = Elapsed();
        callCosts.Observe(part, lines, now - called);
        called = now;
        clock.Add(part, lines);
        predicted += gpuCosts.Of(part, lines);
        Parts++;
    }

    /// <summary>A step became whole.</summary>
    public void EndStep() => Steps++;

    /// <summary>All parts of the frame were enqueued; what follows until the frame ends belongs to the call, and not to them.</summary>
    public void EndMeasuring()
    {
        callCosts.EndObservation();
        clock.EndFrame();
    }

    /// <param name="waiting">The part that is next; null where there is nothing more to do, so that nothing is saved up.</param>
    public void EndFrame(int? waiting)
    {
        called = Elapsed();
        credit = Parts > 0 || waiting is not { } part ? 0 : Math.Min(credit + given, CostOfALine(part) + called);
        budget.SharedWith?.Spend((long)Math.Max(called, predicted));
    }

    public void Dispose() => clock.Dispose();

    /// <summary>What must have been saved up before the smallest part can run in a budget that it does not fit into.</summary>
    private double CostOfALine(int part) => Math.Max(gpuCosts.Of(part, 1), callCosts.Of(part, 1));

    private double Elapsed() => time.GetElapsedTime(start).TotalNanoseconds;
}
