using System.Diagnostics;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The SDK's program and scripts of this repository, for tests that build and pack.</summary>
internal static class BuildTools
{
    /// <summary>A first restore fetches packages.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Options of a build that finds all packages for .NET Standard 2.1, a line each; null where nobody says that it does. Tests/run sets the variable where it
    /// has a stand-in for the one that not every registry has.
    /// </summary>
    public static readonly string[]? NetStandardOptions =
        Environment.GetEnvironmentVariable("NEURALPLUGIN_NETSTANDARD_OPTIONS")?.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Fails the test where the program does.</summary>
    /// <returns>What it said.</returns>
    public static string Dotnet(string folder, params string[] arguments) => Build("dotnet", folder, arguments);

    /// <summary>The same with environment variables of its own.</summary>
    public static string DotnetWith((string Name, string Value)[] environment, string folder, params string[] arguments) => Build("dotnet", folder, environment, arguments);

    /// <summary>The same of a program that starts the SDK's.</summary>
    public static string Build(string program, string folder, params string[] arguments) => Build(program, folder, [], arguments);

    private static string Build(string program, string folder, (string Name, string Value)[] environment, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder };
        // The runner of these tests passes the location of its build tools to its children; and servers that stay running keep the output open.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Succeed(start);
    }

    /// <summary>Any program.</summary>
    public static string Succeed(ProcessStartInfo start)
    {
        ChildResult result = ChildProcess.Run(start, Patience);
        Assert.That(result.ExitCode, Is.Zero, $"{start.FileName} {string.Join(' ', start.ArgumentList)}\n{result.Output}");
        return result.Output;
    }
}
