using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Consecutive steps in one dispatch leave what as many steps leave that run one by one, in a dispatch for each computation: both sides of the weights and of the optimizer's state, the log, and what
/// the ledger reads in it.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
[Category(Categories.Card)]
internal sealed class ConsecutiveStepsTests
{
    private const int Seed = 6;

    private static readonly int[] Cuts = [1, 2, 7, 31, 3];

    private static IEnumerable<TestCaseData> Optimizers =>
    [
        new(new Sgd(0.1f)), new(new Adam(0.01f)), .. new Optimizer[] { new Sgd(0.05f, Momentum: 0.9f, WeightDecay: 0.01f), new AdamW(0.01f), new RmsProp(0.01f) }
            .Select(optimizer => new TestCaseData(optimizer).SetCategory(Categories.Nightly)),
    ];

    private NeuralDevice device = null!;

    [OneTimeSetUp]
    public void MakeTheDevice()
    {
        TestDevice.RequireOpenGL();
        device = DeviceWith(new HeadlessOptions());
    }

    [OneTimeTearDown]
    public void DropTheDevice()
    {
        device?.Dispose();
        if (device is not null) _ = TestDevice.Plain;
    }

    [SetUp]
    public void MakeItCurrent() => device.MakeCurrent();

    [TestCaseSource(nameof(Optimizers))]
    public void TheyHaveTheBitsOfStepsOneByOne(Optimizer optimizer) => RequireSameBits(device, Shape.Odd, optimizer);

    [Test]
    [Category(Categories.Nightly)]
    public void SoTheyHaveWithAWideLayer() => RequireSameBits(device, Shape.Wide, new Adam(0.01f));

    [Test]
    [Category(Categories.Nightly)]
    public void SoTheyHaveWithBytes() => RequireSameBits(device, Shape.Odd with { Format = SampleFormat.Bytes }, new Sgd(0.1f, Momentum: 0.5f));

    [Test]
    [Category(Categories.Nightly)]
    public void SoTheyHaveWithValuesAsTargets() => RequireSameBits(device, Shape.Odd with { HasValues = true }, new Sgd(0.1f));

    /// <summary>Batches of one sample, and a batch that is an epoch.</summary>
    [TestCase(1, Category = Categories.Nightly)]
    [TestCase(23, Category = Categories.Nightly)]
    public void SoTheyHaveWithTheSmallestAndTheLargestBatches(int batch) => RequireSameBits(device, Shape.Odd with { Batch = batch }, new Sgd(0.1f));

    /// <summary>With less shared memory the features of the batch, and the optimizer's state, stay in their matrices.</summary>
    [TestCase(1_400)]
    [TestCase(1_600, Category = Categories.Nightly)]
    public void SoTheyHaveWhereLittleFitsIntoSharedMemory(int bytes)
    {
        using NeuralDevice small = DeviceWith(new HeadlessOptions { SharedMemoryBytes = bytes });
        using Run run = new(small, Shape.Odd, new Adam(0.01f), severalSteps: true);
        string[] constants = [.. run.Dispatch.Source.Constants.Select(constant => constant.Name)];
        Assert.That(constants, Does.Not.Contain("KEPT_STATES"));
        Assert.That(constants.Contains("FEATURES"), Is.EqualTo(bytes == 1_600));
        RequireSameBits(small, Shape.Odd, new Adam(0.01f));
    }

    /// <summary>The first, a middle and the last step of a dispatch, and the first one ever, have a row that is not a number.</summary>
    [Test]
    public void AStepWhoseLossIsNotFiniteIsDroppedAsOneByOne([Values(0, 1, 3, 4, 9, 10)] int dropped, [Values] bool hasState)
    {
        Optimizer optimizer = hasState ? new Adam(0.01f) : new Sgd(0.1f);
        using Run several = new(device, Shape.Large, optimizer, severalSteps: true), single = new(device, Shape.Large, optimizer, severalSteps: false);
        several.Spoil(dropped);
        single.Spoil(dropped);
        foreach (int count in new[] { 1, 3, 6, 2, 1 })   // 0 | 1 2 3 | 4 ... 9 | 10 11 | 12
        {
            several.Take(count);
            single.Take(count);
            AssertSame(several, single, $"after {count} more steps");
        }

        several.Read();
        single.Read();
        Assert.That(several.Ledger.HasDropped);
        Assert.That((several.Ledger.Steps, several.Ledger.Lost, several.Ledger.Loss), Is.EqualTo((single.Ledger.Steps, single.Ledger.Lost, single.Ledger.Loss)));
        several.Ledger.Resume();
        single.Ledger.Resume();
        several.Take(5);
        single.Take(5);
        AssertSame(several, single, "after training has resumed");
    }

