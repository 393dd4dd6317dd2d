using System.Runtime.InteropServices;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The order of samples: a permutation per epoch, the same on the GPU and in its twin, and evenly distributed.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class SampleOrderTests
{
    private static readonly int[] Counts = [1, 2, 3, 7, 9, 785, 60_000];

    [TestCaseSource(nameof(Counts))]
    public void AnEpochIsAPermutation(int count)
    {
        foreach (int seed in new[] { 0, 1, -1 })
        {
            foreach (long epoch in new[] { 0, 1, 17, 5_000_000_000 })
                Assert.That(RowsOf(seed, epoch, count).Order(), Is.EqualTo(Enumerable.Range(0, count)), $"seed {seed}, epoch {epoch}");
        }
    }

    /// <summary>Fixed values, so that a change of the order, which would change all training, is noticed.</summary>
    [Test]
    public void TheOrderStaysWhatItWas()
    {
        Assert.That(RowsOf(1, 0, 9), Is.EqualTo(new[] { 4, 0, 2, 6, 3, 8, 5, 1, 7 }));
        Assert.That(RowsOf(-1, (1L << 32) + 3, 60_000).Take(4), Is.EqualTo(new[] { 12_766, 20_904, 53_846, 6_838 }));
    }

    [Test]
    public void EveryEpochAndEverySeedHasItsOwnOrder()
    {
        int[][] orders = [.. from seed in new[] { 0, 1, 2, -1 } from epoch in new[] { 0L, 1, 2, 1L << 32 } select RowsOf(seed, epoch, 785)];
        for (int i = 0; i < orders.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                int same = orders[i].Zip(orders[j], (a, b) => a == b).Count(equal => equal);
                Assert.That(same, Is.LessThan(10), $"one of 785 positions is expected to agree, orders {i} and {j}");
            }
        }
    }

    /// <summary>χ² of every row at every position, and of every row after every other, over many epochs, within five standard deviations.</summary>
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(5)]
    [TestCase(8)]
    [TestCase(17)]
    public void EveryRowComesEquallyOftenAnywhereAndAfterAnyOther(int count)
    {
        const int Epochs = 4_000;
        int[,] at = new int[count, count], after = new int[count, count];
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            int[] rows = RowsOf(3, epoch, count);
            for (int i = 0; i < count; i++)
            {
                at[i, rows[i]]++;
                if (i > 0) after[rows[i - 1], rows[i]]++;
            }
        }

        AssertEven(at, (double)Epochs / count, withDiagonal: true);
        if (count > 2) AssertEven(after, (double)Epochs / count, withDiagonal: false);
    }

    [TestCase(1, 1)]
    [TestCase(1, 5)]
    [TestCase(2, 3)]
    [TestCase(3, 2)]
    [TestCase(7, 3)]
    [TestCase(9, 4)]
    [TestCase(9, 9)]
    [TestCase(785, 1)]
    [TestCase(785, 7)]
    [TestCase(785, 64)]
    [TestCase(785, 785)]
    [TestCase(785, 1_000)]
    [TestCase(60_000, 63)]
    [TestCase(60_000, 9_999)]
    public void TheGpuDrawsWhatTheTwinSays(int count, int batchSize)
    {
        NeuralDevice device = TestDevice.Plain;
        using TrainingSet samples = SamplesOf(device, count);
        using SampleOrder order = new(samples, 5, batchSize);
        long epoch = 0;
        int position = 0, epochs = Math.Max(2, 30 / count);
        while (true)
        {
            DrawnBatch batch = order.BeginFilledBatch(device);
            Assert.That(batch.Epoch, Is.EqualTo(epoch));
            Assert.That(batch.BeginsEpoch, Is.EqualTo(position == 0));
            Assert.That(batch.Rows, Is.EqualTo(Math.Min(batchSize, count - position)));
            Assert.That(batch.FirstSample % 4, Is.Zero, "kernels look four rows up at once");
            int first = position;
            IEnumerable<int> expected = Enumerable.Range(0, batch.Rows).Select(i => SampleOrder.RowAt(5, epoch, count, first + i));
            Assert.That(RowsOn(order, batch), Is.EqualTo(expected), $"epoch {epoch}, position {position}");
            order.EndBatch();
            position += batch.Rows;
            if (position < count) continue;
            position = 0;
            if (++epoch == epochs) break;
        }
    }

    [Test]
    public void ASetWithoutSamplesHasNoBatch()
    {
        using TrainingSet samples = new(TestDevice.Plain, 1, 2, 10);
        using SampleOrder order = new(samples, 1, 4);
        Assert.That(order.BeginBatch(), Is.EqualTo(default(DrawnBatch)));
        Assert.That(order.OpenRows, Is.Zero);
    }

    [Test]
    public void SamplesThatCameDuringAnEpochJoinTheNext()
    {
        using TrainingSet samples = SamplesOf(TestDevice.Plain, 5, capacity: 20);
        using SampleOrder order = new(samples, 1, 4);
        Assert.That(order.BeginBatch().Rows, Is.EqualTo(4));
        order.EndBatch();
        AddTo(samples, 4);
        samples.Upload();
        Assert.That(samples.Uploaded, Is.EqualTo(9));
        Assert.That(order.BeginBatch(), Has.Property("Rows").EqualTo(1).And.Property("Epoch").EqualTo(0));
        order.EndBatch();
        List<int> drawn = [];
        for (int i = 0; i < 3; i++)
        {
            DrawnBatch batch = order.BeginFilledBatch(TestDevice.Plain);
            Assert.That(batch.Epoch, Is.EqualTo(1));
            drawn.AddRange(RowsOn(order, batch));
            order.EndBatch();
        }

        Assert.That(drawn.Order(), Is.EqualTo(Enumerable.Range(0, 9)));
    }

    [Test]
    public void AClearedSetBeginsAnEpochOfItsOwn()
    {
        using TrainingSet samples = SamplesOf(TestDevice.Plain, 9);
        using SampleOrder order = new(samples, 1, 4);
        order.BeginBatch();
        order.EndBatch();
        samples.Clear();
        Assert.That(order.BeginBatch().Rows, Is.Zero);
        AddTo(samples, 2);
        samples.Upload();
        DrawnBatch batch = order.BeginFilledBatch(TestDevice.Plain);
        Assert.That(batch, Has.Property("Rows").EqualTo(2).And.Property("Epoch").EqualTo(1).And.Property("BeginsEpoch").True);
        Assert.That(RowsOn(order, batch).Order(), Is.EqualTo(new[] { 0, 1 }));
    }

    [Test]
    public void ARestoredOrderGoesOnFromTheBatchThatWasNotDone()
    {
        using TrainingSet samples = SamplesOf(TestDevice.Plain, 23);
        using SampleOrder order = new(samples, 8, 3), other = new(samples, 9, 3);
        for (int i = 0; i < 10; i++)
        {
            order.BeginBatch();
            order.EndBatch();
        }

        int[] open = RowsOn(order, order.BeginFilledBatch(TestDevice.Plain));
        other.BeginBatch();
        other.Restore(order.State);
        Assert.That(RowsOn(other, other.BeginFilledBatch(TestDevice.Plain)), Is.EqualTo(open));
        for (int i = 0; i < 20; i++)
        {
            order.EndBatch();
            other.EndBatch();
            (DrawnBatch mine, DrawnBatch theirs) = (order.BeginFilledBatch(TestDevice.Plain), other.BeginFilledBatch(TestDevice.Plain));
            Assert.That((theirs.Rows, theirs.Epoch, theirs.BeginsEpoch), Is.EqualTo((mine.Rows, mine.Epoch, mine.BeginsEpoch)));
            Assert.That(RowsOn(other, theirs), Is.EqualTo(RowsOn(order, mine)));
        }
    }

    /// <summary>The rows of a batch as stored on the GPU.</summary>
    private static int[] RowsOn(SampleOrder order, DrawnBatch batch)
    {
        MatrixTexture texture = (MatrixTexture)order.Filling.Matrices[0].Operand;
        uint[] words = new uint[texture.Shape.Rows * MatrixShape.ColumnsPerTexel];
        texture.Read(MemoryMarshal.Cast<uint, float>(words.AsSpan()));
        return [.. words.Skip(batch.FirstSample).Take(batch.Rows).Select(row => (int)row)];
    }

    private static int[] RowsOf(int seed, long epoch, int count)
    {
        return [.. Enumerable.Range(0, count).Select(position => SampleOrder.RowAt(seed, epoch, count, position))];
    }

    private static void AssertEven(int[,] counts, double expected, bool withDiagonal)
    {
        int size = counts.GetLength(0);
        double squares = 0;
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < size; j++)
            {
                if (withDiagonal || i != j) squares += (counts[i, j] - expected) * (counts[i, j] - expected) / expected;
            }
        }

        double degrees = withDiagonal ? (size - 1) * (size - 1) : (size * (size - 1)) - 1;
        Assert.That(squares, Is.LessThan(degrees + (5 * Math.Sqrt(2 * degrees)) + 5));
    }

    private static TrainingSet SamplesOf(NeuralDevice device, int count, int? capacity = null)
    {
        TrainingSet samples = new(device, 1, 2, capacity ?? count);
        AddTo(samples, count);
        samples.Upload();
        return samples;
    }

    private static void AddTo(TrainingSet samples, int count) => samples.AddRange(new float[count], new int[count]);
}
