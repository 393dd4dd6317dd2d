using NeuralPlugin.Orleans;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Makes calls to brains fail: some before they reach their grain, and some after it, so that the answer is lost.</summary>
internal sealed class FaultyCalls(double share, int seed) : IIncomingGrainCallFilter
{
    private readonly Random random = new(seed);

    /// <summary>The share of the calls that fail.</summary>
    public double Share { get; set; } = share;

    public int Failed { get; private set; }

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (context.Grain is not (BrainGrain or RegionGrain))
        {
            await context.Invoke();
            return;
        }

        double drawn;
        lock (random) drawn = random.NextDouble();
        if (drawn < Share / 2) Fail();
        await context.Invoke();
        if (drawn < Share) Fail();
    }

    private void Fail()
    {
        Failed++;
        throw new TimeoutException("A test lets this call fail.");
    }
}
