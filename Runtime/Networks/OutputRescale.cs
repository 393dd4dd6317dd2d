namespace NeuralPlugin;

/// <summary>
/// Rescales one output of a network whose last layer is dense, z' = factor·z + offset, through its weights and bias. Enqueued
/// without waiting; the optimizer's state stays.
/// </summary>
/// <remarks>Source: van Hasselt et al., 2016, "Learning values across many orders of magnitude" (PopArt), proposition 1.</remarks>
internal sealed class OutputRescale
{
    private const int GroupSize = 32;

    private readonly Network network;
    private readonly KernelArguments<float> scalars = new(("factor", 1), ("offset", 0));
    private readonly Dispatch[] dispatches;
    private readonly int rows;

    /// <param name="network">A network whose last layer is dense.</param>
    /// <param name="output">The index of the output.</param>
    public OutputRescale(Network network, int output)
    {
        this.network = network;
        Operand parameters = network.CommittedParameters[^1][0];
        rows = parameters.Shape.Rows;
        dispatches =
        [
            new Dispatch(
                new KernelSource("dense_output_rescale.comp", ("GROUP_SIZE", GroupSize)) { Method = dispatch => new OutputRescaleKernel(dispatch, GroupSize) },
                [MatrixBinding.ReadWrite("parameters", parameters)],
                [new(("outputTexels", parameters.Shape.TexelsPerRow), ("column", output))], new DispatchGrid(1, RowsPerGroupX: GroupSize), [scalars])
            {
                NeedsBarrier = true,   // after pending reads of the parameters
            },
        ];
        network.Device.Compile(dispatches[0]);
    }

    public void Enqueue(float factor, float offset)
    {
        using NeuralDevice.Scope scope = network.Enter();
        (scalars["factor"], scalars["offset"]) = (factor, offset);
        network.Device.Run(dispatches, rows);
        network.MakePendingStale();
    }
}
