using System.CommandLine;
using System.Globalization;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// A complete training on a folder of IDX files, timed as in the digits scene: the clock runs while batches are dealt,
/// uploaded and learned, from the second step on; the first one compiles the shaders and counts as start-up. Like the peer,
/// it drops the last, smaller batch: a noisier step right before the test costs a percent of accuracy.
/// </summary>
internal sealed class DataCommand : Command
{
    private readonly Argument<string> folder = new("folder")
    {
        Description = "train-images-idx3-ubyte, train-labels-idx1-ubyte and the same two with t10k, gzipped or not",
    };

    private readonly Option<int> hidden = NumberOption.Create("--hidden", "Hidden units", 1, 8192).WithDefault(128);

    private readonly Option<int> batch = NumberOption.Create("--batch", "Images a step", 1, 8192).WithDefault(64);

    private readonly Option<int> epochs = NumberOption.Create("--epochs", "Passes over the training images", 1, 10_000).WithDefault(12);

    private readonly Option<float> learningRate =
        NumberOption.Create("--learning-rate", "The optimizer's learning rate [default: 0.1 for sgd, 0.001 for adam]", 1e-6f, 1e6f);

    private readonly Option<OptimizerKind?> optimizer = OptimizerOption.Create("The optimizer: sgd or adam [default: sgd]");

    private readonly Option<int> seed = NumberOption.Create("--seed", "Seed of the initial weights and the order of the images", 0, int.MaxValue).WithDefault(1);

    private readonly Option<string> device = DeviceOption.Create();

    public DataCommand() : base("data", "Trains a classifier on a folder of IDX files; prints one line per epoch.")
    {
        Arguments.Add(folder);
        foreach (Option option in new Option[] { hidden, batch, epochs, learningRate, optimizer, seed, device }) Options.Add(option);
        SetAction(arguments => Run(ReadOptions(arguments)));
    }

    private DigitsOptions ReadOptions(ParseResult arguments)
    {
        OptimizerKind kind = arguments.GetValue(optimizer) ?? OptimizerKind.Sgd;
        bool rateIsGiven = arguments.GetResult(learningRate) is { Implicit: false };
        return new DigitsOptions
        {
            DataFolder = arguments.GetRequiredValue(folder),
            Hidden = arguments.GetValue(hidden),
            BatchSize = arguments.GetValue(batch),
            Epochs = arguments.GetValue(epochs),
            LearningRate = rateIsGiven ? arguments.GetValue(learningRate) : DigitsOptions.DefaultLearningRate(kind),
            Optimizer = kind,
            Seed = arguments.GetValue(seed),
            DropLast = true,
            Device = arguments.GetRequiredValue(device),
        };
    }

    private static int Run(DigitsOptions options)
    {
        PhaseClock clock = new();
        clock.Enter(Phase.Data);
        ImageData data = ImageDataLoader.LoadFolder(options.DataFolder!);
        clock.Enter(Phase.StartUp);
        using NeuralDevice device = DeviceOption.Open(options.Device);
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        using Classifier classifier = options.CreateClassifier(device, data);
        new DigitsTraining(classifier, data, options, clock).Run(new LinePerEpoch(clock), CancellationToken.None);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"# start-up, not in the training time: {clock[Phase.StartUp].TotalSeconds:F2} s"));
        return ExitCode.Success;
    }

    private sealed class LinePerEpoch(PhaseClock clock) : ITrainingObserver
    {
        public void OnStep(int epoch, double loss, double accuracy)
        {
        }

        public void OnEpoch(EpochResult result) => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"neural epoch {result.Epoch} test accuracy {result.TestAccuracy * 100:F2} % training time {clock[Phase.Training].TotalSeconds:F2} s"));
    }
}
