using System.CommandLine;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using NeuralPlugin.Samples;

namespace NeuralPlugin.Benchmarks;

/// <summary>The BenchmarkDotNet suites: parts of a step, against the CPU, with and without transfers, and their allocations.</summary>
internal sealed class SuitesCommand : Command
{
    /// <summary>Fits the longest name of a kernel.</summary>
    private const int NameWidth = 40;

    public SuitesCommand() : base("bdn", "Runs BenchmarkDotNet suites; options are BenchmarkDotNet's own: bdn --filter '*Step*' --job short")
    {
        TreatUnmatchedTokensAsErrors = false;
        SetAction(arguments => Run([.. arguments.UnmatchedTokens]));
    }

    private static int Run(string[] arguments)
    {
        ManualConfig config = DefaultConfig.Instance.WithArtifactsPath(Path.Combine("out", "benchmarks"))
            .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(NameWidth));
        // In this process: the project that BenchmarkDotNet would write and build does not conform to this one's rules.
        Summary[] summaries =
            [.. BenchmarkSwitcher.FromAssembly(typeof(SuitesCommand).Assembly).Run([.. arguments, "--inProcess"], config)];
        return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success))
            ? ExitCode.Success : ExitCode.UserError;
    }
}
