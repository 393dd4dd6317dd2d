using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A population: every member matches a twin of its own, and none affects the others.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class NetworkPopulationTests
{
    private const float Rate = 0.1f;

    /// <summary>Adam divides by a small number if a gradient is nearly zero; its epsilon is large here, so that rounding errors stay small.</summary>
    private static readonly Optimizer[] Optimizers =
        [new Sgd(0), new Sgd(0, Momentum: 0.9f), new Sgd(0, Momentum: 0.8f, WeightDecay: 0.01f), new Adam(0, Epsilon: 1e-3f)];

    private static IEnumerable<TestCaseData> Shapes()
    {
        foreach ((int inputs, int hidden, int classes) in new[] { (1, 1, 2), (3, 5, 2), (7, 9, 3), (16, 32, 4), (9, 33, 10) })
        {
            foreach (int batch in new[] { 1, 3, 8 })
            {
                foreach (int members in new[] { 1, 7, 8, 9 }) yield return new TestCaseData(members, batch, inputs, hidden, classes);
            }
        }

        yield return new TestCaseData(9, 2, 33, 6, 18);

        // A kernel of one row compiles in a second, but one of eight rows with this many outputs takes half a minute.
        yield return new TestCaseData(9, 1, 2, 4, 70);
        yield return new TestCaseData(9, 3, 2, 4, 70).SetCategory(Categories.Nightly);
        yield return new TestCaseData(3, 1, 40, 70, 21);
        yield return new TestCaseData(3, 17, 40, 70, 21).SetCategory(Categories.Nightly);

        yield return new TestCaseData(100, 8, 16, 32, 4);
        yield return new TestCaseData(100, 21, 7, 9, 3);
        yield return new TestCaseData(3, 9, 784, 128, 10).SetCategory(Categories.Nightly);
    }

    /// <summary>Two steps, plain ones, and ones with weights (including zero and negative), masks, entropy, momentum and decay.</summary>
    [TestCaseSource(nameof(Shapes))]
    public void AStepAndAPredictionAgreeWithTheTwins(int members, int batch, int inputs, int hidden, int classes)
    {
        foreach (bool everything in new[] { false, true }) StepAndPredict(TestDevice.Plain, members, batch, inputs, hidden, classes, everything);
    }

    /// <summary>
    /// The kernels for graphics cards with weights in registers and without, inputs written out and in a loop (of one texel at a time, of four), biases apart and in the padding, several
    /// hidden units in an invocation, more outputs than it adds at once, and batches of several blocks.
    /// </summary>
    [TestCase(2, 3, 64, 32, 4)]
    [TestCase(3, 1, 64, 64, 10)]
    [TestCase(3, 9, 64, 64, 10, Category = Categories.Nightly)]   // a minute to compile
    [TestCase(2, 17, 73, 33, 3)]
    [TestCase(2, 3, 80, 5, 2)]
    [TestCase(2, 2, 4, 97, 13)]
    [TestCase(2, 11, 4, 97, 13, Category = Categories.Nightly)]
    [TestCase(2, 8, 5, 30, 32)]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void ThoseForCardsAgreeWithTheTwins(int members, int batch, int inputs, int hidden, int classes)
    {
        TestDevice.RequireOpenGL();
        using NeuralDevice device = TestDevice.Create();
        KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
        Assert.That(KernelFamily.Of(device).For(device.Limits).Population(new PopulationShape(members, inputs, hidden, classes)), Is.TypeOf<WorkgroupTiledPopulation>());
        StepAndPredict(device, members, batch, inputs, hidden, classes, everything: true);
        _ = TestDevice.Plain;
    }

    /// <summary>A driver with less shared memory has fewer blocks of rows in a dispatch, and so more dispatches.</summary>
    [Test]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void TheRowsOfADispatchChangeNoBit()
    {
        const int Members = 3, Batch = 21, Inputs = 8, Hidden = 9, Classes = 3;
        TestDevice.RequireOpenGL();
        PopulationShape shape = new(Members, Inputs, Hidden, Classes);
        List<string> bits = [];
        foreach ((int blocks, int rows) in new[] { (3, 24), (2, 16), (1, 8) })
        {
            using NeuralDevice device = TestDevice.Create(new HeadlessOptions { SharedMemoryBytes = (int)SharedTexels.Of(shape, rows: 8, blocks).Bytes });
            KernelFamily.Force(device, KernelFamily.WorkgroupTiled);
            Assert.That(KernelFamily.Of(device).For(device.Limits).Population(shape).RowsPerStep(Batch), Is.EqualTo(rows));
            using NetworkPopulation population = new(device, Members, Inputs, Hidden, Classes, seed: 2, new Sgd(0, Momentum: 0.5f), new SoftmaxCrossEntropy(0.05f));
            Data data = Data.Of(population, Batch, seed: 15, everything: true);
            float[] losses = new float[Members];
            for (int step = 0; step < 2; step++) population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights, data.Allowed);
            bits.Add(string.Join(' ', Enumerable.Range(0, Members).Select(member => $"{losses[member]:R} {Bits(population.GetParameters(member))}")));
        }

        _ = TestDevice.Plain;
        Assert.That(bits, Is.All.EqualTo(bits[0]));
    }

    /// <summary>How many dispatches a step takes on a card, and whether by the kernels of 32 invocations a network, which keep to the shared memory of the driver.</summary>
    [TestCase(16, 32, 4, 8, 1)]
    [TestCase(16, 32, 17, 8, 1)]
    [TestCase(16, 32, 4, 32, 1)]
    [TestCase(64, 32, 4, 32, 1)]
    [TestCase(64, 64, 4, 32, 1)]
    [TestCase(32, 64, 10, 64, 2)]
    [TestCase(64, 64, 32, 8, 1)]
    [TestCase(300, 128, 16, 8, 1)]
    [TestCase(784, 128, 10, 8, 1, 48)]
    [Category(Categories.Once)]
    public void AStepOnACardIsAFewDispatches(int inputs, int hidden, int classes, int batch, int dispatches, int sharedKilobytes = 32)
    {
        DeviceLimits limits = new() { SharedMemoryBytes = sharedKilobytes * 1024 };
        foreach (KernelFamily family in new[] { KernelFamily.WorkgroupTiled, new WorkgroupTiledFamily(WorkgroupTiling.ByRule) })
        {
            FamilyKernels kernels = family.For(limits);
            PopulationShape shape = new(Members: 100, inputs, hidden, classes);
            PopulationGraph graph = new(kernels, shape, new Relu(), new SoftmaxCrossEntropy());
            Dispatch[] step = [.. graph.PlannedStep(batch, new Sgd(0))];
            Assert.That(step, Has.Length.EqualTo(dispatches));
            foreach (Dispatch dispatch in step)
            {
                Assert.That(dispatch.Source.FileName, Is.EqualTo("network_population_step_lanes.comp"));
                Dictionary<string, int> constants = dispatch.Source.Constants.ToDictionary(constant => constant.Name, constant => constant.Value);
                int texels = constants["SAMPLES"] + (2 * constants["SHARED_OUTPUTS"]) + constants["LANE_OUTPUTS"] + constants["ROW_SUMS"];
                if (constants["BLOCKS"] > 1) texels += constants["KEPT_HIDDEN"];
                Assert.That((texels * 16) + (constants["BIAS_SUMS"] * 4) + (constants["NETWORKS"] * 8), Is.AtMost(limits.SharedMemoryBytes));
                Assert.That(constants["GROUP_SIZE"], Is.AtMost(256));
            }
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public void AHundredStepsFollowTheTwins(bool everything)
    {
        SoftmaxCrossEntropy loss = new(everything ? 0.02f : 0);
        Sgd optimizer = everything ? new Sgd(0, Momentum: 0.8f, WeightDecay: 0.001f) : new Sgd(0);
        using NetworkPopulation population = new(TestDevice.Plain, 20, 16, 32, 4, seed: 5, optimizer, loss);
        Learner[] twins = [.. new[] { 0, 7, 8, 19 }.Select(m => new Learner(population, m, optimizer, loss))];
        float[] losses = new float[20];
        double early = 0, late = 0;
        for (int step = 0; step < 100; step++)
        {
            int batch = 1 + (step * 5 % 13);
            Data data = Data.Of(population, batch, seed: 100 + step, everything);
            if (!everything) data = data.WithRule(population);
            population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights, data.Allowed);
            if (step < 13) early += losses.Average();
            if (step >= 100 - 13) late += losses.Average();
            foreach (Learner twin in twins)
            {
                double expected = twin.Step(data);
                Assert.That(losses[twin.Member], Is.EqualTo(expected).Within(1e-5 + (1e-4 * Math.Abs(expected))), $"member {twin.Member}, step {step}");
            }
        }

        foreach (Learner twin in twins) twin.AssertSameParameters(1e-4, 1e-3);
        if (!everything) Assert.That(late, Is.LessThan(0.8 * early), "they learned something: batches of all sizes, never seen before");
    }

    /// <summary>
    /// Batches with fewer rows than a dispatch takes, with as many and with more: whatever the optimizer, it steps once, by the gradient of the complete
    /// batch and at the learning rate of the call.
    /// </summary>
    [Test]
    public void EveryOptimizerFollowsItsTwin([ValueSource(nameof(Optimizers))] Optimizer optimizer, [Values(1, 3, 8, 9, 20)] int batch)
    {
        SoftmaxCrossEntropy loss = new(0.02f);
        using NetworkPopulation population = new(TestDevice.Plain, 9, 7, 9, 3, seed: 6, optimizer, loss);
        Learner[] twins = [.. new[] { 0, 7, 8 }.Select(m => new Learner(population, m, optimizer, loss))];
        float[] losses = new float[9];
        foreach ((int step, float rate) in new[] { Rate, 0.02f, 0, 0.05f }.Index())
        {
            Data data = Data.Of(population, batch, seed: 200 + (10 * step), everything: true);
            population.TrainBatch(data.Features, data.Labels, rate, losses, data.Weights, data.Allowed);
            foreach (Learner twin in twins)
            {
                double expected = twin.Step(data, rate);
                Assert.That(losses[twin.Member], Is.EqualTo(expected).Within(1e-5 + (1e-4 * Math.Abs(expected))), $"member {twin.Member}, step {step}");
                twin.AssertSameParameters(1e-5, 1e-4);
            }
        }
    }

    /// <summary>Ten thousand members, of which a few are checked.</summary>
    [Test]
    public void TenThousandMembersLearn()
    {
        using NetworkPopulation population = new(TestDevice.Plain, 10_000, 7, 9, 3);
        Data data = Data.Of(population, 8, seed: 20, everything: true);
        Learner[] twins = [.. new[] { 0, 1, 4_999, 9_992, 9_999 }.Select(m => new Learner(population, m, new Sgd(0), new SoftmaxCrossEntropy()))];
        float[] losses = new float[10_000];
        population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights, data.Allowed);
        Assert.That(losses, Is.All.Matches<float>(float.IsFinite));
        foreach (Learner twin in twins)
        {
            Assert.That(losses[twin.Member], Is.EqualTo(twin.Step(data)).Within(1e-4));
            twin.AssertSameParameters(1e-5, 1e-4);
        }

        float[] probabilities = new float[data.Labels.Length * 3];
        population.Predict(data.Features, probabilities);
        foreach (Learner twin in twins) twin.AssertSameProbabilities(data, probabilities);
    }

    /// <summary>A batch that one driver runs, another rejects with a reason; a batch that it runs is trained as if the rejected one had not come.</summary>
    [Test]
    public void ABatchThatTheDriverHasNoRoomForIsRefusedAndNothingChanges()
    {
        const int Members = 9, Inputs = 3, Classes = 2;
        TestDevice.RequireOpenGL();
        int manyRows = KernelFamily.Of(TestDevice.Plain) is WorkgroupTiledFamily ? 200 : 20;   // more than one dispatch takes
        int rowsOfOneDispatch = KernelFamily.Of(TestDevice.Plain) is StandInFamily ? 3 : 7;   // or fewer than that
        int most = KernelFamily.Of(TestDevice.Plain) is WorkgroupTiledFamily ? 3 : 6;   // fewer than any driver has; what is fetched does not count
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { MostBindings = most });
        using NetworkPopulation population = Make(device), other = Make(device);
        Data small = Data.Of(population, rowsOfOneDispatch, seed: 5, everything: true), large = Data.Of(population, manyRows, seed: 6, everything: true);
        population.Predict(large.Features, new float[Members * manyRows * Classes]);   // there is room for its features, then
        other.Predict(large.Features, new float[Members * manyRows * Classes]);
        Train(population, small);
        Train(other, small);
        Assert.That(
            () => Train(population, large),
            Throws.TypeOf<DeviceLimitException>().With.Message.Contains($"{most + 1} image units and storage buffers").And.Message.Contains("smaller batches"));
        Train(population, small);
        Train(other, small);
        for (int member = 0; member < Members; member++)
            Assert.That(Bits(population.GetParameters(member)), Is.EqualTo(Bits(other.GetParameters(member))), $"member {member}");
        _ = TestDevice.Plain;

        static NetworkPopulation Make(NeuralDevice device) => new(device, Members, Inputs, hidden: 5, Classes, seed: 2, new Sgd(0, Momentum: 0.5f));

        static void Train(NetworkPopulation population, Data data) =>
            population.TrainBatch(data.Features, data.Labels, Rate, sampleWeights: data.Weights, allowedClasses: data.Allowed);
    }

    /// <summary>A driver with only the room that OpenGL guarantees runs updates in a separate dispatch.</summary>
    [Test]
    public void ADriverWithLittleRoomGivesTheSameBits()
    {
        const int Members = 9;
        TestDevice.RequireOpenGL();
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { MostBindings = 8 });
        foreach (Optimizer optimizer in Optimizers)
        {
            foreach (int batch in new[] { 3, 20 }) Assert.That(Run(device, optimizer, batch), Is.EqualTo(Run(TestDevice.Plain, optimizer, batch)), $"{optimizer}, {batch} rows");
        }

        string Run(NeuralDevice device, Optimizer optimizer, int batch)
        {
            device.MakeCurrent();
            using NetworkPopulation population = new(device, Members, 3, 5, 2, seed: 2, optimizer);
            Data data = Data.Of(population, batch, seed: 15, everything: true);
            for (int step = 0; step < 2; step++) population.TrainBatch(data.Features, data.Labels, Rate, default, data.Weights, data.Allowed);
            return string.Join(' ', Enumerable.Range(0, Members).Select(member => Bits(population.GetParameters(member))));
        }
    }

    /// <summary>Another member's data, weights or divergence change no bit of this one.</summary>
    [Test]
    public void MembersAreIndependent()
    {
        const int Members = 17, Batch = 5, Odd = 9;
        string[] Run(bool disturbed, float scale)
        {
            using NetworkPopulation population = new(TestDevice.Plain, Members, 7, 9, 3, optimizer: new Sgd(0, 0.5f));
            Data data = Data.Of(population, Batch, seed: 30, everything: true);
            if (disturbed)
            {
                ClassifierParameters other = population.GetParameters(Odd);
                population.SetParameters(Odd, other with { HiddenWeights = [.. other.HiddenWeights.Select(w => w * 0.5f)] });
                for (int i = 0; i < Batch * 7; i++) data.Features[(Odd * Batch * 7) + i] = scale * (1 - i);
            }

            float[] losses = new float[Members];
            for (int step = 0; step < 5; step++) population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights, data.Allowed);
            return [.. Enumerable.Range(0, Members).Select(m => $"{BitConverter.SingleToInt32Bits(losses[m])} {Bits(population.GetParameters(m))}")];
        }

        string[] quiet = Run(false, 0);
        foreach (float scale in new[] { 1f, 1e37f })
        {
            string[] disturbed = Run(true, scale);
            for (int m = 0; m < Members; m++) Assert.That(disturbed[m], m == Odd ? Is.Not.EqualTo(quiet[m]) : Is.EqualTo(quiet[m]), $"member {m}");
        }
    }

    /// <summary>Whether a member's loss overflows on its batch is decided for that member alone. It continues from its previous state.</summary>
    [Test]
    public void AMemberWhoseLossIsNotFiniteKeepsItsWeights([Values(1, 8, 20)] int batch, [ValueSource(nameof(Optimizers))] Optimizer optimizer)
    {
        const int Members = 10, Lost = 3;
        using NetworkPopulation population = new(TestDevice.Plain, Members, 5, 6, 3, optimizer: optimizer);
        Learner twin = new(population, Lost, optimizer, new SoftmaxCrossEntropy());
        Data data = Data.Of(population, batch, seed: 40, everything: false);
        float[] losses = new float[Members];
        population.TrainBatch(data.Features, data.Labels, Rate, losses);
        twin.Step(data);
        string[] before = [.. Enumerable.Range(0, Members).Select(m => Bits(population.GetParameters(m)))];

        float[] tooMuch = [.. data.Features];
        int firstOfLast = ((Lost * batch) + batch - 1) * 5;   // in the last row of its batch
        for (int i = 0; i < 5; i++) tooMuch[firstOfLast + i] = i % 2 == 0 ? float.MaxValue : -float.MaxValue;
        ClassifierParameters large = population.GetParameters(Lost);
        population.SetParameters(Lost, large with { HiddenWeights = [.. large.HiddenWeights.Select((w, i) => i % 6 == 0 ? 9 * MathF.CopySign(1, i / 6 % 2 == 0 ? 1 : -1) : w)] });
        before[Lost] = Bits(population.GetParameters(Lost));
        population.TrainBatch(tooMuch, data.Labels, Rate, losses);

        Assert.That(float.IsFinite(losses[Lost]), Is.False, $"{losses[Lost]}");
        for (int m = 0; m < Members; m++)
        {
            Assert.That(Bits(population.GetParameters(m)), m == Lost ? Is.EqualTo(before[m]) : Is.Not.EqualTo(before[m]), $"member {m}");
            if (m != Lost) Assert.That(float.IsFinite(losses[m]));
        }

        population.SetParameters(Lost, large);
        population.TrainBatch(data.Features, data.Labels, Rate, losses);
        Assert.That(losses, Is.All.Matches<float>(float.IsFinite), "it continues");
        twin.SkipStep();
        twin.Step(data);
        twin.AssertSameParameters(1e-5, 1e-4);
    }

    [Test]
    public void ParametersComeBackBitForBit([Values(1, 3, 9)] int inputs, [Values(1, 4, 7)] int hidden, [Values(2, 5)] int classes)
    {
        const int Members = 19;
        using NetworkPopulation population = new(TestDevice.Plain, Members, inputs, hidden, classes);
        ClassifierParameters[] start = [.. Enumerable.Range(0, Members).Select(population.GetParameters)];
        ClassifierParameters written = new(
            TwinArrays.UniformFloats(1, inputs * hidden), TwinArrays.UniformFloats(2, hidden),
            TwinArrays.UniformFloats(3, hidden * classes), TwinArrays.UniformFloats(4, classes));
        population.SetParameters(11, written);
        for (int m = 0; m < Members; m++)
            Assert.That(Bits(population.GetParameters(m)), Is.EqualTo(Bits(m == 11 ? written : start[m])), $"member {m}");
        Assert.That(population.ParameterCount, Is.EqualTo(((inputs + 1) * hidden) + ((hidden + 1) * classes)));
    }

    /// <summary>A layout whose members do not all fit side by side puts fewer of them in a row.</summary>
    [TestCase(784, 16, 10)]
    [TestCase(784, 64, 10)]
    [TestCase(300, 200, 10)]
    [TestCase(2, 3, 3_800, Category = Categories.Nightly)]   // a minute to compile; close to the most loop iterations that a software driver runs
    public void LargeNetworksLearnToo(int inputs, int hidden, int classes)
    {
        if (KernelFamily.Of(TestDevice.Plain) is StandInFamily && classes > 1_000)   // its members keep their outputs in shared memory
        {
            Assert.Throws<DeviceLimitException>(() => _ = new NetworkPopulation(TestDevice.Plain, 5, inputs, hidden, classes));
            return;
        }

        using NetworkPopulation population = new(TestDevice.Plain, 5, inputs, hidden, classes);
        Data data = Data.Of(population, 3, seed: 50, everything: true);
        Learner twin = new(population, 4, new Sgd(0), new SoftmaxCrossEntropy());
        float[] losses = new float[5];
        population.TrainBatch(data.Features, data.Labels, 0.01f, losses, data.Weights, data.Allowed);
        Assert.That(losses[4], Is.EqualTo(twin.Step(data, 0.01)).Within(1e-4));
        twin.AssertSameParameters(1e-5, 1e-4);
    }

    [Test]
    public void InitialWeightsFollowHeAndGlorot()
    {
        using NetworkPopulation population = new(TestDevice.Plain, 9, 30, 20, 10, seed: 4);
        using NetworkPopulation same = new(TestDevice.Plain, 20, 30, 20, 10, seed: 4);
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 30, 20, 10, seed: 4);
        Assert.That(Bits(population.GetParameters(0)), Is.EqualTo(Bits(classifier.GetParameters())));
        ClassifierParameters start = population.GetParameters(8);
        Assert.That(Bits(same.GetParameters(8)), Is.EqualTo(Bits(start)), "whatever the number of members");
        Assert.That(start.HiddenWeights.Max(Math.Abs), Is.InRange(0.9 * Math.Sqrt(6.0 / 30), Math.Sqrt(6.0 / 30)));
        Assert.That(start.OutputWeights.Max(Math.Abs), Is.InRange(0.9 * Math.Sqrt(6.0 / 30), Math.Sqrt(6.0 / 30)));
        Assert.That(start.HiddenBiases.Concat(start.OutputBiases), Is.All.Zero);
        Assert.That(Enumerable.Range(0, 9).Select(m => Bits(population.GetParameters(m))).Distinct().Count(), Is.EqualTo(9));
    }

    /// <summary>The bits do not depend on whether losses are read, nor on an earlier larger batch or prediction.</summary>
    [Test]
    public void ResultsDoNotDependOnWhatWasBefore()
    {
        string Run(bool disturbed)
        {
            using NetworkPopulation population = new(TestDevice.Plain, 9, 7, 9, 3);
            Data data = Data.Of(population, 5, seed: 60, everything: false), larger = Data.Of(population, 19, seed: 61, everything: true);
            if (disturbed)
            {
                population.TrainBatch(larger.Features, larger.Labels, 0, new float[9], larger.Weights, larger.Allowed);
                population.Predict(larger.Features, new float[larger.Labels.Length * 3]);
            }

            population.TrainBatch(data.Features, data.Labels, Rate, disturbed ? new float[9] : default);
            population.RepeatStep();
            return Bits(population.GetParameters(8));
        }

        Assert.That(Run(true), Is.EqualTo(Run(false)));
    }

    [Test]
    public void DisposeFreesEverything()
    {
        NeuralDevice device = TestDevice.Plain;
        device.Update();
        DeviceMemory before = device.Memory;
        NetworkPopulation population = new(device, 9, 3, 5, 2, optimizer: new Sgd(0, 0.9f));
        Data data = Data.Of(population, 3, seed: 70, everything: false);
        population.TrainBatch(data.Features, data.Labels, Rate);
        population.Predict(data.Features, new float[data.Labels.Length * 2]);
        population.Dispose();
        population.Dispose();
        device.Update();
        Assert.That(device.Memory with { Programs = 0 }, Is.EqualTo(before with { Programs = 0 }));
        Assert.That(() => population.GetParameters(0), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => population.TrainBatch(data.Features, data.Labels, Rate), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void BadInputsAreRefusedAndNothingChanges()
    {
        const int Members = 9, Batch = 2;
        using NetworkPopulation population = new(TestDevice.Plain, Members, 3, 5, 2);
        Data data = Data.Of(population, Batch, seed: 80, everything: true);
        population.TrainBatch(data.Features, data.Labels, Rate);
        string before = string.Join(' ', Enumerable.Range(0, Members).Select(m => Bits(population.GetParameters(m))));
        ClassifierParameters good = population.GetParameters(1);
        float[] losses = new float[Members], result = new float[Members * Batch * 2];
        TestDevice.Plain.Update();
        DeviceMemory memory = TestDevice.Plain.Memory;

        void Refused<T>(Action action, string says) where T : Exception
        {
            Assert.That(() => action(), Throws.TypeOf<T>().With.Message.Contains(says));
            TestDevice.Plain.Update();
            Assert.That(TestDevice.Plain.Memory, Is.EqualTo(memory));
            Assert.That(string.Join(' ', Enumerable.Range(0, Members).Select(m => Bits(population.GetParameters(m)))), Is.EqualTo(before));
            Assert.That(losses.Concat(result), Is.All.Zero);
        }

        float[] With(float[] values, int at, float value)
        {
            float[] changed = [.. values];
            changed[at] = value;
            return changed;
        }

        Refused<ArgumentException>(() => population.TrainBatch([], [], Rate), "at least one");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features.AsSpan(1), data.Labels, Rate), "3 features");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features.AsSpan(3), data.Labels.AsSpan(1), Rate), "each of the 9 members");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features, data.Labels.AsSpan(1), Rate), "one label per sample");
        Refused<ArgumentOutOfRangeException>(() => population.TrainBatch(data.Features, [.. data.Labels.Skip(1), 2], Rate), "2 classes");
        Refused<ArgumentOutOfRangeException>(() => population.TrainBatch(data.Features, data.Labels, -1), "learning rate");
        Refused<ArgumentOutOfRangeException>(() => population.TrainBatch(data.Features, data.Labels, float.NaN), "learning rate");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features, data.Labels, Rate, losses.AsSpan(1)), "one loss per member");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights.AsSpan(1)), "one weight per sample");
        Refused<ArgumentException>(() => population.TrainBatch(data.Features, data.Labels, Rate, losses, default, new bool[3]), "none at all");
        Refused<ArgumentException>(
            () => population.TrainBatch(data.Features, data.Labels, Rate, losses, default, new bool[data.Labels.Length * 2]), "allowed classes");
        Refused<NonFiniteValueException>(() => population.TrainBatch(With(data.Features, 4, float.NaN), data.Labels, Rate, losses), "finite");
        Refused<NonFiniteValueException>(
            () => population.TrainBatch(data.Features, data.Labels, Rate, losses, With(data.Weights, 4, float.PositiveInfinity)), "finite");
        Refused<ArgumentException>(() => population.Predict(data.Features, result.AsSpan(1)), "classes");
        Refused<ArgumentException>(() => population.Predict(data.Features.AsSpan(3), result), "each of the 9 members");
        Refused<NonFiniteValueException>(() => population.Predict(With(data.Features, 4, float.NaN), result), "finite");
        Refused<ArgumentOutOfRangeException>(() => population.GetParameters(-1), "0 to 8");
        Refused<ArgumentOutOfRangeException>(() => population.GetParameters(9), "0 to 8");
        Refused<ArgumentOutOfRangeException>(() => population.SetParameters(9, good), "0 to 8");
        Refused<ArgumentNullException>(() => population.SetParameters(1, null!), "parameters");
        Refused<ArgumentNullException>(() => population.SetParameters(1, good with { OutputBiases = null! }), "OutputBiases");
        Refused<ArgumentException>(() => population.SetParameters(1, good with { OutputBiases = [1] }), "2 output biases");
        Refused<NonFiniteValueException>(() => population.SetParameters(1, good with { OutputBiases = [1, float.NaN] }), "finite");
        Refused<ArgumentOutOfRangeException>(() => _ = new NetworkPopulation(TestDevice.Plain, 0, 1, 1, 2), "members");
        Refused<ArgumentOutOfRangeException>(() => _ = new NetworkPopulation(TestDevice.Plain, 1, 0, 1, 2), "inputs");
        Refused<ArgumentOutOfRangeException>(() => _ = new NetworkPopulation(TestDevice.Plain, 1, 1, 0, 2), "hidden");
        Refused<ArgumentOutOfRangeException>(() => _ = new NetworkPopulation(TestDevice.Plain, 1, 1, 1, 1), "at least 2 classes");
        Refused<ArgumentNullException>(() => _ = new NetworkPopulation(null!, 1, 1, 1, 2), "device");
        Refused<ArgumentException>(() => _ = new NetworkPopulation(TestDevice.Plain, 1, 1, 1, 2, loss: new MeanSquaredError()), "must take labels, such as SoftmaxCrossEntropy, but got mean_squared_error");
        Refused<DeviceLimitException>(() => _ = new NetworkPopulation(TestDevice.Plain, 100_000, 784, 16, 10), "are too large for this device");
        if (KernelFamily.Of(TestDevice.Plain) is StandInFamily or { Name: "register-tiled" })
        {
            string limit = KernelFamily.Of(TestDevice.Plain) is StandInFamily ? "shared memory" : "loop iterations";
            Refused<DeviceLimitException>(() => _ = new NetworkPopulation(TestDevice.Plain, 1, 1, 1, 10_000), limit);
            Refused<DeviceLimitException>(() => _ = new NetworkPopulation(TestDevice.Plain, 600_000, 1, 1, 2), "several populations");
        }
    }

    private static string Bits(ClassifierParameters p)
    {
        float[] all = [.. p.HiddenWeights, .. p.HiddenBiases, .. p.OutputWeights, .. p.OutputBiases];
        return Convert.ToHexString(MemoryMarshal.AsBytes<float>(all));
    }

    /// <summary>Two steps and a prediction of every member by its twin.</summary>
    private static void StepAndPredict(NeuralDevice device, int members, int batch, int inputs, int hidden, int classes, bool everything)
    {
        SoftmaxCrossEntropy loss = new(everything ? 0.05f : 0);
        Sgd optimizer = everything ? new Sgd(0, Momentum: 0.9f, WeightDecay: 0.01f) : new Sgd(0);
        using NetworkPopulation population = new(device, members, inputs, hidden, classes, seed: 3, optimizer, loss);
        Data data = Data.Of(population, batch, seed: 10, everything);
        Learner[] twins = [.. Enumerable.Range(0, members).Select(m => new Learner(population, m, optimizer, loss))];
        float[] losses = new float[members];
        for (int step = 0; step < 2; step++)
        {
            population.TrainBatch(data.Features, data.Labels, Rate, losses, data.Weights, data.Allowed);
            double[] expected = [.. twins.Select(twin => twin.Step(data))];
            Tolerance.AssertClose(losses, expected, 1e-5, 1e-4, $"losses of step {step}");
        }

        foreach (Learner twin in twins) twin.AssertSameParameters(1e-5, 1e-4);
        float[] probabilities = new float[data.Labels.Length * classes];
        population.Predict(data.Features, probabilities);
        foreach (Learner twin in twins) twin.AssertSameProbabilities(data, probabilities);
    }

    /// <summary>Batches of a complete population; without "everything", no weights and no masks.</summary>
    private sealed record Data(int Batch, float[] Features, int[] Labels, float[] Weights, bool[] Allowed)
    {
        public static Data Of(NetworkPopulation population, int batch, int seed, bool everything)
        {
            int samples = population.Members * batch;
            int[] labels = TwinArrays.Labels(seed + 1, samples, population.Classes);
            float[] weights = everything ? TwinArrays.UniformFloats(seed + 2, samples, -0.5, 1.5) : [];
            if (everything) weights[samples / 2] = 0;
            return new Data(
                batch, TwinArrays.UniformFloats(seed, samples * population.Inputs, -1, 1), labels, weights,
                everything ? TwinArrays.Mask(seed + 3, labels, population.Classes) : []);
        }

        /// <summary>The same samples with a learnable rule: the label is the largest of the first features.</summary>
        public Data WithRule(NetworkPopulation population)
        {
            float[] Seen(int sample) => Features[(sample * population.Inputs)..((sample * population.Inputs) + population.Classes)];
            return this with { Labels = [.. Labels.Select((_, sample) => Array.IndexOf(Seen(sample), Seen(sample).Max()))] };
        }
    }

    /// <summary>The twin of one member.</summary>
    private sealed class Learner
    {
        private readonly NetworkPopulation population;
        private readonly NetworkTwin twin;
        private readonly OptimizerTwin optimizer;
        private readonly double entropyBonus;

        public Learner(NetworkPopulation population, int member, Optimizer optimizer, SoftmaxCrossEntropy loss)
        {
            this.population = population;
            Member = member;
            ClassifierParameters start = population.GetParameters(member);
            twin = new NetworkTwin(
                population.Inputs, new DenseLayerTwin(population.Inputs, population.Hidden, start.HiddenWeights, start.HiddenBiases),
                new ReluLayerTwin(), new DenseLayerTwin(population.Hidden, population.Classes, start.OutputWeights, start.OutputBiases));
            this.optimizer = optimizer switch
            {
                Sgd sgd => new SgdTwin(Rate, sgd.Momentum, sgd.WeightDecay),
                Adam adam => new AdamTwin(Rate, adam.Beta1, adam.Beta2, adam.Epsilon),
                _ => throw new ArgumentException($"{optimizer} has no twin here.", nameof(optimizer)),
            };
            entropyBonus = loss.EntropyBonus;
        }

        public int Member { get; }

        public double Step(Data data, double rate = Rate)
        {
            optimizer.LearningRate = rate;
            return twin.Step(
                optimizer, Features(data), Own(data, data.Labels, 1), TwinArrays.ToDouble(Own(data, data.Weights, 1)),
                Own(data, data.Allowed, population.Classes), entropyBonus).Loss;
        }

        public void SkipStep() => optimizer.SkipStep();

        public void AssertSameParameters(double absolute, double relative)
        {
            ClassifierParameters actual = population.GetParameters(Member);
            float[][] arrays = [actual.HiddenWeights, actual.HiddenBiases, actual.OutputWeights, actual.OutputBiases];
            for (int i = 0; i < arrays.Length; i++)
                Tolerance.AssertClose(arrays[i], twin.Parameters[i], absolute, relative, $"array {i} of member {Member}");
        }

        public void AssertSameProbabilities(Data data, float[] probabilities)
        {
            double[] expected = SoftmaxTwin.SoftmaxForward(twin.Forward(Features(data), data.Batch), data.Batch, population.Classes);
            Tolerance.AssertClose(Own(data, probabilities, population.Classes), expected, 1e-5, 1e-4, $"probabilities of member {Member}");
        }

        private double[] Features(Data data) => TwinArrays.ToDouble(Own(data, data.Features, population.Inputs));

        private T[] Own<T>(Data data, T[] all, int columns)
        {
            int count = data.Batch * columns;
            return all.Length == 0 ? [] : all[(Member * count)..((Member + 1) * count)];
        }
    }
}
