using System.CommandLine;
using System.CommandLine.Invocation;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Cluster;

/// <summary>Game servers that learn one brain together: a silo, a server, or all of them in one process; and the figures of Documentation~/cluster.md.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        RootCommand root = new("Game servers that learn one brain together, on Microsoft Orleans.")
        {
            new SiloCommand(), new ServerCommand(), new AllCommand(), new FramesCommand(), new FrameCostCommand(), new RoundsCommand(),
        };
        ParseResult command = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Action is ParseErrorAction)
        {
            await Console.Error.WriteLineAsync($"{command.Errors[0].Message} (see --help)");
            return ExitCode.UserError;
        }

        try
        {
            return await command.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (UserErrorException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCode.UserError;
        }
    }
}
