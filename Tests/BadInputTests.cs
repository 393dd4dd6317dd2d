using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Every bad input has its own exception, which says what was expected and what was given; the weights, the trainer's state and
/// the allocated memory are unchanged, to the last bit.
/// </summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class BadInputTests : IDisposable
{
    private const int Inputs = 5;
    private const int Hidden = 6;
    private const int Classes = 3;
    private const int Rows = 4;
    private const float Unwritten = -77;

    private static readonly float[] GoodFeatures = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] GoodLabels = [0, 2, 1, 2];
    private static readonly float[] NotFinite = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];
    private static readonly float[] NotARate = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -1e-3f];
    private static readonly float[] NotAShare = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0.1f, 1f, 1.5f];

    private TwoLayerClassifier classifier = null!;
    private LinearClassifier linear = null!;
    private Regressor regressor = null!;
    private BatchTrainer trainer = null!;
    private BatchTrainer valueTrainer = null!;
    private float[] result = [];

    /// <summary>A call, and how it fails.</summary>
    internal sealed record Case(string Name, Action<BadInputTests> Call, Type Exception, params string[] Says)
    {
        public override string ToString() => Name;
    }

    /// <summary>Objects dropped by earlier tests are collected now, and not while one of these tests measures allocated memory.</summary>
    [OneTimeSetUp]
    public void Collect()
    {
        NeuralDevice device = TestDevice.Plain;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        device.Update();
    }

    [SetUp]
    public void MakeWhatMustNotChange()
    {
        classifier = new TwoLayerClassifier(TestDevice.Plain, Inputs, Hidden, Classes, seed: 3);
        linear = new LinearClassifier(TestDevice.Plain, Inputs, Classes, seed: 4);
        trainer = classifier.TrainWith(new Sgd(0.1f, Momentum: 0.9f));
        trainer.TrainBatch(GoodFeatures, GoodLabels);
        classifier.TrainBatch(GoodFeatures, GoodLabels, 0.1f);
        linear.TrainBatch(GoodFeatures, GoodLabels, 0.1f);
        regressor = new Regressor(TestDevice.Plain, Inputs, Hidden, Classes, seed: 5);
        valueTrainer = regressor.TrainWith(new Sgd(0.1f, Momentum: 0.9f));
        result = [.. Enumerable.Repeat(Unwritten, Rows * Inputs * Classes)];
    }

    [TearDown]
    public void Dispose()
    {
        trainer?.Dispose();
        valueTrainer?.Dispose();
        regressor?.Dispose();
        classifier?.Dispose();
        linear?.Dispose();
    }

    public static IEnumerable<Case> Cases() =>
    [
        .. FeatureCases(), .. LabelCases(), .. SampleWeightCases(), .. MaskCases(), .. ResultCases(), .. ParameterCases(),
        .. RateCases(), .. SizeCases(), .. NullCases(), .. ValueCases(),
    ];

    [TestCaseSource(nameof(Cases))]
    public void IsRefusedAndNothingChanges(Case bad)
    {
        string before = HashOfWeights();
        float rate = trainer.LearningRate;
        DeviceMemory memory = TestDevice.Plain.Memory;

        Exception? thrown = null;
        try
        {
            bad.Call(this);
        }
        catch (Exception exception)
        {
            thrown = exception;
        }

        Assert.That(thrown, Is.TypeOf(bad.Exception));
        foreach (string part in bad.Says) Assert.That(thrown!.Message, Does.Contain(part));
        TestDevice.Plain.Update();
        Assert.That(TestDevice.Plain.Memory, Is.EqualTo(memory), "nothing is allocated");
        Assert.That(HashOfWeights(), Is.EqualTo(before), "the weights");
        Assert.That(result, Is.All.EqualTo(Unwritten), "the result");
        Assert.That(trainer.LearningRate, Is.EqualTo(rate));
        Assert.That(trainer.Steps, Is.EqualTo(1));
    }

    /// <summary>After every possible failure, a trainer continues like one to which nothing happened.</summary>
    [Test]
    public void TrainingGoesOnAsIfNothingHadHappened()
    {
        foreach (Case bad in Cases()) Assert.That(() => bad.Call(this), Throws.Exception, bad.Name);
        trainer.TrainBatch(GoodFeatures, GoodLabels);
        string disturbed = HashOfWeights();

        Dispose();
        MakeWhatMustNotChange();
        trainer.TrainBatch(GoodFeatures, GoodLabels);
        Assert.That(disturbed, Is.EqualTo(HashOfWeights()));
    }

    /// <summary>A non-finite value is found at every position, in batches shorter and longer than the machine's vectors.</summary>
    [Test]
    public void AFeatureThatIsNotFiniteIsFoundAnywhere()
    {
        foreach (int length in new[] { 1, 2, Vector<float>.Count - 1, Vector<float>.Count, Vector<float>.Count + 1, (3 * Vector<float>.Count) + 2 })
        {
            using Network network = new(TestDevice.Plain, length, new Dense(2));
            float[] features = TwinArrays.UniformFloats(6, length);
            float[] logits = new float[2];
            network.ComputeLogits(features, logits);
            for (int place = 0; place < length; place++)
            {
                foreach (float value in NotFinite)
                {
                    float[] spoiled = [.. features];
                    spoiled[place] = value;
                    NonFiniteValueException exception = Assert.Throws<NonFiniteValueException>(() => network.ComputeLogits(spoiled, logits))!;
                    Assert.That(exception.Message, Does.Contain($"value {place} is {value}"));
                    Assert.That(exception.ParamName, Is.EqualTo("features"));
                }
            }
        }
    }

    /// <summary>Numbers at the limits of the finite range are valid input.</summary>
    [Test]
    public void TheLargestAndSmallestFiniteNumbersAreTaken()
    {
        float[] features = [float.MaxValue, float.MinValue, float.Epsilon, -0f, 0];
        classifier.Predict(features, new float[Classes]);
        trainer.LearningRate = 0;
        trainer.TrainBatch([.. GoodFeatures], GoodLabels, [0, -1, -0f, 1e-40f]);
        _ = new Sgd(0, Momentum: MathF.BitDecrement(1), WeightDecay: float.MaxValue);
        _ = new Adam(0, 0, 0, 1.17549435e-38f);
        _ = new SoftmaxCrossEntropy(float.MaxValue);
        Assert.That(trainer.Steps, Is.EqualTo(2));
    }

    /// <summary>The largest possible plan is allowed, and one with one more row is not.</summary>
    [Test]
    public void TheMostRowsOfAPlanAreTaken()
    {
        using LinearClassifier small = new(TestDevice.Plain, 1, 2);
        float[] features = new float[ComputationGraph.MaximumCapacity];
        float[] probabilities = [.. Enumerable.Repeat(Unwritten, 2 * features.Length)];
        small.Predict(features, probabilities);
        Assert.That(probabilities, Is.All.EqualTo(0.5f));
    }

    private static IEnumerable<(string Name, Action<BadInputTests, float[], int[]> Call)> CallsWithFeatures()
    {
        yield return ("TrainBatch", (test, features, labels) => test.classifier.TrainBatch(features, labels, 0.1f));
        yield return ("BatchTrainer.TrainBatch", (test, features, labels) => test.trainer.TrainBatch(features, labels));
        yield return ("ComputeGradients", (test, features, labels) => test.classifier.ComputeGradients(features, labels));
        yield return ("Predict", (test, features, labels) => test.classifier.Predict(features, test.ResultOf(labels.Length * Classes)));
        yield return ("ComputeLogits", (test, features, labels) => test.classifier.ComputeLogits(features, test.ResultOf(labels.Length * Classes)));
        yield return ("ComputeInputGradients", (test, features, labels) => test.classifier.Network.ComputeInputGradients(
            features, new float[labels.Length * Classes], test.ResultOf(labels.Length * Inputs)));
    }

    private static IEnumerable<(string Name, Action<BadInputTests, int[], float[]> Call)> CallsWithLabels()
    {
        yield return ("TrainBatch", (test, labels, weights) => test.classifier.TrainBatch(GoodFeatures, labels, 0.1f, weights));
        yield return ("BatchTrainer.TrainBatch", (test, labels, weights) => test.trainer.TrainBatch(GoodFeatures, labels, weights));
        yield return ("TrainBatchOfBytes", (test, labels, weights) => test.trainer.TrainBatchOfBytes(new byte[Rows * Inputs], labels, weights));
        yield return ("ComputeGradients", (test, labels, weights) => test.classifier.ComputeGradients(GoodFeatures, labels, weights));
        yield return ("LinearClassifier.TrainBatch", (test, labels, weights) => test.linear.TrainBatch(GoodFeatures, labels, 0.1f, weights));
    }

    private static IEnumerable<Case> FeatureCases()
    {
        const int TooMany = ComputationGraph.MaximumCapacity + 1;
        foreach ((string name, Action<BadInputTests, float[], int[]> call) in CallsWithFeatures())
        {
            foreach (int length in new[] { 0, 1, 4, 6, 19, 21 })
            {
                yield return Bad<ArgumentException>(
                    $"{name}, {length} features", test => call(test, new float[length], GoodLabels), "samples of 5 features each, at least one", $"got {length} values");
            }

            foreach (float value in NotFinite)
            {
                foreach (int place in new[] { 0, 11, (Rows * Inputs) - 1 })
                {
                    yield return Bad<NonFiniteValueException>(
                        $"{name}, {value} at {place}", test => call(test, With(GoodFeatures, place, value), GoodLabels),
                        "features must be finite", $"value {place} is {value}");
                }
            }

            yield return Bad<DeviceLimitException>(
                $"{name}, {TooMany} samples", test => call(test, new float[TooMany * Inputs], new int[TooMany]), "at most 262140 rows", $"got {TooMany}");
        }

        foreach (int length in new[] { 0, 1, 4, 6, 19, 21 })
        {
            yield return Bad<ArgumentException>(
                $"TrainBatchOfBytes, {length} features", test => test.trainer.TrainBatchOfBytes(new byte[length], GoodLabels),
                "samples of 5 features each, at least one", $"got {length} values");
        }

        yield return Bad<DeviceLimitException>(
            $"TrainBatchOfBytes, {TooMany} samples", test => test.trainer.TrainBatchOfBytes(new byte[TooMany * Inputs], new int[TooMany]),
            "at most 262140 rows", $"got {TooMany}");
    }

    private static IEnumerable<Case> LabelCases()
    {
        foreach ((string name, Action<BadInputTests, int[], float[]> call) in CallsWithLabels())
        {
            foreach (int label in new[] { -1, Classes, int.MaxValue, int.MinValue })
            {
                foreach (int place in new[] { 0, Rows - 1 })
                {
                    int[] labels = [.. GoodLabels];
                    labels[place] = label;
                    yield return Bad<ArgumentOutOfRangeException>(
                        $"{name}, label {label} of sample {place}", test => call(test, labels, []),
                        $"label of sample {place}", "3 classes, 0 to 2", $"Actual value was {label}");
                }
            }

            foreach (int length in new[] { 0, 1, Rows - 1, Rows + 1 })
            {
                yield return Bad<ArgumentException>(
                    $"{name}, {length} labels", test => call(test, new int[length], []), "Expected 4 values", "one label per sample", $"got {length}");
            }
        }
    }

    private static IEnumerable<Case> SampleWeightCases()
    {
        foreach ((string name, Action<BadInputTests, int[], float[]> call) in CallsWithLabels())
        {
            foreach (int length in new[] { 1, Rows - 1, Rows + 1 })
            {
                yield return Bad<ArgumentException>(
                    $"{name}, {length} weights", test => call(test, GoodLabels, new float[length]), "Expected 4 values", "one weight per sample", $"got {length}");
            }

            foreach (float value in NotFinite)
            {
                foreach (int place in new[] { 0, Rows - 1 })
                {
                    yield return Bad<NonFiniteValueException>(
                        $"{name}, weight {value} of sample {place}", test => call(test, GoodLabels, With(new float[Rows], place, value)),
                        "sample weights must be finite", $"value {place} is {value}");
                }
            }
        }
    }

    private static IEnumerable<Case> MaskCases()
    {
        (string, Action<BadInputTests, bool[]>)[] calls =
        [
            ("BatchTrainer.TrainBatch", (test, allowed) => test.trainer.TrainBatch(GoodFeatures, GoodLabels, default, allowed)),
            ("TrainBatchOfBytes", (test, allowed) => test.trainer.TrainBatchOfBytes(new byte[Rows * Inputs], GoodLabels, default, allowed)),
            ("Network.ComputeGradients", (test, allowed) => test.classifier.Network.ComputeGradients(GoodFeatures, GoodLabels, default, allowed)),
        ];
        foreach ((string name, Action<BadInputTests, bool[]> call) in calls)
        {
            foreach (int length in new[] { 1, Classes, Rows, (Rows * Classes) - 1, (Rows * Classes) + 1 })
            {
                yield return Bad<ArgumentException>(
                    $"{name}, a mask of {length}", test => call(test, new bool[length]), "Expected 12 values", "4 samples × 3 classes", $"got {length}");
            }

            for (int sample = 0; sample < Rows; sample += Rows - 1)
            {
                int forbidden = sample;
                bool[] allowed = [.. Enumerable.Repeat(true, Rows * Classes)];
                allowed[(sample * Classes) + GoodLabels[sample]] = false;
                yield return Bad<ArgumentException>(
                    $"{name}, the label of sample {sample} forbidden", test => call(test, allowed),
                    $"label of sample {forbidden}, class {GoodLabels[forbidden]}", "not among its allowed classes");
            }
        }
    }

    /// <summary>For a regression.</summary>
    private static IEnumerable<Case> ValueCases()
    {
        (string, Action<BadInputTests, float[], float[]>)[] calls =
        [
            ("Regressor.TrainBatch", (test, targets, weights) => test.regressor.TrainBatch(GoodFeatures, targets, 0.1f, weights)),
            ("Regressor.ComputeGradients", (test, targets, weights) => test.regressor.ComputeGradients(GoodFeatures, targets, weights)),
            ("BatchTrainer.TrainBatch", (test, targets, weights) => test.valueTrainer.TrainBatch(GoodFeatures, targets, weights)),
            ("BatchTrainer.TrainBatchOfBytes", (test, targets, weights) => test.valueTrainer.TrainBatchOfBytes(new byte[Rows * Inputs], targets, weights)),
        ];
        foreach ((string name, Action<BadInputTests, float[], float[]> call) in calls)
        {
            foreach (int length in new[] { 0, Rows, (Rows * Classes) - 1, (Rows * Classes) + 1 })
            {
                yield return Bad<ArgumentException>(
                    $"{name}, {length} targets", test => call(test, new float[length], []), "Expected 12 values", "4 samples × 3 outputs", $"got {length}");
            }

            foreach (float value in NotFinite)
            {
                yield return Bad<NonFiniteValueException>(
                    $"{name}, target {value}", test => call(test, With(new float[Rows * Classes], 5, value), []), "target values must be finite", $"value 5 is {value}");
                yield return Bad<NonFiniteValueException>(
                    $"{name}, weight {value} of a value", test => call(test, new float[Rows * Classes], With(new float[Rows], 3, value)),
                    "sample weights must be finite", $"value 3 is {value}");
            }

            yield return Bad<ArgumentException>(
                $"{name}, a weight too few", test => call(test, new float[Rows * Classes], new float[Rows - 1]), "one weight per sample", "got 3");
        }

        yield return Bad<ArgumentException>("TrainBatch, values for labels", test => test.trainer.TrainBatch(GoodFeatures, new float[Rows * Classes]), "Expected labels");
        yield return Bad<ArgumentException>("TrainBatch, labels for values", test => test.valueTrainer.TrainBatch(GoodFeatures, GoodLabels), "Expected values");
        yield return Bad<ArgumentException>("Regressor.Predict into too little", test => test.regressor.Predict(GoodFeatures, test.ResultOf(Rows)), "4 samples × 3 outputs");
        yield return Bad<ArgumentException>("Regressor.RequestPrediction of nothing", test => test.regressor.RequestPrediction([]), "at least one");
        yield return Bad<ArgumentOutOfRangeException>("Regressor.TrainBatch, learning rate", test => test.regressor.TrainBatch(GoodFeatures, new float[Rows * Classes], -1), "learning rate");
        foreach (int size in new[] { 0, -1 })
        {
            yield return Bad<ArgumentOutOfRangeException>($"Regressor, {size} inputs", _ => new Regressor(TestDevice.Plain, size, 6, 1).Dispose(), "inputs must be at least 1");
            yield return Bad<ArgumentOutOfRangeException>($"Regressor, {size} hidden", _ => new Regressor(TestDevice.Plain, 5, size, 1).Dispose(), "hidden units must be at least 1");
            yield return Bad<ArgumentOutOfRangeException>($"Regressor, {size} outputs", _ => new Regressor(TestDevice.Plain, 5, 6, size).Dispose(), "outputs must be at least 1");
        }
    }

    private static IEnumerable<Case> ResultCases()
    {
        foreach (int length in new[] { 0, 1, (Rows * Classes) - 1, (Rows * Classes) + 1, Rows * Classes * 2 })
        {
            string[] says = ["Expected 12 values", "4 samples × 3 classes", $"got {length}"];
            yield return Bad<ArgumentException>($"Predict into {length}", test => test.classifier.Predict(GoodFeatures, test.ResultOf(length)), says);
            yield return Bad<ArgumentException>($"ComputeLogits into {length}", test => test.classifier.ComputeLogits(GoodFeatures, test.ResultOf(length)), says);
            yield return Bad<ArgumentException>(
                $"ComputeInputGradients of {length} logits",
                test => test.classifier.Network.ComputeInputGradients(GoodFeatures, new float[length], test.ResultOf(GoodFeatures.Length)),
                "Expected 12 values", "4 samples × 3 logits", $"got {length}");
        }

        foreach (int length in new[] { 0, (Rows * Inputs) - 1, (Rows * Inputs) + 1 })
        {
            yield return Bad<ArgumentException>(
                $"ComputeInputGradients into {length}",
                test => test.classifier.Network.ComputeInputGradients(GoodFeatures, new float[Rows * Classes], test.ResultOf(length)),
                "Expected 20 values", "4 samples × 5 features", $"got {length}");
        }

        foreach (float value in NotFinite)
        {
            yield return Bad<NonFiniteValueException>(
                $"ComputeInputGradients of {value}",
                test => test.classifier.Network.ComputeInputGradients(
                    GoodFeatures, With(new float[Rows * Classes], 7, value), test.ResultOf(GoodFeatures.Length)),
                "must be finite", $"value 7 is {value}");
        }
    }

    private static IEnumerable<Case> ParameterCases()
    {
        (string Name, int Length, Func<ClassifierParameters, float[], ClassifierParameters> Replace)[] arrays =
        [
            ("HiddenWeights", Inputs * Hidden, (parameters, values) => parameters with { HiddenWeights = values }),
            ("HiddenBiases", Hidden, (parameters, values) => parameters with { HiddenBiases = values }),
            ("OutputWeights", Hidden * Classes, (parameters, values) => parameters with { OutputWeights = values }),
            ("OutputBiases", Classes, (parameters, values) => parameters with { OutputBiases = values }),
        ];
        for (int i = 0; i < arrays.Length; i++)
        {
            (string name, int length, Func<ClassifierParameters, float[], ClassifierParameters> replace) = arrays[i];
            int index = i;
            foreach (int wrong in new[] { 0, length - 1, length + 1 })
            {
                yield return Bad<ArgumentException>(
                    $"SetParameters, {wrong} {name}", test => test.classifier.SetParameters(replace(Zeros(), new float[wrong])),
                    $"Expected {length} values", $"got {wrong}");
                yield return Bad<ArgumentException>(
                    $"SetValues, {wrong} {name}", test => test.classifier.Network.Parameters[index].SetValues(new float[wrong]),
                    $"Expected {length} values", $"got {wrong}");
            }

            foreach (float value in NotFinite)
            {
                foreach (int place in new[] { 0, length - 1 })
                {
                    yield return Bad<NonFiniteValueException>(
                        $"SetParameters, {value} at {place} of {name}",
                        test => test.classifier.SetParameters(replace(Zeros(), With(new float[length], place, value))),
                        "must be finite", $"value {place} is {value}");
                    yield return Bad<NonFiniteValueException>(
                        $"SetValues, {value} at {place} of {name}",
                        test => test.classifier.Network.Parameters[index].SetValues(With(new float[length], place, value)),
                        "must be finite", $"value {place} is {value}");
                }
            }
        }

        yield return Bad<ArgumentException>(
            "LinearClassifier.SetParameters with hidden weights", test => test.linear.SetParameters(Zeros()), "no hidden layer", "Expected 0 values", "got 30");
        yield return Bad<ArgumentException>(
            "LinearClassifier.SetParameters with hidden biases", test => test.linear.SetParameters(Zeros() with { HiddenWeights = [] }),
            "no hidden layer", "Expected 0 values", "got 6");
        yield return Bad<ArgumentException>(
            "LinearClassifier.SetParameters of a two-layer one's output", test => test.linear.SetParameters(Zeros() with { HiddenWeights = [], HiddenBiases = [] }),
            "Expected 15 values", "got 18");
    }

    private static IEnumerable<Case> RateCases()
    {
        foreach (float value in NotARate)
        {
            yield return BadNumber("TrainBatch, learning rate", value, test => test.classifier.TrainBatch(GoodFeatures, GoodLabels, value), "learning rate");
            yield return BadNumber("BatchTrainer.LearningRate", value, test => test.trainer.LearningRate = value, "learning rate");
            yield return BadNumber("Sgd, learning rate", value, _ => new Sgd(value).ToString(), "learning rate");
            yield return BadNumber("Sgd with, learning rate", value, _ => (new Sgd(1) with { LearningRate = value }).ToString(), "learning rate");
            yield return BadNumber("Sgd, weight decay", value, _ => new Sgd(1, 0, value).ToString(), "weight decay");
            yield return BadNumber("Sgd with, weight decay", value, _ => (new Sgd(1) with { WeightDecay = value }).ToString(), "weight decay");
            yield return BadNumber("Adam, learning rate", value, _ => new Adam(value).ToString(), "learning rate");
            yield return BadNumber("Adam with, learning rate", value, _ => (new Adam() with { LearningRate = value }).ToString(), "learning rate");
            yield return BadNumber("SoftmaxCrossEntropy", value, _ => new SoftmaxCrossEntropy(value).ToString(), "entropy bonus");
            yield return BadNumber(
                "SoftmaxCrossEntropy with", value, _ => (new SoftmaxCrossEntropy() with { EntropyBonus = value }).ToString(), "entropy bonus");
        }

        foreach (float value in NotAShare)
        {
            yield return BadNumber("Sgd, momentum", value, _ => new Sgd(1, value).ToString(), "momentum", "below 1");
            yield return BadNumber("Sgd with, momentum", value, _ => (new Sgd(1) with { Momentum = value }).ToString(), "momentum", "below 1");
            yield return BadNumber("Adam, Beta1", value, _ => new Adam(1, Beta1: value).ToString(), "Beta1", "below 1");
            yield return BadNumber("Adam with, Beta1", value, _ => (new Adam() with { Beta1 = value }).ToString(), "Beta1", "below 1");
            yield return BadNumber("Adam, Beta2", value, _ => new Adam(1, Beta2: value).ToString(), "Beta2", "below 1");
            yield return BadNumber("Adam with, Beta2", value, _ => (new Adam() with { Beta2 = value }).ToString(), "Beta2", "below 1");
        }

        foreach (float value in new[] { 0f, -1e-8f, float.Epsilon, float.NaN, float.PositiveInfinity })
        {
            yield return BadNumber("Adam, epsilon", value, _ => new Adam(1, Epsilon: value).ToString(), "epsilon");
            yield return BadNumber("Adam with, epsilon", value, _ => (new Adam() with { Epsilon = value }).ToString(), "epsilon");
        }
    }

    private static IEnumerable<Case> SizeCases()
    {
        foreach (int size in new[] { 0, -1, int.MinValue })
        {
            string came = $"Actual value was {size}";
            yield return Bad<ArgumentOutOfRangeException>($"LinearClassifier, {size} inputs", _ => new LinearClassifier(TestDevice.Plain, size, 3).Dispose(), "inputs must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"LinearClassifier, {size} classes", _ => new LinearClassifier(TestDevice.Plain, 5, size).Dispose(), "classes", came);
            yield return Bad<ArgumentOutOfRangeException>($"TwoLayerClassifier, {size} inputs", _ => new TwoLayerClassifier(TestDevice.Plain, size, 6, 3).Dispose(), "inputs must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"TwoLayerClassifier, {size} hidden", _ => new TwoLayerClassifier(TestDevice.Plain, 5, size, 3).Dispose(), "hidden units must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"TwoLayerClassifier, {size} classes", _ => new TwoLayerClassifier(TestDevice.Plain, 5, 6, size).Dispose(), "classes", came);
            yield return Bad<ArgumentOutOfRangeException>($"Network, {size} inputs", _ => new Network(TestDevice.Plain, size, new Dense(3)).Dispose(), "inputs must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"Dense, {size} units", _ => new Dense(size).ToString(), "units of a dense layer must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"BatchTrainer, capacity {size}", test => new BatchTrainer(test.classifier.Network, new Sgd(1), capacity: size).Dispose(), "rows of a plan must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"Cost of {size} samples", test => test.classifier.Network.Cost(size), "must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"EstimateCost of {size} samples", _ => Network.EstimateCost(size, 5, null, new Dense(3)), "must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"EstimateCost of {size} inputs", _ => Network.EstimateCost(4, size, null, new Dense(3)), "inputs must be at least 1", came);
            yield return Bad<ArgumentOutOfRangeException>($"NextInt32({size})", _ => new SeededRandom(1).NextInt32(size), "exclusiveUpperBound");
        }

        yield return Bad<ArgumentOutOfRangeException>("LinearClassifier, 1 class", _ => new LinearClassifier(TestDevice.Plain, 5, 1).Dispose(), "at least 2 classes", "Actual value was 1");
        yield return Bad<ArgumentOutOfRangeException>("TwoLayerClassifier, 1 class", _ => new TwoLayerClassifier(TestDevice.Plain, 5, 6, 1).Dispose(), "at least 2 classes", "Actual value was 1");
        yield return Bad<ArgumentException>("Network of nothing", _ => new Network(TestDevice.Plain, 5).Dispose(), "at least one layer");
        yield return Bad<ArgumentException>("EstimateCost of nothing", _ => Network.EstimateCost(4, 5, null), "at least one layer");
        yield return Bad<DeviceLimitException>("Cost of too many samples", test => test.classifier.Network.Cost(ComputationGraph.MaximumCapacity + 1), "at most 262140 rows", "got 262141");

        foreach ((int inputs, int units) in new[] { (300_000, 100_000), (70_000, 70_000), (1, 300_000_000), (2_000_000_000, 4), (4, int.MaxValue), (int.MaxValue, int.MaxValue), (1 << 30, 4) })
        {
            string[] says = Math.Max(inputs, units) > 1 << 30 ? ["but no device has room for more than 1073741824"]
                : [$" × {units}]", "are too large for this device", "Use fewer rows or columns"];
            yield return Bad<DeviceLimitException>($"Network, {inputs} × {units}", _ => new Network(TestDevice.Plain, inputs, new Dense(units)).Dispose(), says);
            yield return Bad<DeviceLimitException>($"LinearClassifier, {inputs} × {units}", _ => new LinearClassifier(TestDevice.Plain, inputs, units).Dispose(), says);
            yield return Bad<DeviceLimitException>($"TwoLayerClassifier, {inputs} × {units}", _ => new TwoLayerClassifier(TestDevice.Plain, inputs, units, 3).Dispose(), says);
        }
    }

    private static IEnumerable<Case> NullCases()
    {
        yield return Bad<ArgumentNullException>("LinearClassifier on nothing", _ => new LinearClassifier(null!, 5, 3).Dispose(), "device");
        yield return Bad<ArgumentNullException>("TwoLayerClassifier on nothing", _ => new TwoLayerClassifier(null!, 5, 6, 3).Dispose(), "device");
        yield return Bad<ArgumentNullException>("Network on nothing", _ => new Network(null!, 5, new Dense(3)).Dispose(), "device");
        yield return Bad<ArgumentNullException>("Network of null", _ => new Network(TestDevice.Plain, 5, (Layer[])null!).Dispose(), "layers");
        yield return Bad<ArgumentException>("Network of a null layer", _ => new Network(TestDevice.Plain, 5, new Dense(3), null!).Dispose(), "Layer 1 is null");
        yield return Bad<ArgumentNullException>("BatchTrainer of null", _ => new BatchTrainer(null!, new Sgd(1)).Dispose(), "network");
        yield return Bad<ArgumentNullException>("BatchTrainer by null", test => new BatchTrainer(test.classifier.Network, null!).Dispose(), "optimizer");
        yield return Bad<ArgumentNullException>("TrainWith null", test => test.classifier.TrainWith(null!).Dispose(), "optimizer");
        yield return Bad<ArgumentNullException>("SetParameters of null", test => test.classifier.SetParameters(null!), "parameters");
        yield return Bad<ArgumentException>("TrainBatch of null", test => test.classifier.TrainBatch(null, GoodLabels, 0.1f), "got 0 values");
        yield return Bad<ArgumentException>("Predict into null", test => test.classifier.Predict(GoodFeatures, null), "got 0");
    }

    private static Case Bad<TException>(string name, Action<BadInputTests> call, params string[] says) where TException : Exception
    {
        return new Case(name, call, typeof(TException), says);
    }

    private static Case BadNumber(string name, float value, Action<BadInputTests> call, params string[] says)
    {
        return Bad<ArgumentOutOfRangeException>($"{name} {value}", call, [.. says, $"Actual value was {value}"]);
    }

    private static float[] With(float[] values, int place, float value)
    {
        float[] changed = [.. values];
        changed[place] = value;
        return changed;
    }

    private static ClassifierParameters Zeros() => new(new float[Inputs * Hidden], new float[Hidden], new float[Hidden * Classes], new float[Classes]);

    /// <summary>A part of the result that is checked afterwards, if that is long enough.</summary>
    private Span<float> ResultOf(int length) => length <= result.Length ? result.AsSpan(0, length) : new float[length];

    private string HashOfWeights()
    {
        IEnumerable<float> all = classifier.Network.Parameters.Concat(linear.Network.Parameters).Concat(regressor.Network.Parameters).SelectMany(parameter => parameter.GetValues());
        return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(all.ToArray())));
    }
}
