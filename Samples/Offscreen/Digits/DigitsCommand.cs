using System.CommandLine;
using Spectre.Console;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the digits scene.</summary>
internal sealed class DigitsCommand : Command
{
    private static readonly DigitsOptions Defaults = new();

    private readonly Option<string?> data = FolderOption.Create(
        "--data",
        "A folder of IDX files, gzipped or not: train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same "
            + "two with t10k for the test; without it, 10,000 digits of MNIST");

    private readonly Option<int> hidden = NumberOption.Create("--hidden", "Hidden units", 1, 8192).WithDefault(Defaults.Hidden);

    private readonly Option<int> epochs =
        NumberOption.Create("--epochs", "Passes over the training images", 1, 10_000).WithDefault(Defaults.Epochs);

    private readonly Option<int> batch =
        NumberOption.Create("--batch", "Images a training step", 1, 8192).WithDefault(Defaults.BatchSize);

    private readonly Option<OptimizerKind?> optimizer = OptimizerOption.Create("The optimizer: sgd or adam [default: adam]");

    private readonly Option<float> learningRate =
        NumberOption.Create("--learning-rate", "The optimizer's learning rate [default: 0.001 for adam, 0.1 for sgd]", 1e-6f, 1e6f);

    private readonly Option<bool> linear = new("--linear") { Description = "No hidden layer: a linear classifier" };

    private readonly Option<int> seed =
        NumberOption.Create("--seed", "Seed of the initial weights and the order of the images", 0, int.MaxValue).WithDefault(Defaults.Seed);

    private readonly Option<string?> outFolder = FolderOption.Create("--out", "The folder for the picture digits.png").WithDefault(Defaults.OutFolder);

    private readonly Option<string> device = DeviceOption.Create();

    private readonly SceneCommandOptions frames;

    public DigitsCommand(IAnsiConsole console, ISceneHost host, CancellationToken cancellation)
        : base(
            "digits",
            "Trains a classifier on handwritten digits, tests it on others and draws the result. With --frames or a budget "
                + "it is a scene: the network learns a little in every frame, with Adam, and its predictions are drawn.")
    {
        frames = new SceneCommandOptions(host, "digits", DigitsFrameCommand.DefaultFrames, DigitsFrameCommand.DefaultBudget, seed, outFolder, device);
        Option[] all = [data, hidden, epochs, batch, optimizer, learningRate, linear, seed, outFolder, device, .. frames.OfFrames];
        foreach (var option in all) Options.Add(option);
        frames.AddValidator(this);
        Validators.Add(result =>
        {
            if (result.GetResult(linear) is { Implicit: false } && result.GetResult(hidden) is { Implicit: false })
            {
                result.AddError("--hidden cannot be combined with --linear, which has no hidden units.");
            }
        });
        Validators.Add(result =>
        {
            if (frames.OfFrames.FirstOrDefault(option => SceneCommandOptions.IsGiven(result, option)) is not { } given) return;
            Option[] ofTraining = [epochs, batch, optimizer, linear];
            foreach (var option in ofTraining.Where(option => SceneCommandOptions.IsGiven(result, option)))
            {
                result.AddError($"{option.Name} cannot be combined with {given.Name}, which runs the scene of frames.");
            }
        });
        SetAction(arguments =>
        {
            if (frames.OfFrames.Any(option => SceneCommandOptions.IsGiven(arguments.CommandResult, option)))
            {
                host.Run("digits", CreateScene(arguments), frames.Read(arguments));
                return ExitCode.Success;
            }

            new DigitsScene(ReadOptions(arguments), console).Run(cancellation);
            return ExitCode.Success;
        });
    }

    private DigitsFrameScene CreateScene(ParseResult arguments)
    {
        var options = ReadOptions(arguments);
        return new DigitsFrameScene(options.LoadData, options.Hidden, options.LearningRate);
    }

    private DigitsOptions ReadOptions(ParseResult arguments)
    {
        var kind = arguments.GetValue(optimizer) ?? Defaults.Optimizer;
        var rateIsGiven = arguments.GetResult(learningRate) is { Implicit: false };
        return new DigitsOptions
        {
            DataFolder = arguments.GetValue(data),
            Hidden = arguments.GetValue(hidden),
            Epochs = arguments.GetValue(epochs),
            BatchSize = arguments.GetValue(batch),
            Optimizer = kind,
            LearningRate = rateIsGiven ? arguments.GetValue(learningRate) : DigitsOptions.DefaultLearningRate(kind),
            Linear = arguments.GetValue(linear),
            Seed = arguments.GetValue(seed),
            OutFolder = arguments.GetRequiredValue(outFolder)!,
            Device = arguments.GetRequiredValue(device),
        };
    }
}
