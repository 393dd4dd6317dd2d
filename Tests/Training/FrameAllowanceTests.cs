using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Budgets that are worth what the time since the last frame is: a rate of steps, and a fraction of the time.</summary>
[TestFixture]
[Category(Categories.Once)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FrameAllowanceTests
{
    private readonly ManualTime time = new();
    private readonly FrameAllowance allowance;

    public FrameAllowanceTests() => allowance = new FrameAllowance(time);

    /// <summary>Whatever the frame rate, which need not be a divisor.</summary>
    [Test]
    public void ARateOfStepsIsKept([Values(0.5, 7, 60, 1_000)] double rate, [Values(2, 16.667, 33)] double milliseconds)
    {
        const double Seconds = 20;
        long steps = 0;
        int most = 0;
        for (double passed = 0; passed < Seconds; passed += milliseconds / 1000)
        {
            int now = Frame(FrameBudget.StepsPerSecond(rate), milliseconds);
            Assert.That(allowance.IsInSteps);
            most = Math.Max(most, now);
            steps += now;
        }

        Assert.That(steps, Is.EqualTo(rate * Seconds).Within(1 + (rate / 60) + (rate * milliseconds / 1000)), "the first frame counts as a sixtieth of a second");
        Assert.That(most, Is.AtMost(Math.Ceiling(rate * Math.Max(milliseconds, 16.667) / 1000)), "evenly");
    }

    [Test]
    public void AFractionIsThatOfTheTimeSinceTheFrameBefore()
    {
        FrameBudget quarter = FrameBudget.FractionOfTime(0.25);
        Frame(quarter, 16);
        Assert.That(allowance.Nanoseconds, Is.EqualTo(1e9 / 60 / 4).Within(1), "the first frame, which has no predecessor");
        Frame(quarter, 8);
        Assert.That(allowance.Nanoseconds, Is.EqualTo(4_000_000));
        Frame(quarter, 0);
        Assert.That(allowance.Nanoseconds, Is.EqualTo(2_000_000));
        Assert.That(allowance.IsInSteps, Is.False);
    }

    /// <summary>A game that has loaded a level for five seconds does not spend them in its next frame.</summary>
    [Test]
    public void AtMostATenthOfASecondIsMadeUpFor()
    {
        Frame(FrameBudget.FractionOfTime(0.5), 5_000);
        Frame(FrameBudget.FractionOfTime(0.5), 5_000);
        Assert.That(allowance.Nanoseconds, Is.EqualTo(50_000_000));
        Frame(FrameBudget.StepsPerSecond(200), 16);
        Assert.That(allowance.Steps, Is.EqualTo(20));
    }

    /// <summary>Later frames make up for the work of a frame in which the GPU was behind, up to that limit.</summary>
    [Test]
    public void StepsThatWereNotTakenStayDue()
    {
        FrameBudget budget = FrameBudget.StepsPerSecond(100);
        Frame(budget, 10);
        Frame(budget, 10, taken: 0);
        Frame(budget, 10, taken: 0);
        Assert.That(Frame(budget, 10, taken: 0), Is.EqualTo(3));
        for (int frame = 0; frame < 30; frame++) Frame(budget, 10, taken: 0);
        Assert.That(allowance.Steps, Is.EqualTo(11));
        Frame(budget, 10);
        Assert.That(Frame(budget, 10), Is.EqualTo(1));
    }

    [Test]
    public void AnotherKindOfBudgetOwesNothing()
    {
        Frame(FrameBudget.StepsPerSecond(100), 50);
        Frame(FrameBudget.StepsPerSecond(100), 50, taken: 0);
        Assert.That(Frame(FrameBudget.Steps(2), 50), Is.EqualTo(2));
        Frame(FrameBudget.Milliseconds(1.5), 50);
        Assert.That((allowance.IsInSteps, allowance.Nanoseconds), Is.EqualTo((false, 1_500_000.0)));
    }

    /// <param name="budget">The budget of the frame.</param>
    /// <param name="milliseconds">The time from it to the next one.</param>
    /// <param name="taken">The steps that it takes; null for all.</param>
    private int Frame(FrameBudget budget, double milliseconds, int? taken = null)
    {
        allowance.BeginFrame(budget, this, time.Nanoseconds);
        allowance.EndFrame(taken ?? allowance.Steps, nanoseconds: 0);
        time.Nanoseconds += (long)(milliseconds * 1_000_000);
        return allowance.Steps;
    }
}