    /// <summary>One sample of an epoch has a feature whose gradients, or their squares, are infinite under a finite loss.</summary>
    [Test]
    public void AStepInWhichParametersKeptTheirValuesIsNotedAsOneByOne([Values] bool hasState)
    {
        Optimizer optimizer = hasState ? new Adam(0.01f) : new Sgd(1e-5f);
        Shape shape = Shape.Odd with { Count = 370, HasHugeFeature = true };
        using Run several = new(device, shape, optimizer, severalSteps: true), single = new(device, shape, optimizer, severalSteps: false);
        foreach ((int count, bool hasKept) in new[] { (1, false), (3, true), (2, true), (61, true), (1, false) })   // 1 | 2 3 4 | 5 6 | 7 ... 67 | 68
        {
            several.Take(count);
            single.Take(count);
            AssertSame(several, single, $"after {count} more steps");
            several.Read();
            single.Read();
            Assert.That((several.Ledger.HasKept, single.Ledger.HasKept), Is.EqualTo((hasKept, hasKept)), $"after {count} more steps");
        }

        Assert.That((several.Ledger.Steps, several.Ledger.HasDropped), Is.EqualTo((68L, false)));
    }

    /// <summary>Numbers repeat.</summary>
    [Test]
    public void TheNumberOfAStepNamesTheLatestOneThatHasIt()
    {
        const long Round = StepLog.Numbers;
        foreach (long last in new[] { 1, 2, Round - 1, Round, Round + 1, Round + 70, 2 * Round, (5 * Round) + 3 })
        {
            foreach (long back in new long[] { 0, 1, 63, 64, Round - 1 }.Where(back => back < last))
                Assert.That(StepLog.LatestWith(StepLog.NumberOf(last - back), last), Is.EqualTo(last - back), $"{back} before {last}");
        }
    }

    /// <summary>The weights are set from outside, so that the first step of the dispatch begins from equal sides: its outcome, known many steps later, depends on that.</summary>
    [Test]
    public void TheLedgerKnowsThatTheSidesWereEqualBeforeManySteps([Values] bool isDropped)
    {
        const int Before = 3, Together = 128;
        using Run run = new(device, Shape.Large, new Adam(0.01f), severalSteps: true);
        run.Take(Before);
        run.Read();
        if (isDropped) run.Spoil(Before);
        float[] weights = TwinArrays.UniformFloats(5, Shape.Large.Inputs * Shape.Large.Hidden, -1, 1);
        run.Weights = weights;
        int dispatches = run.Dispatches;
        run.Take(Together);
        Assert.That(run.Dispatches - dispatches, Is.EqualTo(1));
        run.Read();
        Assert.That(run.Ledger.HasDropped, Is.EqualTo(isDropped));
        Assert.That((run.Ledger.Steps, run.Ledger.Lost), Is.EqualTo(isDropped ? ((long)Before, (long)Together) : (Before + Together, 0L)));
        Assert.That(run.Weights, isDropped ? Is.EqualTo(weights) : Is.Not.EqualTo(weights));
        if (!isDropped) return;
        run.Ledger.Resume();
        run.Take(1);
        run.Read();
        Assert.That((run.Ledger.Steps, run.Ledger.Lost), Is.EqualTo((Before + 1L, (long)Together)));
    }

