using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>How much a scene may train per frame: for a time, a number of steps, or not at all.</summary>
internal readonly record struct TrainingBudget
{
    private TrainingBudget(TimeSpan? time, int steps)
    {
        Time = time;
        Steps = steps;
    }

    public static TrainingBudget Off => default;

    /// <summary>The time, or null if steps are counted.</summary>
    public TimeSpan? Time { get; }

    /// <summary>The steps, if there is no time.</summary>
    public int Steps { get; }

    public bool IsOff => Time is null && Steps == 0;

    public static TrainingBudget OfMilliseconds(double milliseconds) => new(TimeSpan.FromMilliseconds(milliseconds), 0);

    public static TrainingBudget OfSteps(int steps) => new(null, steps);

    public override string ToString() => this switch
    {
        { IsOff: true } => "no training",
        { Time: { } time } => Invariant($"{time.TotalMilliseconds:0.##} ms a frame"),
        _ => Invariant($"{Steps} {(Steps == 1 ? "step" : "steps")} a frame"),
    };
}
