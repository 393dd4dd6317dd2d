using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the pursuit.</summary>
internal sealed class PursuitCommand(ISceneHost host) : SceneCommand(
    host, "pursuit", "A brain clones the player's steering while they play, and a dozen others steer by it.", DefaultFrames, DefaultBudget)
{
    public const int DefaultFrames = 600;

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfSteps(4);

    protected override IScene CreateScene(ParseResult arguments) => new PursuitScene();
}
