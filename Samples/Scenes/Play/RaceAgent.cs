namespace NeuralPlugin.Samples;

/// <summary>The agent script of a car: measures the road, and steers.</summary>
internal class RaceAgent(RaceWorld world, int car) : Agent
{
    private readonly float[] seen = new float[RaceWorld.Observations];

    /// <summary>Its last observation.</summary>
    public ReadOnlySpan<float> Seen => seen;

    public override void CollectObservations(VectorSensor sensor)
    {
        world.Observe(car, seen);
        sensor.AddObservation(seen);
    }

    public override void OnActionReceived(int action) => world.Steering[car] = action;
}

/// <summary>The player's car: it does what the keys say, and the brain learns from that.</summary>
internal sealed class PlayerAgent(RaceWorld world, int car, Func<int> keys) : RaceAgent(world, car)
{
    public override int Heuristic() => keys();
}

/// <summary>Observes what the player's car observes, and notes whether the brain would press the same keys. It moves nothing.</summary>
internal sealed class ShadowAgent(RaceWorld world, int car, Func<int> keys, MovingMean agreement) : RaceAgent(world, car)
{
    // An answer arrives some frames after its question.
    private readonly Queue<int> pressed = new();

    public override void CollectObservations(VectorSensor sensor)
    {
        base.CollectObservations(sensor);
        pressed.Enqueue(keys());
    }

    /// <summary>Discards open questions: the agent has left since, so they will not be answered.</summary>
    public void Forget() => pressed.Clear();

    public override void OnActionReceived(int action) => agreement.Add(pressed.Dequeue() == action ? 1 : 0);
}
