namespace NeuralPlugin;

/// <summary>
/// How much a trainer may do in one frame: a time, or a number of steps. Only a number of steps makes a run
/// repeatable to the bit; only a time maintains the frame rate.
/// </summary>
public readonly record struct FrameBudget
{
    private const double MostMilliseconds = 1000;

    private FrameBudget(TimeSpan time, int stepsPerFrame, SharedFrameBudget? shared)
    {
        Time = time;
        StepsPerFrame = stepsPerFrame;
        SharedWith = shared;
    }

    /// <summary>The time; zero if the budget is a number of steps, or shared.</summary>
    public TimeSpan Time { get; }

    /// <summary>The steps; 0 if the budget is a time.</summary>
    public int StepsPerFrame { get; }

    /// <summary>The budget shared by several trainers; null for a trainer's own budget.</summary>
    public SharedFrameBudget? SharedWith { get; }

    /// <summary>A fixed number of steps in each frame, however long they take, unless the GPU is too far behind (<see cref="TrainerState.WaitingForGpu"/>).</summary>
    /// <param name="stepsPerFrame">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public static FrameBudget Steps(int stepsPerFrame) => new(default, Requirements.Size(stepsPerFrame, "steps a frame"), null);

    /// <summary>A time in each frame, like the conversion from <see cref="TimeSpan"/>.</summary>
    /// <param name="milliseconds">Above 0, at most 1000.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less, more than a second, or NaN.</exception>
    public static FrameBudget Milliseconds(double milliseconds)
    {
        return milliseconds > 0 && milliseconds <= MostMilliseconds ? new(TimeSpan.FromMilliseconds(milliseconds), 0, null)
            : throw new ArgumentOutOfRangeException(
                nameof(milliseconds), milliseconds, "The time budget of a frame must be above 0 and at most 1000 milliseconds. To train nothing, Pause the trainer.");
    }

    /// <summary>A share of a budget for several trainers.</summary>
    /// <exception cref="ArgumentNullException">The budget is null.</exception>
    public static FrameBudget Shared(SharedFrameBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return new FrameBudget(default, 0, budget);
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
        return StepsPerFrame > 0 ? $"{StepsPerFrame} steps a frame" : $"{Time.TotalMilliseconds} ms a frame";
    }
}

/// <summary>
/// A time in each frame, shared by several trainers of one thread. Each gets an equal part of what those before it
/// left; a trainer that was not ticked in the last frame is not counted. A frame ends when a trainer is ticked again.
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
