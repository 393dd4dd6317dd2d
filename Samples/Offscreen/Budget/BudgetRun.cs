namespace NeuralPlugin.Samples;

/// <summary>The frame times of one case, in milliseconds; the budget is null without training.</summary>
internal sealed record BudgetRun(double? Budget, IReadOnlyList<double> Frames, IReadOnlyList<double> Training, double StepsPerSecond)
{
    /// <summary>The least median of the training times, as a share of the budget.</summary>
    public const double LeastMedian = 0.8;

    /// <summary>The greatest training time of 99 of 100 frames, as a share of the budget; the others may be those in which the GPU's clock changes.</summary>
    public const double Most = 1.15;

    /// <summary>The least steps a second of <see cref="BudgetScene"/> on a graphics card, with the budget of <see cref="BudgetOfLeastSteps"/> milliseconds.</summary>
    public const double LeastStepsPerSecond = 1_000, BudgetOfLeastSteps = 1;

    public double MedianOfBudget => FrameStatistics.Quantile(Training, 0.5) / Budget!.Value;

    /// <summary>The 99th percentile of the training times, as a share of the budget.</summary>
    public double TailOfBudget => FrameStatistics.Quantile(Training, 0.99) / Budget!.Value;

    /// <summary>The share of the frames whose training time does not exceed its bound.</summary>
    public double PartWithin => Training.Count(time => time <= Most * Budget!.Value) / (double)Training.Count;

    public bool Holds => MedianOfBudget >= LeastMedian && TailOfBudget <= Most;

    /// <summary>How far it is within both bounds, or beyond one; more is better.</summary>
    public double Margin => Math.Min(MedianOfBudget / LeastMedian, Most / TailOfBudget);
}
