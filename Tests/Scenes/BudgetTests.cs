using NeuralPlugin.Samples;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>How the frames of Samples/run budget are judged, and how long they wait for kernels.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class BudgetTests
{
    private const int Frames = 300;

    [Test]
    public void EachBoundIsCheckedAndTheStepsOfOneMillisecond()
    {
        IReadOnlyList<BudgetCheck> checks = BudgetCheck.Of([Run(budget: null), Run(1), Run(2), Run(4)]);
        Assert.That(checks.Select(check => check.IsHeld), Is.EqualTo(new[] { true, true, true, true }));
        Assert.That(checks.Select(check => check.Line), Has.All.StartsWith("held"));
        Assert.That(checks[1].Line, Does.Contain("1,200 steps a second of B64 784-128-10 (at least 1,000)"));
    }

    [TestCase(999, false)]
    [TestCase(1_000, true)]
    public void FewStepsAreNotHeld(double stepsPerSecond, bool isHeld)
    {
        Assert.That(BudgetCheck.Of([Run(1, stepsPerSecond: stepsPerSecond)])[1].IsHeld, Is.EqualTo(isHeld));
        Assert.That(BudgetCheck.Of([Run(2, stepsPerSecond: stepsPerSecond)]), Has.Count.EqualTo(1).And.All.Property(nameof(BudgetCheck.IsHeld)).True, "only 1 ms is for so many");
    }

    /// <summary>Of 300 frames three may be longer, as those in which the GPU's clock changes are.</summary>
    [TestCase(3, true)]
    [TestCase(4, false)]
    public void OneOfAHundredFramesMayBeLonger(int longFrames, bool isHeld) =>
        Assert.That(BudgetCheck.Of([Run(2, longFrames: longFrames)]).Single().IsHeld, Is.EqualTo(isHeld));

    [Test]
    public void ALowMedianIsNotHeld([Values(0.79, 0.81)] double share)
    {
        BudgetCheck check = BudgetCheck.Of([Run(4, share)]).Single();
        Assert.That(check.IsHeld, Is.EqualTo(share > 0.8));
        Assert.That(check.Line.StartsWith("NOT HELD", StringComparison.Ordinal), Is.EqualTo(share < 0.8));
    }

    /// <summary>A card's frames without training take far less than a millisecond, and its compiler works beside them.</summary>
    [Test]
    public void QuickFramesWaitForASlowCompiler()
    {
        ManualTime time = new();
        int frames = 0;
        BudgetLoop.RunUntil(() => frames == 5_000, () => RunFrame(milliseconds: 1), time);
        Assert.That(frames, Is.EqualTo(5_000));

        void RunFrame(int milliseconds)
        {
            frames++;
            time.Nanoseconds += milliseconds * 1_000_000L;
        }
    }

    [Test]
    public void ACompilerThatDoesNotEndIsToldAfterSomeTime([Values(1, 100)] int millisecondsAFrame)
    {
        ManualTime time = new();
        int frames = 0;
        Assert.That(
            () => BudgetLoop.RunUntil(
                () => false,
                () =>
                {
                    frames++;
                    time.Nanoseconds += millisecondsAFrame * 1_000_000L;
                },
                time),
            Throws.InvalidOperationException.With.Message.Contains("not compiled"));
        Assert.That(time.Nanoseconds, Is.GreaterThan(BudgetLoop.MostCompiling.TotalNanoseconds), "however quick the frames are");
        Assert.That(frames, Is.AtLeast(BudgetLoop.CompilingFrames), "however slow they are");
    }

    private static BudgetRun Run(double? budget, double share = 0.9, double stepsPerSecond = 1_200, int longFrames = 0)
    {
        double[] training = [.. Enumerable.Range(0, Frames).Select(frame => (budget ?? 0) * (frame < longFrames ? 2 : share))];
        return new BudgetRun(budget, training, training, stepsPerSecond);
    }
}
