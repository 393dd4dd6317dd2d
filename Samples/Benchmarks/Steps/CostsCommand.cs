using System.CommandLine;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>The numbers underlying each case, operations and bytes, and this machine's best performance at such work.</summary>
internal sealed class CostsCommand : Command
{
    private const int LargestProduct = 1024;
    private const int CopiedBytes = 64 << 20;
    private const double Seconds = 1;

    public CostsCommand() : base("costs", "Prints the operations and bytes of each case's step, and the ceilings measured on this device.")
    {
        SetAction(_ => Run());
    }

    private static int Run()
    {
        using NeuralDevice device = NeuralDevice.CreateHeadless();
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        foreach (ClassifierCase shape in ClassifierCase.All)
        {
            PassCost cost = Network.EstimateCost(
                shape.Batch, shape.Inputs, new Sgd(ClassifierCase.LearningRate), new Dense(shape.Hidden), new Relu(), new Dense(shape.Classes)).Total;
            double perByte = (double)cost.FloatingPointOperations / cost.BytesMoved;
            Console.WriteLine(Invariant(
                $"{shape.Shape,-20} {cost.FloatingPointOperations / 1e6,8:F2} Mflop {cost.BytesMoved / 1e3,10:F1} kB moved {perByte,6:F1} flop/B"));
        }

        Console.WriteLine(Invariant($"{"a dispatch, waited for",-24} {DispatchSeconds(device) * 1e6,8:F1} us"));
        Measurement product = new StepTimings(device, Seconds).Product(LargestProduct);
        Console.WriteLine(Invariant($"{"product " + product.Shape,-24} {product.GigaflopsPerSecond,8:F1} GFLOP/s"));
        Console.WriteLine(Invariant($"{"a copy by the processor",-24} {2e-9 * CopiedBytes / CopySeconds(),8:F1} GB/s"));
        return ExitCode.Success;
    }

    /// <summary>The smallest kernel on one row: the cost of any dispatch.</summary>
    private static double DispatchSeconds(NeuralDevice device)
    {
        using MatrixTexture input = new(device, device.Shape(1, 1, "A row")), output = new(device, input.Shape);
        FamilyKernels kernels = KernelFamily.Of(device).For(device.Limits);
        Plan plan = new(device, new Relu().Forward(new LayerOperands(input, output, [])).Select(computation => computation.ToDispatch(kernels)));
        return BlockTimer.Measure(Seconds, () => plan.Run(1), device.Finish);
    }

    private static double CopySeconds()
    {
        byte[] from = new byte[CopiedBytes], to = new byte[CopiedBytes];
        return BlockTimer.Measure(Seconds, () => from.AsSpan().CopyTo(to), () => { });
    }
}
