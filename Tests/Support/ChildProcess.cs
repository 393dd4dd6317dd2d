using System.Diagnostics;

namespace NeuralPlugin.Tests;

/// <summary>What a child process said, and how it ended.</summary>
internal sealed record ChildResult(int ExitCode, string Output)
{
    /// <summary>The exit code of a probe that met a <see cref="DeviceNotSupportedException"/>.</summary>
    public const int NotSupported = 3;
}

/// <summary>
/// This assembly as a child process (<see cref="Program"/>) with an environment of its own, since drivers read theirs once,
/// when they are loaded.
/// </summary>
internal static class ChildProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>What chooses a driver here is not handed down, so that a child sees what its test says and nothing else.</summary>
    private static readonly string[] DriverVariables =
    [
        HeadlessOptions.PlatformVariable, "MESA_GL_VERSION_OVERRIDE", "GALLIUM_DRIVER", "LP_NUM_THREADS",
        "__EGL_VENDOR_LIBRARY_FILENAMES", "__EGL_VENDOR_LIBRARY_DIRS",
    ];

    /// <summary>Starts a probe that goes on until it is killed.</summary>
    public static Process Start(params string[] arguments) => Process.Start(StartOf(arguments))!;

    /// <param name="probe">Words, with a space between each.</param>
    /// <param name="environment">What it sees beside what this process does.</param>
    public static ChildResult Run(string probe, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = StartOf(probe.Split(' '));
        foreach (string name in DriverVariables) start.Environment.Remove(name);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Run(start, Patience);
    }

    /// <summary>Any program. What it leaves running, such as a build server, must not keep its output open.</summary>
    public static ChildResult Run(ProcessStartInfo start, TimeSpan patience)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(patience))
        {
            process.Kill(entireProcessTree: true);
            string command = string.Join(' ', start.ArgumentList.Prepend(start.FileName));
            throw new TimeoutException($"{command} did not end within {patience.TotalSeconds} seconds: {output.Result} {errors.Result}");
        }

        return new ChildResult(process.ExitCode, output.Result + errors.Result);
    }

    private static ProcessStartInfo StartOf(params string[] arguments)
    {
        string assembly = typeof(ChildProcess).Assembly.Location, path = Environment.ProcessPath ?? "", name = Path.GetFileNameWithoutExtension(path);
        bool isProgram = name == Path.GetFileNameWithoutExtension(assembly);   // where the tests bring their runtime, as those of Tests/Targets do
        return new ProcessStartInfo(isProgram || name == "dotnet" ? path : "dotnet", isProgram ? arguments : ["exec", assembly, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
