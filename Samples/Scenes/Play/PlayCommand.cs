using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the race.</summary>
internal sealed class PlayCommand : SceneCommand
{
    public const int DefaultFrames = 4_800;

    /// <summary>A minute of a game.</summary>
    public const int DefaultFramesBeforeHandingOver = 3_600;

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfMilliseconds(2);

    private readonly Option<string?> keys = new("--keys") { Description = "A file of keys that are pressed in place of the player's: lines of FRAME KEY down|up", HelpName = "FILE" };
    private readonly Option<string?> ghost = new("--ghost") { Description = "A saved ghost to start with", HelpName = "FILE" };
    private readonly Option<int> handOver = NumberOption.Create("--hand-over", "Frames after which the ghost drives alone", 1, 10_000_000)
        .WithDefault(DefaultFramesBeforeHandingOver);

    public PlayCommand(ISceneHost host)
        : base(host, "play", "You drive, and a ghost learns to drive like you while you do; then it drives alone.", DefaultFrames, DefaultBudget)
    {
        Options.Add(keys);
        Options.Add(ghost);
        Options.Add(handOver);
    }

    protected override IScene CreateScene(ParseResult arguments) => new PlayScene(
        arguments.GetValue(keys) is { } file ? KeyScript.Read(file) : null, arguments.GetValue(ghost), arguments.GetValue(handOver));
}
