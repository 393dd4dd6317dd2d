using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The times of a run's frames. The first ones, in which shaders are compiled, count like all others.</summary>
internal sealed class FrameStatistics
{
    // The screen shows a mean of the last frames: numbers that change sixty times a second cannot be read.
    private const int Shown = 30;

    private readonly List<double> frames = [];
    private readonly List<double> trainings = [];

    public int Count => frames.Count;

    public long Steps { get; private set; }

    public int StepsOfLastFrame { get; private set; }

    public IReadOnlyList<double> FrameMilliseconds => frames;

    public IReadOnlyList<double> TrainingMilliseconds => trainings;

    public double ShownFrameMilliseconds => MeanOfLast(frames);

    public double ShownTrainingMilliseconds => MeanOfLast(trainings);

    public void Add(TimeSpan frame, TimeSpan training, int steps)
    {
        frames.Add(frame.TotalMilliseconds);
        trainings.Add(training.TotalMilliseconds);
        Steps += steps;
        StepsOfLastFrame = steps;
    }

    /// <summary>The smallest value that a share of all values (0.5: the median) does not exceed, skipping the given number of first ones.</summary>
    public static double Quantile(IReadOnlyList<double> values, double part, int skipped = 0)
    {
        var sorted = values.Skip(Math.Min(skipped, values.Count - 1)).Order().ToArray();
        return sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    public override string ToString() =>
        Invariant($"frame time: median {Quantile(frames, 0.5):F2} ms, p99 {Quantile(frames, 0.99):F2} ms; ")
            + Invariant($"training: median {Quantile(trainings, 0.5):F2} ms, {Steps:N0} steps in {Count:N0} frames");

    private static double MeanOfLast(List<double> values)
    {
        if (values.Count == 0) return 0;
        var first = Math.Max(0, values.Count - Shown);
        var sum = 0.0;
        for (var i = first; i < values.Count; i++) sum += values[i];
        return sum / (values.Count - first);
    }
}
