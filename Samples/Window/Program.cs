using System.CommandLine;
using System.CommandLine.Help;
using NeuralPlugin.Samples;

var root = new Command("Samples/Window", "Scenes that learn while they are shown, in a window.") { new HelpOption { Recursive = true } };
foreach (var scene in SceneCatalog.Commands(new WindowHost())) root.Subcommands.Add(scene);
try
{
    return CommandLine.Run(root, args, Console.Out, Console.Error, CancellationToken.None);
}
catch (PlatformNotSupportedException exception)
{
    Console.Error.WriteLine($"No window can be opened here: {exception.Message} Samples/run shows the same scenes without one.");
    return ExitCode.DeviceNotSupported;
}
