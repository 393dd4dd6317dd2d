using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The content of a training set: the newest samples, complete, and never replaced during an open step.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class TrainingSetTests
{
    private const int Inputs = 5;
    private const int Classes = 3;

    /// <summary>More frames than any step needs with the tiny budget.</summary>
    private const int MostFrames = 1_000_000;   // of 5 µs, which a busy machine may need, where each part of a step seems to take some milliseconds

    /// <summary>Less than the time of the smallest part of a dispatch, so that each part runs alone.</summary>
    private static readonly FrameBudget TinyBudget = TimeSpan.FromMicroseconds(5);

    private static NeuralDevice Device => TestDevice.Plain;

    // ---- the ring ----

    [Test]
    public void WhenItIsFullTheOldestGo([Values(1, 3, 7, 9, 20)] int capacity)
    {
        using TrainingSet samples = new(Device, Inputs, Classes, capacity);
        Random random = new(capacity);
        List<int> waiting = [];
        int[] rows = new int[capacity];   // sample numbers, from 1 on
        int number = 0, head = 0;
        for (int round = 0; round < 31; round++)
        {
            int added = random.Next(1, round % 3 == 0 ? 3 * capacity : 4);
            int[] more = [.. Enumerable.Range(number + 1, added)];
            number += added;
            samples.AddRange(FeaturesOf(more), [.. more.Select(LabelOf)], [.. more.Select(sample => (float)sample)], [.. more.SelectMany(AllowedOf)]);
            waiting.AddRange(more);
            Assert.That(samples.Count, Is.EqualTo(Math.Min(capacity, number)));
            if (round % 4 == 1) continue;   // more are added before the upload
            samples.Upload();
            foreach (int sample in waiting.TakeLast(capacity))
            {
                rows[head] = sample;
                head = (head + 1) % capacity;
            }

            waiting.Clear();
            Assert.That(samples.Uploaded, Is.EqualTo(samples.Count));
            AssertContents(samples, rows.AsSpan(0, samples.Uploaded), $"round {round}");
        }

        Assert.That(rows.Order(), Is.EqualTo(Enumerable.Range(number - capacity + 1, capacity)), "the newest");
    }

    /// <summary>Values are laid out as the loss reads them: the weight in the first texel, the values from the second on, the rest zero.</summary>
    [Test]
    public void ValuesLieBesideTheirFeatures([Values(1, 3, 4, 9)] int outputs, [Values] SampleFormat format)
    {
        using TrainingSet samples = TrainingSet.ForValues(Device, Inputs, outputs, capacity: 3, format);
        Assert.That((samples.Inputs, samples.Outputs, samples.Capacity, samples.Format), Is.EqualTo((Inputs, outputs, 3, format)));
        for (int number = 1; number <= 4; number++)   // the first one is replaced
        {
            if (format == SampleFormat.Bytes) samples.Add(BytesOf(number), ValuesOf(number), number);
            else samples.Add(FeaturesOf(number), ValuesOf(number), number);
            samples.Upload();
        }

        if (format == SampleFormat.Bytes) samples.AddRange([.. BytesOf(5), .. BytesOf(6)], [.. ValuesOf(5), .. ValuesOf(6)]);
        else samples.AddRange(FeaturesOf(5, 6), [.. ValuesOf(5), .. ValuesOf(6)]);
        samples.Upload();
        int[] numbers = [4, 5, 6];
        Assert.That(
            SetContents.Features(samples),
            Is.EqualTo(format == SampleFormat.Bytes ? [.. numbers.SelectMany(BytesOf).Select(value => value / 255f)] : FeaturesOf(numbers)));
        float[] targets = [.. SetContents.Targets(samples).Select(BitConverter.UInt32BitsToSingle)];
        int stride = targets.Length / numbers.Length;
        foreach ((int row, int number) in numbers.Index())
        {
            float[] expected = [number == 4 ? 4 : 1, 0, 0, 0, .. ValuesOf(number)];
            Assert.That(targets[(row * stride)..((row + 1) * stride)], Is.EqualTo((float[])[.. expected, .. new float[stride - expected.Length]]), $"sample {number}");
        }

        float[] ValuesOf(int number) => TwinArrays.UniformFloats(100 + number, outputs, -2, 2);
        static byte[] BytesOf(int number) => [.. Enumerable.Range(0, Inputs).Select(i => (byte)((number * 41) + i))];
    }

    [Test]
    public void ValuesThatDoNotFitAreNamedAndNoneIsAdded()
    {
        using TrainingSet samples = TrainingSet.ForValues(Device, Inputs, outputs: 2, capacity: 3);
        float[] features = FeaturesOf(1, 2);
        Assert.That(() => samples.AddRange(features, new float[3]), Throws.ArgumentException.With.Message.Contains("2 samples × 2 outputs").And.Message.Contains("got 3"));
        Assert.That(() => samples.AddRange(features, [1f, 2f, float.NaN, 4f]), Throws.TypeOf<NonFiniteValueException>().With.Message.Contains("target values must be finite, but value 2"));
        Assert.That(() => samples.AddRange(features, new float[4], [1f, float.PositiveInfinity]), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => samples.AddRange(features, new float[4], new float[3]), Throws.ArgumentException);
        Assert.That(() => samples.Add(features, new float[4]), Throws.ArgumentException.With.Message.Contains("features of one sample"));
        Assert.That(() => samples.AddRange(new byte[2 * Inputs], new float[4]), Throws.InvalidOperationException);
        Assert.That(() => samples.AddRange(features, [0, 1]), Throws.ArgumentException.With.Message.Contains("but got labels"));
        Assert.That(samples.Count, Is.Zero);
        Assert.That(() => TrainingSet.ForValues(Device, Inputs, outputs: 0, capacity: 3), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("outputs"));
        Assert.That(() => TrainingSet.ForValues(null!, Inputs, outputs: 1, capacity: 3), Throws.ArgumentNullException);
    }

    [Test]
    public void ClearedItIsEmptyAndBeginsAnew()
    {
        using TrainingSet samples = new(Device, Inputs, Classes, 4);
        Add(samples, 1, 2, 3);
        samples.Upload();
        Add(samples, 4);
        samples.Clear();
        Assert.That(samples.Count, Is.Zero);
        samples.Upload();
        Assert.That(samples.Uploaded, Is.Zero);
        Add(samples, 5, 6);
        samples.Upload();
        AssertContents(samples, [5, 6], "after Clear");
        samples.TrimExcess();
        Add(samples, 7);
        samples.Upload();
        AssertContents(samples, [5, 6, 7], "after TrimExcess");
    }

    [Test]
    public void TrimExcessKeepsWhatWaits()
    {
        using TrainingSet samples = new(Device, Inputs, Classes, 4);
        Add(samples, 1, 2);
        samples.TrimExcess();
        samples.Upload();
        AssertContents(samples, [1, 2], "what waited");
    }

    // ---- open steps ----

    /// <summary>
    /// More samples than the set has room for are added while a step is open across frames: the step has the bits of one without additions, and
    /// afterwards the new samples are in the set.
    /// </summary>
    [TestCase(false, 150)]
    [TestCase(false, 40)]
    [TestCase(true, 150)]
    [TestCase(true, 40)]
    [TestCase(true, 200, Description = "the batch is the set, so that no new sample is uploaded before the step ends")]
    public void AnOpenStepKeepsItsSamples(bool isCleared, int batch)
    {
        const int Capacity = 200, Hidden = 70;
        using TwoLayerClassifier classifier = new(Device, Inputs, Hidden, Classes, seed: 3), twin = new(Device, Inputs, Hidden, Classes, seed: 3);
        using TrainingSet samples = new(Device, Inputs, Classes, Capacity), still = new(Device, Inputs, Classes, Capacity);
        int[] first = [.. Enumerable.Range(1, Capacity)], later = [.. Enumerable.Range(1_001, Capacity + 30)];
        Add(samples, first);
        Add(still, first);
        using InFrameTrainer trainer = Warm(classifier.TrainOn(samples, Options(batch, TinyBudget)));
        using InFrameTrainer reference = twin.TrainOn(still, Options(batch, FrameBudget.Steps(1)));
        int frames = 0;
        for (; frames < 5; frames++) Assert.That(trainer.Tick().StepsThisFrame, Is.Zero, "the first step is open");
        if (isCleared) samples.Clear();
        Add(samples, later);
        Assert.That(samples.Count, Is.EqualTo(Capacity));
        int[] held = [.. Enumerable.Range(0, batch).Select(position => SampleOrder.RowAt(1, 0, Capacity, position))];
        while (trainer.Tick().StepsThisFrame == 0)
        {
            Assert.That(++frames, Is.LessThan(MostFrames), trainer.Progress.ToString());
            TestDevice.EndFrame(Device);   // a busy machine may not give its thread a turn in a hundred thousand frames
            if (frames % 50 != 0 || isCleared) continue;
            float[] features = SetContents.Features(samples);
            foreach (int row in held) Assert.That(features.AsSpan(row * Inputs, Inputs).SequenceEqual(FeaturesOf(first[row])), $"row {row}");
        }

        reference.Tick();
        ClassifierParameters mine = classifier.GetParameters(), theirs = twin.GetParameters();
        Assert.That(mine.HiddenWeights, Is.EqualTo(theirs.HiddenWeights));
        Assert.That(mine.OutputWeights, Is.EqualTo(theirs.OutputWeights));
        Assert.That(frames, Is.GreaterThan(10), "the step was cut");

        trainer.Pause();
        trainer.Tick();
        int[] newest = [.. later.TakeLast(Capacity)];
        Assert.That(SortedOf(SetContents.Targets(samples)), Is.EqualTo(newest), "what was added is there");
    }

    [Test]
    public void SamplesOfBothOfTwoOpenStepsAreKept()
    {
        const int Count = 9;
        using TrainingSet samples = new(Device, Inputs, Classes, Count);
        Add(samples, [.. Enumerable.Range(1, Count)]);
        samples.Upload();
        using SampleOrder one = new(samples, 1, 2), other = new(samples, 2, 3);
        HashSet<int> held = [.. OpenRows(one, 1, 2), .. OpenRows(other, 2, 3)];
        Add(samples, [.. Enumerable.Range(101, Count)]);
        samples.Upload();
        int uploaded = held.Min();
        int[] expected = [.. Enumerable.Range(0, Count).Select(row => row < uploaded ? 101 + row : 1 + row)];
        AssertContents(samples, expected, "up to the first row that is held");
        one.EndBatch();
        other.AbandonBatch();
        samples.Upload();
        AssertContents(samples, [.. Enumerable.Range(101, Count)], "all, when none is open");

        static int[] OpenRows(SampleOrder order, int seed, int batch)
        {
            Assert.That(order.BeginBatch().Rows, Is.EqualTo(batch));
            return [.. Enumerable.Range(0, batch).Select(position => SampleOrder.RowAt(seed, 0, Count, position))];
        }
    }

    /// <summary>Trainers end on another thread while this one makes others and uploads: each order that is still in use keeps its rows, and one that is not holds none.</summary>
    [Test]
    public void OrdersMayEndBesideAnUpload()
    {
        const int Count = 9, Rounds = 100, OfARound = 4;
        using TrainingSet samples = new(Device, Inputs, Classes, Count);
        Add(samples, [.. Enumerable.Range(1, Count)]);
        samples.Upload();
        int seed = Enumerable.Range(1, 100).First(candidate => RowsOf(candidate).Min() > 2);
        int[] rows = RowsOf(seed);
        using SampleOrder held = new(samples, seed, 2);
        held.BeginBatch();
        for (int round = 0; round < Rounds; round++)
        {
            SampleOrder[] ending = [.. Enumerable.Range(0, OfARound).Select(_ => new SampleOrder(samples, 2, 3))];
            foreach (SampleOrder order in ending) order.BeginBatch();
            using ManualResetEventSlim go = new();
            Task ends = Task.Run(() =>
            {
                go.Wait();
                foreach (SampleOrder order in ending) order.Dispose();
            });
            go.Set();
            for (int i = 0; i < OfARound; i++)
            {
                using SampleOrder passing = new(samples, 3, 2);
                Add(samples, 1_000 + round);
                samples.Upload();
            }

            ends.GetAwaiter().GetResult();
            Device.Update();
            int known = samples.Orders.Count;
            using SampleOrder last = new(samples, 2, 3);
            Assert.That(samples.Orders.Count, Is.EqualTo(2).And.LessThanOrEqualTo(known + 1), "the list changes on this thread alone");
            Task.Run(last.Dispose).GetAwaiter().GetResult();
            Assert.That(samples.Orders.Count, Is.EqualTo(2), "not in Dispose, which may come at any moment");
        }

        samples.Upload();
        float[] features = SetContents.Features(samples);
        foreach (int row in rows) Assert.That(features.AsSpan(row * Inputs, Inputs).SequenceEqual(FeaturesOf(1 + row)), $"row {row} is of an open batch");
        Assert.That(Enumerable.Range(0, rows.Min()), Has.None.Matches<int>(row => features.AsSpan(row * Inputs, Inputs).SequenceEqual(FeaturesOf(1 + row))), "rows of orders that have ended are free");

        static int[] RowsOf(int seed) => [.. Enumerable.Range(0, 2).Select(position => SampleOrder.RowAt(seed, 0, Count, position))];
    }

    /// <summary>Those after it are of the next epoch, whose samples are other ones, even if they are as many.</summary>
    [Test]
    public void OnlyTheOpenBatchIsReadyAfterAClear()
    {
        const int Count = 9;
        using TrainingSet samples = new(Device, Inputs, Classes, Count);
        Add(samples, [.. Enumerable.Range(1, Count)]);
        samples.Upload();
        using SampleOrder order = new(samples, 1, 2);
        Assert.That(order.BeginFilledBatch(Device).Rows, Is.EqualTo(2));
        Assert.That(order.BatchesReady, Is.GreaterThan(100));
        samples.Clear();
        Assert.That(order.BatchesReady, Is.EqualTo(1));
        order.EndBatch();
        Add(samples, [.. Enumerable.Range(101, Count)]);
        samples.Upload();
        Assert.That(order.BeginFilledBatch(Device).Epoch, Is.EqualTo(1));
        Assert.That(order.BatchesReady, Is.GreaterThan(100));
    }

    // ---- bad input ----

    [Test]
    public void BadInputIsNamedAndChangesNothing([Values] SampleFormat format)
    {
        using TrainingSet samples = new(Device, Inputs, Classes, 4, format);
        AddOf(format, samples, [1, 2, 3]);
        samples.Upload();
        AddOf(format, samples, [4]);
        float[] features = SetContents.Features(samples);
        uint[] targets = SetContents.Targets(samples);

        foreach (int count in new[] { 0, 4, 6, 9 }) Fails<ArgumentException>($"got {count} values", count, [0]);
        Fails<ArgumentException>("one label per sample", 2 * Inputs, [0]);
        Fails<ArgumentException>("one label per sample", Inputs, []);
        foreach (int label in new[] { -1, 3, int.MaxValue, int.MinValue }) Fails<ArgumentOutOfRangeException>("classes", 2 * Inputs, [0, label]);
        Fails<ArgumentException>("one weight per sample", 2 * Inputs, [0, 1], [1]);
        foreach (float weight in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity }) Fails<NonFiniteValueException>("finite", 2 * Inputs, [0, 1], [1, weight]);
        Fails<ArgumentException>("2 samples × 3 classes", 2 * Inputs, [0, 1], [], [true, true, true]);
        Fails<ArgumentException>("allowed classes", 2 * Inputs, [0, 1], [], [true, true, true, true, false, true]);
        if (format == SampleFormat.Float)
        {
            foreach (float value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
            {
                float[] bad = new float[2 * Inputs];
                bad[^1] = value;
                FailsWith<NonFiniteValueException>("finite", () => samples.AddRange(bad, [0, 1]));
                FailsWith<NonFiniteValueException>("finite", () => samples.Add(bad.AsSpan(Inputs), 0));
            }

            FailsWith<InvalidOperationException>("stores floats", () => samples.Add(new byte[Inputs], 0));
            FailsWith<InvalidOperationException>("stores floats", () => samples.AddRange(new byte[Inputs], [0]));
            FailsWith<ArgumentException>("of one sample", () => samples.Add(new float[2 * Inputs], 0));
            FailsWith<ArgumentOutOfRangeException>("classes", () => samples.Add(new float[Inputs], 3));
            FailsWith<NonFiniteValueException>("finite", () => samples.Add(new float[Inputs], 0, float.NaN));
            FailsWith<ArgumentException>("allowed classes", () => samples.Add(new float[Inputs], 0, 1, [false, true, true]));
        }
        else
        {
            FailsWith<InvalidOperationException>("stores bytes", () => samples.Add(new float[Inputs], 0));
            FailsWith<InvalidOperationException>("stores bytes", () => samples.AddRange(new float[Inputs], [0]));
            FailsWith<ArgumentException>("of one sample", () => samples.Add(new byte[2 * Inputs], 0));
            FailsWith<ArgumentOutOfRangeException>("classes", () => samples.Add(new byte[Inputs], -1));
            FailsWith<NonFiniteValueException>("finite", () => samples.Add(new byte[Inputs], 0, float.NegativeInfinity));
            FailsWith<ArgumentException>("3 classes", () => samples.Add(new byte[Inputs], 0, 1, [true]));
        }

        samples.Upload();
        Assert.That(SortedOf(SetContents.Targets(samples)), Is.EqualTo(new[] { 1, 2, 3, 4 }), "what waited is whole");

        void Fails<TException>(string says, int values, int[] labels, float[]? weights = null, bool[]? allowed = null) where TException : Exception
        {
            FailsWith<TException>(says, () =>
            {
                if (format == SampleFormat.Bytes) samples.AddRange(new byte[values], labels, weights, allowed);
                else samples.AddRange(new float[values], labels, weights, allowed);
            });
        }

        void FailsWith<TException>(string says, Action call) where TException : Exception
        {
            Assert.That(call, Throws.TypeOf<TException>().With.Message.Contains(says));
            Assert.That(samples.Count, Is.EqualTo(4), says);
            Assert.That(SetContents.Features(samples), Is.EqualTo(features), says);
            Assert.That(SetContents.Targets(samples), Is.EqualTo(targets), says);
        }
    }

    [Test]
    public void ASetThatCannotBeIsNamedAndTakesNothing()
    {
        NeuralDevice device = Device;
        DeviceMemory before = device.Memory;
        Assert.That(() => new TrainingSet(null!, Inputs, Classes, 4), Throws.ArgumentNullException);
        Assert.That(() => new TrainingSet(device, 0, Classes, 4), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("inputs"));
        Assert.That(() => new TrainingSet(device, Inputs, -1, 4), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("classes"));
        Assert.That(() => new TrainingSet(device, Inputs, Classes, 0), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("samples"));
        Assert.That(() => new TrainingSet(device, Inputs, Classes, 4, (SampleFormat)2), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("format"));
        Assert.That(() => new TrainingSet(device, 1 << 28, Classes, 4), Throws.TypeOf<DeviceLimitException>().With.Message.Contains("features"));
        Assert.That(() => new TrainingSet(device, Inputs, 1 << 30, 64), Throws.TypeOf<DeviceLimitException>().With.Message.Contains("targets"));
        Assert.That(device.Memory, Is.EqualTo(before));
    }

    [Test]
    public void DisposedItSaysSo()
    {
        TrainingSet samples = new(Device, Inputs, Classes, 4);
        samples.Dispose();
        samples.Dispose();
        Assert.That(() => samples.Add(new float[Inputs], 0), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => samples.AddRange(new float[Inputs], [0]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(samples.Clear, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(samples.Upload, Throws.TypeOf<ObjectDisposedException>());
    }

    // ---- costs ----

    [Test]
    public void AddingAllocatesNothingInSteadyState([Values] SampleFormat format)
    {
        const int Batch = 10;
        using TrainingSet samples = new(Device, Inputs, Classes, 64, format);
        float[] floats = new float[Batch * Inputs], weights = new float[Batch];
        byte[] bytes = new byte[Batch * Inputs];
        int[] labels = new int[Batch];
        bool[] allowed = [.. Enumerable.Repeat(true, Batch * Classes)];
        for (int frame = 0; frame < 20; frame++) Frame();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 1_000; frame++) Frame();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Frame()
        {
            if (format == SampleFormat.Float)
            {
                samples.Add(floats.AsSpan(0, Inputs), 1, 2, allowed.AsSpan(0, Classes));
                samples.AddRange(floats, labels, weights, allowed);
            }
            else
            {
                samples.Add(bytes.AsSpan(0, Inputs), 1, 2, allowed.AsSpan(0, Classes));
                samples.AddRange(bytes, labels, weights, allowed);
            }

            samples.Upload();
        }
    }

    /// <summary>A byte is its value / 255, however it reaches the network.</summary>
    [Test]
    public void BytesTrainAsFloatsDo([Values(7, 40)] int hidden)
    {
        const int Count = 100;
        byte[] bytes = [.. Enumerable.Range(0, Count * Inputs).Select(i => (byte)(i * 37))];
        int[] labels = TwinArrays.Labels(3, Count, Classes);
        using TrainingSet ofBytes = new(Device, Inputs, Classes, Count, SampleFormat.Bytes), ofFloats = new(Device, Inputs, Classes, Count);
        ofBytes.AddRange(bytes, labels);
        ofFloats.AddRange([.. bytes.Select(value => value / 255f)], labels);
        Tolerance.AssertClose(Train(ofBytes), TwinArrays.ToDouble(Train(ofFloats)), 1e-5, 1e-5, "weights");

        float[] Train(TrainingSet samples)
        {
            using TwoLayerClassifier classifier = new(Device, Inputs, hidden, Classes, seed: 3);
            using InFrameTrainer trainer = classifier.TrainOn(samples, Options(16, FrameBudget.Steps(20)));
            trainer.Tick();
            return classifier.GetParameters().HiddenWeights;
        }
    }

    /// <summary>Its kernels are ready, and nothing is trained.</summary>
    private static InFrameTrainer Warm(InFrameTrainer trainer)
    {
        trainer.Pause();
        WarmUpProgress progress = Device.WarmUp(trainer.Kernels);
        while (!progress.IsDone) Device.Update();
        trainer.Tick();
        trainer.Resume();
        return trainer;
    }

    private static TrainerOptions Options(int batch, FrameBudget budget) => new() { BatchSize = batch, FrameBudget = budget, Optimizer = new Sgd(0.1f) };

    private static void Add(TrainingSet samples, params int[] numbers) =>
        samples.AddRange(FeaturesOf(numbers), [.. numbers.Select(LabelOf)], [.. numbers.Select(sample => (float)sample)], [.. numbers.SelectMany(AllowedOf)]);

    private static void AddOf(SampleFormat format, TrainingSet samples, int[] numbers)
    {
        if (format == SampleFormat.Float) Add(samples, numbers);
        else samples.AddRange(new byte[numbers.Length * Inputs], [.. numbers.Select(LabelOf)], [.. numbers.Select(sample => (float)sample)]);
    }

    /// <summary>Of the samples with these numbers, which are stored as their weights.</summary>
    private static float[] FeaturesOf(params int[] numbers) => [.. numbers.SelectMany(number => TwinArrays.UniformFloats(number, Inputs, -1, 1))];

    private static int LabelOf(int number) => number % Classes;

    private static bool[] AllowedOf(int number) => [.. Enumerable.Range(0, Classes).Select(i => i == LabelOf(number) || (number & (8 << i)) != 0)];

    private static int[] SortedOf(uint[] targets)
    {
        int words = new LabelTargets(Classes).WordsPerRow, stride = MatrixShape.Texels(words) * MatrixShape.ColumnsPerTexel;
        return [.. Enumerable.Range(0, targets.Length / stride).Select(row => (int)BitConverter.UInt32BitsToSingle(targets[(row * stride) + 1])).Order()];
    }

    private static void AssertContents(TrainingSet samples, ReadOnlySpan<int> numbers, string when)
    {
        Assert.That(samples.Uploaded, Is.EqualTo(numbers.Length), when);
        Assert.That(SetContents.Features(samples), Is.EqualTo(FeaturesOf([.. numbers])), when);
        uint[] targets = SetContents.Targets(samples);
        int words = new LabelTargets(Classes).WordsPerRow, stride = targets.Length / numbers.Length;
        uint[] expected = new uint[words];
        for (int row = 0; row < numbers.Length; row++)
        {
            int number = numbers[row];
            new LabelTargets(Classes).Pack(BatchTargets.OfLabels([LabelOf(number)], [number], AllowedOf(number)), expected);
            Assert.That(targets.AsSpan(row * stride, words).SequenceEqual(expected), $"{when}, row {row}");
        }
    }
}
