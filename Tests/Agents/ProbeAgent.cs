namespace NeuralPlugin.Tests;

/// <summary>An agent that does what a test says, and records the calls that it gets.</summary>
internal sealed class ProbeAgent : Agent
{
    public Func<ProbeAgent, float[]> Observations { get; init; } = _ => [0];

    public Action<ProbeAgent, int> Act { get; init; } = (_, _) => { };

    public Action<ProbeAgent, TextureSensor> Look { get; init; } = (_, _) => { };

    public Func<ProbeAgent, int>? Demonstration { get; init; }

    public Action<ProbeAgent> Begin { get; init; } = _ => { };

    public Action<ActionMask> Mask { get; init; } = _ => { };

    /// <summary>Read by its functions: whether they are to break the rules.</summary>
    public bool IsWrong { get; set; }

    public List<string> Calls { get; } = [];

    public List<int> ActionsReceived { get; } = [];

    public override void CollectObservations(VectorSensor sensor)
    {
        Calls.Add("observe");
        sensor.AddObservation(Observations(this));
    }

    public override void CollectTexture(TextureSensor sensor) => Look(this, sensor);

    public override void OnActionReceived(int action)
    {
        Calls.Add($"act {action}");
        ActionsReceived.Add(action);
        Act(this, action);
    }

    public override int Heuristic() => Demonstration is null ? base.Heuristic() : Demonstration(this);

    public override void OnEpisodeBegin()
    {
        Calls.Add("begin");
        Begin(this);
    }

    public override void WriteDiscreteActionMask(ActionMask mask) => Mask(mask);
}
