using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// This assembly as a program: a test starts it again as a child process if the driver must see another environment, since
/// drivers read theirs once, when they are loaded.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        try
        {
            switch (arguments)
            {
                case ["device"]:
                    using (NeuralDevice device = NeuralDevice.CreateHeadless()) Console.WriteLine($"{device.Version} | {device.Renderer}");
                    return 0;
                case ["device", "processor"]:
                    using (NeuralDevice device = NeuralDevice.CreateOnProcessor()) Console.WriteLine(device.Renderer);
                    return 0;
                case ["workers", string held]:
                    PrintThreads(new HeadlessOptions { HoldWorkers = bool.Parse(held) });
                    return 0;
                case ["train"]:
                    using (NeuralDevice device = NeuralDevice.CreateHeadless()) Console.WriteLine(TrainingRun.HashOfWeights(device, capacity: 1));
                    return 0;
                case ["train-in-background"]:
                    using (NeuralDevice device = NeuralDevice.CreateInBackground()) Console.WriteLine(TrainingRun.HashOfWeights(device, capacity: 1));
                    return 0;
                case ["attach"]:
                    using (HostContext host = new(major: 3, minor: 3))
                    using (NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host))) Console.WriteLine($"{device.Version} | {device.Renderer}");
                    return 0;
                case ["finalizer"]:
                    DropMatricesWhoseConstructorThrew();
                    return 0;
                case ["tests", .. string[] classes]:
                    return StandaloneRun.Run(classes);
                case ["fuzz", string inputs]:
                    return Fuzz(inputs, "1");
                case ["fuzz", string inputs, string seed]:
                    return Fuzz(inputs, seed);
                case ["save", string path]:
                    SaveUntilKilled(path);
                    return 0;
                default:
                    Console.Error.WriteLine(
                        "Run the tests with Tests/run. As a program: tests [CLASS... | PART/PARTS] | device [processor] | workers HELD | train | train-in-background | attach | finalizer | fuzz INPUTS [SEED] | save PATH");
                    return 2;
            }
        }
        catch (DeviceNotSupportedException exception)
        {
            Console.WriteLine($"{nameof(DeviceNotSupportedException)}: {exception.Message}");
            return ChildResult.NotSupported;
        }
    }

    /// <summary>Prints a line per thread, once there is a device: its name, whether it is the one that created the device, and its processors.</summary>
    private static void PrintThreads(HeadlessOptions options)
    {
        using NeuralDevice device = NeuralDevice.CreateHeadless(options);
        string own = Path.GetFileName(File.ResolveLinkTarget("/proc/thread-self", returnFinalTarget: false)!.FullName);
        foreach (string thread in Directory.GetDirectories("/proc/self/task"))
        {
            string[] status = File.ReadAllLines(Path.Combine(thread, "status"));
            string Value(string key) => status.Single(line => line.StartsWith($"{key}:", StringComparison.Ordinal)).Split(':', 2)[1].Trim();
            Console.WriteLine($"{Value("Name")}|{Path.GetFileName(thread) == own}|{Value("Cpus_allowed_list")}");
        }
    }

    /// <summary>Passes corrupted files to every reader, and reports how often each rejection occurred.</summary>
    private static int Fuzz(string inputs, string seed)
    {
        using Fuzzing fuzzing = new(ulong.Parse(seed, CultureInfo.InvariantCulture));
        long start = Stopwatch.GetTimestamp();
        fuzzing.Run(int.Parse(inputs, CultureInfo.InvariantCulture));
        foreach (FileDefect defect in Enum.GetValues<FileDefect>()) Console.WriteLine($"{fuzzing.Defects.GetValueOrDefault(defect),9}  {defect}");
        foreach ((string problem, int times) in fuzzing.IdxProblems) Console.WriteLine($"{times,9}  {problem}");
        Console.WriteLine($"{fuzzing.Accepted,9}  accepted");
        foreach (string finding in fuzzing.Findings) Console.WriteLine(finding);
        Console.WriteLine($"{inputs} inputs, seed {seed}, {fuzzing.Findings.Count} findings, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        return fuzzing.Findings.Count == 0 ? 0 : 1;
    }

    /// <summary>Saves one model after another to the same file, and reports when the first is there.</summary>
    private static void SaveUntilKilled(string path)
    {
        for (int version = 0; ; version++)
        {
            ModelFile.Save(path, ModelFiles.TwoLayers, KillTests.Version(version));
            if (version == 0) Console.WriteLine(KillTests.Saving);
        }
    }

    /// <summary>An exception in a finalizer would end the process.</summary>
    private static void DropMatricesWhoseConstructorThrew()
    {
        NeuralDevice device = NeuralDevice.CreateHeadless();
        device.Dispose();
        for (int i = 0; i < 10; i++)
        {
            try
            {
                _ = new MatrixTexture(device, new MatrixShape(1, 4));
            }
            catch (ObjectDisposedException)
            {
            }
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}

/// <summary>A short training with a fixed result, for comparing bits between runs.</summary>
internal static class TrainingRun
{
    public static string HashOfWeights(NeuralDevice device, int capacity)
    {
        const int Inputs = 37, Classes = 10, Rows = 45;
        using TwoLayerClassifier classifier = new(device, Inputs, 70, Classes, seed: 5);
        Optimizer[] optimizers = [new Sgd(0.1f), new Sgd(0.05f, Momentum: 0.9f, WeightDecay: 1e-3f), new Adam(0.01f)];
        foreach (Optimizer optimizer in optimizers)
        {
            using BatchTrainer trainer = new(classifier.Network, optimizer, new SoftmaxCrossEntropy(0.01f), capacity);
            SeededRandom random = new(7);
            for (int step = 0; step < 10; step++)
            {
                int rows = Rows - step;
                float[] features = [.. Enumerable.Range(0, rows * Inputs).Select(_ => random.NextSingle() - 0.5f)];
                int[] labels = [.. Enumerable.Range(0, rows).Select(_ => random.NextInt32(Classes))];
                trainer.TrainBatch(features, labels);
            }
        }

        ClassifierParameters weights = classifier.GetParameters();
        float[] all = [.. weights.HiddenWeights, .. weights.HiddenBiases, .. weights.OutputWeights, .. weights.OutputBiases];
        return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(all)));
    }
}
