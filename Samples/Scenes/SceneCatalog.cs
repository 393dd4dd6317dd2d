using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>All scenes, as commands of a host.</summary>
internal static class SceneCatalog
{
    public static IEnumerable<Command> Commands(ISceneHost host)
    {
        yield return new DigitsFrameCommand(host);
        yield return new BoundaryCommand(host);
        yield return new ArenaCommand(host);
        yield return new PursuitCommand(host);
        yield return new PlayCommand(host);
    }
}
