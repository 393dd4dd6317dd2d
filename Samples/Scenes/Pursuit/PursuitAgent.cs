namespace NeuralPlugin.Samples;

/// <summary>The agent script of a pursuer: sees, and steers. The world's script, not a person, controls the player's own.</summary>
internal sealed class PursuitAgent(PursuitWorld world, int number) : Agent
{
    private readonly float[] seen = new float[PursuitWorld.Observations];

    public override void CollectObservations(VectorSensor sensor)
    {
        world.Observe(number, seen);
        sensor.AddObservation(seen);
    }

    public override void OnActionReceived(int action) => world.Steer(number, action);

    public override int Heuristic() => PursuitWorld.Script(seen);
}
