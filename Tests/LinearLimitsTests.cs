using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What a linear model can and cannot learn, with the same training.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class LinearLimitsTests
{
    private const int Samples = 1_000;

    [Test]
    public void ThePlaneIsLearnedByTheLinearModel()
    {
        using LinearClassifier linear = new(TestDevice.Plain, 2, 2);
        Assert.That(AccuracyAfterTraining(linear, (x1, x2) => x1 + x2 > 0), Is.GreaterThanOrEqualTo(0.98));
    }

    [Test]
    public void TheProductIsNotLearnedByTheLinearModelAndIsByTheTwoLayerOne()
    {
        using LinearClassifier linear = new(TestDevice.Plain, 2, 2);
        Assert.That(AccuracyAfterTraining(linear, (x1, x2) => x1 * x2 > 0), Is.LessThan(0.6));
        using TwoLayerClassifier layered = new(TestDevice.Plain, 2, 16, 2);
        Assert.That(AccuracyAfterTraining(layered, (x1, x2) => x1 * x2 > 0), Is.GreaterThanOrEqualTo(0.98));
    }

    /// <summary>The accuracy on held-out samples.</summary>
    private static double AccuracyAfterTraining(Classifier classifier, Func<float, float, bool> rule)
    {
        SeededRandom random = new(17);
        (float[] features, int[] labels) = Draw(random, rule);
        (float[] unseen, int[] answers) = Draw(random, rule);
        using BatchTrainer trainer = classifier.TrainWith(new Adam(0.01f));
        for (int step = 0; step < 600; step++) trainer.TrainBatch(features, labels);
        float[] probabilities = new float[2 * Samples];
        classifier.Predict(unseen, probabilities);
        return Enumerable.Range(0, Samples).Count(i => (probabilities[(2 * i) + 1] > 0.5f ? 1 : 0) == answers[i]) / (double)Samples;
    }

    private static (float[] Features, int[] Labels) Draw(SeededRandom random, Func<float, float, bool> rule)
    {
        float[] features = [.. Enumerable.Range(0, 2 * Samples).Select(_ => (2 * random.NextSingle()) - 1)];
        int[] labels = [.. Enumerable.Range(0, Samples).Select(i => rule(features[2 * i], features[(2 * i) + 1]) ? 1 : 0)];
        return (features, labels);
    }
}
