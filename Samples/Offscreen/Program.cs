using System.CommandLine;
using System.CommandLine.Help;
using Spectre.Console;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run SCENE [options]: one command per scene.</summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        using var cancellation = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            // The first Ctrl+C lets the scene stop between two steps and restore the terminal; the second one ends it.
            press.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        };
        return Run(args, AnsiConsole.Console, Console.Error, cancellation.Token);
    }

    /// <summary>The complete program, so that a test can run it: scenes write to the console only.</summary>
    public static int Run(string[] args, IAnsiConsole console, TextWriter error, CancellationToken cancellation)
    {
        var host = new OffscreenHost(console, cancellation);
        var root = new Command("Samples/run", "Scenes that show NeuralPlugin at work, without a window. Each trains in compute shaders or, with --device processor, on the processor.")
        {
            new HelpOption { Recursive = true },
            new DigitsCommand(console, host, cancellation),
            new BudgetCommand(console, cancellation),
            new SoakCommand(console, cancellation),
            new VerifyCommand(console),
            new SceneBenchmarkCommand(console, cancellation),
            new GalleryCommand(console, arguments => Run(arguments, console, error, cancellation)),
        };
        // Digits has a form of its own here, which includes the scene's.
        foreach (var scene in SceneCatalog.Commands(host).Where(scene => scene is not DigitsFrameCommand)) root.Subcommands.Add(scene);
        return CommandLine.Run(root, args, console.Profile.Out.Writer, error, cancellation);
    }
}
