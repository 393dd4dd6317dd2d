namespace NeuralPlugin.Benchmarks;

/// <summary>
/// A pendulum is to be swung up and held by a motor that is too weak to lift it at once: less its angle, its velocity and its torque squared a step, for 200 steps. The
/// equations are those of the task Pendulum-v1, with Euler steps of 0.05 s.
/// </summary>
internal sealed class PendulumAgent : TaskAgent
{
    public const int Observations = 3;

    private const double MostVelocity = 8, MostTorque = 2, TimeStep = 0.05, Gravity = 10;

    private double angle, velocity;   // from above

    public PendulumAgent(TaskLog log, int seed, int number) : base(log, seed, number) => MaxStep = 200;

    public override void OnEpisodeBegin() => (angle, velocity) = (Within((float)Math.PI), Within(1));

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddObservation((float)Math.Cos(angle));
        sensor.AddObservation((float)Math.Sin(angle));
        sensor.AddObservation((float)velocity);
    }

    protected override bool Act(ActionBuffers actions)
    {
        double torque = actions.ContinuousActions[0] * MostTorque, lean = Math.IEEERemainder(angle, 2 * Math.PI);
        AddReward((float)-((lean * lean) + (0.1 * velocity * velocity) + (0.001 * torque * torque)));
        velocity = Math.Clamp(velocity + (((1.5 * Gravity * Math.Sin(angle)) + (3 * torque)) * TimeStep), -MostVelocity, MostVelocity);
        angle += velocity * TimeStep;
        return false;
    }
}
