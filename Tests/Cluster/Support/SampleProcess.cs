using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>A role of the sample as a separate process.</summary>
internal sealed partial class SampleProcess : IDisposable
{
    private readonly Process process;
    private readonly List<string> lines = [];

    public SampleProcess(params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(Program).Assembly.Location);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Its output so far.</summary>
    public string Output
    {
        get
        {
            lock (lines) return string.Join('\n', lines);
        }
    }

    /// <summary>The versions that a server has had, in order.</summary>
    public long[] Versions
    {
        get
        {
            lock (lines) return [.. lines.Select(line => Version().Match(line)).Where(match => match.Success).Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];
        }
    }

    public bool IsRunning => !process.HasExited;

    /// <summary>Its exit code; it must have ended.</summary>
    public int ExitCode => process.ExitCode;

    /// <summary>Ends it like a loss of power: SIGKILL.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited) Kill();
        process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null) return;
        lock (lines) lines.Add(line);
    }

    [GeneratedRegex(@"^frame \d+ state \w+ version (\d+) ")]
    private static partial Regex Version();
}
