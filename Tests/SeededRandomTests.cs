using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
[Category(Categories.Once)]
internal sealed class SeededRandomTests
{
    /// <summary>The numbers published by the authors of pcg32 for their demonstration's seed 42 and stream 54.</summary>
    [Test]
    public void GivesThePublishedNumbers()
    {
        SeededRandom random = new(42, 54);
        uint[] expected = [0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e];
        Assert.That(expected.Select(_ => random.NextUInt32()), Is.EqualTo(expected));
    }

    [Test]
    public void SinglesAreUniformAndBelowOne()
    {
        SeededRandom random = new(1);
        float[] values = [.. Enumerable.Range(0, 100_000).Select(_ => random.NextSingle())];
        Assert.That(values, Is.All.InRange(0f, 0.99999994f));
        Assert.That(values.Average(), Is.EqualTo(0.5).Within(0.005));
    }

    [Test]
    public void BoundedIntegersReachEveryValueEvenly([Values(1, 2, 3, 7, 10)] int bound)
    {
        SeededRandom random = new(2);
        int[] counts = new int[bound];
        for (int i = 0; i < 10_000 * bound; i++) counts[random.NextInt32(bound)]++;
        Assert.That(counts, Is.All.InRange(9_500, 10_500));
    }

    [Test]
    public void ShufflesAreSeededPermutations()
    {
        int[] items = [.. Enumerable.Range(0, 50)], again = [.. items], other = [.. items];
        new SeededRandom(3).Shuffle<int>(items);
        new SeededRandom(3).Shuffle<int>(again);
        new SeededRandom(4).Shuffle<int>(other);
        Assert.That(items, Is.EquivalentTo(Enumerable.Range(0, 50)).And.Not.EqualTo(Enumerable.Range(0, 50)));
        Assert.That(again, Is.EqualTo(items));
        Assert.That(other, Is.Not.EqualTo(items));
    }

    [Test]
    public void ABoundOfZeroIsRefused() => Assert.That(() => new SeededRandom(1).NextInt32(0), Throws.TypeOf<ArgumentOutOfRangeException>());
}
