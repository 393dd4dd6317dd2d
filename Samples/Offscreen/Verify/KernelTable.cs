using System.Diagnostics;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The table of Samples/run verify. Each row is printed as soon as its check is made, so that a run that is ended early leaves what it has found.</summary>
internal sealed class KernelTable
{
    private readonly TextWriter output;
    private readonly HashSet<string> said = [];
    private readonly long start = Stopwatch.GetTimestamp();

    public KernelTable(TextWriter output)
    {
        this.output = output;
        output.WriteLine($"{"family",-16} {"kernel",-37} {"error",8}   of");
    }

    /// <summary>Adds a row and, below the first of a kernel that the driver rejected, what the driver said.</summary>
    public void Add(KernelCheck check)
    {
        string error = check.Rejection is null ? Invariant($"{check.Error:E1}") : "rejected";
        string verdict = check.IsRight ? "" : !check.IsUsed ? ": not used, since only a tuning chooses it" : check.Rejection is null ? ": WRONG" : ": REJECTED";
        output.WriteLine($"{check.Family,-16} {check.Kernel,-37} {error,8}   {check.Case}{verdict}");
        if (check.Rejection is { } rejection && said.Add(rejection))
        {
            foreach (string line in rejection.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) output.WriteLine($"    {line}");
        }

        output.Flush();
    }

    /// <summary>Adds the totals.</summary>
    public void End(IReadOnlyList<KernelCheck> checks)
    {
        int notUsed = checks.Count(check => !check.IsUsed);
        string besides = notUsed == 0 ? "" : $"; {notUsed} that the driver rejected are not used";
        output.WriteLine(Invariant(
            $"{checks.Count(check => check.IsRight)} of {checks.Count} kernels are right; errors of up to {KernelCheck.AllowedError:E0} are allowed{besides}; {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms"));
    }
}
