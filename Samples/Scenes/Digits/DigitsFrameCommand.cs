using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the digits scene that runs in frames.</summary>
internal sealed class DigitsFrameCommand : SceneCommand
{
    public const int DefaultFrames = 600;

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfMilliseconds(4);

    private readonly Option<int> hidden = NumberOption.Create("--hidden", "Hidden units", 1, 8192).WithDefault(128);

    private readonly Option<float> learningRate = NumberOption.Create("--learning-rate", "Adam's learning rate", 1e-6f, 1e6f).WithDefault(0.001f);

    public DigitsFrameCommand(ISceneHost host)
        : base(host, "digits", "Handwritten digits, and the predictions of a network while it learns.", DefaultFrames, DefaultBudget)
    {
        Options.Add(hidden);
        Options.Add(learningRate);
    }

    protected override IScene CreateScene(ParseResult arguments) =>
        new DigitsFrameScene(ImageDataLoader.LoadEmbedded, arguments.GetValue(hidden), arguments.GetValue(learningRate));
}
