namespace NeuralPlugin.Samples;

/// <summary>What the frames of one case took, in milliseconds; the budget is null where nothing is trained.</summary>
internal sealed record BudgetRun(double? Budget, IReadOnlyList<double> Frames, IReadOnlyList<double> Training, double StepsPerSecond)
{
    /// <summary>What the median of the training times must reach, of the budget.</summary>
    public const double LeastMedian = 0.8;

    /// <summary>What a frame's training time must not exceed, of the budget.</summary>
    public const double Most = 1.15;

    public double MedianOfBudget => FrameStatistics.Quantile(Training, 0.5) / Budget!.Value;

    /// <summary>The 99th percentile of the training times, of the budget.</summary>
    public double TailOfBudget => FrameStatistics.Quantile(Training, 0.99) / Budget!.Value;

    /// <summary>The part of the frames whose training time does not exceed its bound.</summary>
    public double PartWithin => Training.Count(time => time <= Most * Budget!.Value) / (double)Training.Count;

    public bool Holds => MedianOfBudget >= LeastMedian && TailOfBudget <= Most;

    /// <summary>How far it is within both bounds, or beyond one; more is better.</summary>
    public double Margin => Math.Min(MedianOfBudget / LeastMedian, Most / TailOfBudget);
}
