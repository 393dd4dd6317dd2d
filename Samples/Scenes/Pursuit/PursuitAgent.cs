namespace NeuralPlugin.Samples;

/// <summary>The agent script of a pursuer: sees, and steers. The player's own is played by the world's script instead of a person.</summary>
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
