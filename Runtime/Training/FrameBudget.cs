namespace NeuralPlugin;

/// <summary>
/// How much a trainer may do in one frame: a time, a number of steps, or what the time since the last frame is worth, as a rate of steps or
/// a fraction of the time. Only a number of steps in each frame makes a run repeatable to the bit; only a time in each frame maintains the frame rate.
/// </summary>
/// <remarks>
/// A rate and a fraction do not depend on the frame rate, which suits a device with a thread of its own. They count at most a tenth of a second per
/// frame: after a longer one, or a pause, a trainer does not catch up.
/// </remarks>
public readonly record struct FrameBudget
{
    private const double MostMilliseconds = 1000;
    private const double MostStepsPerSecond = 1_000_000;

    /// <summary>The time in each frame; zero for another kind of budget.</summary>
    public TimeSpan Time { get; private init; }

    /// <summary>The steps in each frame; 0 for another kind of budget.</summary>
    public int StepsPerFrame { get; private init; }

    /// <summary>The steps in a second; 0 for another kind of budget.</summary>
    public double StepRate { get; private init; }

    /// <summary>The fraction of all time; 0 for another kind of budget.</summary>
    public double TimeFraction { get; private init; }

    /// <summary>The budget shared by several trainers; null for a trainer's own budget.</summary>
    public SharedFrameBudget? SharedWith { get; private init; }

    /// <summary>A fixed number of steps in each frame, however long they take, unless the GPU is too far behind (<see cref="TrainerState.WaitingForGpu"/>).</summary>
    /// <param name="stepsPerFrame">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public static FrameBudget Steps(int stepsPerFrame) => new() { StepsPerFrame = Requirements.Size(stepsPerFrame, "steps a frame") };

    /// <summary>
    /// A number of steps in each second, whatever the frame rate and however long they take, unless the GPU is too far behind (<see cref="TrainerState.WaitingForGpu"/>).
    /// A frame runs those that are due, as whole steps.
    /// </summary>
    /// <param name="stepRate">Above 0, at most a million; may be less than one.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, more than a million, or NaN.</exception>
    public static FrameBudget StepsPerSecond(double stepRate)
    {
        return stepRate is > 0 and <= MostStepsPerSecond ? new() { StepRate = stepRate }
            : throw new ArgumentOutOfRangeException(
                nameof(stepRate), stepRate, "The steps per second must be above 0 and at most a million. To train nothing, Pause the trainer.");
    }

    /// <summary>
    /// A fraction of all time: of the GPU's, or of the background thread's. Each frame gets that fraction of the time since the previous one, and is kept to it
    /// like a time per frame. If the device works inside the calls, that time includes the training itself: half of the time makes each frame twice as long.
    /// </summary>
    /// <param name="timeFraction">Above 0, at most 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, above 1, or NaN.</exception>
    public static FrameBudget FractionOfTime(double timeFraction)
    {
        return timeFraction is > 0 and <= 1 ? new() { TimeFraction = timeFraction }
            : throw new ArgumentOutOfRangeException(
                nameof(timeFraction), timeFraction, "The fraction of the time must be above 0 and at most 1. To train nothing, Pause the trainer.");
    }

    /// <summary>A time in each frame, like the conversion from <see cref="TimeSpan"/>.</summary>
    /// <param name="milliseconds">Above 0, at most 1000.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, more than a second, or NaN.</exception>
    public static FrameBudget Milliseconds(double milliseconds)
    {
        return milliseconds > 0 && milliseconds <= MostMilliseconds ? new() { Time = TimeSpan.FromMilliseconds(milliseconds) }
            : throw new ArgumentOutOfRangeException(
                nameof(milliseconds), milliseconds, "The time budget of a frame must be above 0 and at most 1000 milliseconds. To train nothing, Pause the trainer.");
    }

    /// <summary>A share of a budget for several trainers.</summary>
    /// <exception cref="ArgumentNullException">The budget is null.</exception>
    public static FrameBudget Shared(SharedFrameBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return new FrameBudget { SharedWith = budget };
    }

    /// <summary>A time in each frame.</summary>
    /// <param name="time">Above 0, at most a second.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, or more than a second.</exception>
    public static implicit operator FrameBudget(TimeSpan time) => Milliseconds(time.TotalMilliseconds);

    /// <summary>A share of a budget for several trainers.</summary>
    /// <exception cref="ArgumentNullException">The budget is null.</exception>
    public static implicit operator FrameBudget(SharedFrameBudget budget) => Shared(budget);

    /// <inheritdoc cref="Milliseconds"/>
    public static FrameBudget FromTimeSpan(TimeSpan time) => time;

    /// <summary>The budget in words, with its unit.</summary>
    public override string ToString()
    {
        if (SharedWith is not null) return $"a share of {SharedWith.Time.TotalMilliseconds} ms a frame";
        if (StepRate > 0) return $"{StepRate} steps a second";
        if (TimeFraction > 0) return $"{TimeFraction * 100} % of the time";
        return StepsPerFrame > 0 ? $"{StepsPerFrame} steps a frame" : $"{Time.TotalMilliseconds} ms a frame";
    }
}

/// <summary>
/// A time in each frame, shared by several trainers of one thread. Each gets an equal part of what those before it
/// left; a trainer that was not ticked in the last frame is not counted. A frame ends when a trainer is ticked again. The first trainer's Tick collects the results of
/// all, on its own part: if the parts are small, call <see cref="NeuralDevice.Update"/> before it. A software driver also draws there what is left of the last frame, so let another trainer be the
/// first in each frame.
/// </summary>
public sealed class SharedFrameBudget
{
    private readonly List<object> ticked = [];
    private long spentNanoseconds;
    private int expected;

    /// <summary>Makes the budget; give it to trainers as their <see cref="FrameBudget"/>.</summary>
    /// <param name="time">Above 0, at most a second.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, or more than a second.</exception>
    public SharedFrameBudget(TimeSpan time) => Time = time;

    /// <summary>The total time of all trainers in a frame.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, or more than a second.</exception>
    public TimeSpan Time { get; set => field = FrameBudget.FromTimeSpan(value).Time; }

    /// <summary>Returns this trainer's allowance in this frame.</summary>
    internal long Begin(object trainer)
    {
        if (ticked.Contains(trainer))
        {
            expected = ticked.Count;
            ticked.Clear();
            spentNanoseconds = 0;
        }

        int waiting = Math.Max(1, expected - ticked.Count);
        ticked.Add(trainer);
        return Math.Max(0, ((long)Time.TotalNanoseconds - spentNanoseconds) / waiting);
    }

    internal void Spend(long nanoseconds) => spentNanoseconds += nanoseconds;
}
