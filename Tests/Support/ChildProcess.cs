using System.Diagnostics;

namespace NeuralPlugin.Tests;

/// <summary>The output of a child process, and its exit code.</summary>
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

    /// <summary>Variables that choose a driver are not inherited, so that a child sees its test's own and nothing else.</summary>
    private static readonly string[] DriverVariables =
    [
        HeadlessOptions.PlatformVariable, "MESA_GL_VERSION_OVERRIDE", "GALLIUM_DRIVER", "LP_NUM_THREADS",
        "__EGL_VENDOR_LIBRARY_FILENAMES", "__EGL_VENDOR_LIBRARY_DIRS",
    ];

    /// <summary>Starts a probe that runs until killed.</summary>
    public static Process Start(params string[] arguments) => Process.Start(StartOf(arguments))!;

    /// <param name="probe">Words, separated by spaces.</param>
    /// <param name="environment">Variables to add to those of this process.</param>
    public static ChildResult Run(string probe, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = StartOf(probe.Split(' '));
        foreach (string name in DriverVariables) start.Environment.Remove(name);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Run(start, Patience);
    }

    /// <summary>Runs any program. Processes that it leaves running, such as a build server, must not keep its output open.</summary>
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
        bool isProgram = name == Path.GetFileNameWithoutExtension(assembly);   // when the tests bring their own runtime, as those of Tests/Targets do
        return new ProcessStartInfo(isProgram || name == "dotnet" ? path : "dotnet", isProgram ? arguments : ["exec", assembly, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
