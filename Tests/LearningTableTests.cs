using NeuralPlugin.Benchmarks;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The table of <c>Samples/Benchmarks learn</c>: its tasks, its limits and, in the nightly run, its figures.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class LearningTableTests
{
    private const int NightlySeeds = 3;

    public static IEnumerable<string> Rows => LearningRow.All.Select(row => row.Name);

    [Test]
    public void LimitsHoldForAllSeedsOrForTheMedian()
    {
        Assert.That(LearningLimit.AtLeast("a", 3).Holds([3, 4]), Is.True);
        Assert.That(LearningLimit.AtLeast("a", 3).Holds([2.9, 4]), Is.False);
        Assert.That(LearningLimit.AtLeast("a", 3).Holds([double.NaN, 4]), Is.False);
        Assert.That(LearningLimit.AtMost("a", 3).Holds([3, 1]), Is.True);
        Assert.That(LearningLimit.AtMost("a", 3).Holds([double.PositiveInfinity, 1]), Is.False);
        Assert.That(LearningLimit.MedianAtLeast("a", 3).Holds([1, 3, 4]), Is.True);
        Assert.That(LearningLimit.MedianAtMost("a", 3).Holds([1, 4, 9]), Is.False);
        Assert.That(Rows, Is.Unique);
    }

    /// <summary>Whatever the actions, a pole falls after some twenty steps, a swing takes its 500, and a board is never full of errors.</summary>
    [Test]
    public void TasksAreWhatTheyAreCalled()
    {
        using TaskRun pole = new(TestDevice.Plain, LearningTask.CartPole, 8, learning: null, seed: 1);
        pole.UntilEpisodes(110);
        Assert.That(pole.Log.RecentMean, Is.InRange(14, 40));
        Assert.That(pole.Log.Steps, Is.InRange(110 * 14, 110 * 40));

        using TaskRun swing = new(TestDevice.Plain, LearningTask.Acrobot, 4, learning: null, seed: 1);
        swing.UntilSteps(4 * 499);
        Assert.That(swing.Log.Episodes, Is.LessThanOrEqualTo(3));
        swing.UntilSteps(4 * 500);
        Assert.That(swing.Log.Episodes, Is.GreaterThanOrEqualTo(4));

        using TaskRun board = new(TestDevice.Plain, LearningTask.TicTacToe, 8, learning: null, seed: 1);
        board.UntilEpisodes(110);
        Assert.That(board.Log.RecentMean, Is.InRange(0.4, 0.95));
        Assert.That(board.MeasureGreedy(80), Is.InRange(0.4, 1));
        Assert.That(board.Log.Measured, Has.Count.EqualTo(80));
        Assert.That(board.Agents.Cast<TicTacToeAgent>().Sum(agent => agent.IllegalMoves), Is.Zero);

        using TaskRun grid = new(TestDevice.Plain, LearningTask.Grid, 8, learning: null, seed: 1);
        grid.UntilEpisodes(110);
        Assert.That(grid.Log.RecentMean, Is.InRange(0, 0.5));
    }

    /// <summary>A row with fewer seeds than the command runs. Takes minutes each: the long form of <see cref="ActorCriticTests"/>.</summary>
    [TestCaseSource(nameof(Rows))]
    [Category(Categories.Nightly)]
    public void ARowHolds(string name)
    {
        LearningRow row = LearningRow.All.Single(row => row.Name == name);
        IReadOnlyList<LearningFigure>[] figures = [.. Enumerable.Range(1, NightlySeeds).Select(seed => row.Run(TestDevice.Plain, seed))];
        foreach (LearningLimit limit in row.Limits)
        {
            double[] values = [.. figures.Select(seed => seed.Single(figure => figure.Name == limit.Figure).Value)];
            Assert.That(limit.Holds(values), $"{limit.Text}: {string.Join(", ", values)}");
        }
    }
}
