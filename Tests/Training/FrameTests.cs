using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Training in the frames of a game whose GPU is late, has a clock of its own, and loses work.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FrameTests : IDisposable
{
    private const int Inputs = 20;
    private const int Classes = 3;
    private const int Samples = 64;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, Samples * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, Samples, Classes);

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 10_000 };
    private readonly NeuralDevice device;
    private readonly TwoLayerClassifier classifier;
    private readonly TrainingSet samples;

    public FrameTests()
    {
        device = NeuralDevice.Attach(gl.Api);
        classifier = new TwoLayerClassifier(device, Inputs, hidden: 70, Classes, seed: 2);
        samples = new TrainingSet(device, Inputs, Classes, Samples);
        samples.AddRange(Features, Labels);
    }

    public void Dispose()
    {
        samples.Dispose();
        classifier.Dispose();
        device.Dispose();
        gl.Dispose();
    }

    [Test]
    [Category(Categories.Once)]
    public void NothingWaits([Values(0, 1, 3, 10)] int delayFrames, [Values] bool hasTimeBudget)
    {
        const int Frames = 100;
        gl.DelayFrames = delayFrames;
        using InFrameTrainer trainer = Trainer(hasTimeBudget ? TimeSpan.FromMilliseconds(20) : FrameBudget.Steps(2), new Adam(0.01f));
        WarmUp(trainer);
        gl.ClearRecords();
        for (int frame = 0; frame < Frames; frame++)
        {
            trainer.Tick();
            samples.Add(Features.AsSpan(0, Inputs), Labels[0]);
            gl.NextFrame();
        }

        Assert.That(gl.WaitingCalls, Is.Empty);
        Assert.That(gl.Calls("glGetError"), Is.Zero);
        Assert.That(trainer.Progress.Steps, Is.GreaterThan(hasTimeBudget ? 50 : Frames));
        Assert.That(trainer.Progress.Loss, Is.InRange(0, 0.5f), "results came, and it learns: in the end all samples are the same one");
        Assert.That(trainer.Progress.Accuracy, Is.InRange(0.3f, 1));
        Assert.That(trainer.Progress.GpuTime, Is.GreaterThan(TimeSpan.Zero));
    }

    /// <summary>Late fences delay the reports of results, and change nothing else.</summary>
    [Test]
    public void LateFencesChangeNoBit()
    {
        ClassifierParameters? first = null;
        foreach (int delay in new[] { 0, 3, 10 })
        {
            gl.DelayFrames = delay;
            using TwoLayerClassifier other = new(device, Inputs, 70, Classes, seed: 2);
            using InFrameTrainer trainer = other.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = FrameBudget.Steps(2) });
            for (int frame = 0; frame < 30; frame++)
            {
                trainer.Tick();
                gl.NextFrame();
            }

            ClassifierParameters weights = other.GetParameters();
            first ??= weights;
            Assert.That(weights.HiddenWeights, Is.EqualTo(first.HiddenWeights), $"{delay} frames late");
        }
    }

    /// <summary>
    /// The cost of dispatches jumps by a factor of four, up and down, for whole dispatches and parts. The clock is the GPU's; the time of the
    /// calls, by a clock of their own, is far below the budget, and the machine's clock is not used, however busy it is.
    /// </summary>
    [Test]
    [Category(Categories.Once)]
    public void TheBudgetIsHeldWhenCostsJump([Values(0, 1, 2)] int delayFrames, [Values(600_000, 3_000_000)] int nanosecondsPerStep)
    {
        const int FramesBetweenJumps = 20, Settling = 3;
        const double Budget = 200_000_000;
        long nanosecondsPerGroup = nanosecondsPerStep / GroupsOfAStep(new Sgd(0.01f));
        gl.DelayFrames = delayFrames;
        gl.NanosecondsPerFrame = 1_000_000_000;
        using InFrameTrainer trainer = Trainer(TimeSpan.FromMilliseconds(200), new Sgd(0.01f), time);
        WarmUp(trainer);
        List<double> settled = [];
        for (int jump = 0; jump < 7; jump++)
        {
            gl.NanosecondsPerGroup = nanosecondsPerGroup * (jump % 2 == 0 ? 1 : 4);
            for (int frame = 0; frame < FramesBetweenJumps; frame++)
            {
                long before = gl.Nanoseconds;
                trainer.Tick();
                double spent = gl.Nanoseconds - before;
                gl.NextFrame();
                if (frame < Settling || jump == 0) continue;
                Assert.That(spent, Is.AtMost(1.15 * Budget), $"frame {frame} after jump {jump}");
                settled.Add(spent);
            }
        }

        settled.Sort();
        Assert.That(settled[settled.Count / 2], Is.AtLeast(0.8 * Budget));
        Assert.That(trainer.Progress.GpuTime.TotalMilliseconds, Is.EqualTo(settled[settled.Count / 2] / 1e6).Within(20).Percent);
    }

    /// <summary>
    /// A driver that does the work inside the calls: the clock of the calls limits the frame at once, because the GPU's times arrive late.
    /// If the cost doubles from one dispatch to the next, the frame stays within the bound, even the first one.
    /// </summary>
    [Test]
    public void TheBudgetIsHeldInsideTheCalls([Values(0, 2)] int delayFrames, [Values(2_000_000, 15_000_000)] int nanosecondsPerGroup)
    {
        const int FramesBetweenJumps = 15;
        const double Budget = 200_000_000;
        gl.DelayFrames = delayFrames;
        gl.NanosecondsPerFrame = 1_000_000_000;
        time.Besides = () => gl.Nanoseconds;
        using InFrameTrainer trainer = Trainer(TimeSpan.FromMilliseconds(200), new Sgd(0.01f), time);
        WarmUp(trainer);
        List<double> times = [];
        for (int jump = 0; jump < 7; jump++)
        {
            gl.NanosecondsPerGroup = nanosecondsPerGroup * (jump % 2 == 0 ? 1 : 2);
            for (int frame = 0; frame < FramesBetweenJumps; frame++)
            {
                long before = gl.Nanoseconds;
                trainer.Tick();
                times.Add(gl.Nanoseconds - before);
                gl.NextFrame();
            }
        }

        Assert.That(times, Has.All.AtMost(1.15 * Budget));
        Assert.That(times.Order().ElementAt(times.Count / 2), Is.AtLeast(0.7 * Budget), "the rest may be less than a row of workgroups");
    }

    [Test]
    public void TrainersShareABudget()
    {
        const double Budget = 200_000_000;
        gl.NanosecondsPerFrame = 1_000_000_000;
        gl.NanosecondsPerGroup = 1_000_000;
        using TwoLayerClassifier other = new(device, Inputs, 40, Classes, seed: 2);
        FrameBudget shared = new SharedFrameBudget(TimeSpan.FromMilliseconds(200));
        using InFrameTrainer first = Trainer(shared, new Sgd(0.01f), time);
        using InFrameTrainer second = other.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = shared, TimeProvider = time });
        WarmUp(first);
        WarmUp(second);
        List<double> firsts = [], both = [];
        for (int frame = 0; frame < 60; frame++)
        {
            long before = gl.Nanoseconds;
            first.Tick();
            firsts.Add(gl.Nanoseconds - before);
            second.Tick();
            both.Add(gl.Nanoseconds - before);
            gl.NextFrame();
        }

        Assert.That(firsts[10..], Has.All.AtMost(0.55 * Budget));
        Assert.That(both[10..], Has.All.AtMost(1.15 * Budget));
        Assert.That(firsts[10..].Order().ElementAt(25), Is.AtLeast(0.35 * Budget));
        Assert.That(both[10..].Order().ElementAt(25), Is.AtLeast(0.8 * Budget));
    }

    /// <summary>A conditional render of the host that was left open makes dispatches vanish without an error.</summary>
    [Test]
    public void DispatchesThatVanishAreNoticedAndNamed()
    {
        gl.DelayFrames = 2;
        using InFrameTrainer trainer = Trainer(FrameBudget.Steps(2), new Sgd(0.1f));
        for (int frame = 0; frame < 10; frame++) Frame();
        long steps = trainer.Progress.Steps;
        float loss = trainer.Progress.Loss;
        Assert.That(steps, Is.EqualTo(20));
        gl.DropDispatches = true;
        var exception = Assert.Throws<DispatchesSkippedException>(() =>
        {
            for (int frame = 0; frame < 10; frame++) Frame();
        });
        Assert.That(exception!.Message, Does.Contain("glBeginConditionalRender").And.Contain("step 2"));
        gl.DropDispatches = false;
        for (int frame = 0; frame < 4; frame++)
        {
            try
            {
                Frame();   // earlier work is still pending
            }
            catch (DispatchesSkippedException)
            {
            }
        }

        for (int frame = 0; frame < 50; frame++) Frame();
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(trainer.Progress.Loss, Is.LessThan(0.9f * loss), "it continues to learn");

        void Frame()
        {
            gl.NextFrame();
            trainer.Tick();
        }
    }

    /// <summary>Skipped work changes nothing: the weights are the earlier ones, and only steps that ran are counted.</summary>
    [Test]
    public void StepsThatVanishDoNotCount([Values(1, 2, 3)] int steps)
    {
        using TwoLayerClassifier twin = new(device, Inputs, hidden: 70, Classes, seed: 2);
        using InFrameTrainer trainer = Trainer(FrameBudget.Steps(1), new Adam(0.01f));
        using InFrameTrainer steady = twin.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = FrameBudget.Steps(1), Optimizer = new Adam(0.01f) });
        for (int frame = 0; frame < 5; frame++)
        {
            trainer.Tick();
            steady.Tick();
        }

        trainer.FrameBudget = FrameBudget.Steps(steps);
        gl.DropDispatches = true;
        trainer.Tick();
        gl.DropDispatches = false;
        Assert.That(trainer.Tick, Throws.TypeOf<DispatchesSkippedException>().With.Message.Contain($"step {5 + steps} "));
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(twin.GetParameters().HiddenWeights));
        Assert.That(trainer.Tick().Steps, Is.EqualTo(5 + steps), "five before, and those of this frame");
    }

    /// <summary>A real conditional render, of a query that no sample passed.</summary>
    [Test]
    public void AConditionalRenderOfTheHostIsNamed()
    {
        using InFrameTrainer trainer = Trainer(FrameBudget.Steps(1), new Sgd(0.1f));
        trainer.Tick();
        using HostConditionalRender render = new(gl);
        Assert.That(
            () =>
            {
                for (int frame = 0; frame < 3; frame++) trainer.Tick();
            },
            Throws.TypeOf<DispatchesSkippedException>());
    }

    [Test]
    public void AnOpenTimerQueryOfTheHostIsNotDisturbed()
    {
        GL host = GL.GetApi(gl.Host);
        using InFrameTrainer trainer = Trainer(TimeSpan.FromMilliseconds(4), new Sgd(0.1f));
        WarmUp(trainer);
        uint query = host.GenQuery();
        host.BeginQuery(QueryTarget.TimeElapsed, query);
        for (int frame = 0; frame < 10 || (frame < 100 && trainer.Progress.Steps == 0); frame++) trainer.Tick();
        host.GetQuery(QueryTarget.TimeElapsed, QueryParameterName.CurrentQuery, out int current);
        host.EndQuery(QueryTarget.TimeElapsed);
        Assert.That(current, Is.EqualTo((int)query));
        Assert.That(host.GetError(), Is.EqualTo(GLEnum.NoError));
        Assert.That(trainer.Progress.Steps, Is.Positive);
        host.DeleteQuery(query);
    }

    /// <summary>One kernel is compiled in a frame, and none once it trains.</summary>
    [Test]
    public void TheFirstStepCompilesNothing()
    {
        gl.HiddenExtensions.UnionWith(["GL_KHR_parallel_shader_compile", "GL_ARB_parallel_shader_compile"]);
        using InFrameTrainer trainer = Trainer(TimeSpan.FromMilliseconds(4), new Sgd(0.1f));
        TrainerState state = TrainerState.WarmingUp;
        for (int frame = 0; state == TrainerState.WarmingUp; frame++)
        {
            Assert.That(frame, Is.LessThan(20));
            gl.ClearRecords();
            state = trainer.Tick().State;
            Assert.That(gl.Calls("glLinkProgram"), Is.AtMost(1));
            gl.NextFrame();
        }

        gl.ClearRecords();
        for (int frame = 0; frame < 20; frame++) trainer.Tick();
        Assert.That(gl.Calls("glLinkProgram"), Is.Zero);
        Assert.That(trainer.Progress.Steps, Is.Positive);
    }

    private InFrameTrainer Trainer(FrameBudget budget, Optimizer optimizer, TimeProvider? clock = null)
    {
        return classifier.TrainOn(
            samples, new TrainerOptions { BatchSize = 16, FrameBudget = budget, Optimizer = optimizer, TimeProvider = clock ?? TimeProvider.System });
    }

    /// <summary>One in the register-tiled family, which has a kernel for small networks; other families use more.</summary>
    private long GroupsOfAStep(Optimizer optimizer)
    {
        using InFrameTrainer trainer = Trainer(FrameBudget.Steps(1), optimizer, time);
        WarmUp(trainer);
        trainer.Tick();   // draws an order of samples, too
        long before = gl.Groups;
        trainer.Tick();
        return gl.Groups - before;
    }

    private void WarmUp(InFrameTrainer trainer)
    {
        WarmUpProgress progress = device.WarmUp(trainer.Kernels);
        while (!progress.IsDone)
        {
            device.Update();
            gl.NextFrame();
        }
    }
}
