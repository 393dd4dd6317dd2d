namespace NeuralPlugin;

/// <summary>sample_order_rows.comp: the order in which samples are drawn, by <see cref="SampleOrder.RowAt"/>. A line is one workgroup's texels.</summary>
internal sealed unsafe class SampleOrderKernel : ProcessorKernel
{
    private readonly MatrixAddress order;
    private readonly KernelArguments<int> sizes;
    private readonly int texelsPerLine;

    public SampleOrderKernel(Dispatch dispatch, int texelsPerLine) : base(dispatch)
    {
        this.texelsPerLine = texelsPerLine;
        order = Matrix("order");
        sizes = SizesWith("texels");
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        int count = sizes["count"], batchSize = sizes["batchSize"], stride = sizes["stride"], firstBatch = sizes["firstBatch"], seed = sizes["seed"];
        long epochs = ((long)sizes["epochHigh"] << 32) | (uint)sizes["epochLow"];
        int last = Math.Min((firstLine + lines) * texelsPerLine, sizes["texels"]) * MatrixShape.ColumnsPerTexel;
        for (int slot = firstLine * texelsPerLine * MatrixShape.ColumnsPerTexel; slot < last; slot++)
        {
            int batchesPerEpoch = ((count - 1) / batchSize) + 1;
            int batch = firstBatch + (slot / stride);
            int position = (batch % batchesPerEpoch * batchSize) + (slot % stride);
            order.Words[slot] = (uint)SampleOrder.RowAt(seed, epochs + (batch / batchesPerEpoch), count, Math.Min(position, count - 1));   // past the end: last again
        }
    }
}
