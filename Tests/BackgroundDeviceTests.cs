using System.Diagnostics;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// A device on the processor with a thread of its own: calls return at once, results come later with the same bits, a budget is kept, and failures
/// there are reported here. The tests of every family (NEURALPLUGIN_TEST_DEVICE=background) show that networks, trainers, populations and agents work on it.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class BackgroundDeviceTests
{
    private const int Inputs = 9;
    private const int Classes = 3;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, 40 * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, 40, Classes);

    /// <summary>A step of a hundred milliseconds is enqueued in an instant, and so is a prediction, answered after it. On a busy machine an attempt may fail.</summary>
    [Test]
    [Category(Categories.Timed)]
    [Retry(5)]
    public void ATickReturnsBeforeItsStepIsDone()
    {
        const int Batch = 2_048, Wide = 784;
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Wide, hidden: 512, classes: 10);
        using TrainingSet samples = new(device, Wide, classes: 10, Batch);
        samples.AddRange(TwinArrays.UniformFloats(7, Batch * Wide, 0, 1), TwinArrays.Labels(8, Batch, 10));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Batch, FrameBudget = FrameBudget.Steps(1) });
        trainer.Tick();
        device.Finish();
        Stopwatch call = Stopwatch.StartNew();
        Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(1));
        PredictionRequest request = classifier.RequestPrediction(new float[Wide]);
        double milliseconds = call.Elapsed.TotalMilliseconds;
        PredictionStatus status = request.Status;
        device.Finish();
        double all = call.Elapsed.TotalMilliseconds;
        Assert.That(status, Is.EqualTo(PredictionStatus.Pending));
        Assert.That(milliseconds, Is.LessThan(all / 2), "the calls have waited for the step");
        device.Update();
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Ready));
    }

    /// <summary>Drawn batches, predictions between the steps, a change of the learning rate on the way.</summary>
    [Test]
    public void TrainingHasTheBitsOfThatInsideTheCalls()
    {
        Assert.That(Train(background: true), Is.EqualTo(Train(background: false)));

        static float[] Train(bool background)
        {
            using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = background });
            using TwoLayerClassifier classifier = new(device, Inputs, hidden: 17, Classes, seed: 5);
            using TrainingSet samples = new(device, Inputs, Classes, capacity: 40);
            samples.AddRange(Features, Labels);
            using InFrameTrainer trainer = classifier.TrainOn(
                samples, new TrainerOptions { BatchSize = 16, FrameBudget = FrameBudget.Steps(3), Optimizer = new Adam(0.01f) });
            for (int frame = 0; frame < 50; frame++)
            {
                if (frame == 25) trainer.LearningRate = 0.003f;
                if (frame % 7 == 0) samples.Add(Features.AsSpan(frame % 40 * Inputs % 300, Inputs), label: frame % Classes);
                Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(3));
                classifier.RequestPrediction(Features.AsSpan(0, Inputs));
                if (frame % 8 == 7) device.Finish();   // a device that is a dozen frames behind gets no more work
            }

            return [.. classifier.GetParameters().HiddenWeights, .. classifier.GetParameters().OutputWeights];
        }
    }

    /// <summary>Neither with a thread of its own, nor with several that work inside the calls.</summary>
    [Test]
    public void AFrameAllocatesNothing([Values] bool background)
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = background, Threads = 2 });
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.Steps(1) });
        using MatrixTexture matrix = new(device, new MatrixShape(1, 4));
        Dispatch probe = AllocationProbe.DispatchFor(device, matrix);
        OnItsThread();
        float[] probabilities = new float[Classes];
        PredictionRequest request = default;
        int answers = 0;
        for (int frame = 0; frame < 300 || answers < 2 * PredictionRequest.Capacity; frame++) Frame(frame);
        answers = 0;
        long there = OnItsThread(), here = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 1_000 || (answers <= 100 && frame < 1_000_000); frame++) Frame(frame);   // its thread may take more than one for an answer
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - here, Is.Zero);
        if (background) Assert.That(OnItsThread() - there, Is.Zero);
        Assert.That(answers, Is.GreaterThan(100));

        long OnItsThread()
        {
            device.Run(probe, rows: 1, firstLine: 0, lines: 1);
            device.Finish();
            return AllocationProbe.Bytes;
        }

        void Frame(int frame)
        {
            if (frame % 10 == 0) samples.Add(Features.AsSpan(0, Inputs), label: 1);
            trainer.Tick();
            if (request.TryGet(probabilities)) answers++;
            if (request.Status != PredictionStatus.Pending) request = classifier.RequestPrediction(Features.AsSpan(0, Inputs));
            Thread.Sleep(0);
        }
    }

    /// <summary>Populations of both kinds and a trainer on one device, whose frames do not wait for each other's work.</summary>
    [Test]
    public void FramesOfSeveralThatLearnAllocateNothing()
    {
        const int Count = 20;
        using NeuralDevice device = Create();
        using AgentPopulation sharing = Agents(BrainSharing.Shared), own = Agents(BrainSharing.OneEach);
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.FractionOfTime(0.1) });
        using MatrixTexture matrix = new(device, new MatrixShape(1, 4));
        Dispatch probe = AllocationProbe.DispatchFor(device, matrix);
        OnItsThread();
        RunFrames(300);
        (long Here, long There) allocated = (0, 0);
        for (int attempt = 0; attempt < 5 && (attempt == 0 || allocated != (0, 0)); attempt++)   // where two threads first meet at what wakes the thread, it allocates, once
        {
            long there = OnItsThread(), here = GC.GetAllocatedBytesForCurrentThread();
            RunFrames(500);
            long after = GC.GetAllocatedBytesForCurrentThread();
            allocated = (after - here, OnItsThread() - there);
        }

        Assert.That(allocated, Is.EqualTo((0L, 0L)));

        AgentPopulation Agents(BrainSharing sharing)
        {
            AgentPopulation agents = new(device, new AgentPopulationOptions
            {
                Observations = 2,
                Actions = 3,
                Capacity = Count,
                Brains = sharing,
                Learning = new PolicyGradient { BatchSize = 8, Horizon = 4 },
            });
            for (int i = 0; i < Count; i++) agents.Add(new SteadyAgent());
            return agents;
        }

        void RunFrames(int count)
        {
            const int Steps = 5, MostFrames = 20_000;
            (long sharingSteps, long ownSteps, long steps) = (sharing.Progress.TrainingSteps + Steps, own.Progress.TrainingSteps + Steps, trainer.Progress.Steps + Steps);
            for (int frame = 0; frame < count || sharing.Progress.TrainingSteps < sharingSteps || own.Progress.TrainingSteps < ownSteps || trainer.Progress.Steps < steps; frame++)
            {
                if (frame == MostFrames) Assert.Fail("They do not all learn.");
                sharing.Update();
                own.Update();
                if (frame % 10 == 0) samples.Add(Features.AsSpan(0, Inputs), label: 1);
                trainer.Tick();
                Thread.Sleep(frame % 3 == 0 ? 1 : 0);
            }
        }

        long OnItsThread()
        {
            device.Run(probe, rows: 1, firstLine: 0, lines: 1);
            device.Finish();
            return AllocationProbe.Bytes;
        }
    }

    /// <summary>
    /// The thread trains for a fifth of the time, by its own clock, in frames of which no two are alike. Steps are longer than most frames' part, so they are cut. On a busy
    /// machine a try may be spoiled.
    /// </summary>
    [Test]
    [Category(Categories.Timed)]
    [Retry(5)]
    public void TheThreadKeepsToItsShareOfTheTime()
    {
        const int Batch = 256, Wide = 784;
        const double Fraction = 0.2;
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Wide, hidden: 256, classes: 10);
        using TrainingSet samples = new(device, Wide, classes: 10, Batch);
        samples.AddRange(TwinArrays.UniformFloats(7, Batch * Wide, 0, 1), TwinArrays.Labels(8, Batch, 10));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Batch, FrameBudget = FrameBudget.FractionOfTime(Fraction) });
        for (int frame = 0; frame < 1_000 && trainer.Progress.Steps < 3; frame++) Frame(frame);
        long steps = trainer.Progress.Steps;
        double trained = 0;
        Stopwatch all = Stopwatch.StartNew();
        for (int frame = 0; frame < 150; frame++) trained += Frame(frame).GpuTime.TotalSeconds;
        double part = trained / all.Elapsed.TotalSeconds;
        Assert.That(trainer.Progress.Steps, Is.GreaterThan(steps));
        Assert.That(part, Is.InRange(0.4 * Fraction, 1.15 * Fraction));

        TrainingProgress Frame(int frame)
        {
            TrainingProgress progress = trainer.Tick();
            Thread.Sleep(1 + (frame % 7));
            return progress;
        }
    }

    /// <summary>Whatever the frame rate; a busy machine makes fewer.</summary>
    [Test]
    [Category(Categories.Timed)]
    [Retry(5)]
    public void ARateOfStepsIsKept([Values(1, 9)] int milliseconds)
    {
        const double Rate = 150, Seconds = 0.4;
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 17, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 40);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = FrameBudget.StepsPerSecond(Rate) });
        device.WarmUp(trainer.Kernels);
        Stopwatch all = Stopwatch.StartNew();
        while (all.Elapsed.TotalSeconds < Seconds)
        {
            trainer.Tick();
            Thread.Sleep(milliseconds);
        }

        double expected = Rate * all.Elapsed.TotalSeconds;
        device.Finish();
        trainer.Pause();
        Assert.That(trainer.Tick().Steps, Is.InRange(0.8 * expected, expected + (Rate / 60) + 1));
    }

    /// <summary>Timed work waits for earlier work: a device that is behind gets no more.</summary>
    [Test]
    public void NothingIsEnqueuedForADeviceThatIsBehind()
    {
        const int Batch = 2_048, Wide = 784;
        using NeuralDevice device = Create();
        using TwoLayerClassifier large = new(device, Wide, hidden: 512, classes: 10), small = new(device, Inputs, hidden: 5, Classes);
        using TrainingSet many = new(device, Wide, classes: 10, Batch), few = new(device, Inputs, Classes, capacity: 40);
        many.AddRange(TwinArrays.UniformFloats(7, Batch * Wide, 0, 1), TwinArrays.Labels(8, Batch, 10));
        few.AddRange(Features, Labels);
        using InFrameTrainer slow = large.TrainOn(many, new TrainerOptions { BatchSize = Batch, FrameBudget = FrameBudget.Steps(1) });
        using InFrameTrainer quick = small.TrainOn(few, new TrainerOptions { BatchSize = 8, FrameBudget = TimeSpan.FromMilliseconds(1) });
        for (int frame = 0; frame < 300 && quick.Progress.Steps == 0; frame++)
        {
            quick.Tick();
            device.Finish();
        }

        Assert.That(quick.Progress.Steps, Is.Positive);
        slow.Tick();
        device.Update();
        device.Update();
        TrainingProgress progress = quick.Tick();
        Assert.That(progress.StepsThisFrame, Is.Zero);
        Assert.That(progress.State, Is.EqualTo(TrainerState.WaitingForGpu));
        device.Finish();
        device.Update();
        device.Update();
        for (int frame = 0; frame < 10 && quick.Progress.StepsThisFrame == 0; frame++)
        {
            quick.Tick();
            device.Finish();
        }

        Assert.That(quick.Progress.StepsThisFrame, Is.Positive);
    }

    [Test]
    public void WhatFailsOnTheThreadIsThrownByTheNextCall()
    {
        NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        PredictionRequest request = classifier.RequestPrediction(Features.AsSpan(0, Inputs));
        using MatrixTexture matrix = new(device, new MatrixShape(1, 4));
        Dispatch faulty = new(
            new KernelSource("faulty.comp") { Method = dispatch => new FaultyKernel(dispatch) }, [MatrixBinding.Write("values", matrix)], [], new DispatchGrid(1));
        faulty.Kernel = device.GetKernel(faulty);
        device.Run(faulty, rows: 1, firstLine: 0, lines: 1);
        Exception? thrown = null;
        for (int i = 0; i < 1_000 && thrown is null; i++)
        {
            try
            {
                device.Update();
                Thread.Sleep(1);
            }
            catch (InvalidOperationException exception)
            {
                thrown = exception;
            }
        }

        Assert.That(thrown?.InnerException, Is.TypeOf<NotFiniteNumberException>());
        Assert.That(() => classifier.Predict(Features, new float[40 * Classes]), Throws.InvalidOperationException.With.Message.Contains("Dispose it"));
        Assert.That(request.Status, Is.AnyOf(PredictionStatus.Ready, PredictionStatus.Failed));
        device.Dispose();
        Assert.That(() => device.Update(), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>If an object cannot be created, the call that requested it reports this, and the device continues.</summary>
    [Test]
    public void WhatThereIsNoRoomForIsRefusedInTheCall()
    {
        using NeuralDevice device = Create();
        Assert.That(() => new TrainingSet(device, inputs: 100_000, classes: 10, capacity: int.MaxValue), Throws.TypeOf<DeviceLimitException>());
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        Assert.That(float.IsFinite(classifier.TrainBatch(Features, Labels, 0.1f)));
    }

    [Test]
    public void TexturesOfAGameAreRefused()
    {
        using NeuralDevice device = Create();
        using TrainingSet samples = new(device, 4, Classes, capacity: 4);
        Assert.That(() => samples.AddTexture(1, 2, 2, TextureChannels.Luminance, 0), Throws.TypeOf<NotSupportedException>());
    }

    /// <summary>With a second of work in the queue.</summary>
    [Category(Categories.Timed)]
    [Test]
    public void DisposeEndsTheThreadBehindWhatItIsAt()
    {
        const int Batch = 1_024, Wide = 784;
        NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Wide, hidden: 256, classes: 10);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f));
        trainer.TrainBatch(TwinArrays.UniformFloats(7, Batch * Wide, 0, 1), TwinArrays.Labels(8, Batch, 10));
        Stopwatch step = Stopwatch.StartNew();
        trainer.RepeatStep(Batch);
        device.Finish();
        double one = step.Elapsed.TotalMilliseconds;
        for (int i = 0; i < 100; i++) trainer.RepeatStep(Batch);
        Stopwatch call = Stopwatch.StartNew();
        Task.Run(device.Dispose).Wait();   // from any thread
        Assert.That(call.Elapsed.TotalMilliseconds, Is.LessThan((20 * one) + 200));
        device.Dispose();
        Assert.That(() => trainer.TrainBatch(new float[Wide], [0]), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Calls from many threads in turn, with objects dropped and disposed meanwhile.</summary>
    [Test]
    public void AnyThreadMayCallWhileNoOtherDoes()
    {
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        Lock turn = new();
        float[] losses = new float[4];
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            for (int i = 0; i < 50; i++)
            {
                TwoLayerClassifier other;
                lock (turn)
                {
                    losses[thread] = classifier.TrainBatch(Features, Labels, 0.05f);
                    other = new TwoLayerClassifier(device, Inputs, hidden: 3, Classes);
                    other.RequestPrediction(Features);
                }

                other.Dispose();   // from any thread, at any time
            }
        });
        Assert.That(losses, Is.All.LessThan(1.2f));
    }

    /// <summary>Thousands of commands ahead: the calls wait when the queue is full, and nothing is lost.</summary>
    [Test]
    public void AFullQueueLosesNothing()
    {
        using NeuralDevice device = Create(), inside = NeuralDevice.CreateOnProcessor();
        Assert.That(Train(device), Is.EqualTo(Train(inside)));

        static float[] Train(NeuralDevice device)
        {
            using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
            using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.01f));
            trainer.TrainBatch(Features, Labels);
            for (int i = 0; i < 5_000; i++) trainer.RepeatStep(40);
            return classifier.GetParameters().HiddenWeights;
        }
    }

    private static NeuralDevice Create() => NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true });

    /// <summary>Notes the bytes allocated by the thread that runs it.</summary>
    private sealed class AllocationProbe(Dispatch dispatch) : ProcessorKernel(dispatch)
    {
        public static long Bytes { get; private set; }

        public static Dispatch DispatchFor(NeuralDevice device, MatrixTexture matrix)
        {
            Dispatch probe = new(
                new KernelSource("probe.comp") { Method = dispatch => new AllocationProbe(dispatch) }, [MatrixBinding.Write("values", matrix)], [], new DispatchGrid(1));
            probe.Kernel = device.GetKernel(probe);
            return probe;
        }

        public override unsafe void Run(int rows, int firstLine, int lines, float* scratch) => Bytes = GC.GetAllocatedBytesForCurrentThread();
    }

    private sealed class SteadyAgent : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(Index * 0.1f);
            sensor.AddObservation(StepCount % 7 * 0.1f);
        }

        public override void OnActionReceived(int action)
        {
            AddReward(action == 1 ? 1 : 0);
            if (StepCount == 5 + (Index % 3)) EndEpisode();
        }
    }

    private sealed class FaultyKernel(Dispatch dispatch) : ProcessorKernel(dispatch)
    {
        public override unsafe void Run(int rows, int firstLine, int lines, float* scratch) => throw new NotFiniteNumberException("A kernel is wrong.");
    }
}
