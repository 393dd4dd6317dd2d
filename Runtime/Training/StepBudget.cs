using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>
/// How many steps of one kind, which are not cut, fit into the budget of a frame, by what those of earlier frames took: by the GPU's
/// clock, read some frames later, and by that of the calls. One that is longer than the budget runs in every few frames,
/// when enough was saved up for it. Nothing waits or allocates.
/// </summary>
internal sealed class StepBudget : IDisposable
{
    private const int Step = 0;

    private readonly StepCosts gpuCosts = new(1);
    private readonly StepCosts callCosts = new(1);
    private readonly FrameClock clock;
    private FrameBudget budget;
    private long frameStart;
    private double called;
    private double allowed;
    private double given;
    private double predicted;
    private double credit;
    private bool isTime;
    private bool isMeasured;

    public StepBudget(NeuralDevice device)
    {
        clock = new FrameClock(device, gpuCosts);
    }

    /// <summary>Steps of this frame.</summary>
    public int Steps { get; private set; }

    /// <summary>What the steps took in the last frame that was measured.</summary>
    public TimeSpan Time { get; private set; }

    /// <param name="frameBudget">What this frame may spend.</param>
    /// <param name="owner">Who shares the budget, where it is shared.</param>
    public void BeginFrame(FrameBudget frameBudget, object owner)
    {
        clock.Read();
        budget = frameBudget;
        isTime = budget.StepsPerFrame == 0;
        isMeasured = false;
        Steps = 0;
        (predicted, called) = (0, 0);
        frameStart = Stopwatch.GetTimestamp();
        given = budget.SharedWith?.Begin(owner) ?? budget.Time.TotalNanoseconds;
        allowed = InFrameTrainer.Fill * given;
    }

    /// <summary>Whether one more step fits.</summary>
    public bool HasRoom()
    {
        if (!isTime) return Steps < budget.StepsPerFrame;
        if (Steps > 0 && !(gpuCosts.IsKnown(Step) && callCosts.IsKnown(Step))) return false;
        double saved = Steps == 0 ? credit : 0;
        return gpuCosts.LinesWithin(allowed + saved - predicted, Step, 1) > 0 && callCosts.LinesWithin(allowed + saved - called, Step, 1) > 0;
    }

    /// <summary>A step is about to be enqueued, if there is something to learn from.</summary>
    public void BeginStep()
    {
        if (isMeasured) return;
        isMeasured = true;
        clock.BeginFrame();
    }

    /// <summary>It was enqueued.</summary>
    public void EndStep()
    {
        Steps++;
        double now = Stopwatch.GetElapsedTime(frameStart).TotalNanoseconds;
        callCosts.Observe(Step, 1, now - called);
        called = now;
        predicted += gpuCosts.Of(Step, 1);
        clock.Add(Step, 1);
    }

    /// <param name="isIdle">Whether there was nothing more to learn from, so that nothing is saved up.</param>
    public void EndFrame(bool isIdle)
    {
        if (isMeasured) clock.EndFrame();
        callCosts.EndObservation();
        credit = Steps > 0 || isIdle ? 0 : Math.Min(credit + given, Math.Max(gpuCosts.Of(Step, 1), callCosts.Of(Step, 1)));
        Time = Steps == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(Math.Max(clock.LastNanoseconds, called) / 1000);
        budget.SharedWith?.Spend((long)Math.Max(called, predicted));
    }

    public void Dispose() => clock.Dispose();
}