    /// <summary>The open step ends with its samples, and those after it draw the new ones.</summary>
    [Test]
    public void StepsAfterAClearDrawTheNewSamples()
    {
        const int Count = 200, Added = 20, Batch = 5;
        int open = Enumerable.Range(12, 27).First(step => Enumerable.Range(step * Batch, Batch).All(position => SampleOrder.RowAt(Seed, 0, Count, position) >= Added));   // so that no new sample waits for it
        using TestGl gl = TestGls.Create();
        gl.Gpu = new GpuModel { LaunchNanoseconds = 2_000, NanosecondsPerWave = 2_300, KernelsAreAlike = true };   // fast enough for many steps in a dispatch
        using NeuralDevice game = NeuralDevice.Attach(gl.Api);
        KernelFamily.Force(game, KernelFamily.WorkgroupTiled);
        using TwoLayerClassifier changing = new(game, 7, 9, 3, seed: 3), steady = new(game, 7, 9, 3, seed: 3);
        using TrainingSet samples = new(game, 7, 3, Count), same = new(game, 7, 3, Count);
        foreach (TrainingSet set in new[] { samples, same }) Add(set, Count, seed: 1);
        TrainerOptions options = new() { BatchSize = Batch, Optimizer = new Adam(0.01f), FrameBudget = FrameBudget.Steps(1), Seed = Seed };
        using InFrameTrainer trainer = changing.TrainOn(samples, options), reference = steady.TrainOn(same, options);
        while (trainer.Progress.Steps < open) Frame(trainer);
        trainer.FrameBudget = TimeSpan.FromTicks(1);
        Frame(trainer);
        Assert.That(trainer.Progress.StepsThisFrame, Is.Zero, "the step is open");
        while (reference.Progress.Steps <= open) Frame(reference);
        foreach (TrainingSet set in new[] { samples, same })
        {
            set.Clear();
            Add(set, Added, seed: 2);
        }

        trainer.FrameBudget = FrameBudget.Steps(31);
        gl.ClearRecords();
        Frame(trainer);
        Assert.That(trainer.Progress.StepsThisFrame, Is.EqualTo(31));
        Assert.That(gl.Dispatches, Is.LessThan(10));
        while (reference.Progress.Steps < trainer.Progress.Steps) Frame(reference);
        Assert.That((trainer.Progress.Steps, trainer.Progress.Epochs), Is.EqualTo((open + 31L, reference.Progress.Epochs)));
        Assert.That(Bits(changing), Is.EqualTo(Bits(steady)));

        void Frame(InFrameTrainer ticked)
        {
            ticked.Tick();
            gl.NextFrame();
        }

        static void Add(TrainingSet set, int count, int seed) => set.AddRange(TwinArrays.UniformFloats(seed, count * 7, -1, 1), TwinArrays.Labels(seed + 1, count, 3));
    }

    /// <summary>A driver with as few bindings as OpenGL guarantees runs the steps of an optimizer with state one by one, and those of one without together.</summary>
    [Test]
    public void TheLimitsDecide()
    {
        using NeuralDevice least = DeviceWith(new HeadlessOptions { MostBindings = 8 });
        foreach ((Optimizer optimizer, bool isTogether) in new (Optimizer, bool)[] { (new Sgd(0.1f), true), (new Sgd(0.1f, Momentum: 0.9f), false), (new Adam(), false) })
        {
            using Run run = new(least, Shape.Odd, optimizer, severalSteps: true);
            Assert.That(run.Dispatch.MostRepeats > 1, Is.EqualTo(isTogether), $"{optimizer}");
        }
    }

    [Test]
    public void OtherFamiliesHaveNoSuchKernel()
    {
        using NeuralDevice other = TestDevice.Create();
        KernelFamily.Force(other, KernelFamily.RegisterTiled);
        using Run one = new(other, Shape.Odd, new Sgd(0.1f), severalSteps: true);
        Assert.That(one.Dispatch.MostRepeats, Is.EqualTo(1));
    }

    /// <summary>A software driver stops a loop that runs too often, without an error.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void SoTheyHaveWithTheMostStepsOfADispatch()
    {
        Shape shape = Shape.Odd with { Batch = 16, Count = 300 };
        using Run several = new(device, shape, new Sgd(0.1f), severalSteps: true), single = new(device, shape, new Sgd(0.1f), severalSteps: false);
        int most = several.Dispatch.MostRepeats;
        Assert.That(most, Is.EqualTo(128));
        several.Take(most);
        single.Take(most);
        Assert.That(several.Dispatches, Is.EqualTo(1));
        AssertSame(several, single, "after the most steps of a dispatch");
    }

