using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The cost model of the controller, without a GPU.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class StepCostsTests
{
    private const int Rows = 64;
    private const int Lines = 10;

    /// <summary>The overhead moves a little with each observation.</summary>
    private const double Tolerance = 1e-3;

    [Test]
    public void TheFirstTimeOfADispatchIsLeftOut()
    {
        StepCosts costs = Costs();
        double before = costs.Of(0, Lines);
        costs.Observe(0, Lines, 1e9);   // a driver that compiles
        Assert.That(costs.Of(0, Lines), Is.EqualTo(before));
        costs.Observe(0, Lines, before * 50);   // a machine that is busy with other work
        Assert.That(costs.Of(0, Lines), Is.EqualTo(before).Within(Tolerance * before));
        costs.Observe(0, Lines, before * 2);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(before * 2).Within(Tolerance * before));
    }

    /// <summary>A brief speedup must not overfill the next frame.</summary>
    [Test]
    public void AJumpUpIsFollowedAtOnceOneDownByHalfAndNoiseAtLeisure()
    {
        StepCosts costs = Seen();
        double cost = costs.Of(0, Lines);
        costs.Observe(0, Lines, cost * 4);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(cost * 4).Within(Tolerance * cost));
        costs.Observe(0, Lines, cost);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(cost * 2.5).Within(0.01 * cost));
        for (int i = 0; i < 20; i++) costs.Observe(0, Lines, cost);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(cost).Within(0.01 * cost));
        costs.Observe(0, Lines, cost * 1.1);
        Assert.That(costs.Of(0, Lines), Is.GreaterThan(cost).And.LessThan(cost * 1.05));
        costs.Observe(0, Lines, cost * 1000);
        Assert.That(costs.Of(0, Lines), Is.LessThan(cost * 10), "a moment in which the machine did something else");
    }

    /// <summary>The estimate of a dispatch that did not run in the frame of a jump jumps too; without a jump, it stays.</summary>
    [Test]
    public void AJumpIsOneOfAllDispatches()
    {
        StepCosts costs = Seen();
        double cost = costs.Of(0, Lines), line = costs.Of(1, 3) - costs.Of(1, 2);
        for (int i = 0; i < 8; i++) costs.Observe(0, Lines, cost * 4);   // as often as it ran in the frame
        costs.EndObservation();
        Assert.That(costs.Of(1, 3) - costs.Of(1, 2), Is.EqualTo(4 * line).Within(0.02 * line));
        costs.Observe(0, Lines, cost);
        costs.EndObservation();
        double followed = costs.Of(1, 3) - costs.Of(1, 2);
        Assert.That(followed, Is.EqualTo(2.5 * line).Within(0.02 * line));
        costs.Observe(0, Lines, costs.Of(0, Lines) * 1.1);
        costs.EndObservation();
        Assert.That(costs.Of(1, 3) - costs.Of(1, 2), Is.EqualTo(followed).Within(0.02 * line));
    }

    /// <summary>A dispatch that takes long however small it is was delayed individually: otherwise the costs of all others would rise with every late worker.</summary>
    [Test]
    public void ASmallPartTellsNothingOfTheOthers()
    {
        StepCosts costs = Seen();
        double line = costs.Of(1, 3) - costs.Of(1, 2);
        Assert.That(costs.IsWasteful(0, 1));
        costs.Observe(0, 1, 4 * costs.Of(0, 1));
        costs.EndObservation();
        Assert.That(costs.Of(1, 3) - costs.Of(1, 2), Is.EqualTo(line).Within(1e-9 * line));
    }

    /// <summary>The minimum time of a dispatch is the overhead of running one.</summary>
    [Test]
    public void TheOverheadIsThatOfTheSmallestDispatch()
    {
        StepCosts costs = Seen();
        for (int i = 0; i < 50; i++)
        {
            costs.Observe(0, Lines, 5_000 + (Lines * 3_000));
            costs.Observe(1, 1, 5_000 + 100);
        }

        Assert.That(costs.Of(0, 1), Is.EqualTo(8_000).Within(500));
        Assert.That(costs.Of(0, Lines), Is.EqualTo(35_000).Within(500));
    }

    [Test]
    public void ADispatchThatNobodyHasSeenRunsOneLine()
    {
        StepCosts costs = Costs();
        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(1));
        Assert.That(costs.LinesWithin(costs.Of(0, 1) - 1, 0, Lines), Is.Zero);
        costs.Observe(0, 1, costs.Of(0, 1));
        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(1), "the first time says nothing");
        costs.Observe(0, 1, costs.Of(0, 1));
        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(1), "the second may be anything");
        costs.Observe(0, 1, costs.Of(0, 1));
        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(Lines));
    }

    /// <summary>Some drivers have returned timestamps in the wrong order.</summary>
    [Test]
    public void ATimeBelowZeroIsNoCost([Values] bool isFirst)
    {
        StepCosts costs = isFirst ? Costs() : Seen();
        for (int i = 0; i < 5; i++) costs.Observe(0, 1, -1e6);
        costs.EndObservation();
        Assert.That(costs.Of(0, Lines), Is.Positive);
        Assert.That(costs.Of(1, Lines), Is.Positive);
        for (int i = 0; i < 10; i++) costs.Observe(0, Lines, 1e5);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(1e5).Within(20).Percent);
    }

    [Test]
    public void LinesFitIntoATime()
    {
        StepCosts costs = Seen();
        Assert.That(costs.LinesWithin(costs.Of(0, Lines), 0, Lines), Is.EqualTo(Lines));
        Assert.That(costs.LinesWithin(costs.Of(0, 5) + 1, 0, Lines), Is.EqualTo(5));
        Assert.That(costs.LinesWithin(costs.Of(0, 5) + 1, 0, 4), Is.EqualTo(4), "no more than are left");
        Assert.That(costs.LinesWithin(costs.Of(0, 1) - 1, 0, Lines), Is.Zero);
        Assert.That(costs.LinesWithin(-1, 0, Lines), Is.Zero);
    }

    private static StepCosts Seen()
    {
        StepCosts costs = Costs();
        for (int i = 0; i < 6; i++) costs.Observe(i / 3, Lines, costs.Of(i / 3, Lines));
        costs.EndObservation();
        return costs;
    }

    private static StepCosts Costs()
    {
        Dispatch dispatch = new(new KernelSource("none"), [], [], new DispatchGrid(1, Lines)) { FloatingPointOperations = 1_000_000 };
        return new StepCosts([dispatch, dispatch], Rows);
    }
}
