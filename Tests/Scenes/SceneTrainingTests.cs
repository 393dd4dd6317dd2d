using NeuralPlugin.Samples;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The trainers of a scene. One that was disposed ends a frame's turn where it comes, so those before it show the order.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class SceneTrainingTests
{
    [Test]
    public void EachTrainerIsTheFirstInItsTurn()
    {
        const int Trainers = 3;
        SceneContext context = new(TestDevice.Plain, gl: null!, new SceneOptions(Frames: null, Seed: 1, TrainingBudget.OfSteps(1), OutFolder: null, Every: null));
        using TrainingSet samples = new(context.Device, inputs: 2, classes: 2, capacity: 4);
        samples.Add([1f, 0f], label: 1);
        LinearClassifier[] classifiers = [.. Enumerable.Range(0, Trainers).Select(_ => new LinearClassifier(context.Device, inputs: 2, classes: 2, seed: 1))];
        using SceneTraining training = new(context);
        InFrameTrainer[] trainers = [.. classifiers.Select(classifier => training.Add(classifier, samples, batchSize: 1, new Sgd(0.1f)))];
        trainers[1].Dispose();
        for (int frame = 0; frame < Trainers; frame++) Assert.Throws<ObjectDisposedException>(training.Tick);
        Assert.That(trainers.Select(trainer => trainer.Progress.Steps), Is.EqualTo(new[] { 2, 0, 1 }), "where the third begins, and where the first does");
        foreach (LinearClassifier classifier in classifiers) classifier.Dispose();
    }
}
