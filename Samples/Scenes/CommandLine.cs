using System.CommandLine;
using System.CommandLine.Invocation;

namespace NeuralPlugin.Samples;

/// <summary>A program of scenes, one command each: an error is reported in one sentence on standard error.</summary>
internal static class CommandLine
{
    /// <returns>The exit code for the shell: an <see cref="ExitCode"/>.</returns>
    public static int Run(Command root, string[] args, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var command = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Action is ParseErrorAction)
        {
            var sceneIsMissing = command.CommandResult.Command == root;
            error.WriteLine(sceneIsMissing ? DescribeMissingScene(root, args) : command.Errors[0].Message);
            return ExitCode.UserError;
        }

        try
        {
            return command.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = error });
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
        return $"{problem}. The scenes are: {scenes} (see {root.Name} --help).";
    }
}
