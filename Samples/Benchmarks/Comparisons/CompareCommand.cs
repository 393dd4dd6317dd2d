using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>Runs our steps and a peer's in turn, each in its own process, and prints the ratios.</summary>
internal sealed class CompareCommand : Command
{
    private readonly Argument<string> peer = new("peer-command")
    {
        Description = "The shell command that runs the peer: 'bash peers/torch/run.sh 1'. It prints the lines of 'steps', with a name of its own",
    };

    private readonly Option<int> rounds = NumberOption.Create("--rounds", "Runs of each", 1, 1000).WithDefault(5);

    private readonly Option<double> seconds = StepsCommand.CreateSecondsOption();

    private readonly Option<bool> large = StepsCommand.CreateLargeOption();

    private readonly Option<string> device = DeviceOption.Create();

    private readonly Option<bool> markdown = new("--markdown") { Description = "Prints the table as Markdown" };

    public CompareCommand() : base("compare", "Runs 'steps' and a peer in turn and prints, for each case of both, the medians and their ratio.")
    {
        Arguments.Add(peer);
        foreach (Option option in new Option[] { rounds, seconds, large, device, markdown }) Options.Add(option);
        SetAction(arguments => Run(
            arguments.GetRequiredValue(peer), arguments.GetValue(rounds), arguments.GetValue(seconds), arguments.GetValue(large),
            arguments.GetRequiredValue(device), arguments.GetValue(markdown)));
    }

    private static int Run(string peerCommand, int rounds, double seconds, bool large, string device, bool markdown)
    {
        string[] steps = ["steps", seconds.ToString(CultureInfo.InvariantCulture), .. large ? [StepsCommand.LargeOption] : Array.Empty<string>(), DeviceOption.Name, device];
        Comparison comparison = new();
        for (int round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"Round {round} of {rounds}");
            Measurement[] ours = RunProcess(ThisProgram(steps), "NeuralPlugin's steps");
            Measurement[] peers = RunProcess(Shell(peerCommand), $"The peer '{peerCommand}'");
            comparison.AddRound(ours, peers);
        }

        IReadOnlyList<ComparedCase> cases = comparison.Cases();
        if (cases.Count == 0) throw new UserErrorException($"The peer '{peerCommand}' and 'steps' have no case in common in every round.");
        foreach (string line in Comparison.Table(cases, markdown)) Console.WriteLine(line);
        return ExitCode.Success;
    }

    private static ProcessStartInfo ThisProgram(string[] arguments)
    {
        string program = Environment.ProcessPath ?? throw new UserErrorException("The system does not report the path of this program.");
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        return new ProcessStartInfo(program, isHost ? [Path.Combine(AppContext.BaseDirectory, "NeuralPlugin.Benchmarks.dll"), .. arguments] : arguments);
    }

    private static ProcessStartInfo Shell(string command)
    {
        return OperatingSystem.IsWindows() ? new ProcessStartInfo("cmd", ["/c", command]) : new ProcessStartInfo("/bin/sh", ["-c", command]);
    }

    /// <summary>Its lines also go to standard error as they come, so that a comparison that is ended before its table has shown what was measured.</summary>
    private static Measurement[] RunProcess(ProcessStartInfo start, string what)
    {
        start.RedirectStandardOutput = true;
        using Process process = Process.Start(start)!;
        StringBuilder printed = new();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            Console.Error.WriteLine(line);
            printed.Append(line).Append('\n');
        }

        process.WaitForExit();
        string output = printed.ToString();
        if (process.ExitCode != 0) throw new UserErrorException($"{what} failed with exit code {process.ExitCode}.{Quote(output)}");
        Measurement[] measurements = [.. output.Split('\n').Select(Measurement.Parse).OfType<Measurement>()];
        return measurements.Length > 0 ? measurements : throw new UserErrorException(
            $"{what} printed no line of the form 'NAME WHAT SHAPE MICROSECONDS us GFLOP/S GFLOP/s'.{Quote(output)}");
    }

    private static string Quote(string output) => output.Trim() is { Length: > 0 } text ? $" It printed:\n{text}" : " It printed nothing.";
}
