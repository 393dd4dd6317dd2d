namespace NeuralPlugin;

/// <summary>
/// What a <see cref="FrameBudget"/> allows in each frame: a time, or a number of whole steps. A rate of steps and a fraction of the time depend on the time since
/// the previous frame, of which at most <see cref="MostFrame"/> counts, so that a game does not spend the time of a pause or of loading in a single frame.
/// </summary>
/// <param name="time">The clock of the calls.</param>
internal sealed class FrameAllowance(TimeProvider time)
{
    private const double MostFrame = 100_000_000;   // in nanoseconds

    /// <summary>The duration assumed for the frame before the first one.</summary>
    private const double UsualFrame = 1e9 / 60;

    /// <summary>Covers the rounding errors of a sum of fractions of a step, so that the last of them completes it.</summary>
    private const double Rounding = 1e-6;

    private FrameBudget budget;
    private long? last;       // when the last frame began
    private double stepsDue;  // of a rate of steps

    /// <summary>Whether the frame is limited by a number of steps, and not by a time.</summary>
    public bool IsInSteps { get; private set; }

    /// <summary>The whole steps of the frame, if it is limited by them.</summary>
    public int Steps { get; private set; }

    /// <summary>The time of the frame, if it is limited by that; otherwise zero.</summary>
    public double Nanoseconds { get; private set; }

    /// <param name="frameBudget">The budget of this frame.</param>
    /// <param name="owner">The owner that shares the budget, if it is shared.</param>
    /// <param name="now">When the frame began, by the clock.</param>
    public void BeginFrame(FrameBudget frameBudget, object owner, long now)
    {
        double frame = last is { } before ? Math.Clamp(time.GetElapsedTime(before, now).TotalNanoseconds, 0, MostFrame) : UsualFrame;
        last = now;
        budget = frameBudget;
        IsInSteps = budget.StepsPerFrame > 0 || budget.StepRate > 0;
        stepsDue = Math.Min(stepsDue + (budget.StepRate * frame / 1e9), 1 + (budget.StepRate * MostFrame / 1e9));
        Steps = budget.StepsPerFrame > 0 ? budget.StepsPerFrame : (int)(stepsDue + Rounding);
        Nanoseconds = budget.SharedWith?.Begin(owner) ?? (budget.TimeFraction > 0 ? budget.TimeFraction * frame : budget.Time.TotalNanoseconds);
    }

    /// <param name="steps">The steps completed in the frame.</param>
    /// <param name="nanoseconds">The time spent.</param>
    public void EndFrame(int steps, long nanoseconds)
    {
        if (budget.StepRate > 0) stepsDue = Math.Max(0, stepsDue - steps);
        budget.SharedWith?.Spend(nanoseconds);
    }
}
