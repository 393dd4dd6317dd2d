namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Two links that hang from a bar, with a motor between them, must swing their end a link's length above the bar: −1 per step until then; 500 steps
/// at most. The equations are those of Sutton, 1996, "Generalization in reinforcement learning: successful examples using sparse coarse coding", in Runge-Kutta
/// steps of 0.2 s, as in the task Acrobot-v1.
/// </summary>
internal sealed class AcrobotAgent : TaskAgent
{
    public const int Observations = 6;
    public const int Actions = 3;

    private const double Mass = 1, Length = 1, Center = 0.5, Inertia = 1, Gravity = 9.8, TimeStep = 0.2;   // the same for both links
    private const double MostUpperVelocity = 4 * Math.PI, MostLowerVelocity = 9 * Math.PI;

    private State state;

    public AcrobotAgent(TaskLog log, int seed, int number) : base(log, seed, number) => MaxStep = 500;

    public override void OnEpisodeBegin()
    {
        const float Start = 0.1f;
        state = new State(Within(Start), Within(Start), Within(Start), Within(Start));
    }

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddObservation((float)Math.Cos(state.Upper));
        sensor.AddObservation((float)Math.Sin(state.Upper));
        sensor.AddObservation((float)Math.Cos(state.Lower));
        sensor.AddObservation((float)Math.Sin(state.Lower));
        sensor.AddObservation((float)state.UpperVelocity);
        sensor.AddObservation((float)state.LowerVelocity);
    }

    protected override bool Act(int action)
    {
        double torque = action - 1;
        State first = Change(state, torque), second = Change(state.After(first, TimeStep / 2), torque);
        State third = Change(state.After(second, TimeStep / 2), torque), fourth = Change(state.After(third, TimeStep), torque);
        State next = state.After(first, TimeStep / 6).After(second, TimeStep / 3).After(third, TimeStep / 3).After(fourth, TimeStep / 6);
        state = new State(
            Math.IEEERemainder(next.Upper, 2 * Math.PI), Math.IEEERemainder(next.Lower, 2 * Math.PI),
            Math.Clamp(next.UpperVelocity, -MostUpperVelocity, MostUpperVelocity), Math.Clamp(next.LowerVelocity, -MostLowerVelocity, MostLowerVelocity));
        bool isUp = -Math.Cos(state.Upper) - Math.Cos(state.Upper + state.Lower) > Length;
        AddReward(isUp ? 0 : -1);
        return isUp;
    }

    /// <summary>The velocities and accelerations of a state under a torque.</summary>
    private static State Change(State s, double torque)
    {
        double coupling = Mass * ((Center * Center) + (Length * Center * Math.Cos(s.Lower))) + Inertia;
        double whole = (Mass * Center * Center) + (Mass * ((Length * Length) + (Center * Center) + (2 * Length * Center * Math.Cos(s.Lower)))) + (2 * Inertia);
        double lowerWeight = Mass * Center * Gravity * Math.Sin(s.Upper + s.Lower);
        double spin = Mass * Length * Center * Math.Sin(s.Lower);
        double upperWeight = (-spin * s.LowerVelocity * (s.LowerVelocity + (2 * s.UpperVelocity))) + (((Mass * Center) + (Mass * Length)) * Gravity * Math.Sin(s.Upper)) + lowerWeight;
        double lower = (torque + (coupling / whole * upperWeight) - (spin * s.UpperVelocity * s.UpperVelocity) - lowerWeight)
            / ((Mass * Center * Center) + Inertia - (coupling * coupling / whole));
        double upper = -((coupling * lower) + upperWeight) / whole;
        return new State(s.UpperVelocity, s.LowerVelocity, upper, lower);
    }

    /// <summary>The angles of the links, the lower one relative to the upper one, and their velocities.</summary>
    private readonly record struct State(double Upper, double Lower, double UpperVelocity, double LowerVelocity)
    {
        /// <summary>The state after some time at a rate of change.</summary>
        public State After(State change, double time) => new(
            Upper + (time * change.Upper), Lower + (time * change.Lower),
            UpperVelocity + (time * change.UpperVelocity), LowerVelocity + (time * change.LowerVelocity));
    }
}
