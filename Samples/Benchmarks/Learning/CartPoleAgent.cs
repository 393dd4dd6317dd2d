namespace NeuralPlugin.Benchmarks;

/// <summary>
/// A pole on a cart that is pushed left or right: 1 per step until the pole leans more than 12 degrees or the cart leaves the track; 500 steps at most.
/// The equations are those of Barto, Sutton and Anderson, 1983, "Neuronlike adaptive elements that can solve difficult learning control problems",
/// without friction, with Euler steps of 0.02 s, as in the task CartPole-v1.
/// </summary>
internal sealed class CartPoleAgent : TaskAgent
{
    public const int Observations = 4;
    public const int Actions = 2;

    private const double Gravity = 9.8, CartMass = 1, PoleMass = 0.1, HalfLength = 0.5, Force = 10, TimeStep = 0.02;
    private const double MostPosition = 2.4, MostAngle = 12 * Math.PI / 180;

    private double position, velocity, angle, angularVelocity;

    public CartPoleAgent(TaskLog log, int seed, int number) : base(log, seed, number) => MaxStep = 500;

    public override void OnEpisodeBegin()
    {
        const float Start = 0.05f;
        (position, velocity, angle, angularVelocity) = (Within(Start), Within(Start), Within(Start), Within(Start));
    }

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddObservation((float)position);
        sensor.AddObservation((float)velocity);
        sensor.AddObservation((float)angle);
        sensor.AddObservation((float)angularVelocity);
    }

    protected override bool Act(int action)
    {
        double force = action == 1 ? Force : -Force, mass = CartMass + PoleMass, sine = Math.Sin(angle), cosine = Math.Cos(angle);
        double push = (force + (PoleMass * HalfLength * angularVelocity * angularVelocity * sine)) / mass;
        double angularAcceleration = ((Gravity * sine) - (cosine * push)) / (HalfLength * ((4.0 / 3) - (PoleMass * cosine * cosine / mass)));
        double acceleration = push - (PoleMass * HalfLength * angularAcceleration * cosine / mass);
        position += TimeStep * velocity;
        velocity += TimeStep * acceleration;
        angle += TimeStep * angularVelocity;
        angularVelocity += TimeStep * angularAcceleration;
        AddReward(1);
        return Math.Abs(position) > MostPosition || Math.Abs(angle) > MostAngle;
    }
}
