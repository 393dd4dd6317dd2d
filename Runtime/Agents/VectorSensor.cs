using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// Takes an agent's observations, number by number, in the same order each time. Every number is one observation; the population's options declare
/// how many there are (<see cref="AgentPopulationOptions.Observations"/>). Raw numbers are fine: they are normalized.
/// </summary>
/// <remarks>Nothing here allocates. Errors in the observations are reported when the agent has added all of them.</remarks>
public sealed class VectorSensor
{
    private float[] target = [];
    private int first;
    private int limit;

    internal VectorSensor()
    {
    }

    /// <summary>Observations added so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one observation.</summary>
    public void AddObservation(float observation)
    {
        if (Count < limit) target[first + Count] = observation;
        Count++;
    }

    /// <summary>Adds one observation.</summary>
    public void AddObservation(int observation) => AddObservation((float)observation);

    /// <summary>Adds one observation: 1 for true, 0 for false.</summary>
    public void AddObservation(bool observation) => AddObservation(observation ? 1f : 0f);

    /// <summary>Adds two observations: X, Y.</summary>
    public void AddObservation(Vector2 observation)
    {
        AddObservation(observation.X);
        AddObservation(observation.Y);
    }

    /// <summary>Adds three observations: X, Y, Z.</summary>
    public void AddObservation(Vector3 observation)
    {
        AddObservation(observation.X);
        AddObservation(observation.Y);
        AddObservation(observation.Z);
    }

    /// <summary>Adds four observations: X, Y, Z, W.</summary>
    public void AddObservation(Quaternion observation)
    {
        AddObservation(observation.X);
        AddObservation(observation.Y);
        AddObservation(observation.Z);
        AddObservation(observation.W);
    }

    /// <summary>Adds each of the numbers.</summary>
    public void AddObservation(ReadOnlySpan<float> observations)
    {
        foreach (float observation in observations) AddObservation(observation);
    }

    /// <summary>Adds as many observations as there are values: 1 for the given one, 0 for the others.</summary>
    /// <param name="observation">The value; if it is outside the range, all observations are 0.</param>
    /// <param name="range">The number of values.</param>
    public void AddOneHotObservation(int observation, int range)
    {
        for (int i = 0; i < range; i++) AddObservation(i == observation);
    }

    /// <summary>Writes the next observations into an array.</summary>
    internal void Begin(float[] values, int start, int length)
    {
        target = values;
        first = start;
        limit = length;
        Count = 0;
    }
}
