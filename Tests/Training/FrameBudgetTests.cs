using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
[Category(Categories.Once)]
internal sealed class FrameBudgetTests
{
    [Test]
    public void ATimeConvertsByItself()
    {
        FrameBudget budget = TimeSpan.FromMilliseconds(2.5);
        Assert.That(budget.Time, Is.EqualTo(TimeSpan.FromMilliseconds(2.5)));
        Assert.That(budget, Is.EqualTo(FrameBudget.Milliseconds(2.5)));
        Assert.That(budget.StepsPerFrame, Is.Zero);
        Assert.That($"{budget}", Is.EqualTo("2.5 ms a frame"));
        Assert.That($"{FrameBudget.Steps(4)}", Is.EqualTo("4 steps a frame"));
    }

    [Test]
    public void ARateAndAFractionAreKindsOfTheirOwn()
    {
        FrameBudget rate = FrameBudget.StepsPerSecond(0.5), fraction = FrameBudget.FractionOfTime(0.25);
        Assert.That((rate.StepRate, rate.TimeFraction, rate.StepsPerFrame, rate.Time), Is.EqualTo((0.5, 0, 0, TimeSpan.Zero)));
        Assert.That((fraction.StepRate, fraction.TimeFraction, fraction.StepsPerFrame, fraction.Time), Is.EqualTo((0, 0.25, 0, TimeSpan.Zero)));
        Assert.That(FormattableString.Invariant($"{rate}, {fraction}"), Is.EqualTo("0.5 steps a second, 25 % of the time"));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void AWrongRateOrFractionIsNamed(double value)
    {
        Assert.That(() => FrameBudget.StepsPerSecond(value), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contain("a million").And.Message.Contain("Pause"));
        Assert.That(() => FrameBudget.FractionOfTime(value), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contain("at most 1").And.Message.Contain("Pause"));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(double.NaN)]
    [TestCase(1000.5)]
    public void AWrongTimeIsNamed(double milliseconds)
    {
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => FrameBudget.Milliseconds(milliseconds));
        Assert.That(exception!.Message, Does.Contain("1000 milliseconds").And.Contain("Pause"));
    }

    [Test]
    public void StepsAreAtLeastOne() => Assert.Throws<ArgumentOutOfRangeException>(() => FrameBudget.Steps(0));

    [Test]
    public void ABudgetOfNothingIsRefused()
    {
        Assert.That(() => new TrainerOptions { FrameBudget = default }, Throws.ArgumentException.With.Message.Contain("Pause"));
        Assert.That(() => new TrainerOptions { BatchSize = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TrainerOptions { Optimizer = null! }, Throws.TypeOf<ArgumentNullException>());
        Assert.That(() => new TrainerOptions { Loss = null! }, Throws.TypeOf<ArgumentNullException>());
    }

    /// <summary>The first frame does not know the number of trainers; from the second on they get equal parts of the remaining time.</summary>
    [Test]
    public void TrainersShareABudgetEvenly()
    {
        SharedFrameBudget shared = new(TimeSpan.FromMilliseconds(3));
        object[] trainers = [new(), new(), new()];
        foreach (object trainer in trainers)
        {
            shared.Begin(trainer);
            shared.Spend(100_000);
        }

        for (int frame = 0; frame < 3; frame++)
        {
            Assert.That(shared.Begin(trainers[0]), Is.EqualTo(1_000_000));
            shared.Spend(1_000_000);
            Assert.That(shared.Begin(trainers[1]), Is.EqualTo(1_000_000));   // needs little
            shared.Spend(200_000);
            Assert.That(shared.Begin(trainers[2]), Is.EqualTo(1_800_000), "what the others left");
            shared.Spend(1_800_000);
        }
    }

    [Test]
    public void ATrainerThatStopsLeavesItsPart()
    {
        SharedFrameBudget shared = new(TimeSpan.FromMilliseconds(4));
        object stays = new(), goes = new();
        shared.Begin(stays);
        shared.Begin(goes);
        Assert.That(shared.Begin(stays), Is.EqualTo(2_000_000));
        Assert.That(shared.Begin(stays), Is.EqualTo(4_000_000), "alone in the frame before");
    }
}
