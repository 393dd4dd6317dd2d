using NeuralPlugin.Benchmarks;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>How the benchmarks read lines, compute results and reject wrong ones; the figures themselves are not tested.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class BenchmarksTests
{
    private static readonly ClassifierCase Case = new(Batch: 12, Inputs: 9, Hidden: 14, Classes: 5);

    // ---- lines ----

    [Test]
    public void AMeasurementReadsWhatItWrites()
    {
        Measurement written = new("neural", "train", "B64 784-128-10", 657.25, 39.847);
        Assert.That(written.ToString(), Is.EqualTo("neural train      B64 784-128-10            657.2 us    39.85 GFLOP/s"));
        Assert.That(Measurement.Parse(written.ToString()), Is.EqualTo(written with { Microseconds = 657.2, GigaflopsPerSecond = 39.85 }));
    }

    [Test]
    public void AMeasurementReadsAShapeOfTwoWordsAndALineOfWindows()
    {
        Assert.That(
            Measurement.Parse("torch population 1000x B8 16-32-4           2428.0 us     9.28 GFLOP/s\r"),
            Is.EqualTo(new Measurement("torch", "population", "1000x B8 16-32-4", 2428, 9.28)));
    }

    [TestCase("# libtorch CPU, 2 threads")]
    [TestCase("torch epoch 1 test accuracy 83.52 % training time 0.48 s")]
    [TestCase("torch train B64 784-128-10 fast us 1.0 GFLOP/s")]
    [TestCase("torch train 657.2 us 39.85 GFLOP/s")]
    [TestCase("")]
    public void AnythingElseIsNoMeasurement(string line) => Assert.That(Measurement.Parse(line), Is.Null);

    // ---- medians and ratios ----

    [TestCase(new[] { 3.0 }, 3)]
    [TestCase(new[] { 9.0, 1.0, 2.0 }, 2)]
    [TestCase(new[] { 9.0, 1.0, 2.0, 4.0 }, 3)]
    public void TheMedianIsTheMiddle(double[] values, double expected) => Assert.That(Statistics.Median(values), Is.EqualTo(expected));

    [Test]
    public void NothingHasNoMedian() => Assert.That(() => Statistics.Median([]), Throws.ArgumentException);

    [Test]
    public void RatiosAreOfTheSameRoundAndOfTheBest()
    {
        Comparison comparison = new();
        foreach ((double ours, double peer) in new[] { (10.0, 10.0), (30.0, 20.0), (8.0, 16.0) })
            comparison.AddRound([Train("neural", ours)], [Train("torch", peer)]);

        ComparedCase only = comparison.Cases().Single();
        Assert.That((only.Name, only.Peer), Is.EqualTo(("train B1 2-3-4", "torch")));
        Assert.That(only.MedianRatio, Is.EqualTo(1), "of 1, 1.5 and 0.5");
        Assert.That(only.BestRatio, Is.EqualTo(0.8), "8 / 10");
    }

    [Test]
    public void ACaseNeedsBothSidesInEveryRound()
    {
        Comparison comparison = new();
        Measurement predict = Train("neural", 5) with { What = "predict" };
        comparison.AddRound([Train("neural", 1), predict], [Train("eager", 2), Train("graph", 4), predict with { Name = "eager" }]);
        comparison.AddRound([Train("neural", 1), predict], [Train("graph", 4), Train("eager", 2)]);
        Assert.That(comparison.Cases().Select(row => (row.Name, row.Peer)), Is.EqualTo(new[] { ("train B1 2-3-4", "eager"), ("train B1 2-3-4", "graph") }));
        Assert.That(new Comparison().Cases(), Is.Empty);
    }

    [Test]
    public void TheTableIsAligned()
    {
        ComparedCase[] cases = [new("train B32 16-32-4", "torch", [29.04], [248.0]), new("population", "torch", [1224], [2138.06])];
        Assert.That(Comparison.Table(cases, markdown: false), Is.EqualTo(new[]
        {
            "case               peer   ours, us  peer, us  ratio, median  ratio, best",
            "train B32 16-32-4  torch      29.0     248.0          0.117        0.117",
            "population         torch    1224.0    2138.1          0.572        0.572",
        }));
        Assert.That(Comparison.Table(cases[..1], markdown: true), Is.EqualTo(new[]
        {
            "| case              | peer  | ours, us | peer, us | ratio, median | ratio, best |",
            "| ----------------- | ----- | -------: | -------: | ------------: | ----------: |",
            "| train B32 16-32-4 | torch |     29.0 |    248.0 |         0.117 |       0.117 |",
        }));
    }

    // ---- timed results are correct ----

    [Test]
    public void TheRightStepsPass() => Assert.That(() => Check(Steps(ClassifierCase.LearningRate, Case.Batch)), Throws.Nothing);

    [Test]
    public void AWrongLearningRateIsRefused()
    {
        Assert.That(() => Check(Steps(1.01 * ClassifierCase.LearningRate, Case.Batch)), Throws.TypeOf<WrongResultException>());
    }

    [Test]
    public void ASampleLeftOutIsRefused()
    {
        Assert.That(() => Check(Steps(ClassifierCase.LearningRate, Case.Batch - 1)), Throws.TypeOf<WrongResultException>());
    }

    [Test]
    public void WeightsThatDidNotMoveAreRefused()
    {
        Assert.That(() => Check(Start()), Throws.TypeOf<WrongResultException>());
    }

    [Test]
    public void ASingleWrongElementIsRefused([Values(float.NaN, 0.5f)] float value)
    {
        ClassifierParameters steps = Steps(ClassifierCase.LearningRate, Case.Batch);
        steps.OutputBiases[^1] = value;
        Assert.That(() => Check(steps), Throws.TypeOf<WrongResultException>().With.Message.Contains("output biases"));
    }

    [Test]
    public void AWrongProbabilityIsRefused()
    {
        float[] features = Case.Features();
        ClassifierParameters weights = Start();
        double[] logits = Case.Twin(weights).Forward(TwinArrays.ToDouble(features), Case.Batch);
        float[] probabilities = [.. SoftmaxTwin.SoftmaxForward(logits, Case.Batch, Case.Classes).Select(p => (float)p)];
        Assert.That(() => TwinCheck.RequireSameProbabilities("test", Case, features, weights, probabilities), Throws.Nothing);
        probabilities[^1] += 0.001f;
        Assert.That(() => TwinCheck.RequireSameProbabilities("test", Case, features, weights, probabilities), Throws.TypeOf<WrongResultException>());
    }

    private static Measurement Train(string name, double microseconds) => new(name, "train", "B1 2-3-4", microseconds, 1);

    private static void Check(ClassifierParameters actual) => TwinCheck.RequireSameSteps("test", Case, Case.Features(), Case.Labels(), Start(), actual);

    private static ClassifierParameters Start()
    {
        return new ClassifierParameters(
            TwinArrays.UniformFloats(5, Case.Inputs * Case.Hidden), TwinArrays.UniformFloats(6, Case.Hidden),
            TwinArrays.UniformFloats(7, Case.Hidden * Case.Classes), TwinArrays.UniformFloats(8, Case.Classes));
    }

    /// <summary>The twin's steps on the first samples of the batch, rounded to single precision.</summary>
    private static ClassifierParameters Steps(double learningRate, int samples)
    {
        NetworkTwin twin = Case.Twin(Start());
        SgdTwin optimizer = new(learningRate);
        double[] features = TwinArrays.ToDouble(Case.Features().AsSpan(0, samples * Case.Inputs));
        for (int step = 0; step < TwinCheck.Steps; step++) twin.Step(optimizer, features, Case.Labels().AsSpan(0, samples));
        float[][] rounded = [.. twin.Parameters.Select(values => values.Select(value => (float)value).ToArray())];
        return new ClassifierParameters(rounded[0], rounded[1], rounded[2], rounded[3]);
    }
}
