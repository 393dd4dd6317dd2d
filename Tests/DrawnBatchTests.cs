using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A batch that kernels draw from a training set has the same bits as that batch when uploaded.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class DrawnBatchTests
{
    private const int Seed = 6;

    private static readonly SoftmaxCrossEntropy Loss = new(EntropyBonus: 0.02f);

    /// <summary>A stack, and its name.</summary>
    internal sealed record Case(string Name, int Inputs, params Layer[] Layers)
    {
        public override string ToString() => Name;
    }

    private static readonly Case[] Stacks =
    [
        new("1-1", 1, new Dense(1)),
        new("785-10", 785, new Dense(10)),
        new("9-33", 9, new Dense(33)),
        new("7-9-3", 7, new Dense(9), new Relu(), new Dense(3)),
        new("785-65-10", 785, new Dense(65), new Relu(), new Dense(10)),
        new("9-7-17", 9, new Dense(7), new Relu(), new Dense(17)),
        new("ReLU 9-7", 9, new Relu(), new Dense(7)),
        new("ReLU ReLU 3-9-3", 3, new Relu(), new Relu(), new Dense(9), new Dense(3)),
        new("Tanh 9-7-LeakyReLU-3", 9, new Tanh(), new Dense(7), new LeakyRelu(0.1f), new Dense(3)),
    ];

    private static readonly Optimizer[] Optimizers = [new Sgd(0.1f), new Sgd(0.05f, Momentum: 0.9f), new Adam(0.01f)];

    public static IEnumerable<TestCaseData> Cases()
    {
        (int Count, int BatchSize)[] sets = [(9, 3), (45, 7), (3, 5), (785, 130)];
        return
            from stack in Stacks
            from fused in new[] { true, false }
            from set in sets
            let optimizer = Optimizers[(set.Count + stack.Inputs) % Optimizers.Length]
            select new TestCaseData(stack, optimizer, fused, set.Count, set.BatchSize);
    }

    [TestCaseSource(nameof(Cases))]
    public void GivesTheBitsOfTheUploadedOne(Case stack, Optimizer optimizer, bool fused, int count, int batchSize)
    {
        NeuralDevice device = TestDevice.Plain;
        using Network drawing = new(device, Seed, stack.Inputs, stack.Layers), uploading = new(device, Seed, stack.Inputs, stack.Layers);
        Samples samples = Samples.Random(stack.Inputs, drawing.Outputs, count);
        using TrainingSet set = new(device, stack.Inputs, drawing.Outputs, count);
        set.AddRange(samples.Features, samples.Labels, samples.Weights, samples.Allowed);
        set.Upload();
        using BatchTrainer reference = new(uploading, optimizer, Loss, batchSize, fused);
        using DrawnTrainer trainer = new(drawing, set, optimizer, batchSize, fused);

        int steps = Math.Min(5, (2 * MatrixShape.CeilingDivide(count, batchSize)) + 1);
        for (int step = 0; step < steps; step++)
        {
            (DrawnBatch batch, int[] rows, BatchResult result) = trainer.Step();
            Samples drawn = samples.Rows(rows);
            BatchResult expected = reference.TrainBatch(drawn.Features, drawn.Labels, drawn.Weights, drawn.Allowed);
            Assert.That(batch.Rows, Is.EqualTo(rows.Length).And.Positive);
            Assert.That(result, Is.EqualTo(expected), $"step {step}");
        }

        AssertSameBits(drawing, uploading);
    }

    /// <summary>Every combination of an optimizer with a kernel that it is fused into, and an epoch with more than one chunk of the order.</summary>
    [TestCaseSource(nameof(Optimizers))]
    public void GivesTheBitsWithEveryOptimizerOverMoreThanOneChunkOfTheOrder(Optimizer optimizer)
    {
        const int Inputs = 3, Count = 9_001, BatchSize = 33;
        NeuralDevice device = TestDevice.Plain;
        Layer[] layers = [new Dense(5), new Relu(), new Dense(4)];
        using Network drawing = new(device, Seed, Inputs, layers), uploading = new(device, Seed, Inputs, layers);
        Samples samples = Samples.Random(Inputs, drawing.Outputs, Count);
        using TrainingSet set = new(device, Inputs, drawing.Outputs, Count + 7);
        set.AddRange(samples.Features, samples.Labels, samples.Weights, samples.Allowed);
        set.Upload();
        using BatchTrainer reference = new(uploading, optimizer, Loss, BatchSize);
        using DrawnTrainer trainer = new(drawing, set, optimizer, BatchSize, fused: true);
        HashSet<int> seen = [];
        for (int step = 0; step < 2 * MatrixShape.CeilingDivide(Count, BatchSize); step++)
        {
            (DrawnBatch batch, int[] rows, BatchResult result) = trainer.Step();
            if (batch.BeginsEpoch) seen.Clear();
            foreach (int row in rows) Assert.That(seen.Add(row), $"row {row} once an epoch");
            Samples drawn = samples.Rows(rows);
            Assert.That(result, Is.EqualTo(reference.TrainBatch(drawn.Features, drawn.Labels, drawn.Weights, drawn.Allowed)), $"step {step}");
        }

        Assert.That(seen, Has.Count.EqualTo(Count));
        AssertSameBits(drawing, uploading);
    }

    /// <summary>The bits of the same bytes uploaded; and, except for rounding, the result as floats, since kernels scale sums rather than each value.</summary>
    [TestCaseSource(nameof(Stacks))]
    public void BytesGiveWhatTheyGiveAsFloats(Case stack)
    {
        const int Count = 45, BatchSize = 7;
        foreach (bool fused in new[] { false, true })
        {
            NeuralDevice device = TestDevice.Plain;
            using Network drawing = new(device, Seed, stack.Inputs, stack.Layers), uploading = new(device, Seed, stack.Inputs, stack.Layers);
            using Network uploadingBytes = new(device, Seed, stack.Inputs, stack.Layers);
            byte[] features = [.. Enumerable.Range(0, Count * stack.Inputs).Select(i => (byte)(i * 37))];
            Samples samples = Samples.Random(stack.Inputs, drawing.Outputs, Count) with { Features = [.. features.Select(value => value / 255f)] };
            using TrainingSet set = new(device, stack.Inputs, drawing.Outputs, Count, SampleFormat.Bytes);
            set.AddRange(features, samples.Labels, samples.Weights, samples.Allowed);
            set.Upload();
            using BatchTrainer reference = new(uploading, Optimizers[0], Loss, BatchSize, fused);
            using BatchTrainer sameBytes = new(uploadingBytes, Optimizers[0], Loss, BatchSize, fused);
            using DrawnTrainer trainer = new(drawing, set, Optimizers[0], BatchSize, fused);
            for (int step = 0; step < 10; step++)
            {
                (_, int[] rows, BatchResult result) = trainer.Step();
                Samples drawn = samples.Rows(rows);
                byte[] drawnBytes = [.. rows.SelectMany(row => features.Skip(row * stack.Inputs).Take(stack.Inputs))];
                reference.TrainBatch(drawn.Features, drawn.Labels, drawn.Weights, drawn.Allowed);
                Assert.That(sameBytes.TrainBatchOfBytes(drawnBytes, drawn.Labels, drawn.Weights, drawn.Allowed), Is.EqualTo(result), $"step {step}");
            }

            AssertSameBits(drawing, uploadingBytes);

            foreach ((NetworkParameter actual, NetworkParameter expected) in drawing.Parameters.Zip(uploading.Parameters))
                Tolerance.AssertClose(actual.GetValues(), TwinArrays.ToDouble(expected.GetValues()), 1e-5, 1e-5, actual.Name);
        }
    }

    [Test]
    public void ABatchWithValuesGivesTheBitsOfTheUploadedOne([ValueSource(nameof(Stacks))] Case stack, [Values] bool fused)
    {
        const int Count = 45, BatchSize = 7;
        MeanSquaredError loss = new();
        NeuralDevice device = TestDevice.Plain;
        using Network drawing = new(device, Seed, stack.Inputs, stack.Layers), uploading = new(device, Seed, stack.Inputs, stack.Layers);
        float[] features = TwinArrays.UniformFloats(20, Count * stack.Inputs, -1, 1), weights = TwinArrays.UniformFloats(22, Count, -0.5, 1.5);
        float[] values = TwinArrays.UniformFloats(21, Count * drawing.Outputs, -2, 2);
        using TrainingSet set = TrainingSet.ForValues(device, stack.Inputs, drawing.Outputs, Count);
        set.AddRange(features, values, weights);
        set.Upload();
        using BatchTrainer reference = new(uploading, Optimizers[2], loss, BatchSize, fused);
        using DrawnTrainer trainer = new(drawing, set, Optimizers[2], BatchSize, fused, loss);
        for (int step = 0; step < 8; step++)
        {
            (_, int[] rows, BatchResult result) = trainer.Step();
            Assert.That(
                reference.TrainBatch(Of(features, stack.Inputs), Of(values, drawing.Outputs), [.. rows.Select(row => weights[row])]), Is.EqualTo(result), $"step {step}");
            float[] Of(float[] all, int columns) => [.. rows.SelectMany(row => all.Skip(row * columns).Take(columns))];
        }

        AssertSameBits(drawing, uploading);
    }

    private static void AssertSameBits(Network actual, Network expected)
    {
        foreach ((NetworkParameter mine, NetworkParameter theirs) in actual.Parameters.Zip(expected.Parameters))
            Assert.That(mine.GetValues().Select(BitConverter.SingleToInt32Bits), Is.EqualTo(theirs.GetValues().Select(BitConverter.SingleToInt32Bits)), mine.Name);
    }

    private sealed record Samples(int Inputs, int Classes, float[] Features, int[] Labels, float[] Weights, bool[] Allowed)
    {
        public static Samples Random(int inputs, int classes, int count)
        {
            int[] labels = TwinArrays.Labels(21, count, classes);
            return new Samples(
                inputs, classes, TwinArrays.UniformFloats(20, count * inputs, -1, 1), labels, TwinArrays.UniformFloats(22, count, -0.5, 1.5),
                TwinArrays.Mask(23, labels, classes));
        }

        public Samples Rows(int[] rows) => new(
            Inputs, Classes, [.. rows.SelectMany(row => Features.Skip(row * Inputs).Take(Inputs))], [.. rows.Select(row => Labels[row])],
            [.. rows.Select(row => Weights[row])], [.. rows.SelectMany(row => Allowed.Skip(row * Classes).Take(Classes))]);
    }

    /// <summary>Steps on drawn batches, waiting for each.</summary>
    private sealed class DrawnTrainer : IDisposable
    {
        private readonly Network network;
        private readonly TrainingSet set;
        private readonly SampleOrder order;
        private readonly OptimizerState state;
        private readonly StepWorkspace workspace;
        private readonly MatrixTexture batchLoss;

        public DrawnTrainer(Network network, TrainingSet set, Optimizer optimizer, int batchSize, bool fused, Loss? loss = null)
        {
            this.network = network;
            this.set = set;
            order = new SampleOrder(set, Seed, batchSize);
            state = new OptimizerState(network, optimizer);
            workspace = new StepWorkspace(network, batchSize, loss ?? Loss, state, fused, order.Source);
            batchLoss = workspace.Dispatches.SelectMany(dispatch => dispatch.Matrices).Where(matrix => matrix.Access == MatrixAccess.Write)
                .Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct().Single(matrix => matrix.Shape.Rows == 1 && matrix.Shape.Columns == 4).Texture;
        }

        private static int[] RowsOf(TrainingSet set, SampleOrder order, DrawnBatch batch)
        {
            int first = order.State.Position;
            return [.. Enumerable.Range(first, batch.Rows).Select(position => SampleOrder.RowAt(Seed, batch.Epoch, set.Uploaded, position))];
        }

        public (DrawnBatch Batch, int[] Rows, BatchResult Result) Step()
        {
            DrawnBatch batch = order.BeginFilledBatch(network.Device);
            int[] rows = RowsOf(set, order, batch);
            state.PrepareStep(state.Optimizer.LearningRate);
            order.Source.BeginBatch(batch.FirstSample);
            workspace.Enqueue(batch.Rows);
            float[] loss = batchLoss.Read();
            state.Commit();
            order.EndBatch();
            return (batch, rows, new BatchResult(loss[0], (int)loss[1]));
        }

        public void Dispose()
        {
            order.Dispose();
            workspace.Dispose();
            state.Dispose();
        }
    }
}
