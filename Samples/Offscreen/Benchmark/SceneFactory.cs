namespace NeuralPlugin.Samples;

/// <summary>The scenes as the benchmark runs them: each with its command's default options.</summary>
internal static class SceneFactory
{
    public static IReadOnlyList<(string Name, Func<IScene> Create, TrainingBudget Budget)> All { get; } =
    [
        ("digits", () => new DigitsFrameScene(ImageDataLoader.LoadEmbedded, hidden: 128, learningRate: 0.001f), DigitsFrameCommand.DefaultBudget),
        ("boundary", () => new BoundaryScene(Enum.GetValues<PlaneRule>(), hidden: 32), BoundaryCommand.DefaultBudget),
        ("arena", () => new ArenaScene(ArenaCommand.DefaultCreatures), ArenaCommand.DefaultBudget),
        ("pursuit", () => new PursuitScene(), PursuitCommand.DefaultBudget),
        ("play", () => new PlayScene(keyScript: null, ghostToLoad: null, PlayCommand.DefaultFramesBeforeHandingOver), PlayCommand.DefaultBudget),
    ];
}
