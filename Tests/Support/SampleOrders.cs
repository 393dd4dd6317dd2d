namespace NeuralPlugin.Tests;

internal static class SampleOrders
{
    /// <summary>The next batch of an order; its positions are written to the GPU unless they are there already.</summary>
    public static DrawnBatch BeginFilledBatch(this SampleOrder order, NeuralDevice device)
    {
        DrawnBatch batch = order.BeginBatch();
        if (batch.Rows == 0 || !order.NeedsFilling) return batch;
        Dispatch filling = order.Filling;
        filling.Kernel ??= device.GetKernel(filling);
        device.Run(filling, batch.Rows, 0, filling.Grid.Lines(batch.Rows));
        device.MakeWritesVisible();
        order.EndFilling();
        return batch;
    }
}
