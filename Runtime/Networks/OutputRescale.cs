namespace NeuralPlugin;

/// <summary>
/// Rescales one output of a network whose last layer is dense, z' = factor·z + offset, through its weights and bias. Enqueued
/// without waiting; the optimizer's state stays. What the driver skips runs later (<see cref="RescaleReceipts"/>).
/// </summary>
/// <remarks>Source: van Hasselt et al., 2016, "Learning values across many orders of magnitude" (PopArt), proposition 1.</remarks>
internal sealed class OutputRescale : IDisposable
{
    private const int GroupSize = 32;

    private readonly Network network;
    private readonly KernelArguments<float> scalars = MakeScalars();
    private readonly Dispatch[] dispatches;
    private readonly RescaleReceipts receipts;
    private readonly int rows;

    /// <param name="network">A network whose last layer is dense.</param>
    /// <param name="output">The index of the output.</param>
    public OutputRescale(Network network, int output)
    {
        this.network = network;
        Operand parameters = network.CommittedParameters[^1][0];
        rows = parameters.Shape.Rows;
        receipts = new RescaleReceipts(network.Device, rows, valuesOfEach: 2);
        dispatches = [DispatchFor(parameters, receipts.Matrix, output, scalars)];
        network.Device.Compile(dispatches[0]);
    }

    /// <summary>Which rescales have run.</summary>
    public RescaleReceipts Receipts => receipts;

    /// <summary>The factor and the offset, and the rescale's number.</summary>
    public static KernelArguments<float> MakeScalars() => new(("factor", 1), ("offset", 0), ("number", 0));

    /// <summary>The dispatch that rescales an output of a layer by its parameters.</summary>
    public static Dispatch DispatchFor(Operand parameters, Operand receipts, int output, KernelArguments<float> scalars) => new(
        new KernelSource("dense_output_rescale.comp", ("GROUP_SIZE", GroupSize)) { Method = dispatch => new OutputRescaleKernel(dispatch, GroupSize) },
        [MatrixBinding.ReadWrite("parameters", parameters), MatrixBinding.ReadWrite("receipts", receipts)],
        [new(("outputTexels", parameters.Shape.TexelsPerRow), ("column", output))], new DispatchGrid(1, RowsPerGroupX: GroupSize), [scalars])
    {
        NeedsBarrier = true,   // after pending reads of the parameters
    };

    /// <summary>Enqueues a rescale.</summary>
    public void Enqueue(float factor, float offset)
    {
        receipts.Add(stackalloc float[] { factor, offset });   // a collection expression would be an array on .NET Standard
        EnqueueOpen();
    }

    /// <summary>Enqueues those again of which it is not known that they ran: call before reading the parameters.</summary>
    public void EnqueueOpen()
    {
        if (receipts.Count == 0) return;
        using NeuralDevice.Scope scope = network.Enter();
        receipts.Collect();
        if (receipts.Count == 0) return;
        for (int i = 0; i < receipts.Count; i++)
        {
            ReadOnlySpan<float> values = receipts.ValuesOf(i);
            (scalars["factor"], scalars["offset"], scalars["number"]) = (values[0], values[1], receipts.NumberOf(i));
            network.Device.Run(dispatches, rows);
        }

        receipts.StartReading();
        network.MakePendingStale();
    }

    /// <summary>The parameters are replaced: no earlier rescale is to change them.</summary>
    public void Forget() => receipts.Forget();

    public void Dispose() => receipts.Dispose();
}