    /// <summary>Whatever the budgets of its frames are, a trainer has the weights, the progress and the state of one that makes a step a frame.</summary>
    [Test]
    [Category(Categories.Late)]
    public void ATrainerInTheFrameHasTheBitsOfOneThatMakesAStepAFrame()
    {
        FrameBudget[] budgets = [FrameBudget.Steps(1), FrameBudget.Steps(40), TimeSpan.FromMilliseconds(3), FrameBudget.Steps(7), TimeSpan.FromMicroseconds(300), FrameBudget.FractionOfTime(0.5)];
        using TwoLayerClassifier changing = new(device, 7, 9, 3, seed: 3), steady = new(device, 7, 9, 3, seed: 3);
        using TrainingSet samples = new(device, 7, 3, capacity: 30), same = new(device, 7, 3, capacity: 30);
        foreach (TrainingSet set in new[] { samples, same }) set.AddRange(TwinArrays.UniformFloats(1, 23 * 7, -1, 1), TwinArrays.Labels(2, 23, 3));
        using InFrameTrainer trainer = changing.TrainOn(samples, Options(budgets[0])), reference = steady.TrainOn(same, Options(FrameBudget.Steps(1)));
        int most = 0;
        for (int frame = 0; frame < 36; frame++)
        {
            trainer.FrameBudget = budgets[frame % budgets.Length];
            TrainingProgress progress = trainer.Tick();
            most = Math.Max(most, progress.StepsThisFrame);
            TestDevice.EndFrame(device);
            while (reference.Progress.Steps < progress.Steps)
            {
                reference.Tick();
                TestDevice.EndFrame(device);
            }

            Assert.That(Bits(changing), Is.EqualTo(Bits(steady)), $"after frame {frame}");
            Assert.That(progress.Epochs, Is.EqualTo(reference.Progress.Epochs));
            if (frame % budgets.Length != 3) continue;   // its steps were counted, so that none is open, whose epoch would not have the new sample
            samples.Add(new float[7], label: frame % 3);
            same.Add(new float[7], label: frame % 3);
        }

        Assert.That(most, Is.AtLeast(40));

        static TrainerOptions Options(FrameBudget budget) => new() { BatchSize = 5, Optimizer = new Adam(0.01f), FrameBudget = budget };
    }

