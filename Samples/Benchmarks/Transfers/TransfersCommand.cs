using System.CommandLine;
using NeuralPlugin.Samples;
using Silk.NET.Core.Contexts;
using Silk.NET.OpenGL;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>Ways to hand a batch to the GPU and to get its results, one against the other: drivers like different ones best, and only a card can tell.</summary>
internal sealed class TransfersCommand : Command
{
    private static readonly (int Batch, int Inputs, int Outputs)[] Cases = [(64, 784, 10), (256, 784, 10), (64, 784, 1024)];

    private readonly Argument<double> seconds = NumberOption.CreateArgument("seconds", "How long each way is timed", 1e-3, 3600, 0.2);

    public TransfersCommand() : base("transfers", "Times ways to upload a batch and to read results back, with a dispatch between, and checks what comes back.")
    {
        Arguments.Add(seconds);
        SetAction(arguments => Run(arguments.GetValue(seconds)));
    }

    private static int Run(double seconds)
    {
        INativeContext? functions = null;
        using NeuralDevice device = NeuralDevice.CreateHeadless(new HeadlessOptions { Functions = driver => functions = driver });
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        GL gl = GL.GetApi(functions!);   // of the device's context, which this thread has
        foreach ((int batch, int inputs, int outputs) in Cases)
        {
            using Transfers transfers = new(gl, batch * inputs, batch * outputs);
            foreach (UploadWay up in Enum.GetValues<UploadWay>()) Print($"up by {up}, back by {default(ReadingWay)}", up, default);
            foreach (ReadingWay back in Enum.GetValues<ReadingWay>().Skip(1)) Print($"up by {default(UploadWay)}, back by {back}", default, back);

            void Print(string ways, UploadWay up, ReadingWay back)
            {
                if (!transfers.Has(up, back)) return;
                double time = BlockTimer.Measure(seconds, () => transfers.Run(up, back), gl.Finish);
                transfers.Check();
                Console.WriteLine(Invariant($"transfers B{batch} {inputs} -> {outputs,-5} {time * 1e6,9:F1} us  {ways}"));
            }
        }

        return ExitCode.Success;
    }
}
