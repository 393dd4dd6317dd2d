using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The command-line options that every scene has.</summary>
internal sealed class SceneCommandOptions
{
    private readonly ISceneHost host;
    private readonly string scene;
    private readonly int defaultFrames;
    private readonly TrainingBudget defaultBudget;

    /// <param name="host">The host of the scene.</param>
    /// <param name="scene">Its name.</param>
    /// <param name="defaultFrames">Its default number of frames.</param>
    /// <param name="defaultBudget">Its default budget.</param>
    /// <param name="seed">The command's own option, if any.</param>
    /// <param name="outFolder">The command's own option, if any.</param>
    /// <param name="device">The command's own option, if any.</param>
    public SceneCommandOptions(
        ISceneHost host, string scene, int defaultFrames, TrainingBudget defaultBudget, Option<int>? seed = null, Option<string?>? outFolder = null,
        Option<string>? device = null)
    {
        Seed = seed ?? NumberOption.Create("--seed", "Seed of the weights, the samples and the worlds", 0, int.MaxValue).WithDefault(1);
        OutFolder = outFolder ?? FolderOption.Create("--out", "The folder for the pictures");
        Device = device ?? DeviceOption.Create();
        this.host = host;
        this.scene = scene;
        this.defaultFrames = defaultFrames;
        this.defaultBudget = defaultBudget;
        var frames = host.DefaultFrames(defaultFrames) is { } count ? $"[default: {count}]" : "[default: until the window is closed]";
        Frames = NumberOption.Create<int>("--frames", $"Frames to run {frames}", 1, 10_000_000);
        BudgetMilliseconds = NumberOption.Create<double>("--budget-ms", $"Milliseconds of training per frame [default: {defaultBudget}]", 0, 1000);
        BudgetSteps = NumberOption.Create<int>("--budget-steps", "Training steps per frame instead; 0 for no training", 0, 100_000);
        Click = new Option<SKPoint?>("--click") { Description = "Clicks at these pixels of 1280 x 720 in the first frame, which selects a creature, a point or a digit", HelpName = "X,Y", CustomParser = ReadPoint };
        Every = NumberOption.Create<int>("--every", "Frames between two pictures [default: about sixty pictures in all]", 1, 10_000_000);
    }

    public Option<int> Frames { get; }

    public Option<double> BudgetMilliseconds { get; }

    public Option<int> BudgetSteps { get; }

    public Option<int> Every { get; }

    public Option<SKPoint?> Click { get; }

    public Option<int> Seed { get; }

    public Option<string?> OutFolder { get; }

    public Option<string> Device { get; }

    /// <summary>The options that no other form of a command has.</summary>
    public IReadOnlyList<Option> OfFrames => [Frames, BudgetMilliseconds, BudgetSteps, Every, Click];

    public static bool IsGiven(SymbolResult result, Option option) => result.GetResult(option) is { Implicit: false };

    public void AddTo(Command command)
    {
        foreach (var option in OfFrames) command.Options.Add(option);
        command.Options.Add(Seed);
        command.Options.Add(OutFolder);
        command.Options.Add(Device);
        AddValidator(command);
    }

    public void AddValidator(Command command) => command.Validators.Add(result =>
    {
        if (IsGiven(result, BudgetMilliseconds) && IsGiven(result, BudgetSteps))
        {
            result.AddError("--budget-ms cannot be combined with --budget-steps: a budget is a time or a number of steps.");
        }
    });

    public SceneOptions Read(ParseResult arguments)
    {
        var result = arguments.CommandResult;
        var frames = IsGiven(result, Frames) ? arguments.GetValue(Frames) : host.DefaultFrames(defaultFrames);
        var budget = IsGiven(result, BudgetSteps) ? TrainingBudget.OfSteps(arguments.GetValue(BudgetSteps))
            : !IsGiven(result, BudgetMilliseconds) ? defaultBudget
            : arguments.GetValue(BudgetMilliseconds) is > 0 and var milliseconds ? TrainingBudget.OfMilliseconds(milliseconds)
            : TrainingBudget.Off;
        var folder = IsGiven(result, OutFolder) ? arguments.GetValue(OutFolder) : host.DefaultOutFolder(scene);
        int? every = IsGiven(result, Every) ? arguments.GetValue(Every) : null;
        return new SceneOptions(frames, arguments.GetValue(Seed), budget, folder, every) { Device = arguments.GetRequiredValue(Device), Click = arguments.GetValue(Click) };
    }

    private static SKPoint? ReadPoint(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (text.Split(',') is [var left, var top]
            && float.TryParse(left, NumberStyles.Float, CultureInfo.InvariantCulture, out var x) && x is >= 0 and <= Screen.Width
            && float.TryParse(top, NumberStyles.Float, CultureInfo.InvariantCulture, out var y) && y is >= 0 and <= Screen.Height)
        {
            return new SKPoint(x, y);
        }

        result.AddError($"--click needs two numbers, from 0,0 to {Screen.Width},{Screen.Height}, but got '{text}'.");
        return null;
    }
}
