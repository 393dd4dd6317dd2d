using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Times from the start of the process to the first training step: the first time, with nothing in any cache of kernels, and again. Each time is that of a
/// process of its own; other work on the machine only makes it longer, so the best of several counts, beside their median.
/// </summary>
internal sealed class StartCommand : Command
{
    private const int Inputs = 784;
    private const int HiddenUnits = 128;
    private const int Classes = 10;
    private const int BatchSize = 64;
    private const int Starts = 5;

    /// <summary>Mesa's own cache of kernels; other drivers have theirs elsewhere, which stays as it is.</summary>
    private const string DriverCacheVariable = "MESA_SHADER_CACHE_DIR";

    private readonly Option<bool> once = new("--once") { Description = "Starts once and prints the milliseconds", Hidden = true };
    private readonly Option<string> device = DeviceOption.Create();

    public StartCommand() : base("start", "Times a program from its start to the end of its first training step, 784-128-10 with batches of 64: with empty caches, and again.")
    {
        Options.Add(once);
        Options.Add(device);
        SetAction(arguments =>
        {
            string kind = arguments.GetRequiredValue(device);
            if (arguments.GetValue(once)) Console.WriteLine(Start(kind).TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture));
            else Compare(kind);
            return ExitCode.Success;
        });
    }

    private static TimeSpan Start(string kind)
    {
        using NeuralDevice device = DeviceOption.Open(kind);
        using TwoLayerClassifier classifier = new(device, Inputs, HiddenUnits, Classes, seed: 1);
        float[] features = [.. Enumerable.Range(0, BatchSize * Inputs).Select(i => i % 7 / 7f)];
        int[] labels = [.. Enumerable.Range(0, BatchSize).Select(i => i % Classes)];
        float loss = classifier.TrainBatch(features, labels, learningRate: 0.1f);
        if (!float.IsFinite(loss)) throw new WrongResultException(Invariant($"The first step's loss is {loss}."));
        return DateTime.Now - Process.GetCurrentProcess().StartTime;
    }

    private static void Compare(string kind)
    {
        Console.WriteLine($"# from the process's start to the end of the first step, on {DeviceOption.NameOf(kind)}: of {Starts}");
        double[] first = new double[Starts], again = new double[Starts];
        for (int i = 0; i < Starts; i++)
        {
            DirectoryInfo caches = Directory.CreateTempSubdirectory("neuralplugin-start-");
            try
            {
                first[i] = StartAProcess(kind, caches.FullName);
                again[i] = StartAProcess(kind, caches.FullName);
            }
            finally
            {
                caches.Delete(recursive: true);
            }
        }

        Console.WriteLine(Invariant($"nothing cached: best {first.Min():F0} ms, median {Statistics.Median(first):F0} ms"));
        Console.WriteLine(Invariant($"again: best {again.Min():F0} ms, median {Statistics.Median(again):F0} ms"));
    }

    private static double StartAProcess(string kind, string caches)
    {
        string program = Environment.ProcessPath!;
        string[] ofHost = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(StartCommand).Assembly.Location] : [];
        ProcessStartInfo start = new(program, [.. ofHost, "start", "--once", DeviceOption.Name, kind])
        {
            RedirectStandardOutput = true,
            Environment = { [NeuralDevice.KernelCacheVariable] = Path.Combine(caches, "kernels"), [DriverCacheVariable] = Path.Combine(caches, "driver") },
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 && double.TryParse(output, NumberStyles.Float, CultureInfo.InvariantCulture, out double milliseconds)
            ? milliseconds : throw new WrongResultException($"The started process ended with exit code {process.ExitCode}: {output}");
    }
}
