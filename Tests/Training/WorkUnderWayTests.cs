using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>A GPU that is slower than its input: its queue stays bounded, nobody waits for it, and everything continues when it has caught up.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class WorkUnderWayTests : IDisposable
{
    private const int Inputs = 20;
    private const int Classes = 3;
    private const int Samples = 64;
    private const int Frames = 120;

    /// <summary>Texels of a texture's side, and pixels of the view of it.</summary>
    private const int Side = 512, Pixels = 8;

    /// <summary>A clock at which a step takes longer than a frame of the game.</summary>
    private const int SlowMegahertz = 2;

    private static readonly double Most = 2.5 * WorkUnderWay.MostNanoseconds;

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 1_000 };
    private readonly NeuralDevice device;
    private readonly TrainingSet samples;

    public WorkUnderWayTests()
    {
        gl.Gpu = new GpuModel { NanosecondsPerWave = 8_000 };
        gl.DelayFrames = 1;
        gl.GameWaitsForGpu = false;
        device = NeuralDevice.Attach(gl.Api);
        samples = new TrainingSet(device, Inputs, Classes, Samples);
        samples.AddRange(TwinArrays.UniformFloats(1, Samples * Inputs, -1, 1), TwinArrays.Labels(2, Samples, Classes));
    }

    public void Dispose()
    {
        samples.Dispose();
        device.Dispose();
        gl.Dispose();
    }

    [Test]
    public void ATrainerThatIsAheadOfTheGpuSkipsItsTurnAndSaysSo()
    {
        using TwoLayerClassifier classifier = new(device, Inputs, 70, Classes, seed: 2);
        using InFrameTrainer trainer = Trainer(classifier, FrameBudget.Steps(2));
        for (int frame = 0; frame < 10; frame++) Frame(trainer);
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(gl.NanosecondsInQueue, Is.Zero);

        gl.Gpu!.Megahertz = SlowMegahertz;
        long before = trainer.Progress.Steps;
        List<TrainerState> states = [];
        double deepest = 0;
        for (int frame = 0; frame < Frames; frame++)
        {
            Frame(trainer);
            states.Add(trainer.Progress.State);
            deepest = Math.Max(deepest, gl.NanosecondsInQueue);
        }

        Assert.That(states, Has.Some.EqualTo(TrainerState.WaitingForGpu).And.Some.EqualTo(TrainerState.Training));
        Assert.That(trainer.Progress.Steps, Is.GreaterThan(before), "it continues as fast as the GPU");
        Assert.That(deepest, Is.AtMost(Most));

        gl.Gpu.Megahertz = GpuModel.FullMegahertz;
        for (int frame = 0; frame < 20; frame++) Frame(trainer);
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(trainer.Progress.StepsThisFrame, Is.EqualTo(2));
        Assert.That(gl.NanosecondsInQueue, Is.Zero);
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>A budget that one step fills a hundred times is not worked off at once.</summary>
    [Test]
    public void AFrameOfManyStepsIsBoundedToo()
    {
        gl.Gpu!.Megahertz = SlowMegahertz;
        using TwoLayerClassifier classifier = new(device, Inputs, 70, Classes, seed: 2);
        using InFrameTrainer trainer = Trainer(classifier, FrameBudget.Steps(1));
        for (int frame = 0; frame < 30; frame++) Frame(trainer);
        trainer.FrameBudget = FrameBudget.Steps(100);
        for (int frame = 0; frame < 30; frame++)
        {
            Frame(trainer);
            Assert.That(trainer.Progress.StepsThisFrame, Is.LessThan(10));
            Assert.That(gl.NanosecondsInQueue, Is.AtMost(Most));
        }
    }

    /// <summary>Whatever the cost of steps: an unresponsive GPU gets the work of a limited number of frames and no more, and no bit is lost.</summary>
    [Test]
    public void AGpuThatDoesNotAnswerIsNotGivenMore()
    {
        using TwoLayerClassifier classifier = new(device, Inputs, 70, Classes, seed: 2), twin = new(device, Inputs, 70, Classes, seed: 2);
        using InFrameTrainer trainer = Trainer(classifier, FrameBudget.Steps(1)), steady = Trainer(twin, FrameBudget.Steps(1));
        gl.DelayFrames = 1_000;
        for (int frame = 0; frame < 50; frame++) Frame(trainer);
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.WaitingForGpu));
        Assert.That(trainer.Progress.Steps, Is.EqualTo(WorkUnderWay.MostFences));
        gl.DelayFrames = 0;
        for (int frame = 0; frame < 4; frame++) Frame(trainer);
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(trainer.Progress.Steps, Is.EqualTo(WorkUnderWay.MostFences + 4));
        while (steady.Progress.Steps < trainer.Progress.Steps) Frame(steady);
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(twin.GetParameters().HiddenWeights));
    }

    /// <summary>The bound is one for all trainers of a device, and each of them gets on.</summary>
    [Test]
    public void TrainersShareTheQueue()
    {
        TwoLayerClassifier[] classifiers = [.. Enumerable.Range(1, 5).Select(seed => new TwoLayerClassifier(device, Inputs, 70, Classes, seed))];
        InFrameTrainer[] trainers = [.. classifiers.Select(classifier => Trainer(classifier, FrameBudget.Steps(10)))];
        for (int frame = 0; frame < 10; frame++) Frame();
        Assert.That(trainers.Select(trainer => trainer.Progress.StepsThisFrame), Is.All.EqualTo(10));

        gl.Gpu!.Megahertz = 10 * SlowMegahertz;
        for (int frame = 0; frame < 60; frame++) Frame();   // until it is known how long a step takes now, and what was enqueued before that is done
        long[] before = [.. trainers.Select(trainer => trainer.Progress.Steps)];
        double deepest = 0;
        for (int frame = 0; frame < Frames; frame++)
        {
            Frame();
            deepest = Math.Max(deepest, gl.NanosecondsInQueue);
        }

        Assert.That(deepest, Is.AtMost(1.5 * WorkUnderWay.MostNanoseconds));
        long[] made = [.. trainers.Select((trainer, i) => trainer.Progress.Steps - before[i])];
        Assert.That(made.Min(), Is.AtLeast(made.Max() / 2).And.Positive);

        trainers[0].FrameBudget = FrameBudget.Steps(100);
        foreach (InFrameTrainer trainer in trainers[1..]) trainer.Pause();
        long alone = trainers[0].Progress.Steps;
        for (int frame = 0; frame < Frames; frame++) Frame();
        Assert.That(trainers[0].Progress.Steps - alone, Is.AtLeast(3 * made.Max()), "nobody else has work there now");
        foreach (InFrameTrainer trainer in trainers) trainer.Dispose();
        foreach (TwoLayerClassifier classifier in classifiers) classifier.Dispose();

        void Frame()
        {
            foreach (InFrameTrainer trainer in trainers) trainer.Tick();
            gl.NextFrame();
        }
    }

    /// <summary>Steps of any length: where waiting for them takes long, there are fewer the next time, and more again where it does not.</summary>
    [Test]
    public void LongStepsThatNobodyWaitsForAreFewer()
    {
        gl.DelayFrames = 1_000;
        ManualTime clock = new() { NanosecondsPerLook = (long)(2 * 1_000_000 * UnawaitedSteps.LongWaitMilliseconds) };
        UnawaitedSteps steps = new(device, clock);
        Assert.That(StepsUntilItWaits(), Is.EqualTo(UnawaitedSteps.Most));
        for (int i = 0; i < 5; i++) StepsUntilItWaits();
        Assert.That(StepsUntilItWaits(), Is.AtMost(2));
        clock.NanosecondsPerLook = 0;
        for (int i = 0; i < 5; i++) StepsUntilItWaits();
        Assert.That(StepsUntilItWaits(), Is.GreaterThan(UnawaitedSteps.Most / 2));

        int StepsUntilItWaits()
        {
            gl.ClearRecords();
            int added = 0;
            while (gl.WaitingCalls.Count == 0)
            {
                using (device.Enter()) steps.Add();
                added++;
            }

            return added;
        }
    }

    /// <summary>A driver that works inside the calls is never behind, however long that takes.</summary>
    [Test]
    public void ADriverThatWorksInsideTheCallsIsGivenAll()
    {
        (gl.DelayFrames, gl.GameWaitsForGpu) = (0, true);
        gl.Gpu!.Megahertz = SlowMegahertz;
        using TwoLayerClassifier classifier = new(device, Inputs, 70, Classes, seed: 2);
        using InFrameTrainer trainer = Trainer(classifier, FrameBudget.Steps(8));
        for (int frame = 0; frame < 20; frame++)
        {
            Frame(trainer);
            Assert.That(trainer.Progress.StepsThisFrame, Is.EqualTo(8));
        }
    }

    [Test]
    public void AgentsAreBoundedToo([Values] BrainSharing brains)
    {
        using AgentPopulation agents = Agents(brains, latency: null);
        for (int frame = 0; frame < 10; frame++) Frame(agents);
        gl.Gpu!.Megahertz = SlowFor(brains);
        double deepest = 0;
        List<bool> isWaiting = [];
        for (int frame = 0; frame < Frames; frame++)
        {
            deepest = Math.Max(deepest, Frame(agents));
            isWaiting.Add(agents.Progress.IsWaitingForGpu);
        }

        Assert.That(deepest, Is.AtMost(Most));
        Assert.That(isWaiting, Has.Some.True.And.Some.False);
        gl.Gpu.Megahertz = GpuModel.FullMegahertz;
        for (int frame = 0; frame < 20; frame++) Frame(agents);
        Assert.That(agents.Progress.StepsThisFrame, Is.EqualTo(2));
        Assert.That(agents.Progress.IsWaitingForGpu, Is.False);
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>A run that must be repeatable bit for bit does the same in each frame, however late the GPU is, and therefore has to wait for it.</summary>
    [Test]
    public void AgentsWhoseRunIsToBeRepeatedWaitInstead()
    {
        using AgentPopulation agents = Agents(BrainSharing.Shared, latency: 2);
        for (int frame = 0; frame < 10; frame++) Frame(agents);
        gl.Gpu!.Megahertz = SlowFor(BrainSharing.Shared);
        gl.ClearRecords();
        for (int frame = 0; frame < Frames; frame++)
        {
            Assert.That(Frame(agents), Is.AtMost(Most));
            Assert.That(agents.Progress.StepsThisFrame, Is.EqualTo(2));
        }

        Assert.That(gl.WaitingCalls, Is.Not.Empty);
    }

    /// <summary>A clock at which two steps take longer than a frame: steps of one brain, with several dispatches each, or of all brains, with one dispatch.</summary>
    private static int SlowFor(BrainSharing brains) => brains == BrainSharing.Shared ? 10 : 3;

    /// <summary>Steps without losses wait for nothing as long as the GPU keeps up, and for everything when it is far behind.</summary>
    [Test]
    public void APopulationsStepsThatNobodyWaitsForAreBounded()
    {
        const int Members = 4, StepsAFrame = 10;
        using NetworkPopulation population = new(device, Members, Inputs, hidden: 8, Classes, seed: 1);
        float[] features = TwinArrays.UniformFloats(1, Members * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(2, Members, Classes);
        population.TrainBatch(features, labels, learningRate: 0.01f);
        gl.ClearRecords();
        Steps(5);
        Assert.That(gl.WaitingCalls, Is.Empty);

        gl.Gpu!.Megahertz = SlowMegahertz;
        long before = gl.Nanoseconds;
        Steps(1);
        double step = (gl.Nanoseconds - before) / (double)StepsAFrame;
        double deepest = Steps(5);
        Assert.That(deepest, Is.InRange(10 * step, UnawaitedSteps.Most * step));
        Assert.That(gl.WaitingCalls, Is.Not.Empty);

        double Steps(int frames)
        {
            double mostInQueue = 0;
            for (int frame = 0; frame < frames; frame++)
            {
                for (int i = 0; i < StepsAFrame; i++)
                {
                    population.TrainBatch(features, labels, learningRate: 0.01f);
                    mostInQueue = Math.Max(mostInQueue, gl.NanosecondsInQueue);
                }

                gl.NextFrame();
            }

            return mostInQueue;
        }
    }

    /// <summary>Textures that become samples: the GPU gets some 50 ms of them, and no more until it has read those. Nobody waits.</summary>
    [Test]
    public void TexturesThatBecomeSamplesAreBounded()
    {
        const int Calls = 400;
        gl.Gpu = new GpuModel { NanosecondsPerWave = Side * Side, KernelsAreAlike = true };
        using GameTextures game = new();
        uint texture = Texture(game);
        using TrainingSet views = new(device, Pixels * Pixels, Classes, Calls);
        Assert.That(Add(views, texture), Is.True);
        gl.ClearRecords();
        double deepest = 0;
        int added = 1;
        for (int i = 1; i < Calls; i++)
        {
            added += Add(views, texture) ? 1 : 0;
            deepest = Math.Max(deepest, gl.NanosecondsInQueue);
        }

        Assert.That(added, Is.InRange(50, Calls / 2));
        Assert.That(views.Count, Is.EqualTo(added), "what is not taken is not added");
        Assert.That(deepest, Is.InRange(WorkUnderWay.MostNanoseconds / 2, Most));
        Assert.That(gl.WaitingCalls, Is.Empty);
        for (int frame = 0; frame < 8; frame++) gl.NextFrame();
        Assert.That(Add(views, texture), Is.True, "once the GPU has caught up");
    }

    [Test]
    public void ADriverThatWorksInsideTheCallsTakesEveryTexture()
    {
        (gl.DelayFrames, gl.GameWaitsForGpu, gl.Gpu) = (0, true, null);
        using GameTextures game = new();
        uint texture = Texture(game);
        using TrainingSet views = new(device, Pixels * Pixels, Classes, 300);
        for (int i = 0; i < 300; i++) Assert.That(Add(views, texture), Is.True, $"call {i}");
    }

    private static uint Texture(GameTextures game) => game.Make(Side, Side, InternalFormat.Rgba8, new float[Side * Side * 4]);

    private static bool Add(TrainingSet views, uint texture) => views.AddTexture(texture, Pixels, Pixels, TextureChannels.Luminance, label: 0);

    private AgentPopulation Agents(BrainSharing brains, int? latency)
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        return new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 4,
            Brains = brains,
            Latency = latency,
            Learning = new BehaviorCloning { Demonstration = shown },
            FrameBudget = FrameBudget.Steps(2),
            TimeProvider = time,
        });
    }

    private double Frame(AgentPopulation agents)
    {
        agents.Update();
        gl.NextFrame();
        return gl.NanosecondsInQueue;
    }

    private InFrameTrainer Trainer(TwoLayerClassifier classifier, FrameBudget budget)
    {
        InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = budget, TimeProvider = time });
        WarmUpProgress progress = device.WarmUp(trainer.Kernels);
        while (!progress.IsDone) device.Update();
        return trainer;
    }

    private void Frame(InFrameTrainer trainer)
    {
        trainer.Tick();
        gl.NextFrame();
    }
}
