#nullable enable
using Godot;

namespace NeuralPlugin.Samples;

/// <summary>
/// The brains of the agents below it in the scene tree. They live on a device with a thread of its own, so that the game's thread only collects
/// observations and carries out actions; an answer arrives a frame or two after its question.
/// </summary>
public partial class NeuralBrain : Node
{
    private NeuralDevice? device;

    /// <summary>Numbers that an agent adds to its sensor at each decision.</summary>
    [Export]
    public int Observations { get; set; } = 2;

    /// <summary>Actions to choose from.</summary>
    [Export]
    public int Actions { get; set; } = 5;

    /// <summary>Maximum number of agents at a time.</summary>
    [Export]
    public int Capacity { get; set; } = 64;

    /// <summary>Whether all agents share one brain, and learn together.</summary>
    [Export]
    public bool Shared { get; set; } = true;

    /// <summary>Whether the brains live on the graphics card, in an OpenGL context of their own, instead of on the processor.</summary>
    [Export]
    public bool OnGraphicsCard { get; set; }

    /// <summary>A file of trained brains; empty for new ones.</summary>
    [Export]
    public string StartFrom { get; set; } = "";

    /// <summary>The agents; null while this node is outside the scene tree.</summary>
    public AgentPopulation? Population { get; private set; }

    /// <summary>Parents enter the tree before their children, so that agents find the population.</summary>
    public override void _EnterTree()
    {
        device = OnGraphicsCard ? NeuralDevice.CreateInBackground() : NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true });
        Population = new AgentPopulation(device, new AgentPopulationOptions
        {
            Observations = Observations,
            Actions = Actions,
            Capacity = Capacity,
            Brains = Shared ? BrainSharing.Shared : BrainSharing.OneEach,
        });
        if (StartFrom.Length > 0) Population.LoadBrains(ProjectSettings.GlobalizePath(StartFrom));
    }

    public override void _Process(double delta) => Population?.Update();

    public override void _ExitTree()
    {
        Population?.Dispose();
        device?.Dispose();
        (Population, device) = (null, null);
    }
}
