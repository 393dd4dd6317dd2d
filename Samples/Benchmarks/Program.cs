using System.CommandLine;
using System.CommandLine.Invocation;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>The yardstick: the cost of a step here, compared with peers that run the same work on the same machine.</summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        RootCommand root = new("Times NeuralPlugin, and checks what it times.")
        {
            new StepsCommand(), new CostsCommand(), new CompareCommand(), new DataCommand(), new AgentsCommand(), new BackgroundCommand(), new LearnCommand(), new StartCommand(), new TransfersCommand(),
#if SUITES
            new SuitesCommand(),
#endif
        };
        ParseResult command = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Action is ParseErrorAction)
        {
            Console.Error.WriteLine($"{command.Errors[0].Message} (see --help)");
            return ExitCode.UserError;
        }

        try
        {
            return command.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (WrongResultException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return WrongResultException.ExitCode;
        }
        catch (Exception exception) when (exception is UserErrorException or DeviceLimitException)
        {
            Console.Error.WriteLine(exception.Message);
            return ExitCode.UserError;
        }
        catch (DeviceNotSupportedException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return ExitCode.DeviceNotSupported;
        }
    }
}
