using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The spender's cost model of a GPU, whose time is a launch and some waves, without a GPU.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class GpuCostsTests
{
    private const int Rows = 64;
    private const int Lines = 64;
    private const int LinesPerWave = 16;
    private const double Launch = 2_000, Wave = 10_000;

    [Test]
    public void ADispatchThatNobodyHasSeenRunsWholeAFewTimesAFrame()
    {
        GpuCosts costs = Costs();
        for (int part = 0; part < 4; part++)
        {
            Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(Lines));
            costs.Enqueued(0);
        }

        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.Zero, "until it is known, there may be anything in the GPU's queue");
        Assert.That(costs.LinesWithin(1e9, 1, Lines), Is.EqualTo(Lines));
        costs.BeginFrame();
        Assert.That(costs.LinesWithin(1e9, 0, Lines), Is.EqualTo(Lines));
    }

    [Test]
    public void TheFirstTimeTellsNothingAndOfTheNextTwoTheShorterIsBelieved()
    {
        GpuCosts costs = Costs();
        costs.Observe([new(0, Lines, 1e9)]);
        costs.Observe([new(0, Lines, 50_000)]);
        Assert.That(costs.IsKnown(0), Is.False);
        costs.Observe([new(0, Lines, 42_000)]);
        Assert.That(costs.IsKnown(0));
        Assert.That(costs.Of(0, Lines), Is.EqualTo(42_000));
    }

    /// <summary>Work that fits into the chip at once takes as long whole as in parts, and is not split.</summary>
    [Test]
    public void ADispatchOfOneWaveIsNotCut()
    {
        GpuCosts costs = Seen(linesPerWave: Lines, 1, Lines);
        Assert.That(costs.LinesWithin(0.9 * (Launch + Wave), 0, Lines), Is.Zero);
        Assert.That(costs.IsWasteful(0, Lines / 4));
    }

    /// <summary>Of which nothing but the whole was measured: nobody knows yet whether cutting it helps. It is tried once, in proportion.</summary>
    [Test]
    public void ADispatchThatIsTooLongIsCutToSeeWhetherThatHelps()
    {
        GpuCosts costs = Seen(LinesPerWave, Lines);
        double time = TimeOf(Lines);
        Assert.That(costs.LinesWithin(time, 0, Lines), Is.EqualTo(Lines));
        Assert.That(costs.LinesWithin(0.5 * time, 0, Lines), Is.EqualTo(Lines / 2));
        Assert.That(costs.LinesWithin(0, 0, Lines), Is.Zero);
        costs = Seen(linesPerWave: Lines, Lines / 2, Lines);
        Assert.That(costs.LinesWithin(0.9 * (Launch + Wave), 0, Lines), Is.Zero, "a half took as long");
    }

    /// <summary>The time of a part is that measured for parts of its size, or for other sizes an estimate that is not too low.</summary>
    [Test]
    public void APartTakesWhatPartsOfItsSizeTook()
    {
        GpuCosts costs = Seen(LinesPerWave, 1, Lines);
        costs.Observe([Part(0, 20), Part(0, 30)]);
        Assert.That(costs.Of(0, 30), Is.EqualTo(TimeOf(30)), "two waves");
        Assert.That(costs.Of(0, 16), Is.InRange(TimeOf(16), 2 * TimeOf(16)));
        Assert.That(costs.LinesWithin(TimeOf(Lines), 0, Lines), Is.EqualTo(Lines));
        Assert.That(costs.LinesWithin(TimeOf(30), 0, Lines), Is.InRange(26, 32));
        Assert.That(costs.LinesWithin(TimeOf(1) - 1, 0, Lines), Is.Zero, "less than a wave takes");
        Assert.That(costs.IsWasteful(0, 30), Is.False);
    }

    /// <summary>The estimates of all parts follow a slower clock at once, including those of parts that did not run.</summary>
    [Test]
    public void ASlowerClockIsFollowedAtOnce()
    {
        GpuCosts costs = Seen(LinesPerWave, 1, Lines);
        costs.Observe([Part(0, Lines, 5.74)]);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(5.74 * TimeOf(Lines)));
        Assert.That(costs.Of(1, Lines), Is.AtLeast(5.74 * TimeOf(Lines)), "and a little more, until it is seen");
        costs.Observe([Part(1, Lines, 5.74)]);
        Assert.That(costs.Of(1, Lines), Is.EqualTo(5.74 * TimeOf(Lines)));
    }

    /// <summary>A brief speedup must not overfill the next frame.</summary>
    [Test]
    public void AFasterClockIsFollowedByHalf()
    {
        GpuCosts costs = Seen(LinesPerWave, 1, Lines);
        double time = TimeOf(Lines);
        costs.Observe([Part(0, Lines, 0.25)]);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(0.625 * time).Within(0.01 * time));
        costs.Observe([Part(0, Lines, 0.25)]);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(0.4375 * time).Within(0.01 * time));
        for (int frame = 0; frame < 10; frame++) costs.Observe([Part(0, Lines, 0.25)]);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(0.25 * time).Within(0.01 * time));
    }

    [Test]
    public void NoiseIsFollowedAtLeisureAndAMomentIsSoonForgotten()
    {
        GpuCosts costs = Seen(LinesPerWave, 1, Lines);
        double time = TimeOf(Lines);
        costs.Observe([Part(0, Lines, 1.1)]);
        Assert.That(costs.Of(0, Lines), Is.InRange(time, 1.07 * time));
        costs.Observe([Part(0, Lines, 1_000)]);
        Assert.That(costs.Of(0, Lines), Is.LessThan(10 * time), "a moment in which the machine did something else");
        for (int frame = 0; frame < 12; frame++) costs.Observe([Part(0, Lines)]);
        Assert.That(costs.Of(0, Lines), Is.EqualTo(time).Within(3).Percent);
    }

    /// <summary>Timestamps between dispatches keep them from overlapping.</summary>
    [Test]
    public void WhatIsMeasuredTogetherTakesItsPartOfWhatItWouldByItself()
    {
        GpuCosts costs = Seen(LinesPerWave, 1, Lines);
        Assert.That(costs.Rest, Is.EqualTo(1));
        for (int frame = 0; frame < 30; frame++) costs.ObserveRest(0.9);
        Assert.That(costs.Rest, Is.EqualTo(0.9).Within(1).Percent);
        costs.ObserveRest(1e9);
        Assert.That(costs.Rest, Is.AtMost(4));
    }

    private static GpuCosts Seen(int linesPerWave, params int[] sizes)
    {
        GpuCosts costs = Costs();
        for (int time = 0; time < 3; time++)
        {
            foreach (int size in sizes) costs.Observe([Part(0, size, linesPerWave: linesPerWave), Part(1, size, linesPerWave: linesPerWave)]);
        }

        return costs;
    }

    private static MeasuredPart Part(int dispatch, int lines, double slowness = 1, int linesPerWave = LinesPerWave) =>
        new(dispatch, lines, slowness * TimeOf(lines, linesPerWave));

    private static double TimeOf(int lines, int linesPerWave = LinesPerWave) => Launch + (Wave * Math.Ceiling((double)lines / linesPerWave));

    private static GpuCosts Costs()
    {
        Dispatch dispatch = new(new KernelSource("none"), [], [], new DispatchGrid(1, Lines)) { FloatingPointOperations = 1_000_000 };
        return new GpuCosts([dispatch, dispatch], Rows);
    }
}
