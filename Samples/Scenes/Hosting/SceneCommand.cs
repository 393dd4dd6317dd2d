using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of a scene: the options of all scenes, and its own.</summary>
internal abstract class SceneCommand : Command
{
    private readonly ISceneHost host;
    private readonly SceneCommandOptions common;

    protected SceneCommand(ISceneHost host, string name, string description, int defaultFrames, TrainingBudget defaultBudget)
        : base(name, description)
    {
        this.host = host;
        common = new SceneCommandOptions(host, name, defaultFrames, defaultBudget);
        common.AddTo(this);
        SetAction(arguments =>
        {
            this.host.Run(name, CreateScene(arguments), common.Read(arguments));
            return ExitCode.Success;
        });
    }

    protected abstract IScene CreateScene(ParseResult arguments);
}
