using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Timestamps of drivers whose counters wrap after a minute, or sometimes run backwards.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class TimestampTests : IDisposable
{
    private const int Bits = 36;
    private const int Inputs = 20;
    private const int Classes = 3;
    private const double Budget = 200_000_000;

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 10_000 };
    private readonly NeuralDevice device;

    public TimestampTests()
    {
        gl.NanosecondsPerGroup = 3_000_000;
        device = NeuralDevice.Attach(gl.Api);
    }

    public void Dispose()
    {
        device.Dispose();
        gl.Dispose();
    }

    [Test]
    public void ACounterThatBeginsAnewIsReadOn()
    {
        long start = (1L << Bits) - 5_000;
        (gl.TimestampBits, gl.ShownTime) = (Bits, time => start + time);
        using TimestampRing ring = new(device, 4);
        using NeuralDevice.Scope scope = device.Enter();
        ring.Mark();
        long before = gl.Nanoseconds, first = Read(ring);
        gl.NanosecondsPerFrame = 30_000_000_000;   // a little less than half a period
        for (int frame = 1; frame < 5; frame++)
        {
            gl.NextFrame();
            ring.Mark();
            Assert.That(Read(ring) - first, Is.EqualTo(gl.Nanoseconds - before), $"frame {frame}");
        }
    }

    /// <summary>No frame appears to last a minute, or less than zero, and the budget is kept as with any other counter.</summary>
    [Test]
    public void TheBudgetIsHeldWhenTheCounterBeginsAnew()
    {
        gl.TimestampBits = Bits;
        gl.NanosecondsPerFrame = 1_000_000_000;   // a period is some 69 frames
        List<double> spent = Train(frames: 160, out List<TimeSpan> told);
        Assert.That(spent, Has.All.AtMost(1.15 * Budget));
        Assert.That(spent.Order().ElementAt(spent.Count / 2), Is.AtLeast(0.8 * Budget));
        Assert.That(told, Has.All.GreaterThan(TimeSpan.Zero).And.All.LessThan(TimeSpan.FromMilliseconds(230)));
    }

    [Test]
    public void AStepBackwardsIsNoMeasurement([Values(1_000, 1_000_000_000)] long backwards)
    {
        long looks = 0, lost = 0;
        gl.NanosecondsPerFrame = 2_000_000_000;
        gl.ShownTime = time => time - (lost += ++looks % 7 == 0 ? backwards : 0);
        List<double> spent = Train(frames: 100, out List<TimeSpan> told);
        Assert.That(spent, Has.All.AtMost(1.15 * Budget));
        Assert.That(spent.Order().ElementAt(spent.Count / 2), Is.AtLeast(0.8 * Budget));
        Assert.That(told, Has.All.GreaterThan(TimeSpan.Zero).And.All.LessThan(TimeSpan.FromMilliseconds(230)));
    }

    [Test]
    public void ASpanThatRunsBackwardsIsNoMeasurement()
    {
        bool isBackwards = false;
        gl.ShownTime = time => isBackwards ? -time : time;
        using SpanClock clock = new(device);
        using NeuralDevice.Scope scope = device.Enter();
        clock.BeginFrame();
        Span(runsBackwards: false);
        clock.BeginFrame();
        Assert.That(clock.LastNanoseconds, Is.EqualTo(gl.NanosecondsPerFrame));
        Span(runsBackwards: true);
        clock.BeginFrame();
        Assert.That(clock.LastNanoseconds, Is.EqualTo(gl.NanosecondsPerFrame), "that of the frame before");

        void Span(bool runsBackwards)
        {
            clock.BeginSpan();
            isBackwards = runsBackwards;
            gl.NextFrame();
            clock.EndSpan();
            isBackwards = false;
        }
    }

    /// <summary>Times that are always zero are not believed: the budget rests on the first guesses and on the time of the calls.</summary>
    [Test]
    public void ADriverWithoutTimestampsIsGuessed()
    {
        const int Frames = 60, MostStepsOfAGuess = 4;
        (gl.TimestampBits, gl.Gpu) = (0, new GpuModel());
        using NeuralDevice other = NeuralDevice.Attach(gl.Api);
        InFrameTrainer trainer = SmallTrainer(other, FrameBudget.Milliseconds(4));
        List<int> steps = [];
        for (int frame = 0; frame < Frames; frame++)
        {
            steps.Add(trainer.Tick().StepsThisFrame);
            gl.NextFrame();
        }

        Assert.That(steps, Has.All.AtMost(MostStepsOfAGuess), "with times of zero, more and more");
        Assert.That(steps[^1], Is.Positive);
        Assert.That(trainer.Progress.GpuTime, Is.LessThan(TimeSpan.FromMilliseconds(4)).And.GreaterThan(TimeSpan.Zero), "that of the calls");
    }

    /// <summary>With a budget in steps, what is in the queue of a driver without timestamps is bounded by the first guesses, and not by frames alone.</summary>
    [Test]
    public void ItsQueueIsBoundedWithManySteps()
    {
        const int Steps = 5_000;
        (gl.TimestampBits, gl.Gpu, gl.GameWaitsForGpu) = (0, new GpuModel { NanosecondsPerWave = 1_000_000 }, false);
        using NeuralDevice other = NeuralDevice.Attach(gl.Api);
        InFrameTrainer trainer = SmallTrainer(other, FrameBudget.Steps(Steps));
        for (int frame = 0; frame < 3; frame++)
        {
            trainer.Tick();
            gl.NextFrame();
        }

        Assert.That(gl.Dispatches, Is.LessThan(0.6 * Steps), "50 ms of them, each guessed to take some 20 µs");
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.WaitingForGpu));
    }

    private static long Read(TimestampRing ring)
    {
        Assert.That(ring.TryRead(out long nanoseconds));
        return nanoseconds;
    }

    private static InFrameTrainer SmallTrainer(NeuralDevice device, FrameBudget budget)
    {
        const int Features = 3, Samples = 8;
        TrainingSet samples = new(device, Features, Classes, Samples);
        samples.AddRange(TwinArrays.UniformFloats(1, Samples * Features, -1, 1), TwinArrays.Labels(2, Samples, Classes));
        return new TwoLayerClassifier(device, Features, hidden: 5, Classes, seed: 2).TrainOn(
            samples, new TrainerOptions { BatchSize = 4, FrameBudget = budget, TimeProvider = new ManualTime { NanosecondsPerLook = 1_000 } });
    }

    private List<double> Train(int frames, out List<TimeSpan> told)
    {
        const int Samples = 64, Settling = 20;
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 70, Classes, seed: 2);
        using TrainingSet samples = new(device, Inputs, Classes, Samples);
        samples.AddRange(TwinArrays.UniformFloats(1, Samples * Inputs, -1, 1), TwinArrays.Labels(2, Samples, Classes));
        using InFrameTrainer trainer = classifier.TrainOn(
            samples, new TrainerOptions { BatchSize = 16, FrameBudget = TimeSpan.FromMilliseconds(200), TimeProvider = time });
        List<double> spent = [];
        told = [];
        for (int frame = 0; frame < frames; frame++)
        {
            long before = gl.Nanoseconds;
            trainer.Tick();
            if (frame >= Settling) spent.Add(gl.Nanoseconds - before);
            if (frame >= Settling) told.Add(trainer.Progress.GpuTime);
            gl.NextFrame();
        }

        return spent;
    }
}
