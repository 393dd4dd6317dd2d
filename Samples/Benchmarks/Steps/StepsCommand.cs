using System.CommandLine;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>One line per case.</summary>
internal sealed class StepsCommand : Command
{
    public const string LargeOption = "--large";

    private const int LargeProduct = 2048;
    private const double DefaultSeconds = 1.5;
    private const double LeastSeconds = 1e-3;
    private const double MostSeconds = 3600;
    private const string SecondsDescription = "Seconds for which each of our cases is timed";

    private readonly Argument<double> seconds =
        NumberOption.CreateArgument("seconds", SecondsDescription, LeastSeconds, MostSeconds, DefaultSeconds);

    private readonly Option<bool> large = CreateLargeOption();

    private readonly Option<string> device = DeviceOption.Create();

    public StepsCommand() : base("steps", "Times whole training steps, predictions and populations, and checks each against its twin.")
    {
        Arguments.Add(seconds);
        Options.Add(large);
        Options.Add(device);
        SetAction(arguments => Run(arguments.GetValue(seconds), arguments.GetValue(large), arguments.GetValue(device)));
    }

    public static Option<double> CreateSecondsOption()
    {
        return NumberOption.Create("--seconds", SecondsDescription, LeastSeconds, MostSeconds).WithDefault(DefaultSeconds);
    }

    public static Option<bool> CreateLargeOption() => new(LargeOption)
    {
        Description = $"Also a population of {PopulationCase.Large.Members} networks and a product of {LargeProduct}x{LargeProduct} matrices",
    };

    private static int Run(double seconds, bool large, string? kind)
    {
        using NeuralDevice device = DeviceOption.Open(kind);
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        StepTimings timings = new(device, seconds);
        using NeuralDevice? inline = kind == DeviceOption.Processor ? null : InlineDriver.TryCreate(device);
        device.MakeCurrent();
        foreach (ClassifierCase shape in ClassifierCase.All)
        {
            if (shape.IsTiny && inline is not null) RunInline(shape, device, timings, inline, seconds);
            else foreach (Measurement measured in timings.Both(shape)) Console.WriteLine(measured);
            if (shape.IsTiny) Console.WriteLine(timings.TrainInASet(shape));
        }

        foreach (PopulationCase shape in PopulationCase.All) Console.WriteLine(timings.Population(shape));
        if (!large) return ExitCode.Success;
        Console.WriteLine(timings.Population(PopulationCase.Large));
        Console.WriteLine(timings.Product(LargeProduct));
        return ExitCode.Success;
    }

    /// <summary>Passing such a dispatch to a worker takes longer than running it. Both times are reported; the inline one counts.</summary>
    private static void RunInline(ClassifierCase shape, NeuralDevice device, StepTimings timings, NeuralDevice inline, double seconds)
    {
        foreach (Measurement measured in timings.Both(shape)) Console.WriteLine($"# with the driver's workers: {measured}");
        Console.WriteLine($"# {nameof(HeadlessPlatform)}.{nameof(HeadlessPlatform.SoftwareInline)}:");
        inline.MakeCurrent();
        foreach (Measurement measured in new StepTimings(inline, seconds).Both(shape)) Console.WriteLine(measured);
        device.MakeCurrent();
    }
}
