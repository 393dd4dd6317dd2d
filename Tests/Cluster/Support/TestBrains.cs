using NeuralPlugin.Orleans;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Brains for tests, with random numbers from a seed.</summary>
internal static class TestBrains
{
    private static readonly Lazy<BrainState> Plain = new(() => OfPopulation(Options()));

    public static AgentPopulationOptions Options(int observations = 4, int hidden = 8, int agents = 4, int seed = 1) => new()
    {
        Observations = observations,
        Actions = 2,
        HiddenUnits = hidden,
        Capacity = agents,
        Brains = BrainSharing.Shared,
        Latency = 0,
        Seed = seed,
        Learning = new ActorCritic { RolloutSize = 64, LeastRolloutPerAgent = 16, Epochs = 2, Minibatches = 2 },
    };

    public static BrainState OfPopulation(AgentPopulationOptions options)
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor();
        using AgentPopulation agents = new(device, options);
        return agents.GetBrainState(0);
    }

    /// <summary>A brain.</summary>
    public static BrainState Brain(int seed = 1, float scale = 1, float valueMean = 0, float valueDeviation = 0)
    {
        BrainState brain = Plain.Value.Copy();
        SeededRandom random = new((ulong)seed, stream: 7);
        foreach (float[] array in BrainMath.Arrays(brain))
        {
            for (int i = 0; i < array.Length; i++) array[i] = scale * ((2 * random.NextSingle()) - 1);
        }

        (brain.ValueMean, brain.ValueDeviation) = (valueMean, valueDeviation);
        return brain;
    }

    /// <summary>A difference from a number of decisions and observations.</summary>
    public static BrainState Difference(int seed, long decisions, float scale = 0.1f, float valueMean = 0, float valueDeviation = 0)
    {
        BrainState difference = Brain(seed, scale, valueMean, valueDeviation);
        difference.Decisions = decisions;
        SeededRandom random = new((ulong)seed, stream: 8);
        double[][] rows = [.. Enumerable.Range(0, (int)Math.Min(decisions, 100)).Select(_ => Enumerable.Range(0, 4).Select(_ => (double)random.NextSingle() * seed).ToArray())];
        Set(difference, rows);
        return difference;
    }

    /// <summary>Gives a brain the statistics of rows, computed by their definition.</summary>
    public static void Set(BrainState brain, double[][] rows)
    {
        double[] means = [.. Enumerable.Range(0, 4).Select(i => rows.Average(row => row[i]))];
        brain.SetObservations(rows.Length, means, [.. means.Select((mean, i) => rows.Sum(row => (row[i] - mean) * (row[i] - mean)))]);
    }

    public static BrainDifference Sent(string sender, long baseVersion, BrainState difference, long sequence = 1, float valueScale = 0) =>
        new(sender, sequence, baseVersion, difference.ToBytes(), valueScale);

    public static float[] All(BrainState brain) => [.. BrainMath.Arrays(brain).SelectMany(array => array)];
}
