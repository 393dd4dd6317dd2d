using System.Diagnostics;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// An OpenGL context on a thread of its own: the game's own context and thread are left alone, the bits are those of a context on the game's thread, and no
/// failure there is lost or makes the game wait. The tests of every family (NEURALPLUGIN_TEST_DEVICE=background-opengl) show that all else works on it too.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
[Category(Categories.Card)]
internal sealed class BackgroundContextTests
{
    private const int Inputs = 9;
    private const int Classes = 3;
    private const int Rows = 40;

    private static volatile bool isEnding;
    private static volatile bool hasEnded;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);
    private static readonly float[] Features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, Rows, Classes);

    [TearDown]
    public void NothingIsFaultyAnyMore()
    {
        FaultyGl.Gate?.Set();
        (FaultyGl.IsLost, FaultyGl.LinkMilliseconds, FaultyGl.Gate) = (false, 0, null);
    }

    // ---- beside the game ----

    [Test]
    public void TheContextOfTheGameStaysCurrent()
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using NeuralDevice device = Create();
        Assert.That(host.IsCurrent);
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        Assert.That(float.IsFinite(classifier.TrainBatch(Features, Labels, 0.1f)));
        Assert.That(host.IsCurrent);
        device.MakeCurrent();
        Assert.That(host.IsCurrent, "its context is its thread's");
        device.Dispose();
        Assert.That(host.IsCurrent);
    }

    [Test]
    public void WithoutADriverItIsSaidAsOfAContextOnThisThread()
    {
        HeadlessOptions nowhere = new() { EglLibrary = "libNoSuchEGL.so" };
        string expected = Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.CreateHeadless(nowhere))!.Message;
        Assert.That(Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.CreateInBackground(nowhere))!.Message, Is.EqualTo(expected));
    }

    [Test]
    public void TrainingHasTheBitsOfThatOnTheGamesThread()
    {
        Assert.That(Train(Create()), Is.EqualTo(Train(TestDevice.Create(new HeadlessOptions()))));

        static float[] Train(NeuralDevice made)
        {
            using NeuralDevice device = made;
            using TwoLayerClassifier classifier = new(device, Inputs, hidden: 17, Classes, seed: 5);
            using TrainingSet samples = new(device, Inputs, Classes, capacity: Rows);
            samples.AddRange(Features, Labels);
            using InFrameTrainer trainer = classifier.TrainOn(
                samples, new TrainerOptions { BatchSize = 16, FrameBudget = FrameBudget.Steps(2), Optimizer = new Adam(0.01f) });
            for (int frame = 0; frame < 40; frame++)
            {
                if (frame == 25) trainer.LearningRate = 0.003f;
                if (frame % 7 == 0) samples.Add(Features.AsSpan(frame % Rows * Inputs % 300, Inputs), label: frame % Classes);
                Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(2));
                classifier.RequestPrediction(Features.AsSpan(0, Inputs));
                if (frame % 8 == 7) device.Finish();   // a device that is a dozen frames behind gets no more work
            }

            ClassifierParameters learned = classifier.GetParameters();
            return [.. learned.HiddenWeights, .. learned.HiddenBiases, .. learned.OutputWeights, .. learned.OutputBiases];
        }
    }

    /// <summary>Observations, actions, rewards and learning from them, with a given latency.</summary>
    [Test]
    public void AgentsOfAFixedLatencyReplayTheBitsOfTheGamesThread([Values] BrainSharing sharing)
    {
        (int[] Actions, float[] Weights) overThere = Play(Create(), sharing), here = Play(TestDevice.Create(new HeadlessOptions()), sharing);
        Assert.That(overThere.Actions, Has.Length.GreaterThan(100));
        Assert.That(overThere.Actions, Is.EqualTo(here.Actions));
        Assert.That(overThere.Weights, Is.EqualTo(here.Weights));

        static (int[] Actions, float[] Weights) Play(NeuralDevice made, BrainSharing sharing)
        {
            using NeuralDevice device = made;
            using AgentPopulation agents = new(device, new AgentPopulationOptions
            {
                Observations = 3,
                Actions = 4,
                Capacity = 5,
                Brains = sharing,
                Latency = 2,
                Seed = 4,
                Learning = new ActorCritic(),
                FrameBudget = FrameBudget.Steps(1),
            });
            SeededRandom random = new(3);
            List<int> actions = [];
            for (int i = 0; i < 5; i++)
            {
                agents.Add(new ProbeAgent
                {
                    Observations = self => [self.StepCount % 5, random.NextSingle(), 1],
                    Act = (self, action) =>
                    {
                        actions.Add(action);
                        self.AddReward(action == self.StepCount % 4 ? 1 : 0);
                    },
                });
            }

            for (int frame = 0; frame < 60; frame++) agents.Update();
            return ([.. actions], agents.GetBrain(0).HiddenWeights);
        }
    }

    [Test]
    public void ABudgetOfTimeIsSpentByTheClockOfTheDevice()
    {
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 17, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: Rows);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 16, FrameBudget = TimeSpan.FromMilliseconds(2) });
        TimeSpan longest = default;
        Stopwatch clock = Stopwatch.StartNew();
        while ((trainer.Progress.Steps < 50 || longest == default) && clock.Elapsed < TimeSpan.FromSeconds(20))
        {
            TrainingProgress progress = trainer.Tick();
            if (progress.GpuTime > longest) longest = progress.GpuTime;
            Thread.Sleep(1);
        }

        Assert.That(trainer.Progress.Steps, Is.GreaterThanOrEqualTo(50));
        Assert.That(longest, Is.GreaterThan(TimeSpan.FromMicroseconds(20)), "more than the calls take");
    }

    [Test]
    public void TexturesOfAGameAreRefusedInWords()
    {
        using NeuralDevice device = Create();
        using TrainingSet samples = new(device, 4, Classes, capacity: 4);
        Assert.That(() => samples.AddTexture(1, 2, 2, TextureChannels.Luminance, 0), Throws.TypeOf<NotSupportedException>().With.Message.Contains("shares no textures"));
        AgentPopulationOptions seeing = new() { Observations = 1, Actions = 2, Capacity = 1, TextureObservations = new TextureObservations(2, 2, TextureChannels.Luminance) };
        using AgentPopulation agents = new(device, seeing);
        agents.Add(new ProbeAgent { Look = (_, sensor) => sensor.SetTexture(1) });
        Assert.That(agents.Update, Throws.Exception.With.Message.Contains("shares no textures"));
        Assert.That(float.IsFinite(new TwoLayerClassifier(device, Inputs, 3, Classes).TrainBatch(Features, Labels, 0.1f)), "it continues");
    }

    // ---- without waits and allocations ----

    [Test]
    public void AFrameAllocatesNothingOnEitherThread()
    {
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.Steps(1) });
        OverThere();
        float[] probabilities = new float[Classes];
        PredictionRequest request = default;
        int answers = 0;
        for (int frame = 0; frame < 100 || answers < 2 * PredictionRequest.Capacity; frame++) Frame(frame);
        answers = 0;
        long there = OverThere(), here = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 200 || (answers <= 50 && frame < 1_000_000); frame++) Frame(frame);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - here, Is.Zero);
        Assert.That(OverThere() - there, Is.Zero);
        Assert.That(answers, Is.GreaterThan(50));

        long OverThere()
        {
            device.Finish();
            return FaultyGl.Allocated;
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

    /// <summary>A driver that takes 40 ms per kernel. On a busy machine an attempt may fail.</summary>
    [Test]
    [Category(Categories.Timed)]
    [Retry(5)]
    public void KernelsAreCompiledWithoutAWaitHere()
    {
        const int Milliseconds = 40;
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 6, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 8);
        KernelSet needed = classifier.KernelsFor(8);
        FaultyGl.LinkMilliseconds = Milliseconds;
        Stopwatch all = Stopwatch.StartNew();
        WarmUpProgress progress = device.WarmUp(needed);
        TimeSpan longest = all.Elapsed;
        Assert.That(progress.Total, Is.GreaterThan(3));
        while (!progress.IsDone && all.Elapsed < TimeSpan.FromSeconds(20))
        {
            Stopwatch frame = Stopwatch.StartNew();
            device.Update();
            samples.Add(Features.AsSpan(0, Inputs), label: 1);
            if (frame.Elapsed > longest) longest = frame.Elapsed;
            Thread.Sleep(1);
        }

        Assert.That(progress.IsDone);
        Assert.That(all.Elapsed.TotalMilliseconds, Is.GreaterThan(3 * Milliseconds));
        Assert.That(longest.TotalMilliseconds, Is.LessThan(Milliseconds / 2));
    }

    [Test]
    public void AKernelThatTheDriverRejectsIsSaidOnceAndLeftOut()
    {
        using NeuralDevice device = Create();
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        using MatrixTexture matrix = new(device, new MatrixShape(3, 5));
        Dispatch wrong = new(
            new KernelSource("activation_forward.comp", ("rows_LOCATION", -1), ("DELIBERATELY_WRONG", 1)),
            [MatrixBinding.Read("inputs", matrix), MatrixBinding.Write("outputs", matrix)], [new(("texelsPerRow", 1))], new DispatchGrid(1));
        WarmUpProgress progress = device.WarmUp(new KernelSet([wrong]), classifier.KernelsFor(8));
        List<string> said = [];
        Stopwatch clock = Stopwatch.StartNew();
        while (!progress.IsDone && clock.Elapsed < TimeSpan.FromSeconds(20))
        {
            try
            {
                device.Update();
                Thread.Sleep(1);
            }
            catch (DeviceNotSupportedException exception)
            {
                said.Add(exception.Message);
            }
        }

        Assert.That(progress.IsDone);
        Assert.That(said, Has.Count.EqualTo(1).And.One.Contains("activation_forward.comp"));
        Assert.That(() => device.GetKernel(wrong), Throws.TypeOf<DeviceNotSupportedException>());
        Assert.That(float.IsFinite(classifier.TrainBatch(Features, Labels, 0.1f)));
    }

    // ---- a lost context ----

    [Test]
    public void ALostContextIsSaidByTheNextCallAndWhatIsUnderWayFails()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        NeuralDevice device = Create();
        TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        TrainingSet samples = new(device, Inputs, Classes, capacity: Rows);
        samples.AddRange(Features, Labels);
        InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.Steps(1) });
        for (int frame = 0; frame < 10; frame++) trainer.Tick();
        device.Finish();
        device.Update();
        FaultyGl.IsLost = true;
        Task? saved = null, taken = null;
        PredictionRequest request = default;
        Stopwatch clock = Stopwatch.StartNew();
        Assert.That(
            () =>
            {
                saved = classifier.SaveAsync(path);
                taken = classifier.GetParametersAsync();
                request = classifier.RequestPrediction(Features.AsSpan(0, Inputs));
                while (clock.Elapsed < Soon) trainer.Tick();
            },
            Throws.TypeOf<ContextLostException>());
        Assert.That(clock.Elapsed, Is.LessThan(Soon));
        Assert.That(() => classifier.Predict(Features, new float[Rows * Classes]), Throws.TypeOf<ContextLostException>().With.Message.Contains("last saved weights"));
        Assert.That(() => new TwoLayerClassifier(device, Inputs, 5, Classes), Throws.TypeOf<ContextLostException>());
        Assert.That(request.Status, Is.Not.EqualTo(PredictionStatus.Pending).And.Not.EqualTo(PredictionStatus.Ready));
        Assert.That(saved?.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Soon) ?? true, "it was refused, or fails");
        Assert.That(taken?.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Soon) ?? true, "it was refused, or fails");
        Assert.That(File.Exists(path), Is.EqualTo(saved?.IsCompletedSuccessfully ?? false));
        File.Delete(path);
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));
        trainer.Dispose();
        device.Dispose();
        Assert.That(clock.Elapsed, Is.LessThan(Soon));
        Assert.That(() => device.Update(), Throws.TypeOf<ObjectDisposedException>());
        FaultyGl.IsLost = false;
        using NeuralDevice next = Create();
        using TwoLayerClassifier another = new(next, Inputs, hidden: 5, Classes);
        Assert.That(float.IsFinite(another.TrainBatch(Features, Labels, 0.1f)), "a new one continues");
    }

    // ---- the end ----

    /// <summary>States in which a device may be disposed.</summary>
    public enum State
    {
        New,
        Idle,
        WarmingUp,
        Busy,
        Saving,
        InAFrame,
        WaitedFor,
        Lost,
    }

    [Test]
    public void DisposeEndsTheThreadInEveryState([Values] State state, [Values] bool byAnotherThread)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        NeuralDevice device = Create();
        TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f));
        Task under = Task.CompletedTask;
        FrameScope frame = default;
        if (state is not (State.New or State.WarmingUp)) trainer.TrainBatch(Features, Labels);
        switch (state)
        {
            case State.WarmingUp:
                FaultyGl.LinkMilliseconds = 10;
                device.WarmUp(classifier.KernelsFor(8));
                device.Update();
                break;
            case State.Busy:
                for (int i = 0; i < 200; i++) trainer.RepeatStep(Rows);
                break;
            case State.Saving:
                for (int i = 0; i < 20; i++) trainer.RepeatStep(Rows);
                under = classifier.SaveAsync(path);
                break;
            case State.InAFrame:
                frame = device.BeginFrame();
                break;
            case State.WaitedFor:
                FaultyGl.Gate = new ManualResetEventSlim();
                under = Task.Run(device.Finish);
                SpinWait.SpinUntil(() => FaultyGl.Gate.WaitHandle is not null && under.Status == TaskStatus.Running, Soon);
                Task.Delay(50).ContinueWith(_ => FaultyGl.Gate!.Set(), TaskScheduler.Default);
                break;
            case State.Lost:
                FaultyGl.IsLost = true;
                break;
        }

        Stopwatch clock = Stopwatch.StartNew();
        if (byAnotherThread) Task.Run(device.Dispose).Wait();
        else device.Dispose();
        Assert.That(clock.Elapsed, Is.LessThan(Soon));
        frame.Dispose();
        Assert.That(under.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Soon), "nobody waits for ever");
        Assert.That(under.Exception?.InnerException, Is.Null.Or.TypeOf<ObjectDisposedException>());
        Assert.That(() => trainer.TrainBatch(Features, Labels), Throws.TypeOf<ObjectDisposedException>());
        classifier.Dispose();
        device.Dispose();
        File.Delete(path);
    }

    /// <summary>The thread is abandoned after some seconds, and the game continues.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void ADriverThatHangsIsNotWaitedForWithoutEnd()
    {
        NeuralDevice device = Create();
        FaultyGl.Gate = new ManualResetEventSlim();
        Task waiting = Task.Run(device.Finish);
        Thread.Sleep(50);
        Stopwatch clock = Stopwatch.StartNew();
        device.Dispose();
        Assert.That(clock.Elapsed, Is.InRange(CommandQueue.MostTimeToStop - Soon, CommandQueue.MostTimeToStop + Soon));
        FaultyGl.Gate.Set();
        Assert.That(waiting.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Soon), "it comes back in the end");
    }

    // ---- threads ----

    /// <summary>A call made while another thread is inside one throws, and changes nothing.</summary>
    [Test]
    public void TwoThreadsAtATimeAreRefused()
    {
        using NeuralDevice device = Create();
        using (device.BeginFrame())
        {
            Task other = Task.Run(device.Update);
            Assert.That(() => other.Wait(), Throws.TypeOf<AggregateException>().With.InnerException.TypeOf<InvalidOperationException>().And.InnerException.Message.Contains("one at a time"));
        }

        Task.Run(device.Update).Wait();
    }

    /// <summary>
    /// Random interleavings: threads that take turns to call, threads that do not, objects disposed and dropped anywhere, the counts of the device, and at the end the
    /// context lost, or the device disposed, in the middle of it all. Each call does its work or gives a documented reason why not; that the device has ended is a valid reason only
    /// after the test has ended it.
    /// </summary>
    [Test]
    public void RandomInterleavingsDoNoHarm([Values(1, 2)] int seed, [Values] bool endsByLoss)
    {
        NeuralDevice device = Create();
        TwoLayerClassifier classifier = new(device, Inputs, hidden: 5, Classes);
        classifier.TrainBatch(Features, Labels, 0.05f);
        using TwoLayerClassifier learner = new(device, Inputs, hidden: 5, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: Rows);
        samples.AddRange(Features, Labels);
        using InFrameTrainer trainer = learner.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.Steps(1) });
        using AgentPopulation agents = new(device, new AgentPopulationOptions { Observations = 1, Actions = 2, Capacity = 3, FrameBudget = FrameBudget.Steps(1) });
        for (int i = 0; i < 3; i++) agents.Add(new ProbeAgent { Observations = _ => [1], Act = (self, action) => self.AddReward(action) });
        string folder = Directory.CreateTempSubdirectory().FullName;
        List<Task> saves = [];
        System.Collections.Concurrent.ConcurrentBag<Exception> unexpected = [];
        System.Collections.Concurrent.ConcurrentBag<IDisposable> dropped = [];
        Lock turn = new();
        int calls = 0;
        (isEnding, hasEnded) = (false, false);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(thread => new Thread(() => Work(thread)))];
        foreach (Thread thread in threads) thread.Start();
        bool hasCalled = SpinWait.SpinUntil(() => hasEnded || Volatile.Read(ref calls) > 400, TimeSpan.FromSeconds(20)) && !hasEnded;
        isEnding = true;
        if (endsByLoss) FaultyGl.IsLost = true;
        else device.Dispose();
        Stopwatch clock = Stopwatch.StartNew();
        foreach (Thread thread in threads) Assert.That(thread.Join(TimeSpan.FromSeconds(20)), "no thread hangs");
        device.Dispose();
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
        Assert.That(unexpected, Is.Empty);
        Assert.That(hasCalled, "it works until it is ended");
        Assert.That(Task.WhenAll(saves).ContinueWith(_ => { }, TaskScheduler.Default).Wait(Soon), "no save waits for ever");
        Directory.Delete(folder, recursive: true);
        Assert.That(saves.Select(save => save.Exception?.InnerException), Is.All.Matches<Exception?>(failure => failure is null or ObjectDisposedException or ContextLostException));
        Assert.That(saves.Any(save => save.IsCompletedSuccessfully));
        Assert.That(() => device.Update(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));

        void Work(int thread)
        {
            Random random = new((seed * 100) + thread);
            while (!hasEnded)
            {
                try
                {
                    int kind = random.Next(12);
                    if (kind < 10)
                    {
                        lock (turn) Call(kind, random);   // a call that is refused belongs to another thread, one that takes no turns
                    }
                    else if (kind == 10)
                    {
                        device.Update();   // without taking a turn
                    }
                    else
                    {
                        _ = device.Memory;
                        if (dropped.TryTake(out IDisposable? gone)) gone.Dispose();
                    }

                    Interlocked.Increment(ref calls);
                }
                catch (InvalidOperationException refused) when (refused.Message.Contains("one at a time", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref calls);
                }
                catch (Exception end) when (isEnding && end is (ObjectDisposedException or ContextLostException))
                {
                    hasEnded = true;
                }
#pragma warning disable CA1031   // anything else fails the test
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    unexpected.Add(exception);
                    hasEnded = true;
                }
            }
        }

        void Call(int kind, Random random)
        {
            switch (kind)
            {
                case 0:
                    Assert.That(float.IsFinite(classifier.TrainBatch(Features, Labels, 0.05f)));
                    break;
                case 1:
                    classifier.RequestPrediction(Features.AsSpan(0, Inputs));
                    break;
                case 2:
                    TwoLayerClassifier other = new(device, Inputs, hidden: 1 + random.Next(3), Classes);
                    other.RequestPrediction(Features.AsSpan(0, Inputs));
                    if (random.Next(2) == 0) dropped.Add(other);
                    break;
                case 3:
                    classifier.SetParameters(classifier.GetParameters());
                    break;
                case 4:
                    using (device.BeginFrame()) device.Update();
                    break;
                case 5:
                    device.Finish();
                    break;
                case 6:
                    trainer.Tick();
                    break;
                case 7:
                    agents.Update();
                    break;
                case 8:
                    saves.Add(classifier.GetParametersAsync());
                    break;
                default:
                    saves.Add(classifier.SaveAsync(Path.Combine(folder, $"{saves.Count}")));
                    break;
            }
        }
    }

    private static NeuralDevice Create()
    {
        try
        {
            return NeuralDevice.CreateInBackground(new HeadlessOptions { Functions = FaultyGl.Over });
        }
        catch (DeviceNotSupportedException exception) when (Environment.GetEnvironmentVariable("NEURALPLUGIN_REQUIRE_GPU") != "1")
        {
            Assert.Inconclusive($"This machine has no OpenGL 4.3 driver: {exception.Message}");
            throw;
        }
    }
}
