namespace NeuralPlugin.Samples;

/// <summary>The agent script of a creature: sees, moves, and is rewarded for the outcome.</summary>
internal sealed class ArenaCreature(ArenaWorld world, int number, ScriptTime time) : Agent
{
    private readonly float[] seen = new float[ArenaWorld.Observations];

    public override void CollectObservations(VectorSensor sensor)
    {
        var begin = ScriptTime.Begin();
        world.Observe(number, seen);
        sensor.AddObservation(seen);
        time.End(begin);
    }

    public override void OnActionReceived(int action)
    {
        var begin = ScriptTime.Begin();
        world.Move(number, action);
        time.End(begin);
    }

    /// <summary>Call it after the world has moved.</summary>
    public void TakeOutcome()
    {
        if (world.Rewards[number] != 0) AddReward(world.Rewards[number]);
        if (world.Eaten[number]) EndEpisode();
    }
}
