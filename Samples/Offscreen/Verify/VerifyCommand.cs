using System.CommandLine;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run verify: checks that every kernel computes correctly on this machine's driver.</summary>
internal sealed class VerifyCommand : Command
{
    private readonly Option<string> device = DeviceOption.Create();

    public VerifyCommand(IAnsiConsole console) : base("verify", "Checks the kernels on this driver against double precision.")
    {
        Options.Add(device);
        SetAction(arguments => Run(console.Profile.Out.Writer, arguments.GetValue(device)));
    }

    private static int Run(TextWriter output, string? name)
    {
        using NeuralDevice device = DeviceOption.Open(name);
        output.WriteLine($"verify: {device.Renderer}");
        try
        {
            Print(output, device.Verify());
            return ExitCode.Success;
        }
        catch (KernelVerificationException exception)
        {
            Print(output, exception.Checks);
            output.WriteLine(exception.Message);
            return ExitCode.Failure;
        }
    }

    private static void Print(TextWriter output, IReadOnlyList<KernelCheck> checks)
    {
        output.WriteLine(Invariant($"{"family",-16} {"kernel",-32} {"error",8}   of"));
        foreach (KernelCheck check in checks)
            output.WriteLine(Invariant($"{check.Family,-16} {check.Kernel,-32} {check.Error,8:E1}   {check.Case}{(check.IsRight ? "" : ": WRONG")}"));
        output.WriteLine(Invariant($"{checks.Count(check => check.IsRight)} of {checks.Count} kernels are right; errors of up to {KernelCheck.AllowedError:E0} are allowed"));
    }
}
