using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Spectre.Console;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run SCENE [options]: a command a scene.</summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        using var cancellation = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            // The first Ctrl+C lets the scene stop between two steps and put the terminal right; the second one ends it.
            press.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        };
        return Run(args, AnsiConsole.Console, Console.Error, cancellation.Token);
    }

    /// <summary>The whole program, so that a test can run it: scenes write to the console only.</summary>
    public static int Run(string[] args, IAnsiConsole console, TextWriter error, CancellationToken cancellation)
    {
        var host = new OffscreenHost(console, cancellation);
        var root = new Command("Samples/run", "Scenes that show what NeuralPlugin does. Each is trained by compute shaders, without a window.")
        {
            new HelpOption { Recursive = true },
            new DigitsCommand(console, cancellation),
        };
        foreach (var scene in SceneCatalog.Commands(host)) root.Subcommands.Add(scene);
        var command = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Action is ParseErrorAction)
        {
            var sceneIsMissing = command.CommandResult.Command == root;
            error.WriteLine(sceneIsMissing ? DescribeMissingScene(root, args) : command.Errors[0].Message);
            return ExitCode.UserError;
        }

        try
        {
            return command.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = console.Profile.Out.Writer,
                Error = error,
            });
        }
        catch (Exception exception) when (exception is UserErrorException or DeviceLimitException)
        {
            error.WriteLine(exception.Message);
            return ExitCode.UserError;
        }
        catch (DeviceNotSupportedException exception)
        {
            error.WriteLine(exception.Message);
            return ExitCode.DeviceNotSupported;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            error.WriteLine("Stopped.");
            return ExitCode.Cancelled;
        }
    }

    private static string DescribeMissingScene(Command root, string[] args)
    {
        var scenes = string.Join(", ", root.Subcommands.Select(scene => scene.Name));
        var problem = args.Length == 0 ? "Name a scene" : $"There is no scene '{args[0]}'";
        return $"{problem}; these are there: {scenes} (Samples/run --help tells more).";
    }
}
