using System.CommandLine;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Cluster;

/// <summary>Runs a silo until the process is asked to end.</summary>
internal sealed class SiloCommand : Command
{
    public SiloCommand() : base("silo", "Runs a silo, which keeps brains.")
    {
        Option<string?> redis = CommonOptions.Redis();
        Option<int> siloPort = NumberOption.Create("--silo-port", "The port for other silos", 1, ushort.MaxValue).WithDefault(11_111), gatewayPort = CommonOptions.GatewayPort();
        Option<long> roundDecisions = CommonOptions.RoundDecisions();
        Option<double> roundSeconds = CommonOptions.RoundSeconds();
        foreach (Option option in (Option[])[redis, siloPort, gatewayPort, roundDecisions, roundSeconds]) Options.Add(option);
        SetAction(async (arguments, cancel) =>
        {
            using IHost host = Hosts.Silo(
                arguments.GetValue(redis), arguments.GetValue(siloPort), arguments.GetValue(gatewayPort),
                CommonOptions.Rules(arguments.GetValue(roundDecisions), arguments.GetValue(roundSeconds)));
            await host.StartAsync(cancel);
            Console.WriteLine($"The silo is ready: servers reach it at port {arguments.GetValue(gatewayPort)}.");
            await host.WaitForShutdownAsync(cancel);
            return ExitCode.Success;
        });
    }
}
