using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What the controller believes, without a GPU.</summary>
[TestFixture]
internal sealed class StepCostsTests
{
    private const int Rows = 64;
    private const int Lines = 10;

    [Test]
    public void TheFirstTimeOfADispatchIsLeftOut()
    {
        StepCosts costs = Costs();
        double before = costs.Of(0, Lines, Lines);
        costs.Observe(0, Lines, Lines, 1e9);   // a driver that compiles
        Assert.That(costs.Of(0, Lines, Lines), Is.EqualTo(before));
        costs.Observe(0, Lines, Lines, before * 2);
        Assert.That(costs.Of(0, Lines, Lines), Is.EqualTo(before * 2).Within(1e-6));
    }

    [Test]
    public void AJumpIsFollowedAtOnceAndNoiseAtLeisure()
    {
        StepCosts costs = Seen();
        double cost = costs.Of(0, Lines, Lines);
        costs.Observe(0, Lines, Lines, cost * 4);
        Assert.That(costs.Of(0, Lines, Lines), Is.EqualTo(cost * 4).Within(1e-6));
        costs.Observe(0, Lines, Lines, cost);
        Assert.That(costs.Of(0, Lines, Lines), Is.EqualTo(cost).Within(1e-6));
        costs.Observe(0, Lines, Lines, cost * 1.1);
        Assert.That(costs.Of(0, Lines, Lines), Is.GreaterThan(cost).And.LessThan(cost * 1.05));
        costs.Observe(0, Lines, Lines, cost * 1000);
        Assert.That(costs.Of(0, Lines, Lines), Is.LessThan(cost * 10), "a moment in which the machine did something else");
    }

    /// <summary>Frames that were predicted before a jump was noticed come in after it, and do not count twice.</summary>
    [Test]
    public void ALateSumIsComparedWithWhatIsBelievedNow()
    {
        StepCosts costs = Seen();
        double cost = costs.Of(0, Lines, Lines), scale = costs.Scale;
        for (int frame = 0; frame < 3; frame++) costs.ObserveSum(4 * cost, cost, scale);
        Assert.That(costs.Of(0, Lines, Lines), Is.EqualTo(4 * cost).Within(1e-6 * cost));
        Assert.That(costs.Of(1, 3, Lines), Is.EqualTo(4 * Seen().Of(1, 3, Lines)).Within(1e-6 * cost), "all dispatches alike");
    }

    [Test]
    public void LinesFitIntoATime()
    {
        StepCosts costs = Costs();
        double all = costs.Of(0, Lines, Lines);
        Assert.That(costs.LinesWithin(all, 0, Lines, Lines), Is.EqualTo(Lines));
        Assert.That(costs.LinesWithin(all * 0.55, 0, Lines, Lines), Is.EqualTo(5));
        Assert.That(costs.LinesWithin(all * 0.55, 0, 4, Lines), Is.EqualTo(4), "no more than are left");
        Assert.That(costs.LinesWithin(all * 0.05, 0, Lines, Lines), Is.Zero);
        Assert.That(costs.LinesWithin(-1, 0, Lines, Lines), Is.Zero);
    }

    private static StepCosts Seen()
    {
        StepCosts costs = Costs();
        for (int dispatch = 0; dispatch < 2; dispatch++) costs.Observe(dispatch, Lines, Lines, costs.Of(dispatch, Lines, Lines));
        return costs;
    }

    private static StepCosts Costs()
    {
        Dispatch dispatch = new(new KernelSource("none"), [], [], new DispatchGrid(1, Lines)) { FloatingPointOperations = 1_000_000 };
        return new StepCosts([dispatch, dispatch], Rows);
    }
}
