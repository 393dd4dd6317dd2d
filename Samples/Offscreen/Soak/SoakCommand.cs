using System.CommandLine;
using System.Diagnostics;
using Silk.NET.OpenGL;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run soak: everything at once for ten minutes, looking for memory that grows and for OpenGL errors.</summary>
internal sealed class SoakCommand : Command
{
    /// <summary>The process's allowed growth after the first part, in which drivers and compilers fill their caches.</summary>
    private const double MostGrowth = 1.05;

    private const int Reports = 20;
    private const int ReportsBeforeSteady = 4;
    private const double Mebibyte = 1 << 20;

    private readonly Option<double> minutes = NumberOption.Create("--minutes", "How long", 0.05, 10_000).WithDefault(10);
    private readonly Option<int> seed = NumberOption.Create("--seed", "Seed of the weights, the samples and the worlds", 0, int.MaxValue).WithDefault(1);

    private readonly Option<string> device = DeviceOption.Create();

    public SoakCommand(IAnsiConsole console, CancellationToken cancellation)
        : base("soak", "Does everything that a game may do in a frame, for ten minutes, and checks that memory stays flat and OpenGL reports no error.")
    {
        Options.Add(minutes);
        Options.Add(seed);
        Options.Add(device);
        SetAction(arguments => Run(console.Profile.Out.Writer, arguments.GetValue(minutes), arguments.GetValue(seed), arguments.GetRequiredValue(device), cancellation));
    }

    private static int Run(TextWriter output, double minutes, int seed, string device, CancellationToken cancellation)
    {
        using var player = new ScenePlayer(
            new SoakScene(ImageDataLoader.LoadEmbedded()),
            new SceneOptions(null, seed, TrainingBudget.OfMilliseconds(2), OutFolder: null, Every: null) { Device = device });
        player.Load();
        var context = player.Context;
        context.Device.Validation = true;   // a call of ours that causes or finds an error throws it
        output.WriteLine(Invariant($"soak: {minutes} minutes on {context.Device.Renderer}; OpenGL is checked for errors around every call"));
        output.WriteLine("minutes   frames   managed MiB   process MiB");
        var start = Stopwatch.GetTimestamp();
        var (steady, last) = (0.0, 0.0);
        for (var report = 1; report <= Reports; report++)
        {
            while (Stopwatch.GetElapsedTime(start).TotalMinutes < minutes * report / Reports)
            {
                cancellation.ThrowIfCancellationRequested();
                player.RunFrame();
            }

            if (context.Gl.GetError() is not GLEnum.NoError and var error) throw new InvalidOperationException($"OpenGL reports the error {error}.");
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using var process = Process.GetCurrentProcess();
            last = process.PrivateMemorySize64 / Mebibyte;
            if (report == ReportsBeforeSteady) steady = last;
            output.WriteLine(Invariant(
                $"{Stopwatch.GetElapsedTime(start).TotalMinutes,7:F1} {context.Statistics.Count,8:N0} {GC.GetTotalMemory(false) / Mebibyte,13:F1} {last,13:F1}"));
        }

        var isFlat = last <= MostGrowth * steady;
        output.WriteLine(Invariant(
            $"{(isFlat ? "flat" : "NOT flat")}: {last:F1} MiB at the end, {steady:F1} MiB after a fifth of the time (bound: {MostGrowth} times); no OpenGL error"));
        return isFlat ? ExitCode.Success : ExitCode.Failure;
    }
}
