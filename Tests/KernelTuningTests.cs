using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The configurations of a family's kernels are chosen by time on the user's device, within a budget and without a wait, remembered, forced, and stored with checkpoints. On
/// the test GL's clock a workgroup takes as long as the test says, and the family of the tests (<see cref="TunedFamily"/>) offers products of more and fewer of them.
/// </summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class KernelTuningTests : IDisposable
{
    private const int Inputs = 20, Hidden = 70, Classes = 3, Rows = 64;
    private const string Forward = "tuned forward 32x128", Weights = "tuned weights 32x128";
    private const string PartLength = "workgroup-tiled forward part length 140x70";
    private const int MostFrames = 500;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, Rows, Classes);

    private readonly TestGl gl;
    private readonly string folder;
    private readonly List<NeuralDevice> devices = [];

    public KernelTuningTests()
    {
        gl = TestGls.Create();
        folder = Directory.CreateTempSubdirectory("neuralplugin-tuning-").FullName;
    }

    public void Dispose()
    {
        foreach (NeuralDevice device in devices) device.Dispose();
        gl.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void AWarmUpChoosesWhatIsFasterHereWithoutAWait([Values(0, 2)] int delay)
    {
        gl.DelayFrames = delay;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        KernelSet kernels = classifier.KernelsFor(Rows);
        (long mostInAFrame, _) = WarmUp(device, kernels);
        Assert.That(gl.WaitingCalls, Is.Empty);
        Assert.That(mostInAFrame, Is.LessThan(4_000_000), "spread over frames");
        KernelTuning tuning = KernelTuning.Of(device);
        Assert.That(tuning.Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
        Assert.That(tuning.Find(Weights), Is.Not.Null.And.Not.EqualTo(TunedFamily.Twice));
        Assert.That(kernels.Runs.Select(run => run.Source.FileName), Has.Some.EqualTo("dense_forward.comp"), "the kernels that are warm are those that were chosen");

        long programs = gl.Calls("glLinkProgram");
        classifier.TrainBatch(Features, Labels, 0.1f);
        classifier.Predict(Features, new float[Rows * Classes]);
        Assert.That(gl.Calls("glLinkProgram"), Is.EqualTo(programs));
        Assert.That(classifier.Network.KernelsInUse.Used.Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
    }

    /// <summary>Its clock changes from frame to frame, as that of a GPU does between idle and busy.</summary>
    [Test]
    public void AClockThatJumpsDecidesNothing()
    {
        gl.DelayFrames = 1;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        _ = WarmUp(device, classifier.KernelsFor(Rows), frame => gl.NanosecondsPerGroup = frame % 3 == 0 ? 5_740 : 1_000);
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
    }

    /// <summary>While the driver skips dispatches, the clock goes on: such times are of nothing, and must not decide bits, here or at the next start.</summary>
    [Test]
    public void TimesOfDispatchesThatWereSkippedDecideNothing([Values(0, 2)] int delay)
    {
        int[] steps = [10, 900, 10, 100, 10, 500];   // before each reading: the candidates seem to take 900, 100 and 500
        (long time, int readings) = (0, 0);
        gl.DelayFrames = delay;
        gl.ShownTime = _ => time += steps[readings++ % steps.Length];
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        gl.DropDispatches = true;
        _ = WarmUp(device, classifier.KernelsFor(Rows));
        Assert.That(readings, Is.Positive);
        Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default));
        Assert.That(Directory.EnumerateFiles(folder, "*.json"), Is.Empty);
        Assert.That(gl.WaitingCalls, Is.Empty);
        gl.DropDispatches = false;
        gl.ShownTime = null;
        _ = WarmUp(device, classifier.KernelsFor(Rows));
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts), "the next warm-up finds it");
    }

    /// <summary>What is faster by less than noise must not decide bits.</summary>
    [Test]
    public void WithoutAGainTheFirstOneStays()
    {
        gl.NanosecondsPerDispatch = 20_000;
        gl.NanosecondsPerGroup = 1;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        _ = WarmUp(device, classifier.KernelsFor(Rows));
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.StandIn));
    }

    [Test]
    public void WhatWasFoundIsRememberedForThisDriverAndTheseKernels()
    {
        using TwoLayerClassifier classifier = Classifier(Device());
        _ = WarmUp(devices[0], classifier.KernelsFor(Rows));
        KernelTuning found = KernelTuning.Of(devices[0]);
        NeuralDevice second = Device();
        Assert.That(KernelTuning.Of(second), Is.EqualTo(found));
        using TwoLayerClassifier again = Classifier(second);
        Assert.That(again.KernelsFor(Rows).Tuner, Is.Null);

        string file = Path.Combine(folder, "kernel-tunings.json"), text = File.ReadAllText(file);
        foreach (string other in new[] { text.Replace(ShaderLibrary.Fingerprint, new string('0', 64), StringComparison.Ordinal), "{", text.Replace(": register", "; register", StringComparison.Ordinal) })
        {
            File.WriteAllText(file, other);
            Assert.That(KernelTuning.Of(Device()), Is.EqualTo(KernelTuning.Default), "measured again");
        }
    }

    /// <summary>What the budget has no turn for keeps its first configuration, is not remembered, and is tuned at the next start.</summary>
    [Test]
    public void TheBudgetIsKept()
    {
        gl.NanosecondsPerGroup = 4_000_000;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        (_, long total) = WarmUp(device, classifier.KernelsFor(Rows));
        Assert.That(total, Is.InRange(StepTuning.BudgetNanoseconds, 1.5 * StepTuning.BudgetNanoseconds), "with the candidate that was under way, and the kernels that are warmed up");
        Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default), "one turn, which does not count");
        Assert.That(Directory.EnumerateFiles(folder, "*.json"), Is.Empty);
        using TwoLayerClassifier other = Classifier(device), next = Classifier(Device());
        Assert.That(other.KernelsFor(Rows).Tuner, Is.Null, "one budget for all networks of a device");
        Assert.That(next.KernelsFor(Rows).Tuner, Is.Not.Null);
    }

    /// <summary>Candidates run whole, beside a budget that may be a part of a millisecond: a step that takes long in the first two turns is not timed.</summary>
    [Test]
    public void AStepThatIsTooLongForAFrameIsNotTimed()
    {
        const int Candidates = 3;
        gl.NanosecondsPerGroup = 200_000;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        int longFrames = 0;
        long last = gl.Groups;
        _ = WarmUp(device, classifier.KernelsFor(Rows), frame =>
        {
            if ((gl.Groups - last) * gl.NanosecondsPerGroup > 4_000_000) longFrames++;
            last = gl.Groups;
        });
        Assert.That(longFrames, Is.InRange(2, 2 * Candidates));
        Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default));
        Assert.That(KernelTuning.SpentOn(device), Is.LessThan(StepTuning.BudgetNanoseconds / 2));
    }

    /// <summary>A moment in which somebody else has the GPU leaves nothing out.</summary>
    [Test]
    public void OneTurnThatIsTooLongDecidesNothing()
    {
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        int timed = 0;
        _ = WarmUp(device, classifier.KernelsFor(Rows), _ =>
        {
            if (gl.Groups > 0) timed++;
            gl.NanosecondsPerGroup = timed == 2 ? 1_000_000 : 1_000;
        });
        Assert.That(timed, Is.GreaterThan(2));
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
    }

    /// <summary>A replay that begins while something is being timed has the tuning that it was recorded with, and the next start does not take that for measured.</summary>
    [Test]
    public void ATuningThatIsForcedMeanwhileStays()
    {
        NeuralDevice device = Device();
        KernelTuning recorded = KernelTuning.Parse($"{Weights}: {TunedFamily.Twice}");
        using TwoLayerClassifier classifier = Classifier(device);
        long framesOfTiming = 0;
        _ = WarmUp(device, classifier.KernelsFor(Rows), _ =>
        {
            if (gl.Dispatches > 0 && ++framesOfTiming == 4) KernelTuning.Force(device, recorded);
        });
        Assert.That(framesOfTiming, Is.GreaterThan(4));
        Assert.That(KernelTuning.Of(device), Is.EqualTo(recorded));
        Assert.That(Directory.EnumerateFiles(folder, "*.json"), Is.Empty);
        Assert.That(KernelTuning.Of(Device()), Is.EqualTo(KernelTuning.Default));
    }

    /// <summary>A trainer with a budget in time chooses its kernels in its frames, before it makes a plan and trains.</summary>
    [Test]
    public void AnInFrameTrainerTunesInItsFrames([Values(0, 2)] int delay)
    {
        gl.DelayFrames = delay;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        using TrainingSet samples = SamplesOn(device);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Rows, FrameBudget = TimeSpan.FromMilliseconds(2) });
        Assert.That(classifier.Network.KernelsInUse.Used, Is.EqualTo(KernelTuning.Default), "no plan is made yet");
        long mostInAFrame = 0;
        for (int frame = 0; trainer.Progress.State == TrainerState.WarmingUp; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            Assert.That(trainer.Progress.Steps, Is.Zero);
            long before = gl.Nanoseconds;
            trainer.Tick();
            mostInAFrame = Math.Max(mostInAFrame, gl.Nanoseconds - before);
            gl.NextFrame();
        }

        Assert.That(samples.Uploaded, Is.EqualTo(samples.Count), "samples were uploaded meanwhile");
        Assert.That(mostInAFrame, Is.LessThan(4_000_000), "spread over frames");
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
        Assert.That(classifier.Network.KernelsInUse.Used.Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
        long programs = gl.Calls("glLinkProgram");
        for (int frame = 0; frame < 20; frame++)
        {
            trainer.Tick();
            gl.NextFrame();
        }

        Assert.That(trainer.Progress.Steps, Is.Positive);
        Assert.That(trainer.Progress.Loss, Is.LessThan(10));
        Assert.That(gl.Calls("glLinkProgram"), Is.EqualTo(programs), "the kernels that are warm are those that train");
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>A run with a budget in steps can be repeated, so nothing is timed in it; nor is it once the budget becomes one.</summary>
    [Test]
    public void ATrainerWithABudgetInStepsTimesNothing([Values] bool beginsWithATime)
    {
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        using TrainingSet samples = SamplesOn(device);
        FrameBudget budget = beginsWithATime ? TimeSpan.FromMilliseconds(2) : FrameBudget.Steps(1);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Rows, FrameBudget = budget });
        if (beginsWithATime)
        {
            Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.WarmingUp));
            trainer.Pause();
            Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.Paused));
            trainer.Resume();
            trainer.FrameBudget = FrameBudget.Steps(1);
        }

        Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(1));
        Assert.That(classifier.Network.KernelsInUse.Used.Find(Forward), Is.EqualTo(TunedFamily.StandIn));
    }

    /// <summary>Its errors come from the constructor as before.</summary>
    [Test]
    public void ATrainerThatWillTuneChecksItsSizesAtOnce()
    {
        const int Many = 200_000, ManyHidden = 4_000;
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = new(device, Inputs, ManyHidden, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, Many);
        Assert.That((long)Many * ManyHidden / MatrixShape.ColumnsPerTexel, Is.GreaterThan(device.Limits.MostTexels));
        Assert.That(() => classifier.TrainOn(samples, new TrainerOptions { BatchSize = Many }), Throws.TypeOf<DeviceLimitException>());
    }

    /// <summary>Configurations of populations decide no bits, and never the layout of their parameters.</summary>
    [Test]
    public void APopulationIsTunedToo([Values(0, 2)] int delay)
    {
        const int Members = 9, Batch = 6;
        gl.DelayFrames = delay;
        float[] features = TwinArrays.UniformFloats(4, Members * Batch * Inputs, -1, 1);
        int[] labels = TwinArrays.Labels(5, Members * Batch, Classes);
        float[][] weights = new float[2][];
        foreach (bool isTuned in new[] { false, true })
        {
            NeuralDevice device = Device();
            using NetworkPopulation population = new(device, Members, Inputs, Hidden, Classes, seed: 3, new Adam());
            float[] before = population.GetParameters(Members - 1).HiddenWeights;
            if (isTuned)
            {
                (long mostInAFrame, _) = WarmUp(device, population.KernelsFor(Batch));
                Assert.That(mostInAFrame, Is.LessThan(4_000_000), "spread over frames");
                Assert.That(gl.WaitingCalls, Is.Empty);
                Assert.That(KernelTuning.Of(device).Find("tuned population step 16"), Is.EqualTo(TunedFamily.StandIn), "half the workgroups");
                Assert.That(population.GetParameters(Members - 1).HiddenWeights, Is.EqualTo(before), "nothing of its own is timed");
                Assert.That(population.KernelsFor(Batch).Tuner, Is.Null);
            }

            long programs = gl.Calls("glLinkProgram");
            for (int step = 0; step < 3; step++) population.TrainBatch(features, labels, 0.01f);
            population.Predict(features, new float[Members * Batch * Classes]);
            if (isTuned) Assert.That(gl.Calls("glLinkProgram"), Is.EqualTo(programs));
            weights[isTuned ? 1 : 0] = population.GetParameters(Members - 1).HiddenWeights;
            gl.ClearRecords();
        }

        Assert.That(weights[1], Is.EqualTo(weights[0]));
    }

    /// <summary>The calls go on meanwhile. What is faster, nobody knows here; on a busy machine a step may even seem too long to be timed.</summary>
    [Test]
    public void ADeviceWithAThreadOfItsOwnIsTunedToo()
    {
        NeuralDevice device = NeuralDevice.CreateInBackground();
        devices.Add(device);
        device.KernelCacheFolder = folder;
        KernelFamily.Force(device, TunedFamily.Instance);
        using TwoLayerClassifier classifier = Classifier(device);
        WarmUpProgress progress = device.WarmUp(classifier.KernelsFor(Rows));
        for (int frame = 0; frame < 10_000 && !progress.IsDone; frame++)
        {
            device.Update();
            Thread.Sleep(2);
        }

        Assert.That(progress.IsDone);
        Assert.That(KernelTuning.SpentOn(device), Is.Positive);
        Assert.That(Trained(classifier), Has.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void AForcedTuningIsThatOfAllBitsAndNothingIsTimed()
    {
        KernelTuning[] tunings = [KernelTuning.Default, KernelTuning.Parse($"{Forward}: {TunedFamily.RegisterTiledProducts}"), KernelTuning.Parse($"{Forward}: {TunedFamily.Twice}")];
        List<float[]> weights = [];
        foreach (KernelTuning tuning in tunings)
        {
            NeuralDevice device = Device();
            KernelTuning.Force(device, tuning);
            using TwoLayerClassifier classifier = Classifier(device);
            Assert.That(classifier.KernelsFor(Rows).Tuner, Is.Null);
            weights.Add(Trained(classifier));
        }

        Assert.That(weights[1], Is.Not.EqualTo(weights[0]), "sums of another order");
        Assert.That(weights[2], Is.EqualTo(weights[0]), "the same order, in other workgroups");
    }

    /// <summary>Steps and predictions of one network have one order of sums, whatever is found later.</summary>
    [Test]
    public void ANetworkThatHasComputedKeepsItsKernels()
    {
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device), other = Classifier(device);
        classifier.Predict(Features, new float[Rows * Classes]);
        KernelTuning.Force(device, KernelTuning.Parse($"{Forward}: {TunedFamily.RegisterTiledProducts}"));
        using TwoLayerClassifier tuned = Classifier(device);
        float[] expected = Trained(tuned);
        Assert.That(Trained(other), Is.EqualTo(expected), "it had not computed anything");
        Assert.That(Trained(classifier), Is.Not.EqualTo(expected));
    }

    [Test]
    public void AnUnknownConfigurationIsNamed()
    {
        NeuralDevice device = Device();
        KernelTuning.Force(device, KernelTuning.Parse($"{Forward}: a tile of 3"));
        using TwoLayerClassifier classifier = Classifier(device);
        string message = Assert.Throws<InvalidOperationException>(() => classifier.Predict(Features, new float[Rows * Classes]))!.Message;
        Assert.That(message, Does.Contain("a tile of 3").And.Contain(Forward).And.Contain(TunedFamily.Twice));
    }

    /// <summary>One that decides no bits is not in checkpoints, and another device need not offer it.</summary>
    [Test]
    public void AConfigurationThatWasOnlyFasterElsewhereIsNotNeeded()
    {
        NeuralDevice device = Device();
        KernelTuning.Force(device, KernelTuning.Parse($"tuned input 128: a tile of 3\n{Forward}: {TunedFamily.Twice}"));
        using TwoLayerClassifier classifier = Classifier(device);
        Assert.That(Trained(classifier), Has.All.Matches<float>(float.IsFinite));
        KernelTuning used = classifier.Network.KernelsInUse.Used;
        Assert.That(used.ToString(), Does.Not.Contain("input").And.Contain($"{Forward}: {TunedFamily.Twice}").And.Contain($"{Weights}: {TunedFamily.StandIn}"));
    }

    /// <summary>The family for cards: its parts decide bits, its tiles do not. Software drivers have neither choice.</summary>
    [Test]
    public void TheFamilyForCardsOffersPartsAndTiles()
    {
        const int ManyInputs = 140;
        float[] features = TwinArrays.UniformFloats(3, Rows * ManyInputs, -1, 1);
        KernelFamily onCards = new WorkgroupTiledFamily(WorkgroupTiling.ByRule);
        KernelTuning[] tunings =
        [
            KernelTuning.Default, KernelTuning.Parse($"{PartLength}: 32"), KernelTuning.Parse($"workgroup-tiled Forward tiles 64x128x256: {TileShape.Medium}"),
            KernelTuning.Parse($"{PartLength}: 112"),
        ];
        List<float[]> outputs = [];
        foreach (KernelTuning tuning in tunings)
        {
            NeuralDevice device = Device();
            KernelFamily.Force(device, onCards);
            KernelTuning.Force(device, tuning);
            using Network network = new(device, ManyInputs, new Dense(Hidden));
            float[] found = new float[Rows * Hidden];
            network.ComputeOutputs(features, found);
            outputs.Add(found);
            TuningQuestions asked = new();
            foreach (Dispatch _ in StepWorkspace.KernelsFor(network.Stack, onCards.For(device.Limits).With(tuning, asked), Rows, new MeanSquaredError(), new Sgd(0.1f)))
            {
                // making them asks
            }

            TuningQuestion parts = asked.Asked.Single(question => question.DecidesBits);
            Assert.That(parts.Sizes, Is.EqualTo(PartLength));
            Assert.That(parts.Offered.Take(2), Is.EqualTo(new[] { "16", "32" }), "no other half of 16");
            Assert.That(asked.Asked.Select(question => question.Offered.Length), Has.Some.EqualTo(5), "tiles");
            string used = tuning.Find(PartLength) ?? "16";
            Assert.That(network.KernelsInUse.Used.ToString(), Is.EqualTo($"{PartLength}: {used}"));

            // A driver that would not be tuned computes what was found elsewhere.
            KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.ForSoftware));
            using Network onSoftware = new(device, ManyInputs, new Dense(Hidden));
            float[] foundThere = new float[Rows * Hidden];
            onSoftware.ComputeOutputs(features, foundThere);
            Assert.That(onSoftware.KernelsInUse.Used.ToString(), Is.EqualTo($"{PartLength}: {used}"));
            Assert.That(foundThere, Is.EqualTo(found));
        }

        Assert.That(outputs[1], Is.Not.EqualTo(outputs[0]), "other parts");
        Assert.That(outputs[2], Is.EqualTo(outputs[0]), "other tiles");
        Assert.That(outputs[3], Is.Not.EqualTo(outputs[0]), "parts of a length that this version does not offer");

        NeuralDevice untuned = Device(), wrong = Device();
        foreach (NeuralDevice device in new[] { untuned, wrong }) KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.ForSoftware));
        using Network open = new(untuned, ManyInputs, new Dense(Hidden)), impossible = new(wrong, ManyInputs, new Dense(Hidden));
        Assert.That(open.KernelsFor(Rows, new Sgd(0.1f), new MeanSquaredError()).Tuner, Is.Null, "nothing to choose");
        KernelTuning.Force(wrong, KernelTuning.Parse($"{PartLength}: 24"));
        Assert.That(() => impossible.ComputeOutputs(features, new float[Rows * Hidden]), Throws.InvalidOperationException.With.Message.Contains("24"));
    }

    /// <summary>A driver may refuse a kernel that a candidate has. The others are timed, and nobody waits for that one.</summary>
    [Test]
    public void ACandidateThatTheDriverRejectsIsLeftOut([Values(0, 3)] int compileFrames)
    {
        (string[] Rejected, string? Chosen)[] cases =
        [
            ([TunedFamily.Twice], TunedFamily.RegisterTiledProducts), ([TunedFamily.StandIn], TunedFamily.RegisterTiledProducts),
            ([TunedFamily.StandIn, TunedFamily.RegisterTiledProducts], TunedFamily.Twice), ([TunedFamily.Twice, TunedFamily.RegisterTiledProducts], TunedFamily.StandIn),
            ([TunedFamily.StandIn, TunedFamily.Twice, TunedFamily.RegisterTiledProducts], null),
        ];
        gl.CompileFrames = compileFrames;
        foreach ((string[] rejected, string? chosen) in cases)
        {
            NeuralDevice device = Device(Directory.CreateTempSubdirectory("neuralplugin-rejected-").FullName);
            KernelSet kernels = ForwardAlone(device, (dispatch, configuration) => !rejected.Contains(configuration) ? dispatch : new Dispatch(
                dispatch.Source.With(("rows_LOCATION", -1), ("DELIBERATELY_WRONG", 1)), dispatch.Matrices, dispatch.Sizes, dispatch.Grid, dispatch.Scalars, dispatch.Textures));
            _ = WarmUp(device, kernels);
            Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(chosen), string.Join(", ", rejected));
            Assert.That(gl.WaitingCalls, Is.Empty);
            Directory.Delete(device.KernelCacheFolder!, recursive: true);
        }
    }

    /// <summary>The matrices of all candidates together may have no room where those of a step have. That question stays open, and the rest goes on.</summary>
    [Test]
    public void WhatHasNoRoomToBeTimedStaysOpen()
    {
        NeuralDevice device = Device();
        PlannedMatrix huge = new(new MatrixShape(1 << 20, 1 << 16), "A test");
        using TwoLayerClassifier classifier = Classifier(device);
        KernelSet kernels = ForwardAlone(device, (dispatch, configuration) => configuration != TunedFamily.Twice ? dispatch : new Dispatch(
            dispatch.Source, [.. dispatch.Matrices.Select(matrix => matrix.IsWritten ? matrix with { Operand = huge } : matrix)], dispatch.Sizes, dispatch.Grid, dispatch.Scalars, dispatch.Textures));
        WarmUpProgress progress = device.WarmUp(kernels, classifier.KernelsFor(Rows));
        for (int frame = 0; !progress.IsDone; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            device.Update();
            if (frame == 1) Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default));
            gl.NextFrame();
        }

        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts), "found by the other one's step");
    }

    /// <summary>Configurations in which a step has the same dispatches are the same, and noise must not choose between them.</summary>
    [Test]
    public void WhatMakesNoDifferenceIsNotAsked()
    {
        NeuralDevice device = Device();
        FamilyKernels kernels = TunedFamily.Instance.For(device.Limits);
        Stack stack = new(Inputs, [new Dense(Hidden), new Relu(), new Dense(Classes)]);
        IEnumerable<Dispatch> Step(FamilyKernels configured)
        {
            _ = StepWorkspace.KernelsFor(stack, configured, Rows, new SoftmaxCrossEntropy(), new Sgd(0.1f)).Count();   // asks, as a fusion does that finds something better
            return PredictionWorkspace.KernelsFor(stack, configured, Rows, softmax: true);
        }

        KernelSet set = new([], StepTuning.For(kernels, Rows, Step, Step));
        _ = WarmUp(device, set);
        Assert.That(KernelTuning.Of(device).Find(Forward), Is.Not.Null);
        Assert.That(KernelTuning.Of(device).Find(Weights), Is.Null);
        IEnumerable<Dispatch> Same(FamilyKernels configured)
        {
            _ = Step(configured).Count();
            return PredictionWorkspace.KernelsFor(stack, kernels, Rows, softmax: true);
        }

        Assert.That(StepTuning.For(kernels, Rows, Same, Same), Is.Null);
    }

    /// <summary>A warm-up of a network that got its kernels meanwhile, as by a prediction, does not hold up its trainer: what is found is for the next start.</summary>
    [Test]
    public void ATrainerOfANetworkThatHasPredictedDoesNotWaitForTheTuning()
    {
        NeuralDevice device = Device();
        using TwoLayerClassifier classifier = Classifier(device);
        using TrainingSet samples = SamplesOn(device);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Rows, FrameBudget = TimeSpan.FromMilliseconds(2) });
        Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.WarmingUp));
        _ = classifier.RequestPrediction(Features);
        int frames = 0;
        for (; trainer.Progress.State != TrainerState.Training; frames++)
        {
            Assert.That(frames, Is.LessThan(MostFrames));
            gl.NextFrame();
            trainer.Tick();
        }

        Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default), "nothing is chosen yet");
        Assert.That(classifier.Network.KernelsInUse.Used.Find(Forward), Is.EqualTo(TunedFamily.StandIn));
        for (int frame = 0; KernelTuning.Of(device).Find(Weights) is null; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            gl.NextFrame();
            trainer.Tick();
        }

        Assert.That(KernelTuning.Of(device).Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
        Assert.That(classifier.Network.KernelsInUse.Used.Find(Forward), Is.EqualTo(TunedFamily.StandIn));
    }

    /// <summary>The family for cards itself, on the clock of a modelled card. A small step has one dispatch, so none of the products that it replaces is asked for.</summary>
    [Test]
    public void OfASmallStepTheFamilyForCardsTimesTheLanes()
    {
        (gl.NanosecondsPerDispatch, gl.NanosecondsPerGroup) = (20_000, 20_000);
        NeuralDevice device = Device();
        KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.ByRule));
        using TwoLayerClassifier small = new(device, 16, 32, 4, seed: 1);
        _ = WarmUp(device, small.KernelsFor(32));
        Assert.That(KernelTuning.Of(device).ToString(), Is.EqualTo("workgroup-tiled small step lanes 32x16x32x4: 256"), "one workgroup either way");
        Assert.That(small.KernelsFor(32).Tuner, Is.Null);
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>
    /// What is asked is what a step runs, and what the clock says is chosen. The second layer's update has the first one's tiles, and the product that the last layer replaces has none, so they are not
    /// asked for. Software drivers take half a minute to compile the large tiles.
    /// </summary>
    [Test]
    [Category(Categories.Nightly)]
    public void TheFamilyForCardsIsTunedByWhatAStepRuns()
    {
        const int FewRows = 8, ManyInputs = 140;
        (gl.NanosecondsPerDispatch, gl.NanosecondsPerGroup) = (20_000, 20_000);
        NeuralDevice device = Device();
        KernelFamily.Force(device, new WorkgroupTiledFamily(WorkgroupTiling.ByRule));
        using TwoLayerClassifier wide = new(device, ManyInputs, Hidden, Classes, seed: 1);
        _ = WarmUp(device, wide.KernelsFor(FewRows));
        KernelTuning found = KernelTuning.Of(device);
        string[] asked = [.. found.ToString().Split('\n').Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)])];
        Assert.That(asked, Is.EquivalentTo(new[]
        {
            PartLength, "workgroup-tiled Forward tiles 8x128x256", "workgroup-tiled last layer rows 8x128x4", "workgroup-tiled BackwardWeights tiles 256x128x8",
        }));
        Assert.That(found.Find(PartLength), Is.EqualTo("32"), "half the workgroups");
        foreach (string product in new[] { "Forward tiles 8x128x256", "BackwardWeights tiles 256x128x8" })
            Assert.That(found.Find($"workgroup-tiled {product}"), Is.EqualTo($"{TileShape.Large}"), "the fewest workgroups, and the first of two with as many");
        Assert.That(found.Find("workgroup-tiled last layer rows 8x128x4"), Is.EqualTo("8"));
        Assert.That(wide.KernelsFor(FewRows).Tuner, Is.Null);
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    [Test]
    public void ATuningIsText()
    {
        string text = $"{Forward}: {TunedFamily.Twice}\n{Weights}: a: b, c";
        KernelTuning tuning = KernelTuning.Parse(text);
        Assert.That(tuning.ToString(), Is.EqualTo(text));
        Assert.That(tuning, Is.EqualTo(KernelTuning.Parse(text)).And.Not.EqualTo(KernelTuning.Default));
        Assert.That(KernelTuning.Parse(""), Is.EqualTo(KernelTuning.Default));
        foreach (string wrong in new[] { "forward", "forward:tile", ": tile", "forward: " })
            Assert.That(() => KernelTuning.Parse(wrong), Throws.TypeOf<FormatException>().With.Message.Contains(wrong));
        Assert.That(ShapeClass.Of("a product", 64, 784, 129, 1).ToString(), Is.EqualTo("a product 64x1024x256x1"));
    }

    /// <summary>In the runs where the family has a name that files can be read with.</summary>
    [Test]
    [Category(Categories.EveryFamily)]
    public void ACheckpointRestoresItsTuning()
    {
        if (!KernelFamily.All.Contains(TunedFamily.Instance)) Assert.Ignore("The tests' families are not known by name in this run.");
        string path = Path.Combine(folder, "checkpoint.safetensors");
        NeuralDevice device = Device();
        KernelTuning.Force(device, KernelTuning.Parse($"{Forward}: {TunedFamily.RegisterTiledProducts}"));
        using TwoLayerClassifier classifier = Classifier(device);
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(0.1f, 0.9f));
        trainer.TrainBatch(Features, Labels);
        classifier.SaveCheckpoint(path, trainer);
        trainer.TrainBatch(Features, Labels);
        float[] expected = classifier.GetParameters().HiddenWeights;

        NeuralDevice plain = Device();
        using TwoLayerClassifier resumed = Classifier(plain);
        using BatchTrainer resumedTrainer = resumed.ResumeFrom(path);
        resumedTrainer.TrainBatch(Features, Labels);
        Assert.That(resumed.GetParameters().HiddenWeights, Is.EqualTo(expected));

        using TwoLayerClassifier used = Classifier(plain);
        used.Predict(Features, new float[Rows * Classes]);
        float[] before = used.GetParameters().HiddenWeights;
        Assert.That(() => used.ResumeFrom(path), Throws.ArgumentException.With.Message.Contains("configurations"));
        Assert.That(used.GetParameters().HiddenWeights, Is.EqualTo(before));

        byte[] content = File.ReadAllBytes(path), wrong = System.Text.Encoding.UTF8.GetBytes($"{Forward}; {TunedFamily.RegisterTiledProducts}");
        int place = content.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes($"{Forward}: {TunedFamily.RegisterTiledProducts}"));
        wrong.CopyTo(content.AsSpan(place));
        File.WriteAllBytes(path, content);
        using TwoLayerClassifier another = Classifier(plain);
        Assert.That(() => another.ResumeFrom(path), Throws.TypeOf<ModelFileException>().With.Message.Contains("configurations"));
    }

    private static float[] Trained(TwoLayerClassifier classifier)
    {
        for (int step = 0; step < 3; step++) classifier.TrainBatch(Features, Labels, 0.1f);
        return classifier.GetParameters().HiddenWeights;
    }

    private static TrainingSet SamplesOn(NeuralDevice device)
    {
        TrainingSet samples = new(device, Inputs, Classes, capacity: 2 * Rows);
        samples.AddRange(Features, Labels);
        return samples;
    }

    private static TwoLayerClassifier Classifier(NeuralDevice device) => new(device, Inputs, Hidden, Classes, seed: 3);

    /// <summary>The kernels of a prediction, of whose configurations those of the first product alone differ, each of its dispatches as the test has it.</summary>
    private static KernelSet ForwardAlone(NeuralDevice device, Func<Dispatch, string, Dispatch> altered)
    {
        FamilyKernels kernels = TunedFamily.Instance.For(device.Limits);
        Stack stack = new(Inputs, [new Dense(Hidden)]);
        IEnumerable<Dispatch> Step(FamilyKernels configured) =>
            [.. PredictionWorkspace.KernelsFor(stack, configured, Rows, softmax: false).Select(dispatch => altered(dispatch, configured.Tuning.Find(Forward) ?? TunedFamily.StandIn))];
        return new KernelSet([], StepTuning.For(kernels, Rows, Step, configured => []));
    }

    private NeuralDevice Device(string? ofItsOwn = null)
    {
        NeuralDevice device = NeuralDevice.Attach(gl.Api);
        devices.Add(device);
        device.KernelCacheFolder = ofItsOwn ?? folder;
        KernelFamily.Force(device, TunedFamily.Instance);
        return device;
    }

    /// <summary>Frames until all is warm.</summary>
    /// <returns>The longest time that a frame took on the GPU, and that of all.</returns>
    private (long Most, long Total) WarmUp(NeuralDevice device, KernelSet kernels, Action<int>? beforeFrame = null)
    {
        WarmUpProgress progress = device.WarmUp(kernels);
        Assert.That(progress.IsDone, Is.False);
        long most = 0, total = 0;
        for (int frame = 0; !progress.IsDone; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            beforeFrame?.Invoke(frame);
            long before = gl.Nanoseconds;
            device.Update();
            most = Math.Max(most, gl.Nanoseconds - before);
            total += gl.Nanoseconds - before;
            gl.NextFrame();
        }

        return (most, total);
    }
}
