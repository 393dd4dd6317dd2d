using System.Runtime.CompilerServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Training in the frame, on this machine's driver: bits, states, and events between frames.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class InFrameTrainerTests
{
    private const int Inputs = 9;
    private const int Classes = 3;

    /// <summary>More frames than any step needs with the tiny budget.</summary>
    private const int MostFrames = 1_000_000;

    /// <summary>Less than the time of the smallest part of a dispatch, so that each part runs alone.</summary>
    private static readonly FrameBudget TinyBudget = TimeSpan.FromMicroseconds(5);

    private static readonly Optimizer[] Optimizers = [new Sgd(0.1f), new Sgd(0.1f, Momentum: 0.9f, WeightDecay: 0.01f), new Adam(0.01f)];

    private static NeuralDevice Device => TestDevice.Plain;

    /// <summary>A drawn batch gives the bits of the same batch when uploaded.</summary>
    [Test]
    public void ItTrainsAsBatchesThatAreHandedOver([ValueSource(nameof(Optimizers))] Optimizer optimizer, [Values(5, 40)] int hidden, [Values(1, 7, 64)] int batch)
    {
        const int Count = 23, Steps = 9;
        using TwoLayerClassifier drawn = new(Device, Inputs, hidden, Classes, seed: 3), handed = new(Device, Inputs, hidden, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(Count, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 30);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = drawn.TrainOn(samples, Options(batch, FrameBudget.Steps(1), optimizer));
        using BatchTrainer reference = handed.TrainWith(optimizer);
        int position = 0, epoch = 0;
        for (int step = 0; step < Steps; step++)
        {
            TrainingProgress progress = trainer.Tick();
            Assert.That(progress.StepsThisFrame, Is.EqualTo(1));
            int rows = Math.Min(batch, Count - position);
            int[] drawnRows = [.. Enumerable.Range(position, rows).Select(i => SampleOrder.RowAt(1, epoch, Count, i))];
            reference.TrainBatch(
                [.. drawnRows.SelectMany(row => features.AsSpan(row * Inputs, Inputs).ToArray())], [.. drawnRows.Select(row => labels[row])]);
            position += rows;
            if (position == Count) (position, epoch) = (0, epoch + 1);
            AssertSameWeights(drawn, handed, $"after step {step}");
        }

        Assert.That(trainer.Progress.Steps, Is.EqualTo(Steps));
        Assert.That(trainer.Progress.Epochs, Is.EqualTo(epoch + ((double)position / Count)).Within(1e-9));
    }

    /// <summary>Split as finely as possible, into one line of workgroups per frame, a step has the bits of a whole one.</summary>
    [Test]
    public void ACutStepHasTheBitsOfAWholeOne([ValueSource(nameof(Optimizers))] Optimizer optimizer)
    {
        const int Hidden = 70, Batch = 150;
        using TwoLayerClassifier cut = new(Device, Inputs, Hidden, Classes, seed: 3), whole = new(Device, Inputs, Hidden, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(400, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 400);
        samples.AddRange(features, labels);
        using InFrameTrainer small = Warm(cut.TrainOn(samples, Options(Batch, TinyBudget, optimizer)));
        using InFrameTrainer large = whole.TrainOn(samples, Options(Batch, FrameBudget.Steps(1), optimizer));
        float[] before = new float[Classes], now = new float[Classes];
        for (int step = 0; step < 3; step++)
        {
            cut.Predict(features.AsSpan(0, Inputs), before);
            int frames = 0;
            while (small.Tick().StepsThisFrame == 0)
            {
                cut.Predict(features.AsSpan(0, Inputs), now);
                Assert.That(now, Is.EqualTo(before), "a prediction in the middle sees the weights before the step");
                Assert.That(++frames, Is.LessThan(MostFrames));
                TestDevice.EndFrame();
            }

            Assert.That(frames, Is.GreaterThan(5), "the step was cut");   // how a step is cut depends on the times of the machine
            large.Tick();
            AssertSameWeights(cut, whole, $"after step {step}");
        }
    }

    /// <summary>A step of seven billion operations, some milliseconds of it per frame.</summary>
    [Test]
    [Category(Categories.Once)]
    public void AStepOfHalfASecondUnderTwoMillisecondsAFrameHasTheBitsOfAWholeOne()
    {
        const int Batch = 4_096, Features = 784, Hidden = 512, Digits = 10;
        using TwoLayerClassifier cut = new(Device, Features, Hidden, Digits, seed: 3), whole = new(Device, Features, Hidden, Digits, seed: 3);
        using TrainingSet samples = new(Device, Features, Digits, Batch);
        samples.AddRange(TwinArrays.UniformFloats(7, Batch * Features, 0, 1), TwinArrays.Labels(8, Batch, Digits));
        using InFrameTrainer small = Warm(cut.TrainOn(samples, Options(Batch, TimeSpan.FromMilliseconds(2), new Sgd(0.1f))));
        using InFrameTrainer large = whole.TrainOn(samples, Options(Batch, FrameBudget.Steps(1), new Sgd(0.1f)));
        List<double> milliseconds = [];
        while (small.Tick().StepsThisFrame == 0)
        {
            milliseconds.Add(small.Progress.GpuTime.TotalMilliseconds);
            TestDevice.EndFrame();
            Assert.That(milliseconds, Has.Count.LessThan(MostFrames));
        }

        while (large.Tick().StepsThisFrame == 0) TestDevice.EndFrame();   // with a GPU that is late, the queue has no room for a step this long
        AssertSameWeights(cut, whole, "after a step");
        milliseconds.Sort();
        Assert.That(milliseconds, Has.Count.GreaterThan(20), "the step was cut");
        TestContext.Out.WriteLine($"{milliseconds.Count} frames, median {milliseconds[milliseconds.Count / 2]:F2} ms");
    }

    [Test]
    public void TheLossAndTheAccuracyAreThoseOfTheSteps()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 6, Classes, seed: 3), twin = new(Device, Inputs, 6, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(20, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 20);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, Options(batch: 20, FrameBudget.Steps(1), new Sgd(0)));
        for (int frame = 0; frame < 3; frame++)
        {
            trainer.Tick();
            TestDevice.EndFrame();
        }

        float loss = twin.TrainBatch(features, labels, learningRate: 0);
        Assert.That(trainer.Progress.Loss, Is.EqualTo(loss).Within(1e-5));
        float[] probabilities = new float[20 * Classes];
        twin.Predict(features, probabilities);
        int right = Enumerable.Range(0, 20).Count(i => BestOf(probabilities.AsSpan(i * Classes, Classes)) == labels[i]);
        Assert.That(trainer.Progress.Accuracy, Is.EqualTo(right / 20f).Within(1e-6));
    }

    /// <summary>The weights are those from before the step that broke them, and training continues from there.</summary>
    [TestCase(6)]
    [TestCase(70)]
    public void ALossThatIsNotFiniteStopsItAndKeepsTheLastGoodWeights(int hidden)
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, hidden, Classes, seed: 3), twin = new(Device, Inputs, hidden, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(80, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 80);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = classifier.TrainOn(samples, Options(batch: 70, FrameBudget.Steps(1), new Sgd(0.1f, Momentum: 0.5f)));
        using InFrameTrainer good = twin.TrainOn(samples, Options(batch: 70, FrameBudget.Steps(1), new Sgd(0.1f, Momentum: 0.5f)));
        for (int frame = 0; frame < 5; frame++)
        {
            trainer.Tick();
            good.Tick();
        }

        trainer.LearningRate = 1e38f;   // the weights become infinite, and then the loss
        TrainingProgress progress = trainer.Progress;
        for (int frame = 0; frame < 10 && progress.State != TrainerState.Diverged; frame++)
        {
            progress = trainer.Tick();
            TestDevice.EndFrame();
        }

        Assert.That(progress.State, Is.EqualTo(TrainerState.Diverged));
        Assert.That(progress.Steps, Is.EqualTo(5));
        AssertSameWeights(classifier, twin, "the last good weights");
        Assert.That(trainer.Tick().StepsThisFrame, Is.Zero, "it has stopped");

        trainer.LearningRate = 0.1f;
        trainer.Resume();
        for (int frame = 0; frame < 70 || (progress.Steps < 75 && frame < 2000); frame++)   // it skips frames where the device is far behind
        {
            progress = trainer.Tick();
            TestDevice.EndFrame();
        }

        Assert.That(progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(progress.Steps, Is.EqualTo(75));
        Assert.That(float.IsFinite(progress.Loss));
        Assert.That(classifier.GetParameters().HiddenWeights, Has.All.Matches<float>(float.IsFinite));
    }

    /// <summary>A step that is split between its loss and its end completes before the drop is known.</summary>
    [Test]
    public void ALossThatIsNotFiniteInACutStepKeepsTheLastGoodWeights()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 70, Classes, seed: 3), twin = new(Device, Inputs, 70, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(300, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 300);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(150, TinyBudget, new Sgd(0.1f))));
        using InFrameTrainer good = twin.TrainOn(samples, Options(150, FrameBudget.Steps(1), new Sgd(0.1f)));
        while (trainer.Tick().StepsThisFrame == 0) ;
        good.Tick();
        trainer.Pause();   // the next step may have begun, with the previous learning rate
        trainer.LearningRate = 1e38f;
        trainer.Resume();
        int frames = 0;
        while (trainer.Tick().State != TrainerState.Diverged)
        {
            Assert.That(++frames, Is.LessThan(MostFrames));
            TestDevice.EndFrame();
        }

        Assert.That(frames, Is.GreaterThan(5), "the steps were cut");
        Assert.That(trainer.Progress.Steps, Is.EqualTo(1));
        AssertSameWeights(classifier, twin, "the last good weights");
    }

    /// <summary>
    /// A trainer ends within a step, after each of its parts in turn, some of which have written the new weights of one layer and not yet those of the other. The first step of the next trainer is dropped
    /// and leaves what was there: the weights before the open step.
    /// </summary>
    [Test]
    public void AnOpenStepWhoseTrainerEndsLeavesNothingBehind([Values] bool isCollected)
    {
        const int Hidden = 70, Batch = 150, Parts = 12;
        (float[] features, int[] labels) = Samples(Batch, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: Batch), bad = new(Device, Inputs, Classes, capacity: 1);
        samples.AddRange(features, labels);
        bad.Add([.. Enumerable.Repeat(3e38f, Inputs)], label: 1);
        int frames = Math.Min(FramesOfAStep(), FramesOfAStep()), cut = 0;
        foreach (int before in Enumerable.Range(Math.Max(1, frames - Parts), Math.Min(frames, Parts)).Prepend(1))
        {
            using TwoLayerClassifier classifier = new(Device, Inputs, Hidden, Classes, seed: 3), start = new(Device, Inputs, Hidden, Classes, seed: 3);
            if (!Leave(classifier, before)) continue;
            cut++;
            if (isCollected) Collect();
            using InFrameTrainer next = classifier.TrainOn(bad, Options(1, FrameBudget.Steps(1), new Sgd(0.1f)));
            TrainerState state = TrainerState.Training;
            for (int frame = 0; frame < 10 && state != TrainerState.Diverged; frame++)
            {
                state = next.Tick().State;
                TestDevice.EndFrame();
            }

            Assert.That(state, Is.EqualTo(TrainerState.Diverged));
            AssertSameWeights(classifier, start, $"after {before} of {frames} frames");
        }

        Assert.That(cut, Is.Positive, "steps were open");   // how often depends on the times of the machine

        int FramesOfAStep()
        {
            using TwoLayerClassifier classifier = new(Device, Inputs, Hidden, Classes, seed: 3);
            using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(Batch, TinyBudget, new Sgd(0.1f))));
            int counted = 1;
            for (; trainer.Tick().StepsThisFrame == 0; counted++) TestDevice.EndFrame();
            return counted;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]   // so that no local variable here keeps the trainer
        bool Leave(TwoLayerClassifier classifier, int count)
        {
            InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(Batch, TinyBudget, new Sgd(0.1f))));
            for (int frame = 0; frame < count && trainer.Tick().StepsThisFrame == 0; frame++) TestDevice.EndFrame();
            if (!isCollected) trainer.Dispose();
            return trainer.Progress.Steps == 0;
        }

        static void Collect()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    /// <summary>The first step has no predecessor; the weights that it began with stay.</summary>
    [Test]
    public void ALossThatIsNotFiniteInTheFirstStepKeepsTheWeightsThatWereSet()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 6, Classes, seed: 3);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 4);
        float[] features = new float[Inputs];
        Array.Fill(features, 3e38f);
        samples.Add(features, label: 1);
        ClassifierParameters set = classifier.GetParameters();
        set.HiddenWeights.AsSpan().Fill(1);
        classifier.SetParameters(set);
        using InFrameTrainer trainer = classifier.TrainOn(samples, Options(1, FrameBudget.Steps(1), new Sgd(0.1f)));
        for (int frame = 0; frame < 3; frame++)
        {
            trainer.Tick();
            TestDevice.EndFrame();
        }

        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Diverged));
        Assert.That(trainer.Progress.Steps, Is.Zero);
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(set.HiddenWeights));
    }

    [Test]
    public void ItPausesAndGoesOn()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 70, Classes, seed: 3), steady = new(Device, Inputs, 70, Classes, seed: 3);
        (float[] features, int[] labels) = Samples(200, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 200);
        using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(150, TinyBudget, new Adam(0.01f))));
        Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.WaitingForSamples));
        samples.AddRange(features, labels);
        using InFrameTrainer reference = steady.TrainOn(samples, Options(150, FrameBudget.Steps(1), new Adam(0.01f)));
        for (int frame = 0; frame < 5; frame++)
        {
            TestDevice.EndFrame();
            Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.Training));
        }

        trainer.Pause();
        for (int frame = 0; frame < 5; frame++) Assert.That(trainer.Tick().State, Is.EqualTo(TrainerState.Paused));
        Assert.That(trainer.Progress.GpuTime, Is.EqualTo(TimeSpan.Zero));
        trainer.Resume();
        trainer.FrameBudget = FrameBudget.Steps(2);
        Assert.That(trainer.Tick().StepsThisFrame, Is.EqualTo(2));
        reference.Tick();
        reference.Tick();
        AssertSameWeights(classifier, steady, "the step that was open began anew");
    }

    /// <summary>A step that is open when weights are set or another trainer steps starts again from the new weights.</summary>
    [Test]
    public void AnOpenStepHeedsWeightsThatChange()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 70, Classes, seed: 3), twin = new(Device, Inputs, 70, Classes, seed: 4);
        (float[] features, int[] labels) = Samples(150, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 150);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(150, TinyBudget, new Sgd(0.1f))));
        using InFrameTrainer reference = twin.TrainOn(samples, Options(150, FrameBudget.Steps(1), new Sgd(0.1f)));
        using InFrameTrainer other = classifier.TrainOn(samples, Options(150, FrameBudget.Steps(1), new Sgd(0.1f)));
        int frames = 0;
        for (; frames < 20; frames++) Assert.That(trainer.Tick().StepsThisFrame, Is.Zero, "the first step is open");
        Assert.That(other.Tick().StepsThisFrame, Is.Zero, "the step of another one is open");
        classifier.SetParameters(twin.GetParameters());
        while (trainer.Tick().StepsThisFrame == 0)
        {
            Assert.That(++frames, Is.LessThan(MostFrames));
            TestDevice.EndFrame();
        }

        reference.Tick();
        AssertSameWeights(classifier, twin, "from the weights that were set");
    }

    [Test]
    public void SizesThatDoNotFitAreNamed()
    {
        using TwoLayerClassifier classifier = new(Device, Inputs, 6, Classes);
        using TrainingSet samples = new(Device, Inputs + 1, Classes, capacity: 4);
        Assert.That(() => classifier.TrainOn(samples), Throws.ArgumentException.With.Message.Contain("10 features"));
        using NeuralDevice another = TestDevice.Create();
        using TrainingSet elsewhere = new(another, Inputs, Classes, capacity: 4);
        Assert.That(() => classifier.TrainOn(elsewhere), Throws.ArgumentException.With.Message.Contain("another device"));
    }

    /// <summary>Also where whole steps do not fit into the budget.</summary>
    [Test]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void NothingIsAllocatedInAFrame([Values] bool inTime)
    {
        const int Frames = 3_000;
        FrameBudget budget = inTime ? TimeSpan.FromMicroseconds(50) : FrameBudget.Steps(1);
        bool answersLater = TestDevice.IsInBackground;
        using TwoLayerClassifier classifier = new(Device, Inputs, 6, Classes);
        (float[] features, int[] labels) = Samples(20, seed: 5);
        using TrainingSet samples = new(Device, Inputs, Classes, capacity: 64);
        samples.AddRange(features, labels);
        using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(8, budget, new Adam(0.01f))));
        for (int frame = 0; frame < 100; frame++) Frame(frame);
        long allocated = 0;
        for (int attempt = 0; attempt == 0 || (allocated != 0 && answersLater && attempt < 5); attempt++)   // where two threads first meet at what wakes the device's, it allocates, once
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int frame = 0; frame < Frames; frame++) Frame(frame);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);

        void Frame(int frame)
        {
            if (frame % 10 == 0 && !inTime) samples.Add(features.AsSpan(0, Inputs), label: 1);   // behind a step of many frames they would wait, more of them than before
            trainer.Tick();
            if (answersLater) Device.Finish();   // otherwise more and more samples wait for their upload
        }
    }

    /// <summary>Its kernels are ready, and nothing is trained.</summary>
    private static InFrameTrainer Warm(InFrameTrainer trainer)
    {
        trainer.Pause();
        WarmUpProgress progress = Device.WarmUp(trainer.Kernels);
        while (!progress.IsDone) Device.Update();
        trainer.Tick();
        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Paused));
        trainer.Resume();
        return trainer;
    }

    private static TrainerOptions Options(int batch, FrameBudget budget, Optimizer optimizer) =>
        new() { BatchSize = batch, FrameBudget = budget, Optimizer = optimizer };

    private static (float[] Features, int[] Labels) Samples(int count, ulong seed)
    {
        SeededRandom random = new(seed);
        float[] features = new float[count * Inputs];
        for (int i = 0; i < features.Length; i++) features[i] = (random.NextSingle() * 2) - 1;
        int[] labels = [.. Enumerable.Range(0, count).Select(_ => random.NextInt32(Classes))];
        return (features, labels);
    }

    private static int BestOf(ReadOnlySpan<float> probabilities)
    {
        int best = 0;
        for (int i = 1; i < probabilities.Length; i++) best = probabilities[i] > probabilities[best] ? i : best;
        return best;
    }

    private static void AssertSameWeights(Classifier a, Classifier b, string when)
    {
        (ClassifierParameters left, ClassifierParameters right) = (a.GetParameters(), b.GetParameters());
        Assert.That(left.HiddenWeights, Is.EqualTo(right.HiddenWeights), when);
        Assert.That(left.HiddenBiases, Is.EqualTo(right.HiddenBiases), when);
        Assert.That(left.OutputWeights, Is.EqualTo(right.OutputWeights), when);
        Assert.That(left.OutputBiases, Is.EqualTo(right.OutputBiases), when);
    }
}
