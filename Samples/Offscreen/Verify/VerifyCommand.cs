using System.CommandLine;
using Spectre.Console;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run verify: checks that every kernel computes correctly on this machine's driver.</summary>
internal sealed class VerifyCommand : Command
{
    private readonly Option<string> device = DeviceOption.Create();
    private readonly Option<bool> quick = new("--quick") { Description = "A few small steps and predictions alone, with the kernels that networks on this device have, as a game may check when it starts." };

    public VerifyCommand(IAnsiConsole console) : base("verify", "Checks the kernels on this driver against double precision.")
    {
        Options.Add(device);
        Options.Add(quick);
        SetAction(arguments => Run(console.Profile.Out.Writer, arguments.GetValue(device), arguments.GetValue(quick) ? VerificationExtent.Quick : VerificationExtent.Complete));
    }

    private static int Run(TextWriter output, string? name, VerificationExtent extent)
    {
        using NeuralDevice device = DeviceOption.Open(name);
        output.WriteLine($"verify: {device.Renderer}");
        KernelTable table = new(output);
        try
        {
            table.End(device.Verify(extent, table.Add));
            return ExitCode.Success;
        }
        catch (KernelVerificationException exception)
        {
            table.End(exception.Checks);
            output.WriteLine(exception.Message);
            return ExitCode.Failure;
        }
    }
}
