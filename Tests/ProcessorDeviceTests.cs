using System.Diagnostics;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// A device on the processor: the number of threads changes no bit, it may be called from any thread, but only one at a time, its work comes
/// in short pieces, and it is chosen if there is no card. The tests of every family (NEURALPLUGIN_TEST_DEVICE=processor) show how networks,
/// trainers, populations and agents work on it.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class ProcessorDeviceTests
{
    private static readonly int[] Threads = [1, 2, 3, 7];

    /// <summary>Steps split across threads, with floats and bytes, with each optimizer's kind of state.</summary>
    [Test]
    public void AStepHasTheSameBitsForAnyNumberOfThreads([Values(1, 65)] int batch, [Values] bool bytes)
    {
        const int Inputs = 785, Hidden = 131, Classes = 11;
        float[] features = TwinArrays.UniformFloats(1, batch * Inputs, -1, 1);
        byte[] pixels = [.. features.Select(feature => (byte)(feature * 127 + 128))];
        int[] labels = TwinArrays.Labels(2, batch, Classes);
        AssertSameForAllThreads(device =>
        {
            using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes, seed: 3);
            foreach (Optimizer optimizer in new Optimizer[] { new Sgd(0.1f), new Sgd(0.1f, Momentum: 0.9f), new Adam(0.01f) })
            {
                using BatchTrainer trainer = classifier.TrainWith(optimizer);
                for (int step = 0; step < 3; step++)
                {
                    if (bytes) trainer.TrainBatchOfBytes(pixels, labels);
                    else trainer.TrainBatch(features, labels);
                }
            }

            float[] probabilities = new float[batch * Classes];
            classifier.Predict(features, probabilities);
            ClassifierParameters weights = classifier.GetParameters();
            return [.. weights.HiddenWeights, .. weights.HiddenBiases, .. weights.OutputWeights, .. weights.OutputBiases, .. probabilities];
        });
    }

    [Test]
    public void APopulationHasTheSameBitsForAnyNumberOfThreads()
    {
        const int Members = 203, Rows = 9, Inputs = 17, Classes = 5;
        float[] features = TwinArrays.UniformFloats(1, Members * Rows * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(2, Members * Rows, Classes);
        AssertSameForAllThreads(device =>
        {
            using NetworkPopulation population = new(device, Members, Inputs, hidden: 33, Classes, seed: 3);
            float[] losses = new float[Members], probabilities = new float[Members * Rows * Classes];
            for (int step = 0; step < 3; step++) population.TrainBatch(features, labels, 0.1f, losses);
            population.Predict(features, probabilities);
            return [.. losses, .. probabilities, .. population.GetParameters(Members - 1).HiddenWeights];
        });
    }

    /// <summary>A frame's budget cuts steps at any point; with three threads that share the rest of each part.</summary>
    [Test]
    public void ACutStepHasTheBitsOfAWholeOne()
    {
        const int Batch = 130, Inputs = 100, Classes = 10;
        using NeuralDevice one = Create(1), three = Create(3);
        using TwoLayerClassifier cut = new(three, Inputs, hidden: 200, Classes), whole = new(one, Inputs, hidden: 200, Classes);
        float[] features = TwinArrays.UniformFloats(1, Batch * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(2, Batch, Classes);
        using TrainingSet samplesOfCut = new(three, Inputs, Classes, Batch), samplesOfWhole = new(one, Inputs, Classes, Batch);
        samplesOfCut.AddRange(features, labels);
        samplesOfWhole.AddRange(features, labels);
        using InFrameTrainer small = cut.TrainOn(samplesOfCut, new TrainerOptions { BatchSize = Batch, FrameBudget = TimeSpan.FromMicroseconds(20) });
        using InFrameTrainer large = whole.TrainOn(samplesOfWhole, new TrainerOptions { BatchSize = Batch, FrameBudget = FrameBudget.Steps(1) });
        for (int frame = 0; frame < 100_000 && small.Progress.Steps < 5; frame++) small.Tick();
        for (int step = 0; step < 5; step++) large.Tick();
        Assert.That(small.Progress.Steps, Is.EqualTo(5));
        Assert.That(cut.GetParameters().HiddenWeights, Is.EqualTo(whole.GetParameters().HiddenWeights));
    }

    /// <summary>
    /// The best of some runs of the first and last lines of each dispatch, which limit how well a budget is kept. A machine may be half as fast as the one that pieces were sized on; on a busy one an attempt may fail.
    /// </summary>
    [Category(Categories.Timed)]
    [Retry(5)]
    [TestCase(64, 784, 128)]
    [TestCase(256, 784, 1024)]
    [TestCase(1024, 784, 128)]
    [TestCase(512, 64, 512)]
    [TestCase(64, 4096, 512)]
    [TestCase(2048, 64, 512)]
    [TestCase(2048, 784, 128, true)]
    public void NoPieceOfAStepTakesLong(int batch, int inputs, int hidden, bool bytes = false)
    {
        const double MostMilliseconds = MatrixProduct.MostMilliseconds;
        using NeuralDevice device = Create(1);
        using Network network = new(device, inputs, new Dense(hidden), new Relu(), new Dense(10));
        using BatchTrainer trainer = new(network, new Sgd(0));
        float[] features = TwinArrays.UniformFloats(1, batch * inputs, 0, 1);
        int[] labels = TwinArrays.Labels(2, batch, 10);
        if (bytes) trainer.TrainBatchOfBytes([.. features.Select(feature => (byte)(255 * feature))], labels);
        else trainer.TrainBatch(features, labels);
        foreach (Dispatch dispatch in trainer.DispatchesOfLastStep)
        {
            int lines = dispatch.Grid.Lines(batch);
            double longest = Enumerable.Range(0, lines).Where(line => line < 3 || line > lines - 3).Max(line => Best(dispatch, line));
            Assert.That(longest, Is.LessThan(2 * MostMilliseconds), $"{dispatch.Source.FileName}, {lines} lines");
        }

        double Best(Dispatch dispatch, int line)
        {
            double best = double.PositiveInfinity;
            for (int run = 0; run < 40 && best > MostMilliseconds / 2; run++)
            {
                long start = Stopwatch.GetTimestamp();
                device.Run(dispatch, batch, line, 1);
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            return best;
        }
    }

    /// <summary>Members with large networks or batches have lines of their own, so that several threads share few of them; small ones share a line.</summary>
    [TestCase(4, 64, 100, 200, 4)]
    [TestCase(64, 8, 16, 32, 8)]
    [TestCase(64, 256, 16, 32, 22)]
    public void AFewLargeMembersAreSharedByThreads(int members, int rows, int inputs, int hidden, int lines)
    {
        PopulationShape shape = new(members, inputs, hidden, Outputs: 4);
        using NeuralDevice device = Create(1);
        PopulationKernels kernels = KernelFamily.KernelsOf(device).Population(shape);
        PlannedMatrix matrix = new(kernels.ParameterMatrix, "Anything");
        PopulationStep step = new(
            shape, new Relu(), new SoftmaxCrossEntropy(), matrix, matrix, matrix, matrix, matrix, FirstRow: 0, rows, EndsBatch: true,
            new ParameterUpdate(new Sgd(0.1f), matrix, (matrix, matrix), [], new Sgd(0.1f).MakeScalars()));
        Assert.That(kernels.Step(step).Grid.Lines(rows), Is.EqualTo(lines));
    }

    /// <summary>
    /// The median frame of a training run whose steps are longer than the budget: by the clock of the calls and, in the background, by that of the thread. On a busy
    /// machine an attempt may fail.
    /// </summary>
    [Test]
    [Category(Categories.Timed)]
    [Retry(5)]
    public void ABudgetIsHeld([Values] bool background)
    {
        const int Batch = 256, Inputs = 784, Classes = 10;
        const double Budget = 1;
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = background, Threads = 1 });
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 256, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, Batch);
        samples.AddRange(TwinArrays.UniformFloats(1, Batch * Inputs, 0, 1), TwinArrays.Labels(2, Batch, Classes));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Batch, FrameBudget = FrameBudget.Milliseconds(Budget) });
        for (int frame = 0; frame < 1_000 && trainer.Progress.Steps < 5; frame++) Frame();
        double[] times = [.. Enumerable.Range(0, 100).Select(_ => Frame()).Order()];
        Assert.That(trainer.Progress.Steps, Is.GreaterThan(10));
        Assert.That(times[50], Is.InRange(0.3 * Budget, 1.15 * Budget));

        double Frame()
        {
            double time = trainer.Tick().GpuTime.TotalMilliseconds;
            if (background) device.Finish();   // the rest of a frame
            return time;
        }
    }

    [Test]
    public void ItIsBoundToNoThread()
    {
        using NeuralDevice device = Create(2);
        TwoLayerClassifier classifier = Task.Run(() => new TwoLayerClassifier(device, 3, 5, 2)).Result;
        float[] probabilities = new float[2];
        Task.Run(() => classifier.TrainBatch([1, 2, 3], [1], 0.1f)).Wait();
        classifier.Predict([1, 2, 3], probabilities);
        Assert.That(probabilities.Sum(), Is.EqualTo(1).Within(1e-5));
    }

    /// <summary>
    /// Kernels touch the last rows of a trainer's log whatever their sizes, also in a warm-up, which runs them on small matrices: past the end of those lies other
    /// memory, or none.
    /// </summary>
    [Test]
    public void TheMatricesOfAWarmUpHaveRoomForTheLogOfATrainer()
    {
        using NeuralDevice device = Create(1);
        Dispatch? warmed = null;
        KernelSource source = new("optimizer_update.comp")
        {
            Method = dispatch =>
            {
                warmed = dispatch;
                return new IdleKernel(dispatch);
            },
        };
        using MatrixTexture matrix = new(device, new MatrixShape(3, 5));
        WarmUpProgress progress = device.WarmUp(new KernelSet([new Dispatch(source, [MatrixBinding.Write("log", matrix)], [], new DispatchGrid(1))]));
        device.Update();
        Assert.That(progress.IsDone);
        MatrixShape shape = warmed!.Matrices[0].Operand.Shape;
        Assert.That(shape.Rows * shape.TexelsPerRow, Is.AtLeast(StepLog.RowsFor(new RateGuide(1, 1, 1, 1))));
    }

    [Test]
    public void AKernelRefusesALogThatIsTooSmall()
    {
        using NeuralDevice device = Create(1);
        using TwoLayerClassifier classifier = new(device, 3, 5, 2);
        using TrainingSet samples = new(device, 3, 2, capacity: 4);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 4 });
        int refused = 0;
        foreach (WarmUpRun run in trainer.Kernels.Runs)
        {
            Dispatch dispatch = run.On(kind => new MatrixTexture(device, new MatrixShape(StepLog.Slots, MatrixShape.ColumnsPerTexel), kind.Format));
            bool hasLog = dispatch.Source.Constants.Any(constant => constant.Name == "LOG_SLOTS");
            if (hasLog) Assert.That(() => device.GetKernel(dispatch), Throws.ArgumentException.With.Message.Contains($"{StepLog.RowsFor(null)} texels"));
            else device.GetKernel(dispatch);
            refused += hasLog ? 1 : 0;
        }

        Assert.That(refused, Is.AtLeast(2));
    }

    [Test]
    public void ACallBesideAnotherThreadsFrameIsRefused([Values] bool background)
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = background });
        using TwoLayerClassifier classifier = new(device, 3, 5, 2);
        using (device.BeginFrame())
        {
            classifier.TrainBatch([1, 2, 3], [1], 0.1f);
            AssertRefused(() => classifier.TrainBatch([1, 2, 3], [1], 0.1f));
            if (!background) AssertRefused(device.Dispose);   // it would free memory in use
        }

        Task.Run(() => classifier.TrainBatch([1, 2, 3], [1], 0.1f)).Wait();

        static void AssertRefused(Action call)
        {
            Exception? thrown = null;
            Thread other = new(() => thrown = Assert.Catch(() => call()));
            other.Start();
            other.Join();
            Assert.That(thrown, Is.TypeOf<InvalidOperationException>().With.Message.Contains("one at a time"));
        }
    }

    /// <summary>The same errors as on OpenGL, before any change.</summary>
    [Test]
    public void BadInputDivergenceAndDisposalAreToldAsOnACard([Values] bool background)
    {
        NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = background });
        TwoLayerClassifier classifier = new(device, 3, 5, 2);
        float[] before = classifier.GetParameters().HiddenWeights;
        Assert.That(() => classifier.TrainBatch([1, 2, float.NaN], [1], 0.1f), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => classifier.TrainBatch([1, 2], [1], 0.1f), Throws.ArgumentException);
        Assert.That(() => classifier.TrainBatch([1, 2, 3], [2], 0.1f), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new NetworkPopulation(device, members: int.MaxValue, inputs: 1000, hidden: 1000, classes: 10), Throws.TypeOf<DeviceLimitException>());
        Assert.That(() => KernelFamily.Force(device, KernelFamily.RegisterTiled), Throws.ArgumentException);
        using BatchTrainer trainer = classifier.TrainWith(new Adam());
        Assert.That(float.IsFinite(trainer.TrainBatch([3e38f, 3e38f, 3e38f], [1]).Loss), Is.False);
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(before), "a step that diverged is not committed");
        classifier.Dispose();
        Assert.That(() => classifier.TrainBatch([1, 2, 3], [1], 0.1f), Throws.TypeOf<ObjectDisposedException>());
        TwoLayerClassifier other = new(device, 3, 5, 2);
        PredictionRequest request = other.RequestPrediction([1, 2, 3]);
        device.Dispose();
        device.Dispose();
        Assert.That(() => other.TrainBatch([1, 2, 3], [1], 0.1f), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => device.Update(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => device.BeginFrame(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Failed));
    }

    [Test]
    public void OptionsAreChecked()
    {
        Assert.That(() => new ProcessorOptions { Threads = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ProcessorOptions { SpinTime = TimeSpan.FromSeconds(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(new ProcessorOptions().Threads, Is.InRange(1, 8));
        Assert.That(new ProcessorOptions { Background = true }.Threads, Is.InRange(1, new ProcessorOptions().Threads));
    }

    /// <summary>Sleeping threads are woken, and none is missed.</summary>
    [Test]
    public void ThreadsThatSleepAreWoken()
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 3, SpinTime = TimeSpan.Zero });
        using TwoLayerClassifier classifier = new(device, 784, 128, 10);
        float[] features = TwinArrays.UniformFloats(1, 64 * 784, -1, 1);
        float first = classifier.TrainBatch(features, TwinArrays.Labels(2, 64, 10), 0.1f), last = first;
        for (int step = 0; step < 100; step++)
        {
            if (step % 10 == 0) Thread.Sleep(1);
            last = classifier.TrainBatch(features, TwinArrays.Labels(2, 64, 10), 0.1f);
        }

        Assert.That(last, Is.LessThan(first / 2));
    }

    /// <summary>Here the only driver is a software one, or there is none.</summary>
    [Test]
    public void TheProcessorIsChosenWhereThereIsNoCard()
    {
        NeuralDevice card = TestDevice.Create(new HeadlessOptions());
        bool isSoftware = card.Limits.IsSoftware;
        card.Dispose();
        bool isAsked = Environment.GetEnvironmentVariable(HeadlessOptions.PlatformVariable) is { Length: > 0 };
        using NeuralDevice device = NeuralDevice.Create();
        Assert.That(device.Limits.RunsMethods, Is.EqualTo(isSoftware && !isAsked));
        TestDevice.Plain.MakeCurrent();
    }

    /// <summary>A card is taken; a software driver only if it was requested; without OpenGL, neither.</summary>
    [Test]
    public void ACardIsChosenWhereThereIsOne([Values] bool isSoftware, [Values] bool isRequested)
    {
        NeuralDevice found = new(new StandInBackend { Limits = DeviceLimits.WithoutDevice with { IsSoftware = isSoftware } });
        NeuralDevice? chosen = NeuralDevice.FindCard(() => found, isRequested);
        if (!isSoftware || isRequested)
        {
            Assert.That(chosen, Is.SameAs(found));
            found.Update();
            found.Dispose();
        }
        else
        {
            Assert.That(chosen, Is.Null);
            Assert.That(found.Update, Throws.TypeOf<ObjectDisposedException>(), "it was disposed");
        }

        Assert.That(NeuralDevice.FindCard(() => throw new DeviceNotSupportedException("There is no driver."), isRequested), Is.Null);
    }

    /// <summary>
    /// Devices with threads of their own are disposed while they work, and what was dropped is collected meanwhile: a kernel that holds an address of
    /// memory that is gone would end the process.
    /// </summary>
    [TestCase(1)]
    [TestCase(60, Category = Categories.Nightly)]
    public void DevicesWithThreadsOfTheirOwnMayGoAtAnyTime(int seconds)
    {
        using CancellationTokenSource end = new(TimeSpan.FromSeconds(seconds));
        Task collecting = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                GC.Collect();
                Thread.Sleep(1);
            }
        });
        int gone = 0;
        Parallel.For(0, 3, new ParallelOptions { MaxDegreeOfParallelism = 3 }, thread =>
        {
            SeededRandom random = new(1, (ulong)thread);
            while (!end.IsCancellationRequested)
            {
                WorkUntilDisposed(random);
                Interlocked.Increment(ref gone);
            }
        });
        collecting.Wait();
        Assert.That(gone, Is.Positive);
    }

    /// <summary>Trains networks, of which some are disposed and others dropped, and agents, until another thread disposes the device.</summary>
    private static void WorkUntilDisposed(SeededRandom random)
    {
        const int Inputs = 40, Classes = 3;
        NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true, Threads = 1 + random.NextInt32(3), SpinTime = TimeSpan.Zero });
        int milliseconds = random.NextInt32(30);
        Task? disposing = null;
        try
        {
            float[] features = TwinArrays.UniformFloats(1, 64 * Inputs, -1, 1);
            int[] labels = TwinArrays.Labels(2, 64, Classes);
            AgentPopulation agents = new(device, new AgentPopulationOptions
            {
                Observations = 2,
                Actions = 3,
                Capacity = 8,
                Brains = BrainSharing.OneEach,
                Learning = new PolicyGradient { BatchSize = 4, Horizon = 2 },
            });
            for (int i = 0; i < 8; i++) agents.Add(new ProbeAgent { Observations = _ => [1, 2], Act = (self, action) => self.AddReward(action) });
            disposing = Task.Run(() =>
            {
                Thread.Sleep(milliseconds);
                device.Dispose();
            });
            while (true)
            {
                TwoLayerClassifier classifier = new(device, Inputs, hidden: 1 + random.NextInt32(200), Classes);
                TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
                samples.AddRange(features, labels);
                InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 64, FrameBudget = FrameBudget.Steps(2) });
                for (int frame = random.NextInt32(20); frame >= 0; frame--)
                {
                    trainer.Tick();
                    agents.Update();
                    classifier.RequestPrediction(features.AsSpan(0, Inputs));
                }

                if (random.NextInt32(2) == 0) continue;   // to be collected
                trainer.Dispose();
                samples.Dispose();
                classifier.Dispose();
            }
        }
        catch (ObjectDisposedException)
        {
            disposing?.Wait();
        }
    }

    /// <summary>A kernel that does nothing.</summary>
    private sealed unsafe class IdleKernel(Dispatch dispatch) : ProcessorKernel(dispatch)
    {
        public override void Run(int rows, int firstLine, int lines, float* scratch)
        {
        }
    }

    private static NeuralDevice Create(int threads) => NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = threads });

    private static void AssertSameForAllThreads(Func<NeuralDevice, float[]> compute)
    {
        float[][] results = [.. Threads.Select(threads =>
        {
            using NeuralDevice device = Create(threads);
            return compute(device);
        })];
        foreach (float[] result in results) Assert.That(result, Is.EqualTo(results[0]));
    }
}
