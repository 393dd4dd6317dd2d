using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Training in the frames of a game on a modelled card: a dispatch takes a launch and some waves, its results arrive one to three frames
/// later, and the clock jumps. The calls take a microsecond each by a clock of their own, and no test uses the machine's clock.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ModelledGpuTests : IDisposable
{
    private const int FramesBetweenJumps = 22;
    private const int Settling = 10;
    private const double Most = 1.15, LeastMedian = 0.8;

    private static readonly int[] Clocks = [345, 1_980, 900, 345, 1_300];

    private readonly TestGl gl = TestGls.Create();
    private readonly ManualTime time = new() { NanosecondsPerLook = 1_000 };
    private readonly NeuralDevice device;
    private long mostDispatches;   // of a frame

    public ModelledGpuTests()
    {
        gl.Gpu = new GpuModel();
        gl.GameWaitsForGpu = false;
        gl.IsNamedAsCard = true;
        device = NeuralDevice.Attach(gl.Api);
        KernelFamily.Force(device, KernelFamily.RegisterTiled);
        KernelTuning.Force(device, KernelTuning.Default);
    }

    public void Dispose()
    {
        device.Dispose();
        gl.Dispose();
    }

    /// <summary>From the tenth frame after a jump of the clock, whole steps of a small network.</summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4)]
    public void TheBudgetIsHeldBySmallSteps(double milliseconds)
    {
        gl.Gpu = Gpu(nanosecondsPerWave: 8_000, milliseconds);
        RequireTheBudget(Trainer(inputs: 16, hidden: 32, classes: 4, batch: 32, milliseconds), milliseconds);
    }

    /// <summary>Steps of some dispatches, of which few fit into the smallest budget.</summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4)]
    public void TheBudgetIsHeldByStepsOfSomeDispatches(double milliseconds)
    {
        gl.Gpu = Gpu(nanosecondsPerWave: 3_000, milliseconds);
        RequireTheBudget(Trainer(inputs: 200, hidden: 128, classes: 10, batch: 64, milliseconds), milliseconds);
    }

    /// <summary>Steps that are split at the slow clock and, with small budgets, at the fast one.</summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4)]
    public void TheBudgetIsHeldByStepsThatMustBeCut(double milliseconds)
    {
        gl.Gpu = Gpu(nanosecondsPerWave: 2_000, milliseconds);
        RequireTheBudget(Trainer(inputs: 8, hidden: 48, classes: 4, batch: 4_096, milliseconds), milliseconds);
    }

    /// <summary>If each dispatch is one wave, a part takes as long as the whole: nothing is split, and only steps that fit run.</summary>
    [TestCase(0.25, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(4, Category = Categories.Nightly)]
    public void NothingIsCutOnAGpuThatIsNeverFull(double milliseconds)
    {
        gl.Gpu = new GpuModel { Lanes = 200_000, NanosecondsPerWave = (long)(12_000 * Math.Max(1, milliseconds)) };
        InFrameTrainer trainer = Trainer(inputs: 200, hidden: 128, classes: 10, batch: 64, milliseconds);
        RequireTheBudget(trainer, milliseconds);
        double dispatchesPerStep = (double)gl.Dispatches / trainer.Progress.Steps;
        Assert.That(dispatchesPerStep, Is.LessThan(trainer.Kernels.Runs.Count - 0.5), "without that of the order; cut while nothing is known of them, and no more");
    }

    /// <summary>
    /// Before anything is measured a dispatch runs whole, unless it would be too long on a slow GPU. That nothing is known of its call either is no reason to cut it: the driver of a card does not work inside
    /// the call.
    /// </summary>
    [Test]
    public void NothingIsCutBeforeItIsMeasured()
    {
        gl.Gpu = new GpuModel { Lanes = 200_000 };
        InFrameTrainer trainer = Trainer(inputs: 200, hidden: 128, classes: 10, batch: 64, milliseconds: 4);
        while (trainer.Tick().State == TrainerState.WarmingUp) gl.NextFrame();
        for (int frame = 0; trainer.Progress.Steps < 5; frame++)
        {
            Assert.That(frame, Is.LessThan(20));
            gl.ClearRecords();
            long before = trainer.Progress.Steps;
            Frame(() => trainer.Tick(), frame);
            long steps = trainer.Progress.Steps - before;
            Assert.That(gl.Dispatches, Is.AtMost((steps + 1) * trainer.Kernels.Runs.Count));
        }
    }

    /// <summary>A fraction of the frames is held like a time in each of them.</summary>
    [Test]
    public void AFractionOfTheTimeIsHeld()
    {
        const double Milliseconds = 2, Fraction = 0.125;
        gl.Gpu = Gpu(nanosecondsPerWave: 3_000, Milliseconds);
        InFrameTrainer trainer = Trainer(inputs: 200, hidden: 128, classes: 10, batch: 64, Milliseconds);
        trainer.FrameBudget = FrameBudget.FractionOfTime(Fraction);
        long next = time.Nanoseconds;
        RequireTheBudget(
            () =>
            {
                time.Nanoseconds = next += (long)(Milliseconds / Fraction * 1_000_000);
                trainer.Tick();
            },
            () => trainer.Progress.Steps, Milliseconds);
    }

    /// <summary>
    /// Waves as short as a card's, whatever the budget: up to hundreds of parts in a frame, of which all but the first few are measured together.
    /// </summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4)]
    public void TheBudgetIsHeldByHundredsOfParts(double milliseconds)
    {
        gl.Gpu = new GpuModel { NanosecondsPerWave = 2_000 };
        InFrameTrainer trainer = Trainer(inputs: 16, hidden: 32, classes: 4, batch: 32, milliseconds);
        RequireTheBudget(trainer, milliseconds);
        Assert.That(mostDispatches, Is.AtLeast(60 * milliseconds), "in a frame at the full clock");
    }

    /// <summary>
    /// The step of a network for which a workgroup has no room, in the kernels of a graphics card: the product in parts, the rows, and both layers' updates. The smallest budget has room for few steps
    /// at the full clock, and at the slow one for parts of them.
    /// </summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4, Category = Categories.Nightly)]
    public void TheBudgetIsHeldByTheKernelsOfACard(double milliseconds)
    {
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
        gl.Gpu = Gpu(nanosecondsPerWave: 3_000, milliseconds);
        InFrameTrainer trainer = Trainer(inputs: 300, hidden: 40, classes: 3, batch: 16, milliseconds);
        RequireTheBudget(trainer, milliseconds);
        string[] expected = ["sample_order_rows.comp", "dense_forward_tile.comp", "dense_loss_row_lanes.comp", "two_layer_update_tile.comp"];
        Assert.That(trainer.Kernels.Runs.Select(run => run.Source.FileName), Is.EqualTo(expected));
    }

    /// <summary>Several steps a dispatch, as many as the budget has room for at each clock: a launch of 2 µs, and steps of 2.3 µs at the full one.</summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4, Category = Categories.Nightly)]
    public void TheBudgetIsHeldBySeveralStepsADispatch(double milliseconds)
    {
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
        gl.Gpu = new GpuModel { LaunchNanoseconds = 2_000, NanosecondsPerWave = 2_300, KernelsAreAlike = true };
        InFrameTrainer trainer = Trainer(inputs: 3, hidden: 5, classes: 3, batch: 4, milliseconds);
        RequireTheBudget(trainer, milliseconds);
        Assert.That(gl.Dispatches, Is.LessThan(trainer.Progress.Steps / 3));
    }

    /// <summary>
    /// A budget of 1 ms has room for more steps if they share their launches: one that takes 2 µs, and steps of 2.3 µs each. In the short form both take ten times as long, so that the steps, which run
    /// on this machine, are few.
    /// </summary>
    [TestCase(10)]
    [TestCase(1, Category = Categories.Nightly)]
    public void MoreStepsFitWhereOneDispatchHasSeveral(int slower)
    {
        const int Frames = 30, Settled = 15;
        double[] steps = new double[2];
        KernelFamily[] families = [KernelFamily.RegisterTiled, KernelFamily.WorkgroupTiled];   // one step a dispatch, and several
        for (int i = 0; i < families.Length; i++)
        {
            KernelFamily.Force(device, families[i]);
            gl.Gpu = new GpuModel { LaunchNanoseconds = 2_000 * slower, NanosecondsPerWave = 2_300 * slower, KernelsAreAlike = true };
            InFrameTrainer trainer = Trainer(inputs: 3, hidden: 5, classes: 3, batch: 4, milliseconds: 1);
            for (int frame = 0; frame < Frames; frame++)
            {
                Frame(() => trainer.Tick(), frame);
                if (frame >= Settled) steps[i] += trainer.Progress.StepsThisFrame;
            }

            steps[i] /= Frames - Settled;
        }

        TestContext.Out.WriteLine($"steps in a frame of 1 ms, at {1.0 / slower:P0} of the speed: {steps[0]:F1} one a dispatch, {steps[1]:F1} several");
        Assert.That(steps[1], Is.AtLeast(1.5 * steps[0]));
    }

    /// <summary>
    /// Agents spend it on whole steps, with one brain for all or one each. Here such a step fits into a quarter of the budget at the slow clock, too.
    /// </summary>
    [Test]
    public void TheBudgetIsHeldByAgents([Values] BrainSharing brains, [Values(0.25, 1)] double milliseconds) => RequireTheBudgetOfAgents(brains, milliseconds);

    [Test]
    [Category(Categories.Nightly)]
    public void SoItIsWithOtherBudgets([Values] BrainSharing brains, [Values(0.5, 2, 4)] double milliseconds) => RequireTheBudgetOfAgents(brains, milliseconds);

    /// <summary>Brains of their own whose step is longer than the budget, at the slow clock several times: it runs in parts.</summary>
    [TestCase(0.25)]
    [TestCase(0.5, Category = Categories.Nightly)]
    [TestCase(1)]
    [TestCase(2, Category = Categories.Nightly)]
    [TestCase(4, Category = Categories.Nightly)]
    public void TheBudgetIsHeldByAgentsWhoseStepsMustBeCut(double milliseconds)
    {
        const int Brains = 200;
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);   // 32 lanes a brain
        gl.Gpu = new GpuModel { LaunchNanoseconds = 2_000, NanosecondsPerWave = (long)(60_000 * milliseconds) };
        using AgentPopulation agents = Cloning(BrainSharing.OneEach, Brains, milliseconds);
        bool wasCut = false;
        RequireTheBudget(
            () =>
            {
                agents.Update();
                wasCut |= agents.Learner!.HasOpenStep;
            },
            () => agents.Progress.TrainingSteps, milliseconds);
        Assert.That(wasCut);
    }

    /// <summary>A GPU whose waves take longer if the budget is larger, so that the arithmetic of a frame, which runs on this machine, does not take seconds.</summary>
    private static GpuModel Gpu(int nanosecondsPerWave, double milliseconds) =>
        new() { NanosecondsPerWave = (int)(nanosecondsPerWave * Math.Max(1, 2 * milliseconds)) };

    private InFrameTrainer Trainer(int inputs, int hidden, int classes, int batch, double milliseconds)
    {
        TrainingSet samples = new(device, inputs, classes, capacity: 2 * batch);
        samples.AddRange(TwinArrays.UniformFloats(1, 2 * batch * inputs, -1, 1), TwinArrays.Labels(2, 2 * batch, classes));
        return new TwoLayerClassifier(device, inputs, hidden, classes, seed: 2).TrainOn(samples, new TrainerOptions
        {
            BatchSize = batch,
            FrameBudget = FrameBudget.Milliseconds(milliseconds),
            Optimizer = new Sgd(0.01f),
            TimeProvider = time,
        });
    }

    private void RequireTheBudgetOfAgents(BrainSharing brains, double milliseconds)
    {
        gl.Gpu = new GpuModel { NanosecondsPerWave = (long)(1_000 * milliseconds) };
        using AgentPopulation agents = Cloning(brains, capacity: 4, milliseconds);
        RequireTheBudget(agents.Update, () => agents.Progress.TrainingSteps, milliseconds);
    }

    private AgentPopulation Cloning(BrainSharing brains, int capacity, double milliseconds)
    {
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        return new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = capacity,
            Brains = brains,
            Learning = new BehaviorCloning { Demonstration = shown },
            FrameBudget = FrameBudget.Milliseconds(milliseconds),
            TimeProvider = time,
        });
    }

    private void RequireTheBudget(InFrameTrainer trainer, double milliseconds) =>
        RequireTheBudget(() => trainer.Tick(), () => trainer.Progress.Steps, milliseconds);

    private void RequireTheBudget(Action tick, Func<long> steps, double milliseconds)
    {
        const int MostFrames = 500, FirstSteps = 4;
        mostDispatches = 0;
        for (int frame = 0; steps() < FirstSteps; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames), "it finds out what its dispatches take");
            Frame(tick, frame);
        }

        List<double> parts = [];
        List<string> beyond = [];
        for (int jump = 0; jump < Clocks.Length; jump++)
        {
            gl.Gpu!.Megahertz = Clocks[jump];
            for (int frame = 0; frame < FramesBetweenJumps; frame++)
            {
                double part = Frame(tick, jump + frame) / (milliseconds * 1_000_000);
                if (frame < Settling) continue;
                parts.Add(part);
                if (part > Most) beyond.Add($"{part:F2} in frame {frame} at {Clocks[jump]} MHz");
            }
        }

        double median = parts.Order().ElementAt(parts.Count / 2);
        TestContext.Out.WriteLine($"of the budget: median {median:F2}, most {parts.Max():F2}; {steps()} steps, {gl.Dispatches} dispatches");
        Assert.That(beyond, Is.Empty);
        Assert.That(median, Is.AtLeast(LeastMedian));
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    private double Frame(Action tick, int frame)
    {
        gl.DelayFrames = 1 + (frame % 3);
        long before = gl.Dispatches;
        double spent = gl.RunFrame(tick);
        mostDispatches = Math.Max(mostDispatches, gl.Dispatches - before);
        return spent;
    }
}