    /// <summary>A driver that skips the dispatch skips all of its steps: they are reported, and training continues from the weights before them.</summary>
    [Test]
    public void SkippedStepsAreAllReported()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice game = NeuralDevice.Attach(gl.Api);
        KernelFamily.Force(game, KernelFamily.WorkgroupTiled);
        using TwoLayerClassifier classifier = new(game, 7, 9, 3, seed: 3);
        using TrainingSet samples = new(game, 7, 3, capacity: 23);
        samples.AddRange(TwinArrays.UniformFloats(1, 23 * 7, -1, 1), TwinArrays.Labels(2, 23, 3));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 5, FrameBudget = FrameBudget.Steps(10) });
        for (int frame = 0; frame < 6; frame++) Frame();
        (long steps, float[] before) = (trainer.Progress.Steps, classifier.GetParameters().HiddenWeights);
        gl.DropDispatches = true;
        gl.ClearRecords();
        Frame();
        Assert.That(gl.DroppedDispatches, Is.LessThan(5), "ten steps are few dispatches");
        gl.DropDispatches = false;
        Assert.That(() => Frame(), Throws.TypeOf<DispatchesSkippedException>());
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(before));
        Frame();
        Assert.That(trainer.Progress.Steps, Is.EqualTo(steps + 10));

        void Frame()
        {
            trainer.Tick();
            gl.NextFrame();
        }
    }

    /// <summary>The log has fewer rows than a frame has steps, and is read long after later frames have replaced them.</summary>
    [Test]
    public void ASkippedFrameIsFoundHoweverLateTheGpuIs([Values(1, 8)] int delayFrames)
    {
        const int frames = 14, skippedFrame = 5, stepsPerFrame = 100;
        using TestGl gl = TestGls.Create();
        using NeuralDevice game = NeuralDevice.Attach(gl.Api);
        KernelFamily.Force(game, KernelFamily.WorkgroupTiled);
        using TwoLayerClassifier classifier = new(game, 7, 9, 3, seed: 3);
        using TrainingSet samples = new(game, 7, 3, capacity: 23);
        samples.AddRange(TwinArrays.UniformFloats(1, 23 * 7, -1, 1), TwinArrays.Labels(2, 23, 3));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 5, FrameBudget = FrameBudget.Steps(stepsPerFrame) });
        gl.DelayFrames = delayFrames;
        List<string> told = [];
        int trained = 0, skipped = 0;
        for (int frame = 0; frame < frames; frame++)
        {
            gl.DropDispatches = frame == skippedFrame;
            Tick();
            if (gl.DropDispatches) skipped = trainer.Progress.StepsThisFrame;
            else trained += trainer.Progress.StepsThisFrame;
            gl.DropDispatches = false;
        }

        trainer.Pause();
        for (int frame = 0; frame < 2 * delayFrames; frame++) Tick();
        Assert.That(skipped, Is.EqualTo(stepsPerFrame));
        Assert.That(told, Has.Count.EqualTo(1).And.All.Contains($"Training step {(skippedFrame + 1) * stepsPerFrame} "));
        Assert.That(trainer.Progress.Steps, Is.EqualTo(trained));

        void Tick()
        {
            try
            {
                trainer.Tick();
            }
            catch (DispatchesSkippedException exception)
            {
                told.Add(exception.Message);
                trainer.Tick();
            }

            gl.NextFrame();
        }
    }

    private static IEnumerable<int> Bits(TwoLayerClassifier classifier)
    {
        ClassifierParameters weights = classifier.GetParameters();
        return [.. weights.HiddenWeights.Concat(weights.HiddenBiases).Concat(weights.OutputWeights).Concat(weights.OutputBiases).Select(BitConverter.SingleToInt32Bits)];
    }

    private static NeuralDevice DeviceWith(HeadlessOptions options)
    {
        NeuralDevice made = TestDevice.Create(options);
        KernelFamily.Force(made, KernelFamily.WorkgroupTiled);
        return made;
    }

    private static void RequireSameBits(NeuralDevice device, Shape shape, Optimizer optimizer)
    {
        using Run several = new(device, shape, optimizer, severalSteps: true), single = new(device, shape, optimizer, severalSteps: false);
        foreach (int count in Cuts)
        {
            several.Take(count);
            single.Take(count);
            AssertSame(several, single, $"after {count} more steps");
        }

        several.Read();
        single.Read();
        Assert.That((several.Ledger.Steps, several.Ledger.Lost), Is.EqualTo(((long)Cuts.Sum(), 0L)));
        Assert.That((several.Ledger.Loss, several.Ledger.Accuracy), Is.EqualTo((single.Ledger.Loss, single.Ledger.Accuracy)));
        Assert.That(several.Dispatches, Is.LessThan(single.Dispatches / 5));
    }

    private static void AssertSame(Run several, Run single, string when)
    {
        Assert.That(several.Bits(), Is.EqualTo(single.Bits()), when);
        Assert.That(several.OrderState, Is.EqualTo(single.OrderState), when);
    }

    /// <summary>A network, its batches and the set from which they are drawn.</summary>
    private sealed record Shape(int Inputs, int Hidden, int Outputs, int Batch, int Count)
    {
        public static readonly Shape Odd = new(7, 9, 3, Batch: 5, Count: 23), Wide = new(9, 33, 5, Batch: 33, Count: 70), Large = Odd with { Count = 200 };

        public SampleFormat Format { get; init; }

        public bool HasValues { get; init; }

        /// <summary>Whether the fourth step's first sample has a huge feature, whose weights, and values in other samples, are zero.</summary>
        public bool HasHugeFeature { get; init; }
    }

    /// <summary>A trainer whose steps the test counts out.</summary>
    private sealed class Run : IDisposable
    {
        private readonly NeuralDevice device;
        private readonly Shape shape;
        private readonly Network network;
        private readonly TrainingSet set;
        private readonly SampleOrder order;
        private readonly OptimizerState state;
        private readonly StepWorkspace workspace;

        public Run(NeuralDevice device, Shape shape, Optimizer optimizer, bool severalSteps)
        {
            (this.device, this.shape) = (device, shape);
            network = new Network(device, Seed, shape.Inputs, new Dense(shape.Hidden), new Relu(), new Dense(shape.Outputs));
            set = shape.HasValues ? TrainingSet.ForValues(device, shape.Inputs, shape.Outputs, shape.Count) : new TrainingSet(device, shape.Inputs, shape.Outputs, shape.Count, shape.Format);
            Fill();
            set.Upload();
            order = new SampleOrder(set, Seed, shape.Batch);
            state = new OptimizerState(network, optimizer);
            Ledger = new StepLedger(network, state, readbacks: 1);
            workspace = new StepWorkspace(network, shape.Batch, set.Layout.PlainLoss, state, severalSteps, order.Source, Ledger.Log);
            workspace.Compile();
        }

        public StepLedger Ledger { get; }

        /// <summary>Of the hidden layer, committed.</summary>
        public float[] Weights
        {
            get => network.Parameters[0].GetValues();
            set => network.Parameters[0].SetValues(value);
        }

        public Dispatch Dispatch => workspace.Dispatches[0];

        public SampleOrderState OrderState => order.State;

        public int Dispatches { get; private set; }

        /// <summary>Runs steps, together where the plan can and the batches are computed.</summary>
        public void Take(int steps)
        {
            while (steps > 0)
            {
                DrawnBatch batch = Begin();
                int together = Math.Min(steps, Math.Min(Dispatch.MostRepeats, order.BatchesReady));
                workspace.Steps!.Prepare(together, state.Steps + 1, order.OpenBatch);
                workspace.Enqueue(batch.Rows);
                Dispatches += workspace.Dispatches.Count;
                End();
                for (int step = 1; step < together; step++)
                {
                    Begin();
                    End();
                }

                steps -= together;
            }
        }

        /// <summary>Makes the first sample of a step of the first epoch one whose loss is not a number.</summary>
        public void Spoil(int step)
        {
            float[] features = new float[shape.Inputs];
            Array.Fill(features, float.NaN);
            set.Features.Upload<float>(features, SampleOrder.RowAt(Seed, 0, shape.Count, step * shape.Batch));
        }

        public void Read()
        {
            Ledger.StartReading();
            device.Finish();
            device.Update();
            Ledger.Read();
        }

        /// <summary>Of both sides of the parameters and of the state, and of the log.</summary>
        public int[] Bits()
        {
            List<float> values = [.. Side(), .. Ledger.Log.Texture.Read()];
            SwapSides();
            values.AddRange(Side());
            SwapSides();
            return [.. values.Select(BitConverter.SingleToInt32Bits)];
        }

        public void Dispose()
        {
            order.Dispose();
            workspace.Dispose();
            state.Dispose();
            Ledger.Dispose();
            set.Dispose();
            network.Dispose();
        }

        private void Fill()
        {
            if (shape.HasValues)
            {
                set.AddRange(TwinArrays.UniformFloats(1, shape.Count * shape.Inputs, -1, 1), TwinArrays.UniformFloats(2, shape.Count * shape.Outputs, -1, 1));
                return;
            }

            int[] labels = TwinArrays.Labels(2, shape.Count, shape.Outputs);
            if (shape.HasHugeFeature)
            {
                int huge = SampleOrder.RowAt(Seed, 0, shape.Count, 3 * shape.Batch);
                float[] features = [.. TwinArrays.UniformFloats(1, shape.Count * shape.Inputs, -1, 1).Select((value, i) => i % shape.Inputs > 0 ? value : i / shape.Inputs == huge ? 3e38f : 0)];
                set.AddRange(features, labels, [.. Enumerable.Repeat(1000f, shape.Count)]);
                Weights = [.. Weights.Select((value, i) => i < shape.Hidden ? 0 : value)];
                return;
            }

            if (shape.Format == SampleFormat.Bytes) set.AddRange([.. Enumerable.Range(0, shape.Count * shape.Inputs).Select(i => (byte)(i * 37))], labels);
            else set.AddRange(TwinArrays.UniformFloats(1, shape.Count * shape.Inputs, -1, 1), labels);
        }

        private DrawnBatch Begin()
        {
            DrawnBatch batch = order.BeginFilledBatch(device);
            order.Source.BeginBatch(batch.FirstSample);
            Ledger.BeginStep(state.Optimizer.LearningRate);
            return batch;
        }

        private void End()
        {
            order.EndBatch();
            Ledger.CommitStep();
        }

        private IEnumerable<float> Side() =>
            [.. network.Matrices.SelectMany(layer => layer).SelectMany(matrix => matrix.CommittedTexture.Read()), .. state.CommittedTextures.SelectMany(texture => texture.Read())];

        private void SwapSides()
        {
            long steps = state.Steps;
            state.Commit();
            state.Rewind(steps);
        }
    }
}
