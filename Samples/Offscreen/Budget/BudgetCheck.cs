using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>One bound of the budget and whether a run held it, in a line.</summary>
internal sealed record BudgetCheck(string Line, bool IsHeld)
{
    /// <summary>Both bounds of each budget, and the steps a second that a graphics card must make with one of them.</summary>
    public static IReadOnlyList<BudgetCheck> Of(IEnumerable<BudgetRun> runs)
    {
        var checks = new List<BudgetCheck>();
        foreach (var run in runs.Where(run => run.Budget is not null))
        {
            var budget = run.Budget!.Value;
            checks.Add(Of(
                Invariant($"{budget:F0} ms: median frame {run.MedianOfBudget:F2} of the budget (at least {BudgetRun.LeastMedian}), 99 of 100 frames within {run.TailOfBudget:F2} (at most {BudgetRun.Most})"),
                run.Holds));
            if (budget == BudgetRun.BudgetOfLeastSteps)
            {
                checks.Add(Of(
                    Invariant($"{budget:F0} ms: {run.StepsPerSecond:N0} steps a second of {BudgetScene.Shape} (at least {BudgetRun.LeastStepsPerSecond:N0})"),
                    run.StepsPerSecond >= BudgetRun.LeastStepsPerSecond));
            }
        }

        return checks;
    }

    private static BudgetCheck Of(string what, bool isHeld) => new($"{(isHeld ? "held    " : "NOT HELD")}  {what}", isHeld);
}
