using Spectre.Console;

namespace NeuralPlugin.Samples;

/// <summary>The scene from its data to its picture.</summary>
internal sealed class DigitsScene(DigitsOptions options, IAnsiConsole console)
{
    /// <exception cref="UserErrorException">The data or the output folder is not usable.</exception>
    /// <exception cref="DeviceNotSupportedException">No device can train.</exception>
    public void Run(CancellationToken cancellation)
    {
        var clock = new PhaseClock();
        clock.Enter(Phase.Data);
        var data = options.LoadData();
        clock.Enter(Phase.StartUp);
        using var device = DeviceOption.Open(options.Device);
        var picture = OutputFile.Prepare(options.OutFolder, "digits.png");
        using var classifier = options.CreateClassifier(device, data);
        var training = new DigitsTraining(classifier, data, options, clock);

        var report = DigitsReport.For(console);
        report.Begin(device, classifier, data, options);
        var result = report.Watch(training.Steps, observer => training.Run(observer, cancellation));
        clock.Enter(Phase.Picture);
        picture.Write(DigitsPicture.Draw(result));
        clock.Read();
        report.End(result, clock, training.TimedSteps, picture.Path);
    }
}
