#nullable enable
using Godot;

namespace NeuralPlugin.Samples;

/// <summary>
/// An agent as a node: what it observes, what an action does, when it is rewarded. It belongs to the <see cref="NeuralBrain"/> above it while it is in the scene
/// tree, which calls it once a frame, on the game's thread.
/// </summary>
public abstract partial class NeuralAgent : Node2D
{
    private NeuralBrain? brain;
    private Script? script;

    /// <summary>Actions after which the time of an episode is up; 0 for no limit.</summary>
    [Export]
    public int MaxStep { get; set; } = 500;

    /// <summary>Frames per decision.</summary>
    [Export]
    public int DecisionPeriod { get; set; } = 5;

    /// <summary>The agent itself: its reward, its episode, whether a player demonstrates.</summary>
    protected Agent Agent => script!;

    public override void _EnterTree()
    {
        for (Node? above = GetParent(); above is not null && brain is null; above = above.GetParent()) brain = above as NeuralBrain;
        if (brain?.Population is not { } population)
        {
            GD.PushError($"{Name} has no NeuralBrain above it in the scene tree.");
            return;
        }

        script = new Script(this) { MaxStep = MaxStep, DecisionPeriod = DecisionPeriod };
        population.Add(script);
    }

    public override void _ExitTree()
    {
        if (script is not null) brain?.Population?.Remove(script);
        (brain, script) = (null, null);
    }

    /// <summary>Adds the same number of values each time, in the same order.</summary>
    protected abstract void CollectObservations(VectorSensor sensor);

    /// <summary>Carries out an action, and rewards it.</summary>
    protected abstract void OnActionReceived(int action);

    /// <summary>Puts the agent at the start of an episode.</summary>
    protected virtual void OnEpisodeBegin()
    {
    }

    /// <summary>Forwards the population's calls to the node.</summary>
    private sealed class Script(NeuralAgent node) : Agent
    {
        public override void CollectObservations(VectorSensor sensor) => node.CollectObservations(sensor);

        public override void OnActionReceived(int action) => node.OnActionReceived(action);

        public override void OnEpisodeBegin() => node.OnEpisodeBegin();
    }
}
