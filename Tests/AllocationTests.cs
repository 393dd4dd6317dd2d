using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A frame of a game leaves nothing to the garbage collector.</summary>
[TestFixture]
[Category(Categories.Once)]
[Category(Categories.Card)]
[Category(Categories.EveryFamily)]
internal sealed class AllocationTests
{
    private const int Inputs = 9;
    private const int Classes = 3;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, 7 * Inputs, -1, 1);

    /// <summary>A frame of a game: a step of training, a prediction requested and one collected, an occasional new sample.</summary>
    [Test]
    public void NothingIsAllocatedInAFrame()
    {
        const int Frames = 3_000;
        NeuralDevice plain = TestDevice.Plain;
        using TwoLayerClassifier mind = new(plain, Inputs, hidden: 5, Classes);
        using TrainingSet samples = new(plain, Inputs, Classes, capacity: 64);
        samples.AddRange(Features, TwinArrays.Labels(2, 7, Classes));
        using InFrameTrainer trainer = mind.TrainOn(samples, new TrainerOptions { BatchSize = 8, FrameBudget = FrameBudget.Steps(1) });
        float[] probabilities = new float[Classes];
        PredictionRequest request = default;
        int answers = 0;
        for (int frame = 0; frame < 200; frame++) Frame(frame);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < Frames; frame++) Frame(frame);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(answers, Is.GreaterThan(Frames));

        void Frame(int frame)
        {
            if (frame % 10 == 0) samples.Add(Features.AsSpan(0, Inputs), label: 1);
            trainer.Tick();
            if (request.TryGet(probabilities)) answers++;
            request = mind.RequestPrediction(Features.AsSpan(0, Inputs));
            plain.Finish();   // a game's frame lasts as long as the GPU's work
        }
    }

    [Test]
    public void AStepAllocatesNothingOnceItsBatchWasSeen()
    {
        using TwoLayerClassifier mind = new(TestDevice.Plain, Inputs, hidden: 5, Classes);
        using BatchTrainer trainer = mind.TrainWith(new Adam());
        int[] labels = TwinArrays.Labels(3, 7, Classes);
        byte[] bytes = new byte[Features.Length];
        for (int i = 0; i < 100; i++) Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Step();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Step()
        {
            trainer.TrainBatch(Features, labels);
            trainer.TrainBatchOfBytes(bytes, labels);
        }
    }

    [Test]
    public void PredictAllocatesNothingOnceItsBatchWasSeen()
    {
        using TwoLayerClassifier mind = new(TestDevice.Plain, Inputs, hidden: 5, Classes);
        float[] probabilities = new float[7 * Classes];
        for (int i = 0; i < 100; i++) mind.Predict(Features, probabilities);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) mind.Predict(Features, probabilities);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
