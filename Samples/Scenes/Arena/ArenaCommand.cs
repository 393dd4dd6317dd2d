using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the arena.</summary>
internal sealed class ArenaCommand : SceneCommand
{
    public const int DefaultCreatures = ArenaTrial.Creatures;
    public const int DefaultFrames = 3_000;

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfSteps(1);

    private readonly Option<int> creatures = NumberOption.Create("--creatures", "Creatures, each with a brain", 1, 10_000).WithDefault(DefaultCreatures);

    public ArenaCommand(ISceneHost host)
        : base(host, "arena", "Hundreds of creatures, each with a brain of its own, learn from reward to eat and not to be eaten.", DefaultFrames, DefaultBudget)
    {
        Options.Add(creatures);
    }

    protected override IScene CreateScene(ParseResult arguments) => new ArenaScene(arguments.GetValue(creatures));
}
